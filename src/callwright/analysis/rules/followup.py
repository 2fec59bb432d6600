"""What is to come up next time and what was agreed to be done, with the day where the call gives one."""

import re
from collections.abc import Sequence
from datetime import date

from callwright.analysis import Action, Qualification, Speaker, Statement
from callwright.analysis.rules import tables
from callwright.analysis.rules.concerns import Objection
from callwright.analysis.rules.dates import When, times
from callwright.analysis.rules.exchanges import Exchange
from callwright.analysis.rules.reading import Said, Sentence, as_said
from callwright.analysis.rules.stance import stance
from callwright.analysis.rules.tables import Domain
from callwright.analysis.text import SENTENCE_LIMIT, clean

_MOST_POINTS, _MOST_ACTIONS = 6, 6


def talking_points(
    said: Sequence[Said], objected: Sequence[Objection], topics: Sequence[Qualification], domain: Domain
) -> tuple[Statement, ...]:
    """Concerns that were not settled, questions of the customer's that nobody answered, and what they are after."""
    points: list[Statement] = []
    seen: set[str] = set()
    for objection in objected:
        if objection.settled is None and objection.category not in seen:
            seen.add(objection.category)
            text = f'Come back to the concern about {objection.category}: "{objection.sentence.text}"'
            points.append(Statement(clean(text, SENTENCE_LIMIT), (objection.sentence.turn,)))
    points += [
        Statement(clean(f'Answer the open question: "{sentence.text}"', SENTENCE_LIMIT), (sentence.turn,))
        for sentence in _unanswered(said)
    ]
    for topic in topics:
        if topic.label in _TO_RETURN_TO[domain]:
            text = f"{_TO_RETURN_TO[domain][topic.label]}: {topic.answer}"
            points.append(Statement(clean(text, SENTENCE_LIMIT), topic.turns))
    return tuple(points[:_MOST_POINTS])


_TO_RETURN_TO: dict[Domain, dict[str, str]] = {
    "sales": {
        "Need": "Show what it does for their need",
        "Timeline": "Keep to their timeline",
        "Authority": "Bring in who decides",
        "Budget": "Stay within what they can spend",
    },
    "collections": {
        "Promise To Pay": "Hold them to what they promised",
        "Reason For Delay": "Ask how it stands with the reason for the delay",
    },
    "support": {"Problem": "Ask whether the problem is gone", "Impact": "Keep in mind what it did to them"},
}


def _unanswered(said: Sequence[Said]) -> list[Sentence]:
    """Questions at the end of a customer's turn after which the agent only asks, or says next to nothing."""
    found = []
    for index, turn in enumerate(said):
        last = turn.sentences[-1]
        if turn.speaker != "customer" or not last.question or len(last.plain.split()) < 4 or index + 1 >= len(said):
            continue
        answer = said[index + 1]
        if answer.speaker == "agent" and (answer.words <= 2 or all(s.question for s in answer.sentences)):
            found.append(last)
    return found


def suggested_actions(
    said: Sequence[Said], asked: Sequence[Exchange], topics: Sequence[Qualification], domain: Domain, today: date | None
) -> tuple[Action, ...]:
    """What either side said it will do, and what was asked for or proposed and agreed to.

    Args:
        said: The turns.
        asked: The agent's questions and their answers.
        topics: What was answered; a promise to pay is something to be done.
        domain: The kind of call.
        today: The day of the call, in the time zone that it came with.
    """
    if _one_sided(said):
        return ()
    found: list[tuple[Action, str]] = []
    agreed = {e.question.turn: e for e in asked if e.answer == "yes" or (e.answer is None and _names_time(e.reply))}
    promised = {turn for topic in topics if topic.label == "Promise To Pay" for turn in topic.turns}
    for index, turn in enumerate(said):
        if turn.speaker == "customer" and _declines(turn, domain):
            continue
        for sentence in turn.sentences:
            action = _commitment(said, index, sentence, today) or _proposal(agreed, sentence, today)
            if action is None and turn.turn in promised and not sentence.question and times(sentence.plain, today):
                action = _action(said, index, sentence, "customer", today)
            if action and not _refused(said, index):
                found.append((action, sentence.plain))
    return tuple(_merged(found))[:_MOST_ACTIONS]


def _declines(turn: Said, domain: Domain) -> bool:
    """Whether a turn mocks or refuses, so that what it asks for is not meant; an account to be closed is meant."""
    refuses = any(hit.cue.weight <= _REFUSAL for hit in tables.section("intent", domain).find(turn.plain))
    return tables.MOCKING.heard(turn.plain) or (refuses and domain != "support")


