"""What checks the files that ship Callwright: programs and packages that `make tools` brings into the environment.

Without them a test is skipped, unless CALLWRIGHT_TEST_DEPLOY says that all of it is to run, as in CI.
"""

import importlib
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]


def program(name: str, hint: str = "make tools") -> str:
    """Where a program is: beside this Python, or on the path."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    return found or _absent(name, hint)


def package(name: str) -> ModuleType:
    """A package that is no part of the environment of every contributor."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        _absent(name, "make tools")


def _absent(name: str, hint: str) -> NoReturn:
    if os.environ.get("CALLWRIGHT_TEST_DEPLOY"):
        pytest.fail(f"CALLWRIGHT_TEST_DEPLOY is set, and there is no {name} here: {hint}")
    pytest.skip(f"no {name} here: {hint}")
