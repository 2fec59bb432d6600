"""The project's pages, taken apart: headings, tables, code, links, and the commands that they name."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, without its indent."""

    page: Path
    language: str
    body: str


def pages() -> list[Path]:
    """Every page of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = sorted(ROOT / name for name in set(listed.split("\0")) if name)
    return [page for page in found if page.is_file()]


def page(name: str) -> str:
    """The text of a page, as `docs/reference/errors.md`."""
    return (ROOT / name).read_text("utf-8")


def blocks(path: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a page in these languages, or all of them."""
    found = []
    for match in FENCE.finditer(path.read_text("utf-8")):
        lines = [line.removeprefix(match["indent"]) for line in match["body"].splitlines(keepends=True)]
        if not languages or match["language"] in languages:
            found.append(Block(path, match["language"], "".join(lines)))
    return found


def prose(text: str) -> str:
    """A page without its fenced blocks and comments."""
    return _COMMENT.sub("", FENCE.sub("", text))


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of the same or a higher level."""
    found = re.search(rf"^(?P<level>#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"there is a heading {heading!r}"
    rest = text[found.end() :]
    following = re.search(rf"^#{{1,{len(found['level'])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def rows(text: str) -> list[list[str]]:
    """The cells of every table row but the heads."""
    found = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        is_head = number + 1 < len(lines) and re.fullmatch(r"\|[-| :]+\|", lines[number + 1])
        if line.startswith("|") and not is_head and not re.fullmatch(r"\|[-| :]+\|", line):
            found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))])
    return found


def code_spans(text: str) -> list[str]:
    """What stands in single backticks, outside fenced blocks."""
    return re.findall(r"`([^`\n]+)`", prose(text))


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(text: str) -> list[str]:
    """The targets of a page's links."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(text))


def shell_commands(path: Path) -> Iterator[str]:
    """Every command of a page: lines of its shell blocks, continued ones as one, and code in its sentences."""
    for block in blocks(path, "sh"):
        for line in block.body.replace("\\\n", " ").splitlines():
            yield line.split(" #")[0].strip()
    yield from code_spans(path.read_text("utf-8"))
