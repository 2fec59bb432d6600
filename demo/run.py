"""The whole main job on real input: a batch of recordings in, signed callbacks out, as a partner would do it."""

import argparse
import datetime as dt
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from partner_side import Received, make_certificate, receive_callbacks, serve_recordings
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

HERE = Path(__file__).parent
WAIT_SECONDS = 900
START_SECONDS = 60
POLL_SECONDS = 1.0  # well within 120 requests a minute
console = Console() if sys.stdout.isatty() else Console(width=120)


class DemoFailed(Exception):
    """The demo cannot go on; says what to do."""


def demo_calls(callback_url: str, recordings_url: str) -> list[dict[str, Any]]:
    """The twelve scripted calls as the records of a batch."""
    scripted = tomllib.loads((HERE / "calls.toml").read_text())
    manifest = json.loads((HERE / "recordings" / "manifest.json").read_text())
    made = {entry["id"]: entry for entry in manifest["recordings"]}
    records = []
    for call in scripted["calls"]:
        agent = scripted["agents"][call["agent"]]
        recording = made[call["id"]]
        start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=call["minutes_ago"])
        record = one_call(call["id"], f"{recordings_url}/{call['file']}", callback_url, start)
        record["call"]["end_time"] = iso(start + dt.timedelta(seconds=recording["properties"]["seconds"]))
        record["call"]["contact_number"] = call["contact_number"]
        record["agent"] = {name: agent[name] for name in ("id", "name", "email")}
        record["customer"] = {**call["customer"], "disposition_status": call.get("disposition_status")}
        for name in ("industry", "function", "metadata", "custom_fields"):
            record[name] = call.get(name)
        if call.get("send_transcript"):
            record["transcript"] = recording["turns"]
        records.append(record)
    return records


def one_call(call_id: str, recording_url: str, callback_url: str, start: dt.datetime) -> dict[str, Any]:
    """One record with made-up people."""
    return {
        "call": {
            "id": call_id,
            "recording_url": recording_url,
            "start_time": iso(start),
            "end_time": iso(start + dt.timedelta(seconds=1)),
            "contact_number": "+12025550199",
        },
        "agent": {"id": "agent-you", "name": "Your agent"},
        "customer": {"id": "customer-yours", "name": "Your customer"},
        "callback_url": callback_url,
        "metadata": {"source": "demo"},
    }


