"""What `calls.accept` says to the database for a batch, recorded, so that pgbench can say the same."""

import asyncio
import re
from typing import Any, cast
from uuid import UUID

from bench.batches import MARK, records, submissions
from bench.figures import BenchFailed
from callwright import calls
from callwright.db import Pool, Scope
from callwright.submissions import Submission

Said = list[tuple[str, tuple[object, ...]]]
"""Statements with their arguments, in order."""


class _Ear:
    """Stands for a connection on which every call of the batch turns out to be new."""

    def __init__(self, call_ids: list[str]) -> None:
        self.said: Said = []
        self._fresh = [{"call_id": call_id} for call_id in call_ids]

    async def acquire(self, **_: object) -> "_Ear":
        return self

    async def release(self, _: "_Ear") -> None:
        pass

    async def execute(self, statement: str, *arguments: object) -> str:
        self.said.append((statement, arguments))
        return statement

    async def fetch(self, statement: str, *arguments: object) -> list[dict[str, str]]:
        self.said.append((statement, arguments))
        return self._fresh if "INSERT" in statement else []


def accepting(size: int, scope: Scope) -> Said:
    """What accepting a new batch of this size says, from BEGIN to COMMIT; not to be called in an event loop."""
    checked = submissions(records(size))
    ear = _Ear([each["call_id"] for each in checked])
    asyncio.run(_accept(ear, scope, checked))
    return ear.said


async def _accept(ear: _Ear, scope: Scope, checked: list[Submission]) -> None:
    await calls.accept(cast("Pool", cast("Any", ear)), scope, checked)


def rows_of(said: Said) -> str:
    """The rows of a batch as JSON, as they are handed to the statement."""
    return next(value for _, values in said for value in values if isinstance(value, str) and MARK in value)


def script(said: Said) -> tuple[list[str], dict[str, str]]:
    """What was said as lines for pgbench, in as many round trips, and its variables.

    Texts with marks become variables, sent with every transaction as the API sends them; the server replaces their
    marks, which takes 0.1 ms for 50 calls, because pgbench cannot.
    """
    lines: list[str] = []
    variables: dict[str, str] = {}
    for statement, arguments in said:
        words = {f"${number}": _expression(value, variables) for number, value in enumerate(arguments, 1)}
        filled = "".join(words.get(part, part) for part in re.split(r"(\$\d+)\b", statement))
        parts = [f"{part.strip()};" for part in filled.split(";") if part.strip()] if not arguments else [f"{filled};"]
        lines += ["\\startpipeline", *parts, "\\endpipeline"] if len(parts) > 1 else parts
    return lines, variables


def _expression(value: object, variables: dict[str, str]) -> str:
    """An argument in SQL; what differs from batch to batch is computed once in a statement."""
    if isinstance(value, int):
        return f"({value}::bigint)"
    if isinstance(value, UUID):
        return "(SELECT lpad(to_hex(:fresh::bigint), 32, '0')::uuid)"
    text = "{" + ",".join(value) + "}" if isinstance(value, list) else value
    if not isinstance(text, str):
        raise BenchFailed(f"An argument of the ingest statement is of a new kind: {type(value).__name__}")
    if not text:
        return "''"  # pgbench knows no empty variable
    name = f"text{len(variables)}"
    variables[name] = text
    cast_to = "::text[]" if isinstance(value, list) else ""
    return f"(SELECT replace(:{name}, '{MARK}', :fresh::text){cast_to})"
