"""Shell completion as bash does it, by what the program itself prints."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
eval "$(callwright --show-completion; true)"
COMP_WORDS=(callwright "$@")
COMP_CWORD=$#
_callwright_completion callwright
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("typed", "offers"),
    [
        (("pu",), {"push"}),
        (("cal",), {"call", "callback", "calls"}),
        (("calls", ""), {"tail"}),
        (("push", "calls.csv", "--time"), {"--timezone", "--time-format"}),
        (("listen", "--p"), {"--port"}),
    ],
)
def test_bash_completes_commands_and_options(tmp_path: Path, typed: tuple[str, ...], offers: set[str]) -> None:
    bash = shutil.which("bash")
    assert bash
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    command = [bash, "-c", SCRIPT, "bash", *typed]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert {line.split("\t")[0].strip() for line in ended.stdout.splitlines()} == offers
