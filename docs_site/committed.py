"""Keeps what is made of the code and yet lies in the repository: tables, examples within pages, the Postman file."""

import re
from pathlib import Path

from callwright.api.openapi import openapi_document
from docs_site.commands import commands_filled
from docs_site.index import DOCS, ROOT
from docs_site.metrics import metrics_filled
from docs_site.postman import collection
from docs_site.settings import settings_filled

POSTMAN = ROOT / "clients" / "postman" / "callwright.postman_collection.json"
SETTINGS, COMMANDS = DOCS / "reference" / "settings.md", DOCS / "reference" / "cli.md"
METRICS = DOCS / "reference" / "metrics.md"
_LANGUAGES = {".sh": "sh", ".py": "python", ".mjs": "js"}
_EXAMPLE = re.compile(r"^<!-- (?P<name>docs/examples/[\w.]+) -->\n(?:```\w+\n.*?^```\n)?\n*", re.DOTALL | re.MULTILINE)


def committed() -> dict[Path, str]:
    """What these files must have in them, by the code as it is."""
    made = {
        POSTMAN: collection(openapi_document()),
        SETTINGS: settings_filled(SETTINGS.read_text("utf-8")),
        COMMANDS: commands_filled(COMMANDS.read_text("utf-8")),
        METRICS: metrics_filled(METRICS.read_text("utf-8")),
    }
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text("utf-8")
        if _EXAMPLE.search(text):
            made[page] = _EXAMPLE.sub(_shown, text)
    return made


def renew() -> list[Path]:
    """Write those of them that are not so; gives which."""
    stale = [path for path, text in committed().items() if not path.is_file() or path.read_text("utf-8") != text]
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(committed()[path], "utf-8")
    return stale


def _shown(found: re.Match[str]) -> str:
    path = ROOT / found["name"]
    block = f"```{_LANGUAGES[path.suffix]}\n{path.read_text('utf-8')}```"
    return f"<!-- {found['name']} -->\n{block}\n\n"
