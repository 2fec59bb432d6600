"""Ten times as many rows take the same memory, checked or sent."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_server import serve
from push.tables import HEADINGS, a_line, write_csv, write_jsonl, write_xlsx

FEW, MANY = 10_000, 100_000
MOST_MORE = 4 * 1024
"""Kilobytes: less than 50 bytes for each of the other rows, which have some 150."""


def saved(folder: Path, ending: str, rows: int) -> Path:
    path = folder / f"calls-{rows}.{ending}"
    lines = (a_line(number) for number in range(rows))
    if ending == "csv":
        return write_csv(path, lines)
    if ending == "xlsx":
        return write_xlsx(path, lines, tmpdir=str(folder))
    return write_jsonl(path, (dict(zip(HEADINGS, line, strict=True)) for line in lines))


MEASURED = """
import re, sys
from pathlib import Path
from callwright.cli import main
try:
    main()
finally:  # what getrusage says begins with the memory of whoever started the process
    print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""


def peak(folder: Path, *words: str, **environment: str) -> tuple[int, dict[str, object]]:
    """The most memory that a push has at a time, in kilobytes, and what it prints."""
    told = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_STATE_HOME": str(folder), **environment}
    command = [sys.executable, "-c", MEASURED, "push", *words, "--json"]
    ended = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended
    return int(ended.stderr), json.loads(ended.stdout)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "xlsx"])
def test_checking_takes_the_same_memory_for_any_number_of_rows(tmp_path: Path, ending: str) -> None:
    taken = {}
    for rows in (FEW, MANY):
        taken[rows], told = peak(tmp_path, str(saved(tmp_path, ending, rows)), "--dry-run")
        assert (told["rows"], told["faulty"]) == (rows, 0)
    assert taken[MANY] - taken[FEW] < MOST_MORE, taken


async def test_sending_takes_the_same_memory_for_any_number_of_rows(tmp_path: Path) -> None:
    async with serve() as server:

        async def accept(request: bytes, writer: asyncio.StreamWriter) -> None:
            server.requests.clear()
            calls = json.loads(request.split(b"\r\n\r\n", 1)[1])["data"]
            entries = [{"id": call["call"]["id"], "status": "accepted"} for call in calls]
            body = json.dumps({"success": True, "data": {"batch_id": "b", "calls": entries}}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

        server.routes["/api/v1/partner/ingest/batch-call"] = accept
        environment = {
            "CALLWRIGHT_URL": server.url("").rstrip("/"),
            "CALLWRIGHT_API_KEY": "cw_live_x",
            "CALLWRIGHT_API_SECRET": "s",
            "CALLWRIGHT_TENANT_ID": "acme",
            "CALLWRIGHT_SUB_TENANT_ID": "sales",
        }
        taken = {}
        for rows in (FEW, MANY):
            words = (str(saved(tmp_path, "csv", rows)), "--report", str(tmp_path / "report.csv"))
            taken[rows], told = await asyncio.to_thread(peak, tmp_path, *words, **environment)
            assert told["accepted"] == rows
        assert taken[MANY] - taken[FEW] < MOST_MORE, taken
