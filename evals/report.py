"""The tables: figures with their intervals, by language and domain, beside their targets."""

from collections.abc import Callable, Sequence

from evals.calls import TOPICS_OF
from evals.scores import ANALYSIS, Interval, Measured, Outcome, interval
from evals.speech import Confusion, WordErrors, confusion_rate, wer

LANGUAGES = ("en", "hi", "hi-Latn", "mixed")


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table, the first one its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def shown(figure: Interval) -> str:
    """A figure with its interval, as `0.71 (0.60 to 0.80)`."""
    return "-" if figure.value is None else f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def percent(figure: Interval) -> str:
    """The same in percent."""
    if figure.value is None or figure.low is None or figure.high is None:
        return "-"
    return f"{figure.value:.1%} ({figure.low:.1%} to {figure.high:.1%})"


def groups(outcomes: Sequence[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """The tuning set and the held-out third, each whole, by language and by domain; empty ones left out."""
    choices: list[tuple[str, Callable[[Outcome], bool]]] = [("all", lambda _: True)]
    choices += [(name, lambda outcome, name=name: outcome.language == name) for name in LANGUAGES]  # type: ignore[misc]
    choices += [(name, lambda outcome, name=name: outcome.domain == name) for name in TOPICS_OF]  # type: ignore[misc]
    found = []
    for part, held_out in (("tuning", False), ("held out", True)):
        for name, belongs in choices:
            chosen = [outcome for outcome in outcomes if outcome.held_out == held_out and belongs(outcome)]
            if chosen:
                found.append((f"{part}, {name}", chosen))
    return found


def analysis_table(outcomes: Sequence[Outcome], figures: Sequence[Measured[Outcome]] = ANALYSIS) -> str:
    """One row for each group of calls, one column for each figure; the targets in the last row."""
    rows = [["calls", "n", *(figure.name for figure in figures)]]
    rows += [
        [name, str(len(chosen)), *(shown(interval(chosen, figure.of)) for figure in figures)]
        for name, chosen in groups(outcomes)
    ]
    targets = ["" if figure.target is None else f"≥ {figure.target:.2f}" for figure in figures]
    return markdown([*rows, ["target, held out", "", *targets]])


def words_table(found: Sequence[WordErrors]) -> str:
    """Word error rates by source and over all."""
    rows = [["recordings", "n", "words", "WER"]]
    for source in (*sorted({each.source for each in found}), "all"):
        chosen = [each for each in found if source in ("all", each.source)]
        words = str(sum(each.words for each in chosen))
        rows.append([source, str(len(chosen)), words, percent(interval(chosen, wer))])
    return markdown(rows)


def speakers_table(found: Sequence[Confusion]) -> str:
    """Confusion of speakers, recording by recording and over all."""
    rows = [["mono mix of", "told apart by", "speech", "confused", "missed", "agent and customer"]]
    rows += [
        [
            each.name,
            each.speakers,
            f"{each.seconds:.1f} s",
            f"{each.confused / each.seconds:.1%}" if each.seconds else "-",
            f"{each.missed / each.seconds:.1%}" if each.seconds else "-",
            "one voice" if each.speakers == "single" else "swapped" if each.swapped else "right",
        ]
        for each in found
    ]
    seconds = sum(each.seconds for each in found)
    missed = f"{sum(each.missed for each in found) / seconds:.1%}" if seconds else "-"
    two = [each for each in found if each.speakers == "voices"]
    right = f"{sum(not each.swapped for each in two)} of {len(two)} right"
    rows.append(["all", "", f"{seconds:.1f} s", percent(interval(found, confusion_rate)), missed, right])
    return markdown(rows)
