"""Runs an analysis engine on the labelled calls, and holds what it says against the labels."""

from collections.abc import Iterable, Iterator
from typing import get_args

from callwright.analysis import Analysis
from callwright.analysis.built_in import built_in
from callwright.analysis.engine import Analyser, load_analyser
from callwright.errors import StepFailed
from callwright.settings import Settings
from evals.calls import ConcernCategory, Domain, LabelledCall, TopicName, conversation
from evals.scores import NONE, Cited, Outcome, cited

_RUBRICS: dict[Domain, str] = {"sales": "inside-sales", "collections": "collections", "support": "support"}

_SPELLED: dict[str, str] = {name.casefold(): name for name in (*get_args(ConcernCategory), *get_args(TopicName))}


async def judge(analyser: Analyser, call: LabelledCall) -> Analysis:
    """Have a call analysed; the one place that says by which rubric.

    Raises:
        StepFailed: As the engine does.
    """
    return await analyser.analyse(conversation(call), built_in(_RUBRICS[call.domain]))


def configured(settings: Settings) -> Iterator[Analyser]:
    """`rules`, and `llm` where its server and its model are set, whatever CALLWRIGHT_ANALYSER says."""
    yield load_analyser("rules")
    if settings.llm_base_url and settings.llm_model:
        key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else None
        yield load_analyser(
            "llm", base_url=settings.llm_base_url, model=settings.llm_model, api_key=key, ca_file=settings.ca_file
        )


async def outcomes(analyser: Analyser, calls: Iterable[LabelledCall]) -> list[Outcome]:
    """What the engine makes of each call, one call after the other.

    A call on which the engine gives up counts as one of which it found nothing.
    """
    found = []
    for call in calls:
        try:
            analysis = await judge(analyser, call)
        except StepFailed:
            analysis = None
        found.append(compared(call, analysis))
    return found


def compared(call: LabelledCall, analysis: Analysis | None) -> Outcome:
    """One call: the labels beside what the engine says; None where it gave up."""
    statements = [] if analysis is None else list(_statements(analysis))
    labels: dict[str, tuple[str, list[int]]] = {"intent": (call.intent.label, call.intent.turns)}
    if call.concern:
        labels["concern"] = (call.concern.label, call.concern.turns)
    labels |= {topic.label: (topic.label, topic.turns) for topic in call.topics}
    said = {what: value for what, value, _ in statements}
    return Outcome(
        call=call.id,
        domain=call.domain,
        language=call.language,
        held_out=call.held_out,
        intent=(call.intent.label, said.get("intent", NONE)),
        concern=(call.concern.label if call.concern else NONE, said.get("concern", NONE)),
        topics=frozenset(topic.label for topic in call.topics),
        found_topics=frozenset(said.keys() - {"intent", "concern"}),
        cited=tuple(_against(labels, *statement) for statement in statements),
        failed=analysis is None,
    )


def _against(labels: dict[str, tuple[str, list[int]]], what: str, value: str, turns: tuple[int, ...]) -> Cited:
    label, labelled = labels.get(what, (NONE, []))
    return cited(what, turns, labelled, right=value == label)


def _statements(analysis: Analysis) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """What an analysis claims and the evals judge: what it is on, its value, and the turns, numbered as in the files.

    Of several concern categories the first is the main one, as it is for the partner who reads the callback.
    """
    if analysis.intent:
        yield "intent", analysis.intent, _numbered(analysis.intent_turns)
    if concern := analysis.bant.concern_categories:
        yield "concern", _as_listed(concern.text.split(",")[0]), _numbered(concern.turns)
    for topic in analysis.qualification:
        name = _as_listed(topic.label)
        yield name, name, _numbered(topic.turns)


def _as_listed(name: str) -> str:
    """A name as the closed lists spell it; one that is on none stays as it is, and is wrong."""
    return _SPELLED.get(name.strip().casefold(), name.strip())


def _numbered(turns: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(turn + 1 for turn in turns)


def misses(calls: Iterable[LabelledCall], found: Iterable[Outcome]) -> Iterator[str]:
    """One line for each call of which something is wrong."""
    for call, outcome in zip(calls, found, strict=True):
        wrong = [
            f"{name} {pair[1]}, not {pair[0]}"
            for name, pair in (("intent", outcome.intent), ("concern", outcome.concern))
            if pair[0] != pair[1]
        ]
        wrong += [
            f"missed {topic.label} in {', '.join(map(str, topic.turns))}"
            for topic in call.topics
            if topic.label not in outcome.found_topics
        ]
        wrong += [f"made up {name}" for name in sorted(outcome.found_topics - outcome.topics)]
        wrong += [f"{each.what} rests on other turns" for each in outcome.cited if each.right and not each.overlaps]
        if outcome.failed:
            wrong.insert(0, "no answer")
        if wrong:
            yield f"{call.id} ({', '.join(call.traps) or 'no trap'}): {'; '.join(wrong)}"
