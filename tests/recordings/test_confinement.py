"""Where recordings are decoded nothing can be reached: tried by code that stands in the decoder's place."""

import json
import os
import platform
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from callwright import doctor
from callwright.recordings import audio, confinement
from callwright.recordings.audio import decode
from callwright.settings import Settings
from recordings.media import tones, wav

ATTACK = """
import json, os, signal, socket, sys
from callwright.recordings import child

PORT, FOREIGN, PARENT = {port}, {foreign!r}, {parent}
real = child.decode

def tried(reach_out):
    try:
        reach_out()
    except BaseException as error:
        return type(error).__name__
    return "done"

def decode(source, channels, most_seconds):
    if most_seconds == 1:  # the moment of silence at the start
        return real(source, channels, most_seconds)
    fields = real(source, channels, most_seconds)
    fields["codec"] = json.dumps({{
        "connect": tried(lambda: socket.create_connection(("127.0.0.1", PORT), 1)),
        "datagram": tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
        "unix": tried(lambda: socket.socket(socket.AF_UNIX)),
        "pair": tried(socket.socketpair),
        "resolve": tried(lambda: socket.getaddrinfo("localhost", PORT)),
        "read": tried(lambda: open(FOREIGN).read()),
        "write": tried(lambda: open(FOREIGN + ".new", "w")),
        "list": tried(lambda: os.listdir("/")),
        "stat": tried(lambda: os.stat(FOREIGN)),
        "remove": tried(lambda: os.unlink(FOREIGN)),
        "fork": tried(os.fork),
        "run": tried(lambda: os.execv("/bin/true", ["true"])),
        "kill": tried(lambda: os.kill(PARENT, signal.SIGKILL)),
        "look": tried(lambda: os.pidfd_open(PARENT)),
        "limits": tried(lambda: __import__("resource").prlimit(0, 7, (1000, 1000))),
    }})
    return fields

child.decode = decode
child.serve(socket.socket(fileno=0))
"""


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


@pytest.fixture
def fresh_decoder() -> Iterator[None]:
    """A server of this test's own, before and after."""
    audio._server.close()
    yield
    audio._server.close()


@pytest.mark.usefixtures("fresh_decoder")
async def test_code_in_the_decoders_place_reaches_nothing(
    tmp_path: Path, listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / "another-tenants-recording"
    foreign.write_text("secret")
    program = ATTACK.format(port=listening.getsockname()[1], foreign=str(foreign), parent=os.getpid())
    monkeypatch.setattr(audio, "_COMMAND", [sys.executable, "-I", "-c", program])
    source = tmp_path / "source"
    source.write_bytes(wav(tones(1, 8000, 440), 8000))
    decoded = await decode(source, scratch=tmp_path)
    assert decoded.seconds == 1
    outcome = json.loads(decoded.codec)
    assert len(outcome) == 15
    assert {name for name, error in outcome.items() if error == "done"} == set()
    with pytest.raises(TimeoutError):
        listening.accept()
    assert foreign.read_text() == "secret"
    assert set(os.listdir(tmp_path)) == {foreign.name, "samples.s16le", "source"}  # noqa: PTH208 - shorter


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_is_confined_as_root_is() -> None:
    become = "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    program = "from callwright.recordings import confinement\n" + become + "os._exit(not confinement._try())"
    assert subprocess.run([sys.executable, "-I", "-c", program], check=False).returncode == 0


def test_a_confined_process_ends_as_it_always_does() -> None:
    program = "from callwright.recordings.confinement import confine; import sys; print(confine()); sys.stdout.flush()"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("True\n", 0)


@pytest.mark.parametrize(
    ("machine", "header"),
    [("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), ("aarch64", "/usr/include/asm-generic/unistd.h")],
)
def test_the_numbers_are_the_kernels(machine: str, header: str) -> None:
    if not Path(header).exists():
        pytest.skip("no kernel headers here")
    found = dict(re.findall(r"#define __NR(?:3264)?_(\w+) (\d+)", Path(header).read_text()))
    column = list(confinement._MACHINES).index(machine)
    for name, numbers in confinement.ALLOWED.items():
        assert int(found[name]) == numbers[column], name


def test_no_call_that_opens_or_reaches_something_is_allowed() -> None:
    reaching = (
        r"open|socket|connect|accept|bind|exec|fork|clone|kill|ptrace|mount|link|rename|ioctl|prctl|pid(?!$)|uring"
    )
    assert [name for name in confinement.ALLOWED if re.search(reaching, name)] == []


async def test_where_the_kernel_cannot_the_doctor_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.model_validate({})
    assert (await doctor._decoder(settings)).state == "ok"
    monkeypatch.setattr(doctor, "is_confined", lambda: False)
    finding = await doctor._decoder(settings)
    assert (finding.state, bool(finding.fix)) == ("warning", True)


def test_an_unknown_machine_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: platform.uname()._replace(machine="riscv64"))
    assert not confinement.confine()
    socket.socket().close()
