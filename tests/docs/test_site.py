"""The site is built without a warning, lists every page, tells of every endpoint, and fetches nothing elsewhere."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from docs_site.build import NotBuilt, build, navigated
from docs_site.commands import commands_filled
from docs_site.committed import committed
from docs_site.endpoints import operations, pages
from docs_site.index import INDEX, read_index
from docs_site.schemas import fields
from docs_site.settings import settings_filled
from docs_site.staging import place, stage

from callwright.api.openapi import openapi_document
from docs.pages import ROOT, blocks, links, page
from docs.pages import pages as every_page

DOCUMENT = openapi_document()
FETCHING = {
    "script": "src",
    "link": "href",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "audio": "src",
    "video": "src",
    "object": "data",
    "embed": "src",
    "image": "href",
    "use": "href",
}
"""What makes a browser fetch something, and from where."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    build(folder / "site", folder / "work")
    return folder / "site"


class Fetched(HTMLParser):
    """Every address that a page has a browser fetch, and the links that people may follow."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.anchors: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "a":
            self.anchors.append(named.get("href") or "")
        self.addresses += [value for value in (named.get(FETCHING.get(tag, "")), named.get("srcset")) if value]
        self.addresses += re.findall(r"url\(([^)]+)\)", named.get("style") or "")


def test_the_site_fetches_nothing_from_another_host(site: Path) -> None:
    written = sorted(site.rglob("*.html"))
    assert len(written) > 50
    for path in written:
        text = path.read_text("utf-8")
        elsewhere = [a for a in Fetched(text).addresses if re.match(r"(?:[a-z]+:)?//", a)]
        assert elsewhere == [], path
        assert 'http-equiv="Content-Security-Policy" content="default-src \'self\';' in text
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", path.read_text("utf-8")), path


def test_what_a_page_fetches_is_found() -> None:
    found = Fetched('<script src="//x/a.js"></script><p style="background: url(http://x/b.png)"><a href="http://x">')
    assert found.addresses == ["//x/a.js", "http://x/b.png"]
    assert found.anchors == ["http://x"]


def test_a_link_that_leads_nowhere_ends_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stage_with_a_fault(folder: Path) -> None:
        stage(folder)
        (folder / "quickstart.md").write_text("# Quickstart\n\n[gone](index.md#no-such-heading)\n", "utf-8")

    monkeypatch.setattr("docs_site.build.stage", stage_with_a_fault)
    with pytest.raises(NotBuilt, match="quickstart"):
        build(tmp_path / "site", tmp_path / "work")
    assert not (tmp_path / "site").exists()


def test_every_page_is_in_the_navigation_once() -> None:
    found: list[str] = []

    def walk(entries: object) -> None:
        for entry in entries if isinstance(entries, list) else []:
            for target in entry.values():
                walk(target)
                found.extend([target] if isinstance(target, str) else [])

    walk(navigated(read_index(INDEX.read_text("utf-8"))))
    documented = {place(path) for path in every_page() if path.is_relative_to(ROOT / "docs")}
    assert sorted(found) == sorted({*documented, *pages(DOCUMENT), place(ROOT / "CHANGELOG.md")})


def test_the_navigation_has_a_part_for_each_reader() -> None:
    titles = [section.title for section in read_index(INDEX.read_text("utf-8"))]
    assert titles[:3] == ["You integrate", "You run it", "You read the results"]


def test_every_operation_is_described_with_its_fields_and_answers() -> None:
    written = "\n".join(text for _, text in pages(DOCUMENT).values())
    for method, path, operation in operations(DOCUMENT):
        part = written[written.index(f"{{ #{operation['operationId']} }}") :]
        part = part[: part.index("\n## ", 1)] if "\n## " in part else part
        assert f"```http\n{method} {path}\n```" in part
        for status in operation["responses"]:
            assert f"\n| {status} | `" in part or status == "200"
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            assert all(f"| `{field.path}` |" in part for field in fields(DOCUMENT, schema))
    for webhook in DOCUMENT["webhooks"].values():
        schema = webhook["post"]["requestBody"]["content"]["application/json"]["schema"]
        named = [field.path for field in fields(DOCUMENT, schema)]
        assert {"call_id", "quality[].parameter_name"} <= set(named)
        assert all(f"| `{name}` |" in written for name in named)


def test_fields_are_told_by_their_path_and_in_words() -> None:
    batch = {field.path: field for field in fields(DOCUMENT, {"$ref": "#/components/schemas/BatchCallBody"})}
    assert batch["data[]"].kind == "list of objects, 1 to 50 elements"
    assert batch["data[].call.id"].kind == "string, at most 255 characters"
    assert batch["data[].call.id"].required
    assert batch["data[].metadata"].kind.endswith(", or null")
    assert not batch["data[].metadata"].required


def test_requests_in_the_overview_lead_to_their_description(site: Path) -> None:
    anchors = Fetched((site / "reference" / "api.html").read_text("utf-8")).anchors
    for _, _, operation in operations(DOCUMENT):
        assert any(anchor.endswith(f"#{operation['operationId']}") for anchor in anchors), operation["operationId"]


def test_examples_stand_side_by_side(site: Path) -> None:
    text = (site / "how-to" / "push-calls.html").read_text("utf-8")
    assert (
        re.findall(r'<label for="[^"]+">(curl|Python|JavaScript)</label>', text) == ["curl", "Python", "JavaScript"] * 2
    )


@pytest.mark.parametrize("path", committed(), ids=lambda path: path.name)
def test_what_is_made_of_the_code_is_committed_as_it_is_now(path: Path) -> None:
    assert path.read_text("utf-8") == committed()[path], "run `make docs` and commit what it renews"


def test_every_example_is_shown() -> None:
    shown = {name for path in every_page() for name in re.findall(r"<!-- docs/examples/([\w.]+) -->", path.read_text())}
    assert shown == {path.name for path in (ROOT / "docs" / "examples").iterdir()}


def test_llms_txt_has_the_form_and_every_page(site: Path) -> None:
    text = (site / "llms.txt").read_text("utf-8")
    assert re.match(r"# Callwright\n\n> [^\n]+\n\n## ", text)
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert sections[-1] == "Optional"
    assert set(re.findall(r"^(?!#|>|- |$).+", text, re.MULTILINE)) <= {
        section.note for section in read_index(INDEX.read_text("utf-8"))
    }
    lines = re.findall(r"^- (.*)$", text, re.MULTILINE)
    assert all(re.fullmatch(r"\[[^]]+]\([\w./-]+\.md\): \S.*", line) for line in lines)
    listed = links(text)
    assert all((site / link).is_file() and (site / link).with_suffix(".html").is_file() for link in listed)
    documented = {place(path) for path in every_page() if path.is_relative_to(ROOT / "docs") and path != INDEX}
    assert documented | set(pages(DOCUMENT)) <= set(listed)


def test_llms_txt_tells_of_a_page_in_its_words_and_not_in_its_code(site: Path) -> None:
    text = (site / "llms.txt").read_text("utf-8")
    assert "(how-to/use-the-python-client.md): `callwright-client` is a package of its own" in text
    code = {line for path in every_page() for block in blocks(path) for line in block.body.splitlines() if line.strip()}
    notes = re.findall(r"^- \[[^]]+]\([^)]+\): (.*)$", text, re.MULTILINE)
    assert {*notes} & code == set()


def test_what_the_pages_for_managers_name_is_on_the_dashboards() -> None:
    house = ROOT / "src" / "callwright"
    sources = [p for f in ("dashboards", "reports") for p in (house / f).rglob("*") if p.suffix in (".html", ".py")]
    shown = re.sub(r"\s+", " ", " ".join(path.read_text("utf-8") for path in sources))
    for name in ("find-what-needs-attention", "review-a-call", "prepare-a-conversation"):
        named = re.findall(r"(?<![*\w])\*([^*\n]+)\*(?!\*)", page(f"docs/how-to/{name}.md"))
        assert len(named) > 2
        assert [each for each in named if each not in shown] == [], name


def test_tables_come_from_the_code_and_nothing_else_of_a_page_does() -> None:
    told = commands_filled(
        "## A\n\n### `callwright partner list`\n\nLists.\n\n| option |\n|---|\n| `--old` |\n\n## B\n"
    )
    assert told == (
        "## A\n\n### `callwright partner list`\n\nLists.\n\n| option | default | meaning |\n|---|---|---|\n"
        "| `--json` | off | print JSON for scripts |\n\n## B\n"
    )
    told = settings_filled("Text.\n\n| `CALLWRIGHT_LOG_LEVEL` | old |\n| `CALLWRIGHT_KILL_AT` | old |\n")
    meaning = "`debug`, `info`, `warning` or `error`"
    assert told == f"Text.\n\n| `CALLWRIGHT_LOG_LEVEL` | `info` | {meaning} |\n| `CALLWRIGHT_KILL_AT` | old |\n"


def shown(value: object, path: str = "") -> Iterator[str]:
    """The path of every field of an example."""
    if isinstance(value, list):
        yield from shown(value[0] if value else None, path)
    for name, inner in value.items() if isinstance(value, dict) else ():
        here = f"{path}.{name}".lstrip(".") + "[]" * depth(inner)
        yield here
        yield from shown(inner, here)


def depth(value: object) -> int:
    """How many lists a value is within."""
    return 1 + depth(value[0] if value else None) if isinstance(value, list) else 0


def test_examples_show_no_field_that_is_not_described() -> None:
    for _, path, operation in operations(DOCUMENT):
        answer = operation["responses"]["200"]["content"]["application/json"]
        described = [field.path for field in fields(DOCUMENT, answer["schema"])]
        free = [each for each in described if not any(other.startswith(f"{each}.") for other in described)]
        strange = [each for each in shown(answer["example"]) if each not in described]
        assert [s for s in strange if not any(s.startswith((f"{each}.", f"{each}[")) for each in free)] == [], path
