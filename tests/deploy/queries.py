"""Queries in PromQL, taken apart, and what in them asks for something that nobody tells."""

import re
from collections.abc import Iterator

import promql_parser as promql

from callwright import metrics
from callwright.errors import FAILURE_CODES

GIVEN = {"job", "instance"}
"""Labels that Prometheus adds to whatever it scrapes."""

OF_PROCESSES = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"}


def known() -> dict[str, set[str]]:
    """Every name that can be asked for, with its labels."""
    found = {series: {*GIVEN, *d.labels} for d in metrics.DESCRIBED for series in d.series}
    for name in found:
        found[name] |= {"le"} if name.endswith("_bucket") else set()
    return found | {name: set(GIVEN) for name in ("up", *OF_PROCESSES)}


def values(label: str) -> set[str] | None:
    """All values that a label of ours can have; None where they are not counted up anywhere."""
    if label == "code":
        return {"", *FAILURE_CODES}
    if label in {"step", "outcome", "state", "limit", "task", "pool", "tokens"}:
        return set(re.findall(r"`(\w+)`", metrics.LABELS[label]))
    return None


def faults(query: str) -> list[str]:
    """What is wrong with a query.

    Raises:
        ValueError: It is no PromQL.
    """
    found: list[str] = []
    tree = promql.parse(query.replace("$__rate_interval", "5m"))

    def look(node: promql.Expr) -> None:
        if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
            there = set.union(*(known().get(s.name or "", set()) for s in selectors(node.expr)))
            found.extend(f"nothing is told by {label!r}" for label in node.modifier.labels if label not in there)

    for selector in selectors(tree):
        if selector.name not in known():
            found.append(f"nobody tells {selector.name!r}")
            continue
        for matcher in selector.matchers.matchers:
            if matcher.name not in known()[selector.name]:
                found.append(f"{selector.name} has no {matcher.name!r}")
            elif not _can_match(matcher):
                found.append(f"{matcher.name} of {selector.name} is never {matcher.value!r}")
    promql.walk(tree, look)
    return found


def selectors(tree: promql.Expr) -> Iterator[promql.VectorSelector]:
    """Every part of a query that names a metric."""
    found: list[promql.VectorSelector] = []

    def look(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            found.append(node)

    promql.walk(tree, look)
    yield from found


def _can_match(matcher: promql.Matcher) -> bool:
    possible = values(matcher.name)
    if possible is None:
        return True
    if matcher.op in (promql.MatchOp.Equal, promql.MatchOp.NotEqual):
        return matcher.value in possible
    return all(any(re.fullmatch(part, value) for value in possible) for part in matcher.value.split("|"))
