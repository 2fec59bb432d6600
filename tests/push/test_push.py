"""`callwright push` as it is run: against a real server, broken off and gone on with, and what it says."""

import asyncio
import csv
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from callwright.db import Pool
from callwright.push.presets import presets
from local_server import serve
from partner_api import Door
from push.shell import Shell, environment_of
from push.tables import HEADINGS, a_line, write_csv, write_jsonl, write_xlsx
from real_server import a_door, a_server


@dataclass
class Partner:
    """A partner with a shell, and a server to push to."""

    shell: Shell
    door: Door

    async def calls(self) -> list[str]:
        """The ids of the calls that the server has."""
        found: list[str] = []
        cursor = ""
        while True:
            answer = await self.door.get(f"calls?limit=100{cursor}")
            assert answer.status_code == 200, answer.text
            page: dict[str, Any] = answer.json()["data"]
            found += [call["id"] for call in page["calls"]]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"


@pytest.fixture
async def partner(database_url: str, tmp_path: Path) -> AsyncIterator[Partner]:
    async with a_server(database_url) as (port, _, _), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        door = await a_door(client, database_url)
        shell = Shell(
            tmp_path, environment_of(f"http://127.0.0.1:{port}", door.partner.api_key, door.partner.api_secret)
        )
        yield Partner(shell, door)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell of somebody who has no server."""
    return Shell(tmp_path, environment_of("http://127.0.0.1:1", "cw_live_x", "s"))


async def test_a_file_is_pushed_and_reported(partner: Partner) -> None:
    shell = partner.shell
    path = write_csv(shell.folder / "calls.csv", (a_line(n) for n in range(120)))
    printed = await shell.run("push", "calls.csv", "--report", "report.csv")
    assert "calls.csv: 120 rows, 0 with faults." in printed
    assert "120 rows: 120 accepted, 0 duplicates, 0 refused." in printed
    assert sorted(await partner.calls()) == sorted(f"call-{n}" for n in range(120))
    with (shell.folder / "report.csv").open(newline="") as opened:
        _, *rows = csv.reader(opened)
    assert [(row[0], row[1], row[2]) for row in rows] == [(str(n + 2), f"call-{n}", "accepted") for n in range(120)]
    assert len({row[-1] for row in rows}) == 3, "batches of 50"

    again, said = await (await shell.start("push", "calls.csv")).communicate()
    assert b"120 rows: 120 accepted" in again, "an answered row is not sent twice"
    assert b"All 120 rows were answered before, and nothing is sent; --restart" in said
    restarted = json.loads(await shell.run("push", "calls.csv", "--restart", "--json"))
    assert (restarted["sent"], restarted["accepted"], restarted["duplicates"], restarted["changed"]) == (
        True,
        0,
        120,
        0,
    )

    write_csv(path, (a_line(n, agent="another") for n in range(2)))
    changed = await shell.run("push", "calls.csv")
    assert "2 rows: 0 accepted, 2 duplicates, 0 refused." in changed
    assert "2 of the duplicates differ from what was accepted first" in changed
    assert len(shell.journals()) == 2


@pytest.mark.parametrize("ending", ["jsonl", "xlsx"])
async def test_other_formats_arrive_alike(partner: Partner, ending: str) -> None:
    lines = [a_line(n) for n in range(3)]
    if ending == "xlsx":
        write_xlsx(partner.shell.folder / "calls.xlsx", lines)
    else:
        write_jsonl(partner.shell.folder / "calls.jsonl", [dict(zip(HEADINGS, line, strict=True)) for line in lines])
    told = json.loads(await partner.shell.run("push", f"calls.{ending}", "--json"))
    assert (told["rows"], told["accepted"], told["refused"], told["faults"]) == (3, 3, 0, [])
    answer = await partner.door.get("calls/call-2")
    assert answer.json()["data"]["start_time"] == "2026-01-05T10:00:00Z"


async def test_nothing_is_sent_where_a_row_has_a_fault_unless_told_so(partner: Partner) -> None:
    shell = partner.shell
    lines = [a_line(n, **({"phone": "12"} if n in (3, 61) else {})) for n in range(70)]
    write_csv(shell.folder / "calls.csv", lines)
    for options in ((), ("--dry-run",)):
        printed = await shell.run("push", "calls.csv", *options, "--report", "report.csv", code=1)
        assert "70 rows, 2 with faults." in printed
        assert "5     call-3   Phone   contact_number must be a valid phone number in E.164 format" in printed
        assert "63    call-61" in printed
        assert ("Nothing was sent." in printed) is (not options)
        assert (shell.folder / "report.csv").read_text().splitlines()[1:] == [
            "5,call-3,refused,,Phone,contact_number must be a valid phone number in E.164 format,",
            "63,call-61,refused,,Phone,contact_number must be a valid phone number in E.164 format,",
        ]
    assert await partner.calls() == []
    assert shell.journals() == []

    told = json.loads(await shell.run("push", "calls.csv", "--skip-faulty", "--json", "--report", "report.csv", code=1))
    assert (told["accepted"], told["refused"], told["faulty"]) == (68, 2, 2)
    assert told["faults"][0] == {
        "line": 5,
        "call_id": "call-3",
        "column": "Phone",
        "message": "contact_number must be a valid phone number in E.164 format",
    }
    assert len(await partner.calls()) == 68
    assert len((shell.folder / "report.csv").read_text().splitlines()) == 71


async def test_a_vendors_export_is_pushed_by_its_preset(partner: Partner) -> None:
    shell = partner.shell
    lines = [
        [
            *("", "101", f"1202555{n:04}", "c", "", "", "", "", "", "2026-01-05 11:00:00", "", "2026-01-05 11:12:30"),
            *("750", "742", "ANSWERED" if n else "NO ANSWER", "", f"{n}.7", f"{n}.wav"),
        ]
        for n in range(3)
    ]
    write_csv(shell.folder / "Master.csv", lines[1:], lines[0])
    given = ["--preset", "asterisk", "--join", "call.contact_number=+{dst}", "--timezone", "America/New_York"]
    where = ["--recordings", "https://recordings.example.com/2026"]
    said = await shell.run("push", "Master.csv", *given, code=1)
    assert "→ Recordings with a name alone: say where they lie, as --recordings" in said
    told = json.loads(await shell.run("push", "Master.csv", *given, *where, "--skip-faulty", "--json", code=1))
    assert (told["rows"], told["accepted"], told["faults"][0]["line"]) == (3, 2, 1)
    answer = (await partner.door.get("calls/2.7")).json()["data"]
    assert (answer["start_time"], answer["contact_number"]) == ("2026-01-05T16:00:00Z", "+12025550002")


async def test_presets_are_listed_and_printed(shell: Shell) -> None:
    listed = await shell.run("push", "--presets")
    for preset in presets():
        assert preset.name in listed
        printed = await shell.run("push", "--print-preset", preset.name)
        assert printed == preset.path.read_text("utf-8")
    assert "There is no preset 'nortel'" in await shell.run("push", "--print-preset", "nortel", code=1)
    (shell.folder / "own.toml").write_text(printed, "utf-8")
    write_csv(shell.folder / "calls.csv", [a_line(1)])
    for option in (("--preset", "vicidial"), ("--mapping", "own.toml")):
        said = await shell.run("push", "calls.csv", "--dry-run", *option, code=1)
        assert "There is no column 'recording_location'" in said
    assert "has not the form FIELD=TEXT" in await shell.run("push", "calls.csv", "--join", "x", code=2)


async def test_a_push_that_is_killed_goes_on_where_it_was(partner: Partner, rows: Pool) -> None:
    shell = partner.shell
    write_csv(shell.folder / "calls.csv", (a_line(n) for n in range(3000)))
    process = await shell.start("push", "calls.csv")
    async with asyncio.timeout(120):
        while not (shell.journals() and shell.journals()[0].read_bytes().count(b"\n") > 2):  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    answered = shell.journals()[0].read_bytes().count(b"\n")
    assert 2 < answered < 60, "it was killed in the middle"

    told = json.loads(await shell.run("push", "calls.csv", "--json"))
    assert told["rows"] == told["accepted"] + told["duplicates"] == 3000
    assert told["duplicates"] in (0, 50), "the batch whose answer was lost, at most"
    assert await rows.fetchval("SELECT count(*) FROM calls") == 3000
    assert await rows.fetchval("SELECT count(*) FROM batches") == 60 + told["duplicates"] // 50


async def test_a_push_that_is_interrupted_says_how_to_go_on(tmp_path: Path) -> None:
    async with serve() as server:
        asked = asyncio.Event()

        async def never(_request: bytes, _writer: asyncio.StreamWriter) -> None:
            asked.set()
            await asyncio.Event().wait()

        server.routes["/api/v1/partner/ingest/batch-call"] = never
        shell = Shell(tmp_path, environment_of(server.url("").rstrip("/"), "cw_live_x", "s"))
        write_csv(tmp_path / "calls.csv", [a_line(1)])
        process = await shell.start("push", "calls.csv")
        await asked.wait()
        process.send_signal(signal.SIGINT)
        _, said = await process.communicate()
        assert process.returncode == 130
        assert b"Stopped; 0 of 1 rows were answered. The same command goes on there." in said
        assert b"Traceback" not in said


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"CALLWRIGHT_API_SECRET": "wrong"}, "Callwright refused: 403: Forbidden"),
        ({"CALLWRIGHT_TENANT_ID": "other"}, "Callwright refused: 403: Forbidden"),
        ({"CALLWRIGHT_API_KEY": ""}, "CALLWRIGHT_API_KEY is not set"),
        ({"CALLWRIGHT_API_SECRET": ""}, "CALLWRIGHT_API_SECRET is not set"),
        ({"CALLWRIGHT_SUB_TENANT_ID": ""}, "CALLWRIGHT_SUB_TENANT_ID is not set"),
        ({"CALLWRIGHT_URL": "ftp://x"}, "base_url must be an absolute http(s) URL"),
    ],
)
async def test_who_may_not_push_is_told_why(partner: Partner, changes: dict[str, str], says: str) -> None:
    write_csv(partner.shell.folder / "calls.csv", [a_line(1)])
    partner.shell.environment |= changes
    printed = await partner.shell.run("push", "calls.csv", code=1)
    assert says in printed
    assert "→ " in printed
    assert partner.door.partner.api_secret not in printed
    assert await partner.calls() == []


async def test_options_go_before_the_environment_and_a_file_has_the_secret(partner: Partner) -> None:
    shell = partner.shell
    write_csv(shell.folder / "calls.csv", [a_line(1)])
    (shell.folder / "secret").write_text(partner.door.partner.api_secret + "\n")
    words = ("--tenant", "acme", "--subtenant", "sales", "--api-key", partner.door.partner.api_key)
    url = shell.environment["CALLWRIGHT_URL"]
    shell.environment |= {name: "wrong" for name in shell.environment if name.startswith("CALLWRIGHT_")}
    await shell.run("push", "calls.csv", *words, "--url", url, "--api-secret-file", "secret")
    assert await partner.calls() == ["call-1"]
    assert "cannot be read" in await shell.run("push", "calls.csv", *words, "--api-secret-file", "none", code=1)


async def test_how_to_read_a_file_is_told_by_options_and_files(shell: Shell) -> None:
    line = ["7", "https://recordings.example.com/7.mp3", "05.01.2026 10:00", "12:30", "+12025550101", "a", "k", "x"]
    headings = ["Nr", "Recording", "Beginn", "Duration", "Rufnummer", "Agent ID", "Customer ID", "Phone"]
    write_csv(shell.folder / "calls.csv", [line], headings)
    (shell.folder / "dialer.toml").write_text(
        'timezone = "Europe/Berlin"\n[columns]\n"Nr" = "call.id"\n'
        'Beginn = "call.start_time"\nRufnummer = "call.contact_number"\n'
    )
    options = ("--mapping", "dialer.toml", "--time-format", "%d.%m.%Y %H:%M", "--set", "metadata.source=a=b")
    printed = await shell.run("push", "calls.csv", "--dry-run", *options)
    assert "1 row, 0 with faults." in printed
    assert "Not sent: Phone" in printed
    told = json.loads(
        await shell.run("push", "calls.csv", "--dry-run", "--json", *options, "--map", "Phone=metadata.x")
    )
    assert told["sent"] is False
    assert told["columns"]["Phone"] == "metadata.x"
    assert told["left_out"] == []


@pytest.mark.parametrize("name", ["calls.csv", "link.csv", "how.toml"])
async def test_a_report_takes_the_place_of_nothing_that_is_read(shell: Shell, name: str) -> None:
    path = write_csv(shell.folder / "calls.csv", [a_line(1)])
    (shell.folder / "link.csv").symlink_to(path)
    (shell.folder / "how.toml").write_text('timezone = "UTC"')
    before = {each: each.read_bytes() for each in (path, shell.folder / "how.toml")}
    words = ("push", "calls.csv", "--dry-run", "--mapping", "how.toml", "--report", name)
    assert f"The report would take the place of {name}" in await shell.run(*words, code=1)
    assert {each: each.read_bytes() for each in before} == before


@pytest.mark.parametrize("words", [("--map", "x"), ("--map", "=call.id"), ("--set", "industry")])
async def test_options_of_no_form_are_refused(shell: Shell, words: tuple[str, ...]) -> None:
    write_csv(shell.folder / "calls.csv", [])
    assert "has not the form" in await shell.run("push", "calls.csv", "--dry-run", *words, code=2)


async def test_what_is_in_a_file_cannot_write_on_the_screen(shell: Shell) -> None:
    write_csv(shell.folder / "calls.csv", [a_line(1, id="\x1b[31m[red]x", phone="x")], (*HEADINGS[:6], "Customer ID"))
    printed = await shell.run("push", "calls.csv", "--dry-run", code=1)
    assert "[31m[red]x" in printed
    assert "\x1b" not in printed


async def test_many_faults_are_counted_and_the_first_of_them_shown(shell: Shell) -> None:
    write_csv(shell.folder / "calls.csv", (a_line(n, phone="x") for n in range(1500)))
    printed = await shell.run("push", "calls.csv", "--dry-run", "--report", "report.csv", code=1)
    assert "1,500 rows, 1,500 with faults." in printed
    assert "These are not all of them" in printed
    assert printed.count("contact_number must be") == 50
    assert len((shell.folder / "report.csv").read_text().splitlines()) == 1501
