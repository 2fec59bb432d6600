"""The house's own rules: sizes, names, first lines, and what must never be in a tracked file."""

import ast
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FUNCTION_LINES, FILE_LINES = 50, 400
FORBIDDEN_NAMES = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}

REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|yarnpkg\.com|anaconda\.org|crates\.io|proxy\.golang\.org"
    r"|rubygems\.org|(?:gcr|ghcr|quay)\.io|docker\.(?:io|com)"
)
MACHINE_PATH = re.compile(r"(?<![\w.~/$}])/(?:home|Users|root|work|mnt|media)/[\w.-]+|\b[A-Z]:\\\\?Users\b")
SECRETS = {
    "an API key": re.compile(r"\bcw_(?:live|test)_[0-9a-f]{20}\b"),
    "an API secret": re.compile(r"\bcws_(?:live|test)_[0-9a-f]{64}"),
    "a webhook secret": re.compile(r"\bwhsec_[A-Za-z0-9+/]{24,}"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*\n\s*[A-Za-z0-9+/]{20}"),
    "a cloud key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a token of a code host": re.compile(r"\bgh[oprsu]_[A-Za-z0-9]{36}\b"),
    "a key of a model's server": re.compile(r"\bsk-[A-Za-z0-9_-]{20,}"),
    "a JSON web token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "a password in a URL": re.compile(r"\b[a-z]+://[^\s/:@\"'{<]+:(?!\*)[^\s/@\"'{<]{3,}@[a-z0-9]"),
}
SQL = re.compile(
    r"(?is)\b(?:select\b.+\bfrom\b|insert\s+into\b|update\s+\w+\s+set\b|delete\s+from\b|(?:create|alter|drop)\s+table\b)"
)
ASKS_THE_DATABASE = {"execute", "executemany", "fetchrow", "fetchval", "copy_records_to_table"}


def sizes(text: str) -> list[str]:
    """Files and functions that are longer than one can read at a time."""
    found = [f"{len(text.splitlines())} lines"] if len(text.splitlines()) > FILE_LINES else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                found.append(f"{node.name} has {lines} lines")
    return found


def first_line(text: str) -> list[str]:
    """A module says in one line what it is for."""
    docstring = ast.get_docstring(ast.parse(text))
    if not docstring:
        return [] if not text.strip() else ["no docstring"]
    line, *rest = docstring.split("\n")
    good = line.endswith(".") and (not rest or not rest[0].strip())
    return [] if good else [f"the docstring does not begin with one whole line: {line!r}"]


def database_words(text: str) -> list[str]:
    """SQL in a string, or a call that only a connection takes."""
    tree = ast.parse(text)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            found += [f"line {node.lineno}: {node.value!r}"] if SQL.search(node.value) else []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ASKS_THE_DATABASE:
            found.append(f"line {node.lineno}: calls {node.func.attr}")
    return found


def registries(text: str) -> list[str]:
    """Host names of package registries: any mirror must do."""
    return REGISTRY.findall(text)


def machine_paths(text: str) -> list[str]:
    """Paths that exist on somebody's machine only."""
    return MACHINE_PATH.findall(text)


def secrets(text: str) -> list[str]:
    """What looks like a credential that works somewhere."""
    return [what for what, pattern in SECRETS.items() if pattern.search(text)]


def misnamed(path: Path) -> list[str]:
    """Names that say nothing about what a module is for."""
    return [part for part in (*path.parent.parts, path.stem) if part.lower() in FORBIDDEN_NAMES]


def tracked() -> list[Path]:
    """Every file that is, or is about to be, in the repository, relative to its root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return sorted(Path(name) for name in set(listed.split("\0")) if name and (ROOT / name).is_file())


def texts(*, under: tuple[str, ...] = (), suffix: str = "") -> list[tuple[Path, str]]:
    """The tracked text files below some folders."""
    found = []
    for path in tracked():
        if path.name.endswith(suffix) and (not under or str(path).startswith(under)):
            content = (ROOT / path).read_bytes()
            if b"\0" not in content:
                found.append((path, content.decode()))
    return found


def faults(check: Callable[[str], list[str]], files: list[tuple[Path, str]]) -> list[str]:
    assert files, "there is something to check"
    return [f"{path}: {fault}" for path, text in files for fault in check(text)]


OWN_CODE = ("src/", "clients/", "tests/", "demo/", "bench/", "evals/", "web/")


@pytest.mark.parametrize("check", [sizes, first_line])
def test_code_is_short_and_says_what_it_is_for(check: Callable[[str], list[str]]) -> None:
    assert faults(check, texts(under=OWN_CODE, suffix=".py")) == []


def test_doors_and_pages_have_no_sql() -> None:
    assert (
        faults(database_words, texts(under=("src/callwright/api/", "src/callwright/dashboards/"), suffix=".py")) == []
    )


@pytest.mark.parametrize("check", [registries, machine_paths])
def test_no_file_knows_one_machine_or_one_mirror(check: Callable[[str], list[str]]) -> None:
    assert faults(check, texts()) == []


def test_nothing_looks_like_a_secret_outside_the_tests() -> None:
    assert faults(secrets, [(path, text) for path, text in texts() if path.parts[0] != "tests"]) == []


def test_every_name_says_what_a_module_is_for() -> None:
    assert [str(path) for path in tracked() if path.suffix == ".py" and misnamed(path)] == []


@pytest.mark.parametrize(
    ("check", "bad"),
    [
        (sizes, "x = 1\n" * (FILE_LINES + 1)),
        (sizes, "def long():\n" + "    x = 1\n" * FUNCTION_LINES),
        (sizes, "class A:\n    async def long(self):\n" + "        x = 1\n" * FUNCTION_LINES),
        (first_line, "import os\n"),
        (first_line, '"""What this is\nfor, over two lines."""\n'),
        (first_line, '"""No full stop"""\n'),
        (database_words, 'QUESTION = "select name from partners"\n'),
        (database_words, 'def ask(c):\n    return c.run(f"UPDATE calls SET x = {1}")\n'),
        (database_words, "async def ask(c, words):\n    await c.fetchval(words)\n"),
        (registries, "--index-url https://pypi" + ".org/simple"),
        (registries, "https://files.python" + "hosted.org/packages/x.whl"),
        (machine_paths, "see " + "/home" + "/ann/project"),
        (machine_paths, '"' + "/root" + '/callwright"'),
        (secrets, "cw_live_" + "0a" * 10),
        (secrets, "CALLWRIGHT_SECRET = cws_live_" + "0a" * 32 + "abcdef"),
        (secrets, "whsec_" + "MfKQ9r8GKYqrTwjU" * 2),
        (secrets, "-----BEGIN PRIVATE KEY" + "-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC"),
        (secrets, "postgresql://callwright:" + "hunter22@db.example.com/callwright"),
        (secrets, "AKIA" + "IOSFODNN7EXAMPLE"),
    ],
)
def test_each_check_finds_a_bad_sample(check: Callable[[str], list[str]], bad: str) -> None:
    assert check(bad)


@pytest.mark.parametrize(
    ("check", "good"),
    [
        (sizes, "x = 1\n" * FILE_LINES),
        (sizes, "def short():\n" + "    x = 1\n" * (FUNCTION_LINES - 1)),
        (first_line, '"""What this is for.\n\nAnd more of it."""\n'),
        (first_line, ""),
        (database_words, '"""Select an answer from what there is."""\n\nSENTENCE = "Select a tenant, or update it."\n'),
        (
            machine_paths,
            "~/.local/share, $HOME/work/x, ../work/x, https://example.com/home/x, /usr/lib/postgresql/15/bin",
        ),
        (secrets, "whsec_..., cws_live_<random><checksum>, postgresql://callwright@127.0.0.1:5432/callwright"),
    ],
)
def test_each_check_passes_a_good_sample(check: Callable[[str], list[str]], good: str) -> None:
    assert check(good) == []


@pytest.mark.parametrize("path", ["src/callwright/utils.py", "tests/helpers/names.py", "demo/Manager.py"])
def test_names_that_say_nothing_are_found(path: str) -> None:
    assert misnamed(Path(path))
    assert not misnamed(Path("requirements") / "reading.py")
