"""The command line's commands and options, walked, and held against what a page says."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from typer.main import get_command

from callwright.cli import app
from docs.pages import ROOT

PROGRAM = re.compile(r"(?:^|[;(|&]\s*)(?:[A-Z_]+=\S*\s+)*(?:\.venv/bin/)?callwright(?= [a-z-]|$)")
"""Where a line runs the program, not where it names a role or a database."""
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


@dataclass(frozen=True)
class Command:
    """A command as it is typed: `partner add`, its options and its arguments by name."""

    name: str
    options: frozenset[str]
    arguments: tuple[str, ...]


def commands() -> dict[str, Command]:
    """Every command by name."""
    return {command.name: command for command in _walk(get_command(app), ())}


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[Command]:
    children = getattr(command, "commands", None)
    if children is not None:
        for name, child in children.items():
            yield from _walk(child, (*path, name))
        return
    shown = [p for p in command.params if not getattr(p, "hidden", False)]
    options = frozenset(
        name for p in shown if p.param_type_name == "option" for name in (*p.opts, *p.secondary_opts)
    ) - {"--help"}
    arguments = tuple(str(p.name).upper() for p in shown if p.param_type_name == "argument")
    yield Command(" ".join(path), options, arguments)


def program_options() -> set[str]:
    """The options of the program itself."""
    return {name for p in get_command(app).params for name in p.opts} | {"--help"}


def faults_of(line: str) -> list[str]:
    """What a line of a page says of the command line that is not so."""
    found = []
    known = commands()
    groups = {name.split()[0] for name in known if " " in name}
    for match in PROGRAM.finditer(line):
        rest = re.split(r"[;|&>]", line[match.end() :])[0]
        words = rest.split()
        plain = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]
        if not words or words[0].startswith("--"):
            found += [f"no option {option}" for option in _OPTION.findall(rest) if option not in program_options()]
            continue
        name = " ".join(plain[:2]) if words[0] in groups and len(plain) > 1 else words[0]
        if name in groups and len(words) == 1:
            continue  # the group itself is spoken of
        if name not in known:
            found.append(f"no command {rest.strip()!r}")
            continue
        options = known[name].options | {"--help"}
        found += [f"{name} has no option {option}" for option in _OPTION.findall(rest) if option not in options]
    return found


def make_targets() -> set[str]:
    """The targets of the Makefile that it lists."""
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
