"""One machine: everything starts, is watched, drains, and never outlives `up`."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from callwright.errors import SetupError
from callwright.up import _reachable, listen

WAIT_SECONDS = 90.0
pytestmark = pytest.mark.timeout(300)


class Machine:
    """A `callwright up` of our own on a free port."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.data = folder / "data"
        self.log = folder / "up.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLWRIGHT_")}
        self.environment = {**kept, "CALLWRIGHT_DATA_DIR": str(self.data), **environment}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "callwright", "up", "--port", "0"],
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def url(self) -> str:
        return str(json.loads((self.data / "up.json").read_text())["url"])

    def answers(self) -> bool:
        """Whether it is ready, the database too."""
        try:
            return httpx.get(f"{self.url}/readyz", trust_env=False, timeout=10).is_success
        except (OSError, httpx.HTTPError):
            return False

    def said(self) -> str:
        return self.log.read_text()

    def child(self, word: str) -> int:
        """The process of one of the three."""
        return next(pid for pid in children(self.process.pid) if word in command_line(pid))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command beside it."""
        return subprocess.run(
            [sys.executable, "-m", "callwright", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=WAIT_SECONDS)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def descendants(pid: int) -> list[int]:
    below = children(pid)
    return below + [deeper for child in below for deeper in descendants(child)]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def wait_until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    made = Machine(tmp_path_factory.mktemp("up"))
    try:
        wait_until(lambda: (made.data / "up.json").exists() or made.process.poll() is not None, "it did not start")
        assert made.process.poll() is None, made.said()
        yield made
    finally:
        made.process.kill()
        made.process.wait()


def test_it_tells_people_and_scripts_where_it_is(machine: Machine) -> None:
    assert json.loads((machine.data / "up.json").read_text()) == {"url": machine.url, "pid": machine.process.pid}
    wait_until(lambda: "Next" in machine.said(), "no banner")
    for part in (machine.url, str(machine.data), "callwright partner add NAME"):
        assert part in machine.said()
    assert machine.answers()


def test_a_partner_added_beside_it_is_let_in_at_once(machine: Machine) -> None:
    added = json.loads(machine.run("partner", "add", "Acme", "--auto-provision", "--json").stdout)
    headers = {
        "x-api-key": added["api_key"],
        "x-api-secret": added["api_secret"],
        "x-tenant-id": "t",
        "x-sub-tenant-id": "s",
    }
    answer = httpx.get(f"{machine.url}/api/v1/partner/calls/none", headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["message"]) == (404, "Call not found")
    assert machine.run("partner", "revoke", "Acme").returncode == 0
    assert httpx.get(f"{machine.url}/api/v1/partner/calls/none", headers=headers, trust_env=False).status_code == 403


def test_the_doctor_passes_beside_it(machine: Machine) -> None:
    done = machine.run("doctor", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert {finding["check"]: finding["state"] for finding in json.loads(done.stdout)}["database"] == "ok"


def test_a_second_one_is_told_who_has_the_data(machine: Machine) -> None:
    done = machine.run("up", "--port", "0")
    assert done.returncode == 1
    assert f"in use by process {machine.process.pid}" in done.stderr


@pytest.mark.parametrize("word", ["callwright serve", "callwright worker", "bin/postgres"])
def test_what_dies_is_started_again(machine: Machine, word: str) -> None:
    dead = machine.child(word)
    os.kill(dead, signal.SIGKILL)
    wait_until(
        lambda: any(word in command_line(p) for p in children(machine.process.pid) if p != dead), "not restarted"
    )
    wait_until(machine.answers, "does not answer again")
    assert "process_died" in machine.said()


def test_it_drains_and_leaves_nothing(tmp_path: Path) -> None:
    made = Machine(tmp_path, CALLWRIGHT_LOG_FORMAT="json")
    try:
        wait_until((made.data / "up.json").exists, "it did not start")
        wait_until(lambda: "worker ready" in made.said(), "no worker")
        below = descendants(made.process.pid)
        assert len(children(made.process.pid)) == 3
        assert made.end() == 0
    finally:
        made.process.kill()
        made.process.wait()
    assert [pid for pid in below if command_line(pid)] == []
    assert not (made.data / "up.json").exists()
    assert "database system is shut down" in (made.data / "postgres.log").read_text()
    lines = [json.loads(line) for line in made.said().splitlines() if line.startswith("{")]
    assert {"up", "web", "worker"} <= {line["service"] for line in lines}
    assert any("drained" in line["event"] for line in lines)
    assert not any(line["level"] in ("error", "critical") for line in lines)


def test_nothing_outlives_one_that_is_killed(tmp_path: Path) -> None:
    made = Machine(tmp_path)
    try:
        wait_until((made.data / "up.json").exists, "it did not start")
        wait_until(lambda: "worker ready" in made.said(), "no worker")
        below = descendants(made.process.pid)
    finally:
        made.process.kill()
        made.process.wait()
    assert len(below) > 3  # the server's and the worker's own processes too
    wait_until(lambda: not any(command_line(pid) for pid in below), "something outlived it")


def test_a_setting_that_cannot_work_ends_it_with_a_sentence(tmp_path: Path) -> None:
    made = Machine(tmp_path, CALLWRIGHT_TRANSCRIBER="faster-whisper:/nonexistent/model")
    try:
        assert made.process.wait(timeout=WAIT_SECONDS) == 1
    finally:
        made.process.kill()
        made.process.wait()
    assert "`callwright worker` could not start" in made.said()
    assert "/nonexistent/model" in made.said()
    assert "Traceback" not in made.said()


def test_a_port_that_is_taken_comes_with_a_free_one() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            SetupError, match=f"Port {port} of 127.0.0.1 cannot be opened: Address already in use"
        ) as error:
            listen("127.0.0.1", port)
    suggested = int(error.value.fix.split("--port ")[1].split(",")[0])
    with listen("127.0.0.1", suggested) as free:
        assert free.getsockname()[1] == suggested


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(SetupError, match=r"Cannot listen on 192\.0\.2\.1") as error:
        listen("192.0.2.1", 0)
    assert "--host" in error.value.fix


@pytest.mark.parametrize(
    ("host", "reached"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")]
)
def test_the_address_that_is_told_can_be_opened(host: str, reached: str) -> None:
    assert _reachable(host) == reached
