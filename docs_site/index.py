"""Reads `docs/README.md`, the one list of all pages: by it go the navigation of the site and llms.txt."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"

_SECTION = re.compile(r"^## (?P<title>[^\n]+)\n(?P<body>.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
_ENTRY = re.compile(r"^- \[(?P<title>[^]]+)]\((?P<link>[^)]+)\)(?P<note>.*?)(?=^- |^$|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """A page of the list: its title there, its file, and what is said of it."""

    title: str
    page: Path
    note: str


@dataclass(frozen=True)
class Section:
    """A heading of the list, the sentences below it, and its pages."""

    title: str
    note: str
    entries: tuple[Entry, ...]


def read_index(text: str) -> list[Section]:
    """The sections of the list, in its order. What a title says of a page is begun with a capital letter."""
    found = []
    for section in _SECTION.finditer(text):
        note = re.sub(r"\s+", " ", section["body"].partition("\n- ")[0]).strip()
        entries = tuple(_entry(each) for each in _ENTRY.finditer(section["body"]))
        found.append(Section(section["title"], "" if note.startswith("- ") else note, entries))
    return found


def _entry(found: re.Match[str]) -> Entry:
    title, note = found["title"], re.sub(r"\s+", " ", found["note"]).strip(" :,")
    return Entry(title[0].upper() + title[1:], (DOCS / found["link"].partition("#")[0]).resolve(), note)
