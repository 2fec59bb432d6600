"""The pages on pushing files: their examples are run, and their tables are those of the code and the presets."""

import re
import shlex
from pathlib import Path

import pytest

from callwright.push.mapping import ALIASES, Instructions, parts_of, read_mapping
from callwright.push.presets import Preset, presets
from docs.pages import ROOT, blocks, page, rows, section
from push.shell import Shell

NAME = "docs/how-to/push-a-spreadsheet.md"
VENDORS = "docs/how-to/push-a-vendors-export.md"


def commands(name: str) -> list[list[str]]:
    """A page's commands, as words."""
    text = "".join(block.body for block in blocks(ROOT / name, "sh")).replace("\\\n", " ")
    return [shlex.split(line)[1:] for line in text.splitlines() if line.startswith("callwright ")]


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


async def test_the_example_does_what_the_page_says(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    (sample,), (shown,) = blocks(ROOT / NAME, "csv"), blocks(ROOT / NAME, "text")
    (tmp_path / "calls.csv").write_text(sample.body)
    checking, sending, telling, of_dialer = commands(NAME)
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
    assert (len(told.joined), len(told.only), told.recordings) == (2, 1, "https://recordings.example.com/")


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name)
def test_what_a_preset_maps_is_there(preset: Preset) -> None:
    told = read_mapping(preset.path)
    (text,) = (
        part for part in re.split(r"^## ", page(VENDORS), flags=re.MULTILINE) if f"--preset {preset.name}`" in part
    )
    mapped = {name: [heading] for heading, name in told.columns.items() if name}
    mapped |= {name: parts_of(joined) for name, joined in told.joined.items()}
    stated: dict[str, list[str]] = {}
    for fields, headings, *_ in rows(text):
        names, columns = re.findall(r"`([^`]+)`", fields), re.findall(r"`([^`]+)`", headings)
        each = len(names) == len(columns)
        stated |= {name: [columns[n]] if each else columns for n, name in enumerate(names)}
    assert stated == mapped
    sent = text.split("Sent are rows")[1].split(".")[0]
    assert {heading for heading in told.only if f"`{heading}`" not in sent} == set()
    for option in re.findall(r"--[a-z-]+", preset.missing):
        assert option in text


async def test_the_options_for_vendors_are_as_the_page_says(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    listing, pushing, printing, copied = commands(VENDORS)
    assert "vicidial" in await shell.run(*listing)
    assert "Master.csv cannot be read" in await shell.run(*pushing, code=1)
    (tmp_path / "dialer.toml").write_text(await shell.run(*printing[: printing.index(">")]))
    assert "export.csv cannot be read" in await shell.run(*copied, code=1)


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
