"""The quality parameters that need the words: each judged by criteria that the transcript meets or does not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from callwright.analysis import Intent, QualityScore
from callwright.analysis.rules import cues
from callwright.analysis.rules.concerns import Objection
from callwright.analysis.rules.reading import Exchange, Said, Sentence, content_words
from callwright.analysis.scorecard import Parameter, not_assessed, points, scored
from callwright.analysis.text import clean

_OPENING_TURNS = 4  # the agent's first turns, in which the context is set
_DISCOVERY = 3  # open questions that were answered for full points
_SUBSTANCE = 8  # words of an answer that is more than a phrase


@dataclass(frozen=True, slots=True)
class Findings:
    """What the other rules found in the call, for the quality rules to judge by."""

    said: tuple[Said, ...]
    asked: tuple[Exchange, ...]
    intent: Intent | None
    needs: tuple[Sentence, ...]
    objections: tuple[Objection, ...]

    def agent(self) -> list[Said]:
        """The agent's turns."""
        return [turn for turn in self.said if turn.speaker == "agent"]


@dataclass(frozen=True, slots=True)
class _Criterion:
    done: str
    missing: str
    turns: Sequence[int]


def judge_quality(found: Findings, parameter: Parameter) -> QualityScore:
    """Judge one parameter by its rule."""
    if not found.agent():
        return not_assessed(parameter, "Not assessed: the agent says nothing in this call.")
    if parameter.rule == "courtesy" and (rude := _heard(found.agent(), "insult")):
        return _rude(found, parameter, rude)
    judge = _JUDGES.get(parameter.rule)
    if judge is None:
        return not_assessed(parameter, f"Not assessed: the rules engine has no rule named {clean(parameter.rule, 60)}.")
    if found.intent is None:
        return not_assessed(parameter, "Not assessed: the cues do not cover the language of this call.")
    if found.intent == "NOT_AVAILABLE":
        return not_assessed(parameter, "Not applicable: no conversation with the customer took place.")
    return judge(found, parameter)


def _heard(turns: Sequence[Said], cue: str) -> tuple[int, ...]:
    section = cues.AGENT[cue]
    return tuple(t.turn for t in turns if any(section.ids(sentence.plain) for sentence in t.sentences))


def _by_criteria(parameter: Parameter, criteria: Sequence[_Criterion]) -> QualityScore:
    met = [criterion for criterion in criteria if criterion.turns]
    missed = [criterion for criterion in criteria if not criterion.turns]
    text = f"The agent {_listed([criterion.done for criterion in met])}." if met else ""
    if missed:
        text = f"{text} Not heard: {_listed([criterion.missing for criterion in missed])}.".strip()
    suggestion = f"Next time {_listed([criterion.missing for criterion in missed])}." if missed else None
    turns = tuple(sorted({turn for criterion in met for turn in criterion.turns[:3]}))
    return scored(parameter, points(len(met) / len(criteria), parameter.maximum), text, suggestion, turns)


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _setting_context(found: Findings, parameter: Parameter) -> QualityScore:
    opening = found.agent()[:_OPENING_TURNS]
    return _by_criteria(
        parameter,
        [
            _Criterion("gives a name or company", "give name and company", _heard(opening, "introduction")),
            _Criterion("says why the call is made", "say why the call is made", _heard(opening, "purpose")),
            _Criterion(
                "asks whether it is a good time", "ask whether it is a good time", _heard(opening, "permission")
            ),
        ],
    )


def _need_discovery(found: Findings, parameter: Parameter) -> QualityScore:
    open_questions = [e for e in found.asked if cues.AGENT["open question"].ids(e.question.plain)]
    answered = {exchange.question.turn: exchange.reply.turn for exchange in open_questions}
    number = len(answered)
    text = f"The agent asks {number} open question{'' if number == 1 else 's'} that the customer answers."
    turns = tuple(sorted({*answered, *answered.values()}))[:10]
    suggestion = "Ask open questions about the customer's situation and needs before pitching."
    return scored(parameter, points(number / _DISCOVERY, parameter.maximum), text, suggestion, turns)


