"""Fills the tables of the page on commands: under the heading of a command, its options as `--help` tells them."""

import re
from collections.abc import Iterator

from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from callwright.cli import app

_SECTION = re.compile(r"^### `callwright (?P<call>[^`]+)`\n(?P<text>.*?)(?=^#|\Z)", re.DOTALL | re.MULTILINE)
_TABLE = re.compile(r"^\|.*\n(?:\|.*\n)+", re.MULTILINE)
_HEAD = "| option | default | meaning |\n|---|---|---|\n"


def commands_filled(text: str) -> str:
    """The page with the options of each command that has a heading in it, as a table at the end of its section."""
    rows = dict(_rows(get_command(app), ()))

    def fill(section: re.Match[str]) -> str:
        told = re.sub(r"(?: [A-Z_]+)+$", "", section["call"])
        if told not in rows:
            return section[0]
        prose = _TABLE.sub("", section["text"]).strip("\n")
        table = f"\n\n{_HEAD}" + "\n".join(rows[told]) if rows[told] else ""
        return f"### `callwright {section['call']}`\n\n{prose}{table}\n\n"

    return _SECTION.sub(fill, text).rstrip("\n") + "\n"


def _rows(command: object, path: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """Each command by name, with a row for each of its options."""
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            yield from _rows(child, (*path, name))
        return
    shown = [each for each in getattr(command, "params", ()) if isinstance(each, TyperOption) and not each.hidden]
    yield " ".join(path), [_row(each) for each in shown if "--help" not in each.opts]


def _row(option: TyperOption) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    meaning = (option.help or "").rstrip(".").replace("|", "\\|")
    low, high = option.min, option.max
    meaning += f" ({low:,} to {high:,})" if low is not None and high is not None else ""
    return f"| {names} | {_default(option)} | {meaning[0].lower()}{meaning[1:]} |".replace("|  |", "| |")


def _default(option: TyperOption) -> str:
    if option.required:
        return "required"
    if isinstance(option.show_default, str):
        return option.show_default
    if option.default is None:
        return ""
    if isinstance(option.default, bool):
        return "on" if option.default else "off"
    return f"`{option.default:g}`" if isinstance(option.default, float) else f"`{option.default}`"
