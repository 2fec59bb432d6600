"""The image's build file: its lint, who it runs as, and what gets into it and what does not."""

import re
import subprocess
from pathlib import Path

import pytest

from deploy.tools import ROOT, program

CONTAINERFILE = ROOT / "deploy" / "Containerfile"
USER = "10001:10001"


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its arguments, on one line."""
    lines = [line for line in CONTAINERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line.strip())]


def last_stage() -> list[tuple[str, str]]:
    """The instructions of the stage that becomes the image."""
    every = instructions()
    start = max(number for number, (name, _) in enumerate(every) if name == "FROM")
    return every[start:]


def linted(file: Path) -> subprocess.CompletedProcess[str]:
    command = [program("hadolint"), "--no-color", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing() -> None:
    found = linted(CONTAINERFILE)
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize(
    ("was", "becomes", "rule"),
    [("python:3.11-slim-bookworm", "python:latest", "DL3007"), ("USER 10001:10001", "USER root", "DL3002")],
)
def test_hadolint_would_find(was: str, becomes: str, rule: str, tmp_path: Path) -> None:
    text = CONTAINERFILE.read_text()
    assert was in text
    file = tmp_path / "Containerfile"
    file.write_text(text.replace("FROM ${PYTHON}", "FROM python:3.11-slim-bookworm").replace(was, becomes))
    assert rule in linted(file).stdout


def test_the_image_runs_as_nobody_in_particular() -> None:
    stage = last_stage()
    assert ("USER", USER) in stage
    assert ("ENTRYPOINT", '["callwright"]') in stage
    assert [rest for name, rest in stage if name == "HEALTHCHECK"]
    after = stage[stage.index(("USER", USER)) :]
    assert not [rest for name, rest in after if name in {"RUN", "COPY", "ADD"}], "nothing is written as the user"


def test_what_builds_stays_behind() -> None:
    stage = last_stage()
    assert [rest for name, rest in stage if name in {"COPY", "ADD"}] == [
        "--from=packages /opt/callwright /opt/callwright"
    ]
    run = " ".join(rest for name, rest in stage if name == "RUN")
    assert "pip uninstall" in run
    assert not re.search(r"apt-get|pip install|npm", run)


def test_packages_are_those_of_the_lock_files() -> None:
    installs = [rest for name, rest in instructions() if name == "RUN" and "pip install" in rest]
    assert len(installs) == 2
    for rest in installs:
        assert "--require-hashes" in rest or "--constraints requirements/base.lock" in rest


def test_nothing_of_a_working_copy_gets_in_by_itself() -> None:
    """Everything is ignored but what a line names, and every COPY finds what it copies."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    let_in = [line[1:] for line in lines if line.startswith("!")]
    assert all(list(ROOT.glob(pattern)) for pattern in let_in)
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    for source in (each for sources in copied for each in sources):
        assert [pattern for pattern in let_in if pattern == source or pattern.startswith(f"{source}/")], source
