"""Writes llms.txt, the list of pages for language models (https://llmstxt.org), from the list for people."""

import re
from pathlib import Path

from callwright.api.openapi import openapi_document
from docs_site import endpoints
from docs_site.index import DOCS, INDEX, Entry, read_index
from docs_site.staging import place

OPTIONAL = "Decisions"
"""The section that a reader with little room may leave out; the form names it `Optional`."""

_FENCED = re.compile(r"^```.*?^```\n", re.DOTALL | re.MULTILINE)


def llms(pages: Path) -> str:
    """The list, with links relative to itself: the pages lie beside it as Markdown.

    Args:
        pages: The pages as they are staged; what the list says nothing of is told by its first sentence.
    """
    text = INDEX.read_text("utf-8")
    about = " ".join(text.split("\n\n")[1].split())
    parts = [f"# Callwright\n\n> {about}"]
    for section in read_index(text):
        lines = []
        for entry in section.entries:
            lines.append(_line(entry, pages))
            if entry.page == DOCS / "reference" / "api.md":
                lines += [
                    f"- [Endpoints: {title}]({name}): made of the OpenAPI document"
                    for name, (title, _) in endpoints.pages(openapi_document()).items()
                ]
        title = "Optional" if section.title == OPTIONAL else section.title
        parts.append("\n\n".join(part for part in (f"## {title}", section.note, "\n".join(lines)) if part))
    return "\n\n".join(parts) + "\n"


def _line(entry: Entry, pages: Path) -> str:
    note = entry.note or _first_sentence((pages / place(entry.page)).read_text("utf-8"))
    return f"- [{entry.title}]({place(entry.page)}): {note}"


def _first_sentence(text: str) -> str:
    """The first sentence of a page in plain words; of a decision, the decision."""
    for paragraph in _FENCED.sub("", text).split("\n\n"):
        if paragraph and paragraph[0] not in "#|<-!":
            plain = re.sub(r"\[([^]]+)]\([^)]*\)", r"\1", " ".join(paragraph.replace("**Decision.** ", "").split()))
            return plain.partition(". ")[0].rstrip(".:")
    return ""
