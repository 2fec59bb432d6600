"""The embedded engine: explainable cues, each result with the turns it rests on, nothing claimed without evidence."""

import asyncio

from callwright.analysis import Analysis, Conversation
from callwright.analysis.acoustics import acoustic_quality, draft_analysis
from callwright.analysis.metrics import measure
from callwright.analysis.rules import cues
from callwright.analysis.rules.chapters import chapters
from callwright.analysis.rules.concerns import bant, needs, objections
from callwright.analysis.rules.intent import judge_intent, signals
from callwright.analysis.rules.quality import Findings, judge_quality
from callwright.analysis.rules.reading import Said, exchanges, read
from callwright.analysis.rules.topics import qualification
from callwright.analysis.score import Judged
from callwright.analysis.scorecard import Scorecard, quality_score

_LETTERS_READ = 0.5  # share of Latin letters below which missing English cues mean nothing

_UNREAD = (
    "The customer's words are mostly in a script or language that the cues do not cover, so no intent was derived."
)


class RulesAnalyser:
    """Judges a conversation by the cues of `cues.toml`."""

    name = "rules"
    version = f"rules-{cues.VERSION}"

    async def analyse(self, conversation: Conversation, scorecard: Scorecard) -> Analysis:
        """Judge in a thread, so that the caller's event loop stays free."""
        return await asyncio.to_thread(self.judge, conversation, scorecard)

    def judge(self, conversation: Conversation, scorecard: Scorecard) -> Analysis:
        """Judge a conversation; never raises for its contents."""
        if conversation.draft or conversation.one_voice:
            return draft_analysis(conversation, scorecard, engine=self.name, version=self.version)
        said = read(conversation.turns)
        asked = exchanges(said)
        found = signals(said, asked)
        judged = judge_intent(said, found)
        unread = not found and _foreign(said, conversation.language)
        if unread:
            judged = Judged(None, None, None, ())
        needed, objected = needs(said, asked), objections(said)
        metrics = measure(conversation.speech, conversation.seconds)
        findings = Findings(said, asked, judged.intent, needed, objected)
        quality = tuple(
            acoustic_quality(conversation, metrics, parameter) or judge_quality(findings, parameter)
            for parameter in scorecard.parameters
        )
        return Analysis(
            engine=self.name,
            version=self.version,
            model=None,
            draft=False,
            intent=judged.intent,
            intent_score=judged.score,
            intent_justification=judged.justification,
            intent_turns=judged.turns,
            summary=chapters(said),
            bant=bant(needed, objected),
            qualification=qualification(said, asked),
            quality=quality,
            quality_score=quality_score(quality),
            metrics=metrics,
            notes=(_UNREAD,) if unread else (),
        )


def _foreign(said: tuple[Said, ...], language: str | None) -> bool:
    """Whether the customer speaks what the cues cannot read, so that silence of the cues is no evidence."""
    letters = [c for turn in said if turn.speaker == "customer" for c in turn.text if c.isalpha()]
    latin = sum(c.isascii() for c in letters)
    covered = language is None or language.lower().split("-")[0] == "en"
    return bool(letters) and (not covered or latin < _LETTERS_READ * len(letters))
