"""The embedded engine: explainable cues, each result with the turns it rests on, nothing claimed without evidence."""

import asyncio
from collections.abc import Sequence

from callwright.analysis import Analysis, Conversation, Intent, Qualification
from callwright.analysis.acoustics import acoustic_quality, draft_analysis
from callwright.analysis.metrics import measure
from callwright.analysis.rubric import Rubric
from callwright.analysis.rules import tables
from callwright.analysis.rules.chapters import chapters
from callwright.analysis.rules.complaints import Complaint, complaint, suggested
from callwright.analysis.rules.concerns import Objection, about_the_main, bant, main_category, needs, objections
from callwright.analysis.rules.criteria import Findings
from callwright.analysis.rules.exchanges import exchanges, is_filler
from callwright.analysis.rules.followup import suggested_actions, talking_points
from callwright.analysis.rules.inferred import inferred, told_by_concern
from callwright.analysis.rules.intent import Signal, judge_intent, signals
from callwright.analysis.rules.quality import judge_quality
from callwright.analysis.rules.reading import Said, read
from callwright.analysis.rules.tables import Domain
from callwright.analysis.rules.topics import qualification
from callwright.analysis.rules.vocabulary import spoken_of
from callwright.analysis.score import Judged
from callwright.analysis.scorecard import quality_score

_LETTERS_READ = 0.5  # share of Latin and Devanagari letters below which missing cues mean nothing
_LANGUAGES = ("en", "hi")

_UNREAD = (
    "The customer's words are mostly in a script or language that the cues do not cover, so no intent was derived."
)

_TELLS = frozenset({"Need", "Current Solution", "Company Size", "Problem"})
_COLLECTIONS = frozenset({"payment_commitment", "no_threats", "amount_stated", "purpose_disclosed"})
_SUPPORT = frozenset({"problem_restated", "solution_offered", "resolution_confirmed"})


class RulesAnalyser:
    """Judges a conversation by the cues of `cues/`."""

    name = "rules"
    version = f"rules-{tables.VERSION}"
    at_once = True

    async def analyse(self, conversation: Conversation, rubric: Rubric) -> Analysis:
        """Judge in a thread, so that the caller's event loop stays free."""
        return await asyncio.to_thread(self.judge, conversation, rubric)

    def judge(self, conversation: Conversation, rubric: Rubric) -> Analysis:
        """Judge a conversation; never raises for its contents."""
        if conversation.draft or conversation.one_voice:
            return draft_analysis(conversation, rubric, engine=self.name, version=self.version)
        domain = domain_of(rubric)
        said = read(conversation.turns)
        asked = exchanges(said)
        found = signals(said, asked, rubric, domain)
        complained = complaint(said, domain)
        if complained.meant:
            found = tuple(signal for signal in found if signal.kind != "unavailable")
        topics = qualification(said, asked, rubric)
        judged = judge_intent(
            said, found, settled=_settled(said, topics) if domain == "support" else (), substance=bool(topics)
        )
        unread = not found and _foreign(said, conversation.language)
        if unread:
            judged = Judged(None, None, None, ())
        reached = judged.intent != "NOT_AVAILABLE"
        needed = needs(said, asked) if reached else ()
        objected = _objected(said, topics, found, judged.intent, rubric, complained) if reached else ()
        topics = told_by_concern(topics, objected, main_category(objected, judged.intent), rubric)
        metrics = measure(conversation.speech, conversation.seconds, conversation.turns)
        findings = Findings(said, asked, judged.intent, needed, objected, topics, domain)
        quality = tuple(
            acoustic_quality(conversation, metrics, parameter) or judge_quality(findings, parameter)
            for parameter in rubric.parameters
        )
        today = conversation.started_at.date() if conversation.started_at else None
        actions = suggested_actions(said, asked, topics, domain, today)
        return Analysis(
            engine=self.name,
            version=self.version,
            model=None,
            draft=False,
            intent=judged.intent,
            intent_score=judged.score,
            intent_justification=judged.justification,
            intent_turns=judged.turns,
            summary=chapters(said, domain),
            bant=bant(needed, objected, judged.intent),
            qualification=topics if reached else (),
            quality=quality,
            quality_score=quality_score(quality),
            metrics=metrics,
            notes=(_UNREAD,) if unread else (),
            talking_points=talking_points(said, objected, topics, domain) if reached else (),
            suggested_actions=actions,
            rubric=rubric.label,
        )


def domain_of(rubric: Rubric) -> Domain:
    """The kind of call that a rubric is for, by its topics and rules: sales where nothing speaks of another."""
    labels = {topic.label for topic in rubric.topics}
    rules = {parameter.rule for parameter in rubric.parameters}
    if "Promise To Pay" in labels or rules & _COLLECTIONS:
        return "collections"
    return "support" if {"Problem", "Resolution"} & labels or rules & _SUPPORT else "sales"


def _objected(
    said: Sequence[Said],
    topics: Sequence[Qualification],
    found: Sequence[Signal],
    intent: Intent | None,
    rubric: Rubric,
    complained: Complaint,
) -> tuple[Objection, ...]:
    """What stands in the way: by cues, by the course of the call, and by the words that the customer keeps to."""
    domain = domain_of(rubric)
    told = {turn for topic in topics if topic.label in _TELLS for turn in topic.turns}
    complains = complained.meant and intent in ("NEUTRAL", "INTERESTED")
    if complained.content and intent == "NEUTRAL":
        return ()
    heard = (
        *objections(said, rubric, domain, intent, told, complains=complains),
        *inferred(said, topics, found, intent, domain, rubric),
        *suggested(said, complained, intent, rubric),
        *spoken_of(said, intent, domain, rubric, told, complains=complains),
    )
    if any(signal.what == "has this very product" for signal in found):
        heard = tuple(each for each in heard if each.category != "Competition")
    return about_the_main(heard, intent)


def _settled(said: Sequence[Said], topics: Sequence[Qualification]) -> tuple[int, ...]:
    """What an undecided support call rests on: the problem as it is told, and the customer's last word on it."""
    problem = [turn for topic in topics if topic.label == "Problem" for turn in topic.turns[:1]]
    told = problem or [turn.turn for turn in said if turn.speaker == "customer" and not is_filler(turn)][:1]
    last = [turn.turn for turn in said if turn.speaker == "customer" and tables.LAST_WORD.heard(turn.plain)][-1:]
    return tuple(dict.fromkeys([*told, *last]))


def _foreign(said: tuple[Said, ...], language: str | None) -> bool:
    """Whether the customer speaks what the cues cannot read, so that silence of the cues is no evidence."""
    letters = [c for turn in said if turn.speaker == "customer" for c in turn.text if c.isalpha()]
    read = sum(c.isascii() or "\u0900" <= c <= "\u097f" for c in letters)
    covered = language is None or language.lower().split("-")[0] in _LANGUAGES
    return bool(letters) and (not covered or read < _LETTERS_READ * len(letters))
