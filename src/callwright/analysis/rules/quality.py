"""The quality parameters that need the words: each judged by criteria that the transcript meets or does not."""

from collections.abc import Callable

from callwright.analysis import QualityScore
from callwright.analysis.acoustics import ACOUSTIC_RULES
from callwright.analysis.rules import phrases, service, tables
from callwright.analysis.rules.criteria import Criterion, Findings, by_criteria, heard
from callwright.analysis.rules.dates import times
from callwright.analysis.rules.reading import content_words
from callwright.analysis.scorecard import Parameter, not_assessed, points, scored
from callwright.analysis.text import clean

_OPENING_TURNS = 4  # the agent's first turns, in which the context is set
_DISCOVERY = 3  # open questions that were answered for full points
_SUBSTANCE = 8  # words of an answer that is more than a phrase


def judge_quality(found: Findings, parameter: Parameter) -> QualityScore:
    """Judge one parameter by its rule."""
    broken = _BREACHES.get(parameter.rule)
    breach = broken(found, parameter) if broken else None
    if breach:
        return breach
    judge = _JUDGES.get(parameter.rule)
    reason = _not_judged(found, parameter)
    return not_assessed(parameter, reason) if judge is None or reason else judge(found, parameter)


def _not_judged(found: Findings, parameter: Parameter) -> str:
    """Why a parameter cannot be judged; empty where it can."""
    if parameter.rule == "described":
        return "Not assessed: only a language model can judge this by its description."
    if not found.agent():
        return "Not assessed: the agent says nothing in this call."
    if parameter.rule not in _JUDGES:
        return f"Not assessed: the rules engine has no rule named {clean(parameter.rule, 60)}."
    if found.intent is None and parameter.rule not in _BY_PHRASES:
        return "Not assessed: the cues do not cover the language of this call."
    if found.intent == "NOT_AVAILABLE":
        return "Not applicable: no conversation with the customer took place."
    return ""


def _setting_context(found: Findings, parameter: Parameter) -> QualityScore:
    opening = found.agent()[:_OPENING_TURNS]
    return by_criteria(
        parameter,
        [
            Criterion("gives a name or company", "give name and company", heard(opening, "introduction")),
            Criterion("says why the call is made", "say why the call is made", heard(opening, "purpose")),
            Criterion("asks whether it is a good time", "ask whether it is a good time", heard(opening, "permission")),
        ],
    )


def _need_discovery(found: Findings, parameter: Parameter) -> QualityScore:
    open_questions = [e for e in found.asked if tables.AGENT["open question"].ids(e.question.plain)]
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
    pitch = heard(agent, "what it does")
    tied = [
        turn.turn
        for turn in agent
        if first is not None and turn.turn > first and turn.turn in pitch and needed & content_words(turn.plain)
    ]
    return by_criteria(
        parameter,
        [
            Criterion("says what the product does", "say what the product does", pitch),
            Criterion("names a benefit", "name what the customer gains", heard(agent, "benefit")),
            Criterion("ties it to a need of the customer", "tie the pitch to a need that the customer named", tied),
        ],
    )


def _objection_handling(found: Findings, parameter: Parameter) -> QualityScore:
    if not found.objections:
        return not_assessed(parameter, "Not applicable: the customer raises no objection.")
    share, turns = 0.0, set()
    for objection in found.objections:
        words = sum(turn.words for turn in objection.answers)
        share += 0.7 * (words >= _SUBSTANCE) + 0.3 * bool(heard(objection.answers, "acknowledges"))
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
    steps = heard(found.agent(), "next step")
    later = [turn for turn in found.said if steps and turn.turn >= steps[0]]
    timed = [t.turn for t in later if any(times(sentence.plain, None) for sentence in t.sentences)]
    agreed = [e.reply.turn for e in found.asked if e.question.turn in steps and e.answer == "yes"]
    fixed = [
        turn.turn
        for turn in later
        if turn.speaker == "customer"
        and "agrees" in tables.section("intent", found.domain).ids(turn.plain)
        and turn.turn > steps[0]
    ]
    return by_criteria(
        parameter,
        [
            Criterion("proposes a next step", "propose a next step", steps),
            Criterion("has a time for it", "fix a time for it", timed),
            Criterion("has the customer confirm it", "have the customer confirm it", sorted({*agreed, *fixed})),
        ],
    )


