"""The evals' arithmetic: a wrong figure there would be believed everywhere."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evals import run, scores, speech
from evals.analysis import compared, configured, misses, outcomes
from evals.calls import HELD_OUT, TUNING, LabelledCall, read_calls
from evals.report import analysis_table, groups, shown, speakers_table, words_table
from evals.scores import NONE, Interval, Outcome, accuracy, cited, interval, macro_f1
from evals.speech import Confusion, Reference, WordErrors, confused, counted

from callwright.analysis import Analysis, Bant, Conversation, Metrics, Qualification, Statement
from callwright.analysis.rubric import Rubric
from callwright.errors import StepFailed
from callwright.settings import Settings
from callwright.transcription import Transcript, Turn
from callwright.transcription.speakers import Speech

CALL = next(call for call in read_calls(TUNING) if call.id == "sales-en-10")
NOTHING = Analysis(
    engine="test",
    version="1",
    model=None,
    draft=False,
    intent=None,
    intent_score=None,
    intent_justification=None,
    intent_turns=(),
    summary=(),
    bant=Bant(),
    qualification=(),
    quality=(),
    quality_score=None,
    metrics=Metrics(0, 0, None, 0, 0, 0, 0, None),
)


def perfect(call: LabelledCall) -> Analysis:
    """What an engine that is always right would say, with turns counted from 0 as the engines do."""

    def turns(label: list[int]) -> tuple[int, ...]:
        return tuple(turn - 1 for turn in label)

    concern = call.concern
    return replace(
        NOTHING,
        intent=call.intent.label,
        intent_turns=turns(call.intent.turns),
        bant=Bant(concern_categories=Statement(concern.label, turns(concern.turns)) if concern else None),
        qualification=tuple(Qualification(topic.label, "", turns(topic.turns)) for topic in call.topics),
    )


def outcome(**changes: object) -> Outcome:
    plain = Outcome(
        call="a",
        domain="sales",
        language="en",
        held_out=False,
        intent=("NEUTRAL", "NEUTRAL"),
        concern=(NONE, NONE),
        topics=frozenset(),
        found_topics=frozenset(),
        cited=(),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_macro_f1_is_the_mean_over_classes_of_either_side() -> None:
    pairs = [("a", "a"), ("a", "a"), ("a", "b"), ("b", "b"), ("c", "a"), ("b", "d")]
    # By hand: a has 2 right of 3 labelled and 3 found, b 1 of 2 and 2, c 0 of 1 and 0, d 0 of 0 and 1.
    assert macro_f1(pairs) == pytest.approx((2 / 3 + 1 / 2 + 0 + 0) / 4)
    assert accuracy(pairs) == pytest.approx(1 / 2)
    assert macro_f1([]) is None
    assert macro_f1([("a", "a")]) == 1


def test_topics_are_counted_over_all_calls_together() -> None:
    both = [
        outcome(topics=frozenset({"Budget", "Need"}), found_topics=frozenset({"Budget"})),
        outcome(topics=frozenset({"Timeline"}), found_topics=frozenset({"Budget", "Need", "Timeline"})),
    ]
    assert scores.precision(both) == pytest.approx(2 / 4)
    assert scores.recall(both) == pytest.approx(2 / 3)
    assert scores.topics_f1(both) == pytest.approx(2 * (1 / 2) * (2 / 3) / (1 / 2 + 2 / 3))
    assert scores.precision([outcome()]) is None
    assert scores.recall([outcome()]) is None


@pytest.mark.parametrize(
    ("turns", "overlaps", "within"),
    [([8], True, True), ([7, 8], True, True), ([7], False, False), ([8, 9], True, False), ([], False, False)],
)
def test_evidence_overlaps_or_lies_within(turns: list[int], overlaps: bool, within: bool) -> None:
    found = cited("intent", turns, [8], right=True)
    assert (found.overlaps, found.within) == (overlaps, within)


def test_evidence_of_wrong_statements_counts_in_the_last_figure_only() -> None:
    one = outcome(
        cited=(
            cited("intent", [3], [3], right=True),
            cited("Budget", [3], [], right=False),
            cited("Need", [4], [5], right=True),
        )
    )
    assert scores.evidence([one]) == pytest.approx(1 / 2)
    assert scores.strict_evidence([one]) == pytest.approx(1 / 2)
    assert scores.right_and_evidenced([one]) == pytest.approx(1 / 3)
    assert scores.evidence([outcome()]) is None


def test_an_interval_holds_the_figure_and_is_the_same_in_every_run() -> None:
    pairs = [("a", "a")] * 60 + [("a", "b")] * 40
    first = interval(pairs, accuracy)
    assert first == interval(pairs, accuracy)
    assert first.value == 0.6
    # The normal approximation says 0.6 ± 1.96 · √(0.6 · 0.4 / 100), so 0.504 to 0.696.
    assert (first.low, first.high) == pytest.approx((0.504, 0.696), abs=0.02)
    assert interval([("a", "a")] * 9, accuracy) == Interval(1, 1, 1)
    assert interval([], accuracy) == Interval(None, None, None)
    assert shown(Interval(0.714, 0.6, 0.8)) == "0.71 (0.60 to 0.80)"


def test_what_is_right_is_counted_as_right_in_every_call() -> None:
    calls = read_calls(TUNING)
    found = [compared(call, perfect(call)) for call in calls]
    assert {figure.name: figure.of(found) for figure in scores.ANALYSIS} == dict.fromkeys(
        (figure.name for figure in scores.ANALYSIS), 1.0
    )
    assert list(misses(calls, found)) == []


def test_what_is_wrong_is_told() -> None:
    said = replace(
        perfect(CALL),
        intent="NEUTRAL",
        bant=Bant(concern_categories=Statement("pricing, Integration", (7,))),
        qualification=(Qualification("BUDGET", "600", (2,)), Qualification("Weather", "fine", (3,))),
    )
    found = compared(CALL, said)
    assert found.intent == ("INTERESTED", "NEUTRAL")
    assert found.concern == ("Integration", "Pricing")
    assert found.found_topics == {"Budget", "Weather"}
    (line,) = misses([CALL], [found])
    for part in (
        "intent NEUTRAL, not INTERESTED",
        "missed Need in 4",
        "made up Weather",
        "Budget rests on other turns",
    ):
        assert part in line


class GivesUp:
    """An engine that answers the first call only."""

    name, version, at_once = "gives-up", "1", False

    def __init__(self) -> None:
        self.asked = 0

    async def analyse(self, conversation: Conversation, rubric: Rubric) -> Analysis:
        self.asked += 1
        if self.asked > 1:
            raise StepFailed("analysis_failed", "The server is away.", retry=True)
        return perfect(CALL)


async def test_a_call_without_an_answer_counts_as_nothing_found() -> None:
    right, without = await outcomes(GivesUp(), [CALL, CALL])
    assert not right.failed
    assert without.failed
    assert without.intent == ("INTERESTED", NONE)
    assert scores.recall([right, without]) == pytest.approx(1 / 2)


def test_the_language_model_is_measured_where_it_is_set() -> None:
    assert [analyser.name for analyser in configured(Settings())] == ["rules"]
    asked = Settings(llm_base_url="http://127.0.0.1:9/v1", llm_model="m", analyser="rules")
    assert [analyser.name for analyser in configured(asked)] == ["rules", "llm"]


async def test_misses_of_the_held_out_third_are_told_only_when_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "configured", lambda _: iter([GivesUp()]))
    monkeypatch.setattr(scores, "ROUNDS", 20)
    held_out = [call.id for call in read_calls(HELD_OUT)]
    sections = await run.measure_analysis(Settings(), show_held_out=False)
    told = capsys.readouterr().out + "".join(sections)
    assert "sales-en-01 (" in told or "sales-en-12 (" in told
    assert not any(f"{name} (" in told for name in held_out)
    await run.measure_analysis(Settings(), show_held_out=True)
    told = capsys.readouterr().out
    assert "spoilt the set" in told
    assert all(f"{name} (" in told for name in held_out)


def test_the_table_has_a_row_for_each_group_and_the_targets() -> None:
    few = [outcome(), outcome(language="hi", held_out=True)]
    assert [name for name, _ in groups(few)] == [
        *("tuning, all", "tuning, en", "tuning, sales"),
        *("held out, all", "held out, hi", "held out, sales"),
    ]
    lines = analysis_table(few).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[-1].count("≥ 0.75") == 2
    assert lines[-1].count("≥ 0.95") == 1


def transcript(*turns: tuple[str, str]) -> Transcript:
    made = tuple(
        Turn(n, "agent" if who == "agent" else "customer", n, n + 1, text) for n, (who, text) in enumerate(turns)
    )
    return Transcript("test", None, None, "final", "channels", made, (), len(made), 1.0)


def test_words_are_counted_by_speaker_without_case_and_punctuation() -> None:
    said = Reference(Path("x.wav"), {"agent": " Hello, Mark. It's Emma.", "customer": " Yes? Hi."}, "demo")
    assert counted(said, transcript(("agent", "hello mark its emma"), ("customer", "yes hi"))).errors == 0
    wrong = counted(said, transcript(("agent", "hello it's um emma"), ("customer", "no hi")))
    assert (wrong.words, wrong.errors) == (6, 3)
    assert counted(said, transcript()).errors == 6
    together = Reference(Path("y.wav"), {"all": "one two three"}, "real")
    assert counted(together, transcript(("agent", "one two"), ("customer", "three"))).errors == 0
    assert speech.wer([wrong, WordErrors("y", "real", 6, 0)]) == pytest.approx(3 / 12)
    assert speech.wer([]) is None
    assert "25.0%" in words_table([wrong, WordErrors("y", "real", 6, 0)])


def spans(*stretches: tuple[str, float, float]) -> list[Speech]:
    return [Speech(0, "agent" if who == "agent" else "customer", start, end) for who, start, end in stretches]


def test_confusion_is_measured_where_one_speaks() -> None:
    apart = spans(("agent", 0, 4), ("customer", 4, 8), ("agent", 7, 10))
    right = confused("x", "voices", apart, spans(("agent", 0, 5), ("customer", 5, 8), ("agent", 8, 9)))
    assert right.seconds == pytest.approx(9)
    assert right.confused == pytest.approx(1)
    assert right.missed == pytest.approx(1)
    assert not right.swapped
    swapped = confused("x", "voices", apart, spans(("customer", 0, 4), ("agent", 4, 8), ("customer", 8, 10)))
    assert swapped.confused == 0
    assert swapped.swapped
    single = confused("x", "single", apart, spans(("agent", 0, 10)))
    assert single.confused == pytest.approx(3)
    assert speech.confusion_rate([right, single]) == pytest.approx(4 / 18)
    assert "1 of 2 right" in speakers_table([right, swapped, single])
    assert confused("silence", "single", [], []).seconds == 0
    assert speech.shortest_alone(apart) == pytest.approx(3)
    assert speech.shortest_alone(spans(("agent", 0, 4), ("customer", 1, 2))) == 0


async def test_a_recording_with_one_speaker_confuses_nobody() -> None:
    assert await speech.confusion(speech.DEMO / "nobody-there.wav") is None


async def test_the_demos_recordings_have_references_and_two_speakers(tmp_path: Path) -> None:
    found = list(speech.references(tmp_path))
    assert len(found) == 12
    assert all(reference.path.exists() for reference in found)
    assert {len(reference.spoken) for reference in found} >= {1, 2}
    stereo = speech.two_channel(tmp_path)
    assert len(stereo) == 11
    measured = await speech.confusion(next(path for path in stereo if path.name == "price-mishandled.wav"))
    assert isinstance(measured, Confusion)
    assert 3 < measured.seconds < 8.1
    assert measured.missed < 0.1 * measured.seconds


def test_real_recordings_count_where_their_words_are_exact(tmp_path: Path) -> None:
    (tmp_path / "index.tsv").write_text(
        "file\tchannels\treference_kind\treference\na.wav\t1\texact\tone two\nb.wav\t2\tpartial\tone\n", "utf-8"
    )
    real = [reference for reference in speech.references(tmp_path) if reference.source == "real"]
    assert real == [Reference(tmp_path / "a.wav", {"all": "one two"}, "real")]
    assert speech.two_channel(tmp_path)[0] == tmp_path / "b.wav"


def test_a_mix_adds_both_channels() -> None:
    assert np.array_equal(speech.mixed(np.array([[100, -32768], [300, -32768]], np.int16)), [200, -32768])
