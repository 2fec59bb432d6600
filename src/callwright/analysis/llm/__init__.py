"""The engine that asks a language model through any OpenAI-style server, and believes only what the turns show."""

import dataclasses
import ssl
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

from callwright.analysis import Analysis, Conversation
from callwright.analysis.acoustics import draft_analysis
from callwright.analysis.llm.answer import Answer
from callwright.analysis.llm.checked import checked_analysis
from callwright.analysis.llm.prompt import INSTRUCTIONS, VERSION, user_prompt
from callwright.analysis.rules import RulesAnalyser
from callwright.analysis.scorecard import Scorecard
from callwright.errors import StepFailed

ATTEMPT_SECONDS = 90.0
"""How long one attempt may take."""

REQUEST_SECONDS = 240.0
"""How long a request may take with the library's own two retries, which honour `Retry-After`."""

# The answer may be mended once where the server enforces the schema, and twice where it was only told of it.
_NATIVE_RETRIES, _PROMPTED_RETRIES = 1, 2

_PROFILE = OpenAIModelProfile(supports_json_schema_output=True, supports_json_object_output=False)


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

    def __init__(self, base_url: str, model: str, *, api_key: str | None = None, ca_file: Path | None = None) -> None:
        self._base_url = base_url
        self._model = model
        self._api_key = api_key
        self._trust = ssl.create_default_context()
        if ca_file:
            self._trust.load_verify_locations(ca_file)
        self._native = True
        self._rules = RulesAnalyser()

    async def analyse(self, conversation: Conversation, scorecard: Scorecard) -> Analysis:
        """Ask, check and score; the words of a draft are never sent.

        An answer that stays unusable after the retries is replaced by the `rules` engine's, with the reason in `notes`.

        Raises:
            StepFailed: `analysis_failed` with `retry`: the server is away, overloaded, refuses the key or does not
                know the model. The cause is chained, for the log.
        """
        if conversation.draft or conversation.one_voice:
            return draft_analysis(conversation, scorecard, engine=self.name, version=VERSION, model=self._model)
        if not any(line.text.strip() for line in conversation.turns):
            return await self._rules.analyse(conversation, scorecard)
        try:
            answer, model = await self._ask(user_prompt(conversation, scorecard.parameters))
        except ModelContextWindowExceededError:
            return await self._by_rules(conversation, scorecard, "the call is too long for it")
        except (ModelAuthenticationError, ModelNotFoundError) as error:
            raise StepFailed(
                "analysis_failed", "The language model cannot be used as configured.", retry=True
            ) from error
        except ModelRequestRejectedError:
            return await self._by_rules(conversation, scorecard, "its server refused the request")
        except ModelAPIError as error:
            raise StepFailed(
                "analysis_failed", "The language model is not available.", retry=True, retry_after=error.retry_after
            ) from error
        except UnexpectedModelBehavior:
            return await self._by_rules(conversation, scorecard, "its answers did not fit the schema")
        return checked_analysis(answer, conversation, scorecard, model)

    async def _by_rules(self, conversation: Conversation, scorecard: Scorecard, reason: str) -> Analysis:
        analysis = await self._rules.analyse(conversation, scorecard)
        note = f"Judged by the rules engine, because the language model could not be used: {reason}."
        return dataclasses.replace(analysis, notes=(*analysis.notes, note))

    async def _ask(self, prompt: str) -> tuple[Answer, str]:
        """The answer and the model's own name: by native structured output, else with the schema in the prompt."""
        if self._native:
            try:
                return await self._run(prompt, NativeOutput(Answer), _NATIVE_RETRIES)
            except (ModelAuthenticationError, ModelNotFoundError, ModelContextWindowExceededError):
                raise
            except ModelRequestRejectedError:
                answer = await self._run(prompt, PromptedOutput(Answer), _PROMPTED_RETRIES)
                self._native = False  # prompting is how this server is asked from now on
                return answer
            except UnexpectedModelBehavior:
                # Some servers accept the schema and ignore it; the model may never have seen it.
                return await self._run(prompt, PromptedOutput(Answer), _PROMPTED_RETRIES)
        return await self._run(prompt, PromptedOutput(Answer), _PROMPTED_RETRIES)

    async def _run(
        self, prompt: str, output: NativeOutput[Answer] | PromptedOutput[Answer], retries: int
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
            result = await asked.run(prompt)
        return result.output, result.response.model_name or self._model
