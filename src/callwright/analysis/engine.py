"""The one interface of the analysis engines, and how an engine is chosen by name."""

from pathlib import Path
from typing import Protocol

from callwright.analysis import Analysis, Conversation
from callwright.analysis.rubric import Rubric
from callwright.errors import SetupError


class Analyser(Protocol):
    """An engine that judges conversations."""

    @property
    def name(self) -> str:
        """The engine's name, as stored with its results."""

    @property
    def version(self) -> str:
        """The version of its rules or of its prompt."""

    @property
    def at_once(self) -> bool:
        """Whether it takes milliseconds and asks nobody: then a call that has just been transcribed need not queue."""

    async def analyse(self, conversation: Conversation, rubric: Rubric) -> Analysis:
        """Judge a conversation by a rubric.

        Raises:
            StepFailed: `analysis_failed`, with `retry`, where something outside was away.
        """


def load_analyser(
    name: str,
    *,
    base_url: str | None = None,
    model: str | None = None,
    api_key: str | None = None,
    ca_file: Path | None = None,
) -> Analyser:
    """Make the engine of this name ready, so that what is missing shows at start and not in the middle of a call.

    Args:
        name: `rules` or `llm`.
        base_url: The OpenAI-style server of `llm`, up to and with `/v1`.
        model: The model that `llm` asks for.
        api_key: The key of that server, where it wants one.
        ca_file: A PEM file with certificate authorities to trust as well, for that server.

    Raises:
        SetupError: The name is unknown, or `llm` lacks its server or its model.
    """
    if name == "rules":
        from callwright.analysis.rules import RulesAnalyser  # noqa: PLC0415 - an engine loads only where it is chosen

        return RulesAnalyser()
    if name != "llm":
        raise SetupError(f"There is no analyser named {name!r}", "Set CALLWRIGHT_ANALYSER to `rules` or `llm`")
    if not base_url or not base_url.startswith(("http://", "https://")):
        raise SetupError(
            "The `llm` analyser has no server to ask",
            "Set CALLWRIGHT_LLM_BASE_URL to an OpenAI-style address such as http://127.0.0.1:11434/v1, "
            "or CALLWRIGHT_ANALYSER to `rules`",
        )
    if not model:
        raise SetupError(
            "The `llm` analyser has no model to ask for",
            "Set CALLWRIGHT_LLM_MODEL to a model of that server, or CALLWRIGHT_ANALYSER to `rules`",
        )
    from callwright.analysis.llm import LlmAnalyser  # noqa: PLC0415 - 52 MB that `rules` does without

    return LlmAnalyser(base_url, model, api_key=api_key, ca_file=ca_file)