def _product_pitch(found: Findings, parameter: Parameter) -> QualityScore:
    agent = found.agent()
    needed = {word for sentence in found.needs for word in content_words(sentence.plain)}
    first = min((sentence.turn for sentence in found.needs), default=None)
    pitch = _heard(agent, "what it does")
    tied = [
        turn.turn
        for turn in agent
        if first is not None and turn.turn > first and turn.turn in pitch and needed & content_words(_plain(turn))
    ]
    return _by_criteria(
        parameter,
        [
            _Criterion("says what the product does", "say what the product does", pitch),
            _Criterion("names a benefit", "name what the customer gains", _heard(agent, "benefit")),
            _Criterion("ties it to a need of the customer", "tie the pitch to a need that the customer named", tied),
        ],
    )


def _objection_handling(found: Findings, parameter: Parameter) -> QualityScore:
    if not found.objections:
        return not_assessed(parameter, "Not applicable: the customer raises no objection.")
    share, turns = 0.0, set()
    for objection in found.objections:
        words = sum(turn.words for turn in objection.answers)
        share += 0.7 * (words >= _SUBSTANCE) + 0.3 * bool(_heard(objection.answers, "acknowledges"))
        turns |= {objection.sentence.turn, *(turn.turn for turn in objection.answers)}
    number = len(found.objections)
    answered = sum(bool(objection.answers) for objection in found.objections)
    first = found.objections[0]
    text = f'{answered} of {number} objections answered; the first is "{clean(first.sentence.text, 120)}"'
    reached = points(min(round(share / number, 6), 1.0), parameter.maximum)
    suggestion = "Acknowledge the objection, then answer it in substance."
    return scored(parameter, reached, f"{text} ({first.category}).", suggestion, tuple(sorted(turns)))


def _next_steps(found: Findings, parameter: Parameter) -> QualityScore:
    if found.intent in ("NOT_INTERESTED", "NOT_QUALIFIED"):
        return not_assessed(parameter, "Not applicable: the customer declined or could not buy.")
    steps = _heard(found.agent(), "next step")
    later = [turn for turn in found.said if steps and turn.turn >= steps[0]]
    timed = [t.turn for t in later if any(cues.TIME.ids(sentence.plain) for sentence in t.sentences)]
    agreed = [e.reply.turn for e in found.asked if e.question.turn in steps and e.answer == "yes"]
    fixed = [
        turn.turn
        for turn in later
        if turn.speaker == "customer" and "agrees" in cues.INTENT.ids(_plain(turn)) and turn.turn > steps[0]
    ]
    return _by_criteria(
        parameter,
        [
            _Criterion("proposes a next step", "propose a next step", steps),
            _Criterion("has a time for it", "fix a time for it", timed),
            _Criterion("has the customer confirm it", "have the customer confirm it", sorted({*agreed, *fixed})),
        ],
    )


def _rude(found: Findings, parameter: Parameter, turns: tuple[int, ...]) -> QualityScore:
    quote = next(clean(turn.text, 120) for turn in found.agent() if turn.turn == turns[0])
    return scored(parameter, 0, f'The agent is rude: "{quote}"', "Stay polite whatever the customer says.", turns)


def _courtesy(found: Findings, parameter: Parameter) -> QualityScore:
    polite = _heard(found.agent(), "courtesy")
    if polite:
        return scored(parameter, parameter.maximum, "The agent is polite and never rude.", None, polite[:5])
    half = points(0.5, parameter.maximum)
    text = "The agent is never rude, and never says please or thanks."
    return scored(parameter, half, text, "Thank the customer.", ())


def _plain(turn: Said) -> str:
    return " ".join(sentence.plain for sentence in turn.sentences)


_JUDGES: dict[str, Callable[[Findings, Parameter], QualityScore]] = {
    "setting_context": _setting_context,
    "need_discovery": _need_discovery,
    "product_pitch": _product_pitch,
    "objection_handling": _objection_handling,
    "next_steps": _next_steps,
    "courtesy": _courtesy,
}
