"""The engine that asks a language model through any OpenAI-style server, and believes only what the turns show."""

import asyncio
import dataclasses
import ssl
import time
from collections.abc import Sequence
from pathlib import Path

from openai import DefaultAsyncHttpx2Client
from pydantic_ai import Agent, NativeOutput, PromptedOutput
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelContextWindowExceededError,
    ModelNotFoundError,
    ModelRequestRejectedError,
    UnexpectedModelBehavior,
)
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RunUsage, UsageLimits

from callwright.analysis import Analysis, Conversation, Line, Usage
from callwright.analysis.acoustics import draft_analysis
from callwright.analysis.llm.answer import Answer
from callwright.analysis.llm.checked import checked_analysis
from callwright.analysis.llm.parts import SIZES, merged, parts
from callwright.analysis.llm.prompt import INSTRUCTIONS, VERSION, user_prompt
from callwright.analysis.metrics import measure
from callwright.analysis.redaction import redact_turns
from callwright.analysis.rubric import Rubric
from callwright.analysis.rules import RulesAnalyser, domain_of
from callwright.errors import StepFailed

ATTEMPT_SECONDS = 90.0
"""How long one attempt may take."""

REQUEST_SECONDS = 240.0
"""How long a request may take with the library's own two retries, which honour `Retry-After`."""

# The answer may be mended once where the server enforces the schema, and twice where it was only told of it.
_NATIVE_RETRIES, _PROMPTED_RETRIES = 1, 2

_PROFILE = OpenAIModelProfile(supports_json_schema_output=True, supports_json_object_output=False)


MOST_PARTS = 24
"""A call in more parts than this is left to the rules: its requests would hold up everybody else's calls."""

MOST_CHARACTERS_PER_TOKEN = 8
"""A server that counts fewer tokens than this leaves of a prompt has cut it to its context without a word."""

_TOO_LONG = "context size"  # in the words of llama.cpp's server, which the library does not know

_CUT_NOTE = "The language model's server counts so few tokens that it may have read only some of the call."


