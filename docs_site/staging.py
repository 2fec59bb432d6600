"""Lays out what the site is built of: the repository's pages with their links mended, and those made of the code."""

import re
import shutil
from pathlib import Path

from callwright.api.openapi import openapi_document
from docs_site import endpoints
from docs_site.index import DOCS, INDEX, ROOT

_FENCED = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?P<open>\]\()(?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
_SHOWN = re.compile(
    r"<!-- docs/examples/[\w.]+ -->\n(?P<block>```(?P<language>\w+)\n.*?^```$)", re.DOTALL | re.MULTILINE
)
_RUN = re.compile(rf"(?:{_SHOWN.pattern}\n*){{2,}}", re.DOTALL | re.MULTILINE)
_TITLES = {"sh": "curl", "python": "Python", "js": "JavaScript"}


def stage(folder: Path) -> None:
    """Fill a new folder with every page and picture of the site.

    Raises:
        FileNotFoundError: A page links to a file of the repository that is not there.
    """
    shutil.rmtree(folder, ignore_errors=True)
    made = endpoints.pages(openapi_document())
    for name, (_, text) in made.items():
        _write(folder / name, text)
    places = endpoints.places(openapi_document())
    waiting, staged = sorted(DOCS.rglob("*")), set()
    while waiting:  # pages outside docs/ come in because a page links to them
        path = waiting.pop()
        if path in staged or path.is_dir() or path.is_relative_to(DOCS / "examples"):
            continue
        staged.add(path)
        if path.suffix == ".md":
            text, linked = _mended(path, places)
            _write(folder / place(path), text)
            waiting += linked
        else:
            (folder / place(path)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / place(path))


def place(path: Path) -> str:
    """Where a file of the repository stands in the site, from its root."""
    if path == INDEX:
        return "index.md"
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    return "project/" + "-".join(path.relative_to(ROOT).parts).lower()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _mended(path: Path, places: dict[str, str]) -> tuple[str, list[Path]]:
    """A page as the site has it, and the files of the repository that it links to."""
    linked: list[Path] = []

    def mend(found: re.Match[str]) -> str:
        if re.match(r"[a-z]+:", found["target"]):
            return found[0]
        target = (path.parent / found["target"]).resolve()
        if not target.is_file():
            raise FileNotFoundError(f"{path.relative_to(ROOT)} links to {found['target']}")
        linked.append(target)
        return f"{found['open']}{_relative(place(path), place(target))}{found['anchor'] or ''})"

    def prose(text: str) -> str:
        text = _LINK.sub(mend, text)
        return _requests_linked(text, place(path), places) if path == DOCS / "reference" / "api.md" else text

    text = _RUN.sub(_tabs, path.read_text("utf-8"))
    parts, end = [], 0
    for block in _FENCED.finditer(text):
        parts += [prose(text[end : block.start()]), block[0]]
        end = block.end()
    return "".join(parts) + prose(text[end:]), linked


def _requests_linked(text: str, here: str, places: dict[str, str]) -> str:
    """The requests in the first cells of tables, as links to where they are described."""

    def link(found: re.Match[str]) -> str:
        target = places.get(found[1])
        return f"| [`{found[1]}`]({_relative(here, target)})" if target else found[0]

    return re.sub(r"^\| `([A-Z]+ /[^`]+)`", link, text, flags=re.MULTILINE)


def _tabs(run: re.Match[str]) -> str:
    """Examples that follow each other, as tabs by language: the site's own form, which a code host does not know."""
    tabs = []
    for shown in _SHOWN.finditer(run[0]):
        lines = (f"    {line}" if line else "" for line in shown["block"].splitlines())
        tabs.append(f'=== "{_TITLES[shown["language"]]}"\n\n' + "\n".join(lines) + "\n")
    return "\n".join(tabs) + "\n"


def _relative(here: str, there: str) -> str:
    up = len(Path(here).parent.parts)
    return "../" * up + there
