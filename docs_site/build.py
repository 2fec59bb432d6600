"""Builds the site into `site/`, strictly: a link that leads nowhere ends it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from callwright.api.openapi import openapi_document
from docs_site import endpoints
from docs_site.committed import renew
from docs_site.index import DOCS, INDEX, ROOT, Section, read_index
from docs_site.llms import llms
from docs_site.staging import place, stage

SITE = ROOT / "site"
_SETTINGS = Path(__file__).with_name("zensical.toml")


class NotBuilt(Exception):
    """The site has a fault; what was printed says which."""


def build(site: Path, work: Path) -> None:
    """Build the site into one folder, working in another; both are made anew.

    Raises:
        NotBuilt: Zensical found a fault; it has said which.
        FileNotFoundError: A page links to a file of the repository that is not there.
    """
    shutil.rmtree(work, ignore_errors=True)
    stage(work / "pages")
    settings = _SETTINGS.read_text("utf-8")
    head, mark, rest = settings.partition("\n[project.theme]")
    navigation = f"\nnav = {_toml(navigated(read_index(INDEX.read_text('utf-8'))))}\n"
    shutil.copytree(_SETTINGS.with_name("theme"), work / "theme")
    shutil.copytree(_SETTINGS.with_name("assets"), work / "pages" / "assets")
    (work / "zensical.toml").write_text(head + navigation + mark + rest, "utf-8")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    ended = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise NotBuilt(ended.stdout + ended.stderr)
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(work / "site", site)
    for page in (work / "pages").rglob("*.md"):  # beside what is read by people, for language models
        shutil.copyfile(page, site / page.relative_to(work / "pages"))
    (site / "llms.txt").write_text(llms(work / "pages"), "utf-8")


def navigated(sections: list[Section]) -> list[dict[str, Any]]:
    """The navigation: the sections of the list, each page where it is first named, and the endpoints below the API."""
    found: list[dict[str, Any]] = [{"Home": "index.md"}]
    seen = set()
    for section in sections:
        entries: list[dict[str, Any]] = []
        for entry in section.entries:
            if entry.page in seen:
                continue
            seen.add(entry.page)
            entries.append({entry.title: place(entry.page)})
            if entry.page == DOCS / "reference" / "api.md":
                entries.append(
                    {"Endpoints": [{t: name} for name, (t, _) in endpoints.pages(openapi_document()).items()]}
                )
        found.append({section.title: entries})
    return found


def _toml(value: object) -> str:
    """Lists, tables of one key and texts, as TOML writes them within a line."""
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)


if __name__ == "__main__":
    for renewed in renew():
        sys.stdout.write(f"Renewed {renewed.relative_to(ROOT)}\n")
    try:
        build(SITE, ROOT / "build" / "docs")
    except (NotBuilt, FileNotFoundError) as error:
        sys.exit(f"docs: {error}")
    sys.stdout.write("The site is in site/: python3 -m http.server --bind 127.0.0.1 --directory site\n")