_REFUSAL = -2.0  # the weight from which a cue is a refusal, and no mere mood
_TOLD = re.compile(r"\byou \w+ed\b|\b(?:did|was|were)\b")


def _one_sided(said: Sequence[Said]) -> bool:
    """Whether one side only speaks, or speaks into a machine."""
    customer = [turn for turn in said if turn.speaker == "customer"]
    machine = any("voicemail" in tables.section("unavailable").ids(turn.plain) for turn in customer)
    return not customer or (machine and len(customer) <= 3)


def _commitment(said: Sequence[Said], index: int, sentence: Sentence, today: date | None) -> Action | None:
    """A promise of the speaker's, or a request of the customer's that the agent takes up."""
    owner: Speaker = sentence.speaker
    section = tables.COMMITS
    if sentence.speaker == "customer" and tables.REQUESTS.heard(sentence.plain):
        section, owner = tables.REQUESTS, "agent"
    if sentence.question:
        return None
    for hit in section.find(sentence.plain):
        meant = stance(sentence.plain, hit)
        if meant.negations % 2 or meant.supposed or meant.hedged or not (meant.own or owner == "agent"):
            continue
        return _action(said, index, sentence, owner, today)
    return None


def _proposal(agreed: dict[int, Exchange], sentence: Sentence, today: date | None) -> Action | None:
    """A next step that the agent proposes as a question and the customer accepts."""
    exchange = agreed.get(sentence.turn)
    if exchange is None or exchange.question != sentence or not tables.PROPOSES.heard(sentence.plain):
        return None
    if tables.REFUSES.heard(exchange.reply.plain) or _TOLD.search(sentence.plain):
        return None
    for source in (*exchange.reply.sentences, sentence):
        due = _latest(times(source.plain, today))
        if due:
            words, day = as_said(source, due.start, due.end), due.day
            return Action(_worded(sentence), "agent", words, (sentence.turn, exchange.reply.turn), _iso(day))
    return Action(_worded(sentence), "agent", None, (sentence.turn, exchange.reply.turn))


def _action(said: Sequence[Said], index: int, sentence: Sentence, owner: Speaker, today: date | None) -> Action:
    """The action of a sentence, due when it says, or else when the rest of the turn or the turn before does."""
    turns = [sentence.turn]
    due, source = _latest(times(sentence.plain, today)), sentence
    others = [other for other in said[index].sentences if other is not sentence]
    neighbours = [s for turn in (said[index - 1 : index] if index else ()) for s in turn.sentences]
    after = [
        s for turn in said[index + 1 : index + 2] if turn.speaker != said[index].speaker for s in turn.sentences[:1]
    ]
    for other in (*others, *neighbours, *after):
        if due:
            break
        due, source = _latest(times(other.plain, today)), other
        if due and other.turn != sentence.turn:
            turns = sorted({sentence.turn, other.turn})
    if due is None:
        return Action(_worded(sentence), owner, None, tuple(turns))
    return Action(_worded(sentence), owner, as_said(source, due.start, due.end), tuple(turns), _iso(due.day))


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _worded(sentence: Sentence) -> str:
    who = "The customer" if sentence.speaker == "customer" else "The agent"
    return clean(f'{who} said: "{sentence.text}"', SENTENCE_LIMIT)


def _names_time(turn: Said) -> bool:
    return any(when.exact for when in times(turn.plain, None))


def _latest(found: Sequence[When]) -> When | None:
    exact = [when for when in found if when.exact]
    return next(iter(exact or found), None)


def _refused(said: Sequence[Said], index: int) -> bool:
    """Whether the other side turns it down in the next turn."""
    following = said[index + 1] if index + 1 < len(said) else None
    return following is not None and following.speaker != said[index].speaker and tables.REFUSES.heard(following.plain)


def _merged(found: Sequence[tuple[Action, str]]) -> list[Action]:
    """Each action once: what is asked for in one turn and promised in the next is the same."""
    kept: list[Action] = []
    for action, _ in found:
        last = kept[-1] if kept else None
        near = last is not None and action.turns[0] - last.turns[-1] <= 1 and action.owner == last.owner
        if last is not None and near and (last.due is None or action.due is None or action.due_date == last.due_date):
            due, day = (last.due, last.due_date) if last.due else (action.due, action.due_date)
            kept[-1] = Action(last.text, last.owner, due, tuple(sorted({*last.turns, *action.turns})), day)
        else:
            kept.append(action)
    return kept