class _TooLong(Exception):
    """The call, or a part of it, is longer than the model's context."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Heard:
    answer: Answer
    model: str
    notes: tuple[str, ...]


class LlmAnalyser:
    """Asks a language model for labels and turn ids, and computes the scores from what it can check.

    Args:
        base_url: The OpenAI-style server, up to and with `/v1`.
        model: The model to ask for.
        api_key: The key of that server, where it wants one.
        ca_file: A PEM file with certificate authorities to trust as well.
    """

    name = "llm"
    version = VERSION
    at_once = False

    def __init__(self, base_url: str, model: str, *, api_key: str | None = None, ca_file: Path | None = None) -> None:
        self._base_url = base_url
        self._model = model
        self._api_key = api_key
        self._trust = ssl.create_default_context()
        if ca_file:
            self._trust.load_verify_locations(ca_file)
        self._native = True
        self._size = SIZES[0]
        self._rules = RulesAnalyser()

    async def analyse(self, conversation: Conversation, rubric: Rubric) -> Analysis:
        """Redact, ask, check and score; the words of a draft are never sent.

        The model sees no card number, code, account, id, address or phone number, and its claims are checked against
        what it saw.

        An answer that stays unusable after the retries is replaced by the `rules` engine's, with the reason in `notes`.

        Raises:
            StepFailed: `analysis_failed`, with `ours`: the server is away, overloaded, refuses the key or does not
                know the model; with `retry` where it answers 500. The cause is chained, for the log.
        """
        if conversation.draft or conversation.one_voice:
            return draft_analysis(conversation, rubric, engine=self.name, version=VERSION, model=self._model)
        if not any(line.text.strip() for line in conversation.turns):
            wordless = await self._rules.analyse(conversation, rubric)  # there is nothing to ask a model about
            return dataclasses.replace(wordless, engine=self.name, version=VERSION)
        redacted = await asyncio.to_thread(redact_turns, conversation.turns)
        seen = dataclasses.replace(conversation, turns=redacted.lines)
        spent, begun = RunUsage(), time.monotonic()
        try:
            heard = await self._whole(seen, rubric, spent)
            said = measure(conversation.speech, conversation.seconds, conversation.turns)  # the hidden words too
            analysis = checked_analysis(heard.answer, seen, rubric, heard.model, said)
            analysis = dataclasses.replace(analysis, notes=analysis.notes + heard.notes)
        except _TooLong:
            analysis = await self._by_rules(conversation, rubric, "the call is too long for it")
        except (ModelAuthenticationError, ModelNotFoundError) as error:
            raise StepFailed(
                "analysis_failed", "The language model cannot be used as configured.", ours=True
            ) from error
        except ModelRequestRejectedError:
            analysis = await self._by_rules(conversation, rubric, "its server refused the request")
        except UnexpectedModelBehavior:
            analysis = await self._by_rules(conversation, rubric, "its answers did not fit the schema")
        except ModelAPIError as error:
            crashed = getattr(error, "status_code", None) == 500  # which this very conversation may bring about
            raise StepFailed(
                "analysis_failed",
                "The language model is not available.",
                retry=crashed,
                ours=not crashed,
                retry_after=error.retry_after,
            ) from error
        return dataclasses.replace(analysis, usage=_usage(spent, time.monotonic() - begun))

    async def _by_rules(self, conversation: Conversation, rubric: Rubric, reason: str) -> Analysis:
        analysis = await self._rules.analyse(conversation, rubric)
        note = f"Judged by the rules engine, because the language model could not be used: {reason}."
        return dataclasses.replace(analysis, notes=(*analysis.notes, note))

    async def _whole(self, seen: Conversation, rubric: Rubric, spent: RunUsage) -> _Heard:
        """The answer on the whole call, asked for in one piece or, where that is too long, in parts.

        Raises:
            _TooLong: It is too long even so.
        """
        for size in SIZES[SIZES.index(self._size) :]:
            pieces = parts(seen.turns, size, domain_of(rubric))
            if len(pieces) > MOST_PARTS:
                raise _TooLong
            try:
                heard = await self._parts(pieces, rubric, spent, last=size == SIZES[-1])
            except _TooLong:
                continue
            self._size = size  # what this model could not take it is not sent again
            return heard
        raise _TooLong

    async def _parts(self, pieces: Sequence[Sequence[Line]], rubric: Rubric, spent: RunUsage, *, last: bool) -> _Heard:
        answers: list[Answer] = []
        model, notes = self._model, tuple[str, ...]()
        for number, turns in enumerate(pieces, 1):
            prompt = user_prompt(turns, rubric, (number, len(pieces)))
            requests, tokens = spent.requests, spent.input_tokens
            answer, model = await self._ask(prompt, spent)
            answers.append(answer)
            counted = (spent.input_tokens - tokens) / max(spent.requests - requests, 1)
            if 0 < counted < len(INSTRUCTIONS + prompt) / MOST_CHARACTERS_PER_TOKEN:
                if not last:
                    raise _TooLong
                notes = (_CUT_NOTE,)
        return _Heard(merged(answers, rubric), model, notes)

    async def _ask(self, prompt: str, spent: RunUsage) -> tuple[Answer, str]:
        """The answer and the model's own name: by native structured output, else with the schema in the prompt."""
        if self._native:
            try:
                return await self._run(prompt, NativeOutput(Answer), _NATIVE_RETRIES, spent)
            except (ModelAuthenticationError, ModelNotFoundError):
                raise
            except ModelRequestRejectedError:
                answer = await self._run(prompt, PromptedOutput(Answer), _PROMPTED_RETRIES, spent)
                self._native = False  # prompting is how this server is asked from now on
                return answer
            except UnexpectedModelBehavior:
                # Some servers accept the schema and ignore it; the model may never have seen it.
                return await self._run(prompt, PromptedOutput(Answer), _PROMPTED_RETRIES, spent)
        return await self._run(prompt, PromptedOutput(Answer), _PROMPTED_RETRIES, spent)

    async def _run(
        self, prompt: str, output: NativeOutput[Answer] | PromptedOutput[Answer], retries: int, spent: RunUsage
    ) -> tuple[Answer, str]:
        settings = ModelSettings(temperature=0.0, timeout=ATTEMPT_SECONDS, request_timeout=REQUEST_SECONDS)
        async with DefaultAsyncHttpx2Client(trust_env=False, follow_redirects=False, verify=self._trust) as client:
            provider = OpenAICompatibleProvider(
                "callwright", base_url=self._base_url, api_key=self._api_key, http_client=client
            )
            asked: Agent[object, Answer] = Agent(
                OpenAIChatModel(self._model, provider=provider, profile=_PROFILE),
                name="callwright",
                output_type=output,
                instructions=INSTRUCTIONS,
                model_settings=settings,
                retries={"output": retries},
            )
            asked.instrument = False
            try:
                result = await asked.run(prompt, usage=spent, usage_limits=UsageLimits(request_limit=None))
            except ModelRequestRejectedError as error:
                if isinstance(error, ModelContextWindowExceededError) or _TOO_LONG in str(error).lower():
                    raise _TooLong from error
                raise
        return result.output, result.response.model_name or self._model


def _usage(spent: RunUsage, seconds: float) -> Usage:
    return Usage(spent.requests, spent.input_tokens or None, spent.output_tokens or None, round(seconds, 3))