def iso(moment: dt.datetime) -> str:
    """A time as the contract wants it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def callwright_up(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Run `callwright up` until the block ends.

    Yields:
        Its address.

    Raises:
        DemoFailed: It did not come up.
    """
    log = folder / "callwright.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "callwright", "up", "--port", "0", "--data-dir", str(folder / "data")]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)  # noqa: S603
        try:
            yield _wait_for_address(folder / "data" / "up.json", process, log)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait_for_address(file: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    with console.status("Starting Callwright: database, API and worker …"):
        while time.monotonic() < deadline and process.poll() is None:
            try:
                url = str(json.loads(file.read_text())["url"])
                if httpx.get(f"{url}/readyz", trust_env=False).status_code == httpx.codes.OK:
                    return url
            except (OSError, ValueError, httpx.TransportError):
                pass
            time.sleep(0.1)
    raise DemoFailed(f"Callwright did not start. Its log ends:\n{log.read_text()[-3000:]}")


def onboard(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """Add the demo partner, which brings its tenants in by using them."""
    command = [sys.executable, "-m", "callwright", "partner", "add", "Demo", "--auto-provision", "--json"]
    environment = {**environment, "CALLWRIGHT_DATA_DIR": str(folder / "data")}
    added = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if added.returncode:
        raise DemoFailed(f"`callwright partner add` failed:\n{added.stderr}")
    partner: dict[str, str] = json.loads(added.stdout)
    return partner


def push(client: httpx.Client, records: list[dict[str, Any]]) -> str:
    """Send one batch and give its id."""
    answer = client.post("/api/v1/partner/ingest/batch-call", json={"data": records})
    if answer.status_code != httpx.codes.OK:
        raise DemoFailed(f"The batch was answered {answer.status_code}: {answer.text}")
    data = answer.json()["data"]
    console.print(
        f"POST /api/v1/partner/ingest/batch-call → 200, {data['accepted']} accepted, batch {data['batch_id']}"
    )
    return str(data["batch_id"])


def read(client: httpx.Client, path: str) -> dict[str, Any]:
    """Ask after something, and wait as long as the API says where that is too often."""
    while True:
        answer = client.get(f"/api/v1/partner/{path}")
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            data: dict[str, Any] = answer.raise_for_status().json()["data"]
            return data
        time.sleep(int(answer.headers["retry-after"]))


def wait(client: httpx.Client, batch_id: str, received: Received, count: int) -> None:
    """Show how far the calls are until each has ended and its callback has come."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        states = ("fetched", "transcribed", "completed", "called back")
        tasks = [progress.add_task(state, total=count) for state in states]
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            calls = read(client, f"batches/{batch_id}")["calls"]
            order = ["received", "fetched", "transcribed", "completed", "failed"]
            for task, state in zip(tasks, states, strict=True):
                passed = sum(order.index(call["state"]) >= order.index(state) for call in calls if state in order)
                progress.update(task, completed=len(received.bodies) if state == "called back" else passed)
            if len(received.bodies) == count:
                return
            time.sleep(POLL_SECONDS)
    raise DemoFailed(f"Only {len(received.bodies)} of {count} callbacks came within {WAIT_SECONDS} s.")


def show(client: httpx.Client, records: list[dict[str, Any]], received: Received) -> None:
    """Print what became of each call."""
    caption = "— not assessed; * by the voices alone, as the words of a draft prove nothing"
    table = Table(title="What the partner knows now", caption=caption, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("call", "state", "engine", "seconds", "agent talks", "intent", "score", "quality", "signature"):
        table.add_column(name, justify="right" if name in {"seconds", "agent talks", "score", "quality"} else "left")
    for record in records:
        call_id = record["call"]["id"]
        call = read(client, f"calls/{call_id}")
        table.add_row(
            escape(call_id.removeprefix("demo-")),
            *row(call),
            "[green]verified" if received.verified[call_id] else "[red]WRONG",
        )
    console.print(table)
    for record in records:
        body = received.bodies[record["call"]["id"]]
        if body["error"]:
            console.print(f"[red]{escape(body['call_id'])}[/]: {escape(body['error'])}")


def row(call: dict[str, Any]) -> list[str]:
    """One call in the table's words."""
    analysis, transcript = call["analysis"] or {}, call["transcript"] or {}
    ratio = (analysis.get("metrics") or {}).get("talk_ratio")
    engine = transcript.get("engine", "—") + (" (draft)" if transcript.get("quality") == "draft" else "")
    seconds = (call["recording"] or {}).get("duration")
    cells = [analysis.get(name) for name in ("intent", "intent_score")]
    quality = analysis.get("quality_score")
    return [
        f"[green]{call['status']}" if call["status"] == "completed" else f"[red]{call['status']}",
        engine,
        f"{seconds:.1f}" if seconds else "—",
        f"{ratio:.0%}" if ratio is not None else "—",
        *("—" if cell is None else str(cell) for cell in cells),
        "—" if quality is None else f"{quality}{'*' if analysis['draft'] else ' '}",
    ]


def run(recording: str | None, *, keep: bool) -> None:
    """Run the demo; with a recording, on that alone."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callwright-demo-")))
        files = {path.name: path for path in (HERE / "recordings").iterdir()}
        own = Path(recording).expanduser() if recording and "://" not in recording else None
        if own is not None:
            if not own.is_file():
                raise DemoFailed(f"There is no file {own}.")
            files = {"yours": own}
        recordings_url = stack.enter_context(serve_recordings(files))
        trusted, served = make_certificate(folder)
        received = Received()
        callback_url = stack.enter_context(receive_callbacks(served, received))
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CALLWRIGHT_")},
            **{
                name: os.environ[name]
                for name in os.environ
                if name.startswith(("CALLWRIGHT_TRANSCRIBER", "CALLWRIGHT_LLM"))
            },
            "CALLWRIGHT_ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
            "CALLWRIGHT_CA_FILE": str(trusted),
        }
        url = stack.enter_context(callwright_up(folder, environment))
        partner = onboard(folder, environment)
        received.webhook_secret = partner["webhook_secret"]
        console.print(
            f"Callwright is up at {url}; partner {partner['partner_id']} with key {partner['api_key']}", soft_wrap=True
        )
        headers = {
            "x-api-key": partner["api_key"],
            "x-api-secret": partner["api_secret"],
            "x-tenant-id": "brightdesk",
            "x-sub-tenant-id": "inside-sales",
        }
        client = stack.enter_context(httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False))
        if recording:
            source = f"{recordings_url}/yours" if own else recording
            records = [one_call("your-call", source, callback_url, dt.datetime.now(dt.UTC))]
        else:
            records = demo_calls(callback_url, recordings_url)
        batch_id = push(client, records)
        wait(client, batch_id, received, len(records))
        show(client, records, received)
        look_next(client, records[0]["call"]["id"], folder / "data", keep=keep)


def look_next(client: httpx.Client, call_id: str, data: Path, *, keep: bool) -> None:
    """Say where to look next; with `keep`, stay up until interrupted.

    Args:
        client: Of the partner.
        call_id: A call to look at.
        data: Where Callwright keeps everything.
        keep: Whether to stay up.
    """
    if not keep:
        console.print(
            "\nStay and look around: [bold]make demo KEEP=1[/]. Your own file: [bold]make demo RECORDING=call.mp3[/]."
        )
        console.print(
            "Run it for yourself: [bold].venv/bin/callwright up[/], then [bold]callwright partner add NAME[/]."
        )
        return
    url = str(client.base_url).rstrip("/")
    names = ("x-api-key", "x-api-secret", "x-tenant-id", "x-sub-tenant-id")
    flags = " ".join(f"-H '{name}: {client.headers[name]}'" for name in names)
    token = client.get("/api/v1/partner/dashboard/auth/token").raise_for_status().json()["data"]["token"]
    of_this = f"CALLWRIGHT_DATA_DIR={shlex.quote(str(data))} CALLWRIGHT_PUBLIC_URL={url}"
    for title, line in (
        ("The API's reference:", f"{url}/docs"),
        ("One call with its transcript and evidence:", f"curl {flags} {url}/api/v1/partner/calls/{call_id}"),
        ("The operator's console, at the link that this prints:", f"{of_this} .venv/bin/callwright console"),
        ("The dashboard of these calls:", f"{url}/view-insights?token={token}"),
    ):
        console.print(f"\n{title}\n  {line}", soft_wrap=True, highlight=False, markup=False)
    console.print("\nCtrl-C ends it and removes everything.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("Stopping …")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recording", help="your own recording: a file or an http(s) address")
    parser.add_argument("--keep", action="store_true", help="stay up afterwards")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped too
    try:
        run(arguments.recording, keep=arguments.keep)
    except (DemoFailed, httpx.HTTPError) as error:
        console.print(f"[red]The demo failed.[/] {escape(str(error))}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
