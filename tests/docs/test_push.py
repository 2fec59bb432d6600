"""The page on pushing a spreadsheet: its example is run, and its table of headings is the code's."""

import re
import shlex
from pathlib import Path

from callwright.push.mapping import ALIASES, Instructions, read_mapping
from docs.pages import ROOT, blocks, page, rows, section
from push.shell import Shell

NAME = "docs/how-to/push-a-spreadsheet.md"


def commands() -> list[list[str]]:
    """The page's commands, as words."""
    text = "".join(block.body for block in blocks(ROOT / NAME, "sh")).replace("\\\n", " ")
    return [shlex.split(line)[1:] for line in text.splitlines() if line.startswith("callwright ")]


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


async def test_the_example_does_what_the_page_says(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    (sample,), (shown,) = blocks(ROOT / NAME, "csv"), blocks(ROOT / NAME, "text")
    (tmp_path / "calls.csv").write_text(sample.body)
    checking, sending, telling, of_dialer = commands()
    assert lines(await shell.run(*checking, code=1)) == lines(shown.body)
    assert "CALLWRIGHT_API_KEY is not set" in await shell.run(*sending, code=1)

    (tmp_path / "calls.csv").write_text(sample.body.replace(",2025550102,", ",+12025550102,"))
    assert "2 rows, 0 with faults." in await shell.run(*checking)
    told = await shell.run(*telling)
    assert "custom_fields.notes" in told
    assert "Not sent: Disposition" in told
    assert of_dialer[-1] == "dialer.toml"


def test_the_mapping_file_is_one(tmp_path: Path) -> None:
    (block,) = blocks(ROOT / NAME, "toml")
    (tmp_path / "dialer.toml").write_text(block.body)
    told = read_mapping(tmp_path / "dialer.toml")
    assert isinstance(told, Instructions)
    assert (len(told.columns), len(told.values), str(told.timezone)) == (2, 2, "Europe/Berlin")


def test_every_heading_that_is_found_is_there() -> None:
    stated: dict[str, list[str]] = {}
    for fields, headings, *_ in rows(section(page(NAME), "Columns")):
        names, words = re.findall(r"`([^`]+)`", fields), re.findall(r"`([a-z_]+)`", headings.split(":")[0])
        if len(names) == 1:
            stated[names[0]] = words
        else:
            stated |= {name: [word] for name, word in zip(names, words or names, strict=True)}
    own = {name: found for name, found in stated.items() if name.endswith(".NAME")}
    assert set(own) == {"metadata.NAME", "custom_fields.NAME"}
    assert {name: tuple(found) for name, found in stated.items() if name not in own} == ALIASES
