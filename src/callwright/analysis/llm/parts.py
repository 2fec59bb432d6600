"""Long calls in parts: cut between chapters, measured for the model's context, and the parts' answers made one."""

from collections.abc import Sequence
from itertools import pairwise

from callwright.analysis import Line
from callwright.analysis.llm.answer import Answer, RatingAnswer
from callwright.analysis.llm.prompt import turn_json
from callwright.analysis.rubric import Rubric
from callwright.analysis.rules.chapters import chapters
from callwright.analysis.rules.reading import read
from callwright.analysis.rules.tables import Domain

SIZES = (8_000, 4_000, 1_500)
"""Tokens of one part's turns, for contexts of about 16,000, 8,000 and 4,000 with the rubric, the rules and the answer.

Our own choice: 8,000 are about half an hour of talk, so that ordinary calls go in one piece to any current model.
"""


def measured(turn: Line) -> int:
    """The most tokens that a turn is likely to take: one for each three bytes.

    English takes one for four, Devanagari one for three to six, so that the estimate errs on the safe side.
    """
    return len(turn_json(turn).encode()) // 3 + 1


def parts(turns: Sequence[Line], size: int, domain: Domain) -> list[tuple[Line, ...]]:
    """The turns in parts of at most `size` tokens each, cut between chapters where these are short enough.

    A single turn that is longer is a part of its own.
    """
    costs = [measured(turn) for turn in turns]
    if sum(costs) <= size:
        return [tuple(turns)]
    starts = {chapter.turns[0] for chapter in chapters(read(turns), domain)}
    ends = [0]  # of the parts
    cut = 0  # the last end of a chapter
    for at, turn in enumerate(turns):
        if turn.id in starts:
            cut = at
        while at > ends[-1] and sum(costs[ends[-1] : at + 1]) > size:
            ends.append(cut if cut > ends[-1] else at)
    return [tuple(turns[start:end]) for start, end in pairwise([*ends, len(turns)])]


def merged(answers: Sequence[Answer], rubric: Rubric) -> Answer:
    """One answer from those of the parts, in the order of the call.

    The label is that of the last part which is not undecided; what it must be shown by are the signals of all parts.
    Needs and objection are the first that came up. A parameter has the best rating of the parts that it applies to,
    since what an agent has done in one part is done for the call; one that is fatal has the worst.
    """
    if len(answers) == 1:
        return answers[0]
    decided = [a for a in answers if a.intent not in {"NEUTRAL", "NOT_AVAILABLE"}] or answers
    objecting = next((a for a in answers if a.objection), answers[0])
    return Answer(
        intent=decided[-1].intent,
        intent_justification=decided[-1].intent_justification,
        signals=[signal for a in answers for signal in a.signals],
        chapters=[chapter for a in answers for chapter in a.chapters],
        needs=next((a.needs for a in answers if a.needs), None),
        objection=objecting.objection,
        concern=objecting.concern,
        objection_handling=objecting.objection_handling
        or next((a.objection_handling for a in answers if a.objection_handling), None),
        qualification=[topic for a in answers for topic in a.qualification],
        ratings=_ratings([rating for a in answers for rating in a.ratings], rubric),
        talking_points=[point for a in answers for point in a.talking_points],
        suggested_actions=[action for a in answers for action in a.suggested_actions],
    )


def _ratings(ratings: Sequence[RatingAnswer], rubric: Rubric) -> list[RatingAnswer]:
    chosen: list[RatingAnswer] = []
    for parameter in rubric.parameters:
        same = [r for r in ratings if r.parameter.strip().casefold() == parameter.name.strip().casefold()]
        applying = [r for r in same if r.applies]
        if applying:
            chosen.append((min if parameter.fatal else max)(applying, key=lambda rating: rating.rating))
        elif same:
            chosen.append(same[0])
    return chosen