def _rude(found: Findings, parameter: Parameter) -> QualityScore | None:
    turns = heard(found.agent(), "insult")
    if not turns:
        return None
    quote = next(clean(turn.text, 120) for turn in found.agent() if turn.turn == turns[0])
    return scored(parameter, 0, f'The agent is rude: "{quote}"', "Stay polite whatever the customer says.", turns)


def _says(found: Findings, parameter: Parameter) -> QualityScore:
    said = _said(found, parameter)
    if not parameter.phrases:
        return not_assessed(parameter, "Not assessed: the parameter names no phrases to listen for.")
    if not said:
        text = "None of the phrases was heard from the agent."
        return scored(parameter, 0, text, f'Say it, for instance: "{clean(parameter.phrases[0], 120)}".', ())
    turn, words = said[0]
    text = f'The agent says "{clean(words, 120)}".'
    return scored(parameter, parameter.maximum, text, None, (turn,))


def _forbidden(found: Findings, parameter: Parameter) -> QualityScore | None:
    said = _said(found, parameter)
    if not said:
        return None
    text = f'The agent says "{clean(said[0][1], 120)}", which is not to be said.'
    turns = tuple(dict.fromkeys(turn for turn, _ in said))
    return scored(parameter, 0, text, "Leave it unsaid.", turns)


def _never_says(_: Findings, parameter: Parameter) -> QualityScore:
    text = "None of the phrases that are not to be said was heard from the agent."
    return scored(parameter, parameter.maximum, text, None, ())


def _said(found: Findings, parameter: Parameter) -> list[tuple[int, str]]:
    """The agent's turns in which a phrase of the parameter's was heard, with the words."""
    pattern = phrases.compiled(parameter.phrases)
    if pattern is None:
        return []
    matches = [(turn.turn, pattern.search(sentence.plain)) for turn in found.agent() for sentence in turn.sentences]
    return [(turn, match[0]) for turn, match in matches if match]


def _courtesy(found: Findings, parameter: Parameter) -> QualityScore:
    polite = heard(found.agent(), "courtesy")
    if polite:
        return scored(parameter, parameter.maximum, "The agent is polite and never rude.", None, polite[:5])
    half = points(0.5, parameter.maximum)
    text = "The agent is never rude, and never says please or thanks."
    return scored(parameter, half, text, "Thank the customer.", ())


_JUDGES: dict[str, Callable[[Findings, Parameter], QualityScore]] = {
    "setting_context": _setting_context,
    "need_discovery": _need_discovery,
    "product_pitch": _product_pitch,
    "objection_handling": _objection_handling,
    "next_steps": _next_steps,
    "courtesy": _courtesy,
    "says": _says,
    "never_says": _never_says,
    "identity_check": service.identity_check,
    "purpose_disclosed": service.purpose_disclosed,
    "amount_stated": service.amount_stated,
    "payment_commitment": service.payment_commitment,
    "no_threats": service.no_threats,
    "greeting": service.greeting,
    "problem_restated": service.problem_restated,
    "empathy": service.empathy,
    "solution_offered": service.solution_offered,
    "resolution_confirmed": service.resolution_confirmed,
    "closing": service.closing,
}

_BREACHES: dict[str, Callable[[Findings, Parameter], QualityScore | None]] = {
    "courtesy": _rude,
    "never_says": _forbidden,
    "no_threats": service.threats,
}
"""What fails a parameter at once, also where no conversation took place."""

_BY_PHRASES = ("says", "never_says")

RULES: tuple[str, ...] = (*_JUDGES, "described", *ACOUSTIC_RULES)
"""The ids that a parameter may name as its `rule`."""
