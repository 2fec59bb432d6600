"""Fills the page on metrics: what each process tells, and what the values of each label are, from the code."""

import re

from callwright.metrics import DESCRIBED, LABELS, Described, Tells

_TABLE = re.compile(r"^<!-- metrics: (?P<of>\w+) -->\n.*?^<!-- /metrics -->$", re.DOTALL | re.MULTILINE)
_TELLS: dict[str, Tells] = {"both": "both", "API": "API", "worker": "worker"}


def metrics_filled(text: str) -> str:
    """The page with the table of each of its marks."""

    def fill(mark: re.Match[str]) -> str:
        of = mark["of"]
        rows = _labels() if of == "labels" else _metrics([d for d in DESCRIBED if d.tells == _TELLS[of]])
        return f"<!-- metrics: {of} -->\n" + "\n".join(rows) + "\n<!-- /metrics -->"

    return _TABLE.sub(fill, text)


def _metrics(described: list[Described]) -> list[str]:
    head = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    return head + [
        f"| {' '.join(f'`{series}`' for series in d.series)} | {d.kind} "
        f"| {', '.join(f'`{label}`' for label in d.labels) or 'none'} | {d.meaning} |"
        for d in described
    ]


def _labels() -> list[str]:
    return ["| label | values |", "|---|---|", *(f"| `{label}` | {LABELS[label]} |" for label in sorted(LABELS))]
