"""Quality rules of calls that collect what is owed and of calls that solve a problem."""

from collections.abc import Sequence

from callwright.analysis import QualityScore
from callwright.analysis.rules import tables
from callwright.analysis.rules.amounts import amounts
from callwright.analysis.rules.criteria import Criterion, Findings, by_criteria, heard
from callwright.analysis.rules.dates import times
from callwright.analysis.rules.exchanges import ACCEPTS
from callwright.analysis.rules.reading import Said, content_words
from callwright.analysis.scorecard import Parameter, not_assessed, scored
from callwright.analysis.text import clean

_OPENING_TURNS = 4  # the agent's first turns, in which a call is opened
_CLOSING_TURNS = 3  # the agent's last turns


def identity_check(found: Findings, parameter: Parameter) -> QualityScore:
    """Asks who speaks, has it confirmed, and says nothing of what is owed before."""
    agent = found.agent()
    asked = heard(agent[:_OPENING_TURNS], "asks who it is")
    confirmed = [t.turn for t in found.said if asked and t.speaker == "customer" and t.turn > asked[0]][:1]
    criteria = [
        Criterion("asks who is speaking", "ask who is speaking", asked),
        Criterion("has it confirmed", "have it confirmed", confirmed),
    ]
    if found.domain == "collections":
        told = heard(agent, "says the purpose")
        in_order = [turn for turn in confirmed if not told or turn < told[0]]
        criteria.append(Criterion("names the debt only after that", "name the debt only after that", in_order))
    return by_criteria(parameter, criteria)


def purpose_disclosed(found: Findings, parameter: Parameter) -> QualityScore:
    """Gives name or company, and says that the call is about something due."""
    opening = found.agent()[: _OPENING_TURNS + 1]
    return by_criteria(
        parameter,
        [
            Criterion("gives name or company", "give name and company", heard(opening, "introduction")),
            Criterion(
                "says that something is due", "say that it is about what is due", heard(opening, "says the purpose")
            ),
        ],
    )


def amount_stated(found: Findings, parameter: Parameter) -> QualityScore:
    """Names the amount, and since or until when it is due."""
    agent = found.agent()
    named = [t.turn for t in agent if any(not amount.bare for amount in amounts(t.plain))]
    dated = [t.turn for t in agent if times(t.plain, None) or heard([t], "since when it is due")]
    return by_criteria(
        parameter,
        [
            Criterion("names the amount", "name the amount that is due", named),
            Criterion("says since or until when it is due", "say since or until when it is due", dated),
        ],
    )


def payment_commitment(found: Findings, parameter: Parameter) -> QualityScore:
    """Asks for the payment, has a day or an amount committed to, and the way in which it is paid."""
    if found.intent == "NOT_QUALIFIED":
        return not_assessed(parameter, "Not applicable: the customer owes nothing.")
    asked = [e.question.turn for e in found.asked if tables.ASKS_FOR_PAYMENT.heard(e.question.plain)]
    by_label = {topic.label: topic.turns for topic in found.topics}
    return by_criteria(
        parameter,
        [
            Criterion("asks for the payment", "ask when and how much can be paid", asked),
            Criterion(
                "has a day or an amount promised",
                "have a day and an amount promised",
                by_label.get("Promise To Pay", ()),
            ),
            Criterion("has the way of paying settled", "settle the way of paying", by_label.get("Payment Mode", ())),
        ],
    )


def threats(found: Findings, parameter: Parameter) -> QualityScore | None:
    """A threat of the agent's, if there is one; it counts whatever came of the call."""
    turns = heard(found.agent(), "threat")
    if not turns:
        return None
    quote = next(clean(turn.text, 120) for turn in found.agent() if turn.turn == turns[0])
    return scored(parameter, 0, f'The agent threatens: "{quote}"', "Never threaten or shame; say what is due.", turns)


def no_threats(_: Findings, parameter: Parameter) -> QualityScore:
    """No threat was heard."""
    return scored(parameter, parameter.maximum, "No threat was heard from the agent.", None, ())


def greeting(found: Findings, parameter: Parameter) -> QualityScore:
    """Greets, gives name or company, and offers help."""
    opening = found.agent()[:2]
    return by_criteria(
        parameter,
        [
            Criterion("greets", "greet the customer", heard(opening, "greets")),
            Criterion("gives name or company", "give name and company", heard(opening, "introduction")),
            Criterion("offers help", "offer help", heard(opening, "offers help")),
        ],
    )


def problem_restated(found: Findings, parameter: Parameter) -> QualityScore:
    """Says the problem back in the customer's words, and has it confirmed."""
    told: set[str] = set()
    restated: list[int] = []
    for turn in found.said:
        if turn.speaker == "customer":
            told |= content_words(turn.plain)
        elif tables.AGENT["restates"].heard(turn.plain) and told & content_words(turn.plain):
            restated.append(turn.turn)
    confirmed = _accepted(found.said, restated)
    return by_criteria(
        parameter,
        [
            Criterion("says the problem back", "say the problem back in own words", restated),
            Criterion("has it confirmed", "have the customer confirm it", confirmed),
        ],
    )


def empathy(found: Findings, parameter: Parameter) -> QualityScore:
    """Shows that the trouble is understood."""
    shown = heard(found.agent(), "empathy")
    return by_criteria(
        parameter,
        [Criterion("shows understanding for the trouble", "say that the trouble is understood, or sorry", shown)],
    )


def solution_offered(found: Findings, parameter: Parameter) -> QualityScore:
    """Offers a solution or a next step, and says when."""
    agent = found.agent()
    offered = heard(agent, "offers a solution")
    at_once = _accepted(found.said, offered, by=tables.CONFIRMS)
    timed = [t.turn for t in agent if t.turn in offered and times(t.plain, None)]
    return by_criteria(
        parameter,
        [
            Criterion("offers a solution", "offer a solution or a clear next step", offered),
            Criterion("solves it at once or says when", "say when it will be solved", sorted({*timed, *at_once})),
        ],
    )


def resolution_confirmed(found: Findings, parameter: Parameter) -> QualityScore:
    """Asks whether it is solved or agreed, and the customer says so."""
    offered = heard(found.agent(), "offers a solution")
    asked = [turn for turn in heard(found.agent(), "checks that it works") if not offered or turn >= offered[0]]
    confirmed = sorted({*_accepted(found.said, asked), *_accepted(found.said, offered)})
    return by_criteria(
        parameter,
        [
            Criterion("asks whether it is solved", "ask whether it is solved", asked),
            Criterion("has the customer confirm it", "have the customer confirm it", confirmed),
        ],
    )


def closing(found: Findings, parameter: Parameter) -> QualityScore:
    """Ends the call politely."""
    last = found.agent()[-_CLOSING_TURNS:]
    return by_criteria(parameter, [Criterion("ends the call politely", "end the call politely", heard(last, "closes"))])


def _accepted(said: Sequence[Said], turns: Sequence[int], by: tables.Section | None = None) -> list[int]:
    """The customer's turns that follow directly on these and agree."""
    found = []
    for index, turn in enumerate(said[:-1]):
        reply = said[index + 1]
        if turn.turn in turns and reply.speaker == "customer":
            agrees = by.heard(reply.plain) if by else ACCEPTS.match(reply.plain) or tables.CONFIRMS.heard(reply.plain)
            found += [reply.turn] if agrees else []
    return found
