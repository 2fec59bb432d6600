"""What a page tells an operator to type, run as it stands there: its commands by their heading, and its settings."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from callwright.db.embedded import EmbeddedPostgres, _binaries, socket_dir
from docs.pages import FENCE, ROOT, section


class Guide:
    """A page, and where its commands are to act.

    Args:
        name: The page, as `docs/how-to/upgrade.md`.
        **variables: What the page has in the place of the operator's own, as `BACKUPS="/srv/…"`.
    """

    def __init__(self, name: str, **variables: str) -> None:
        self._text = (ROOT / name).read_text("utf-8")
        self.variables = variables

    def commands(self, heading: str, *, having: str = "") -> str:
        """The shell blocks under a heading that have a word in them, without what the operator sets to his own."""
        under = section(self._text, heading).split("\n#")[0]
        found = [
            match["body"] for match in FENCE.finditer(under) if match["language"] == "sh" and having in match["body"]
        ]
        assert found, f"{heading!r} has commands"
        lines = [line.strip() for body in found for line in body.splitlines()]
        return "\n".join(line for line in lines if not line.startswith("export "))

    def settings(self, heading: str, *, having: str = "") -> dict[str, str]:
        """The settings of PostgreSQL under a heading."""
        blocks = [match["body"] for match in FENCE.finditer(section(self._text, heading)) if match["language"] == "ini"]
        found = dict(re.findall(r"^(\w+) = '?(.*?)'?$", "\n".join(b for b in blocks if having in b), re.MULTILINE))
        assert found, f"{heading!r} has settings"
        return {
            name: value.replace("/srv/callwright-backups", self.variables["BACKUPS"]) for name, value in found.items()
        }

    def text(self, heading: str) -> str:
        """The block under a heading that shows what is answered."""
        [found] = [m["body"] for m in FENCE.finditer(section(self._text, heading)) if m["language"] == "text"]
        return found

    async def type(self, heading: str, *, having: str = "", server: EmbeddedPostgres | None = None) -> str:
        """Run the commands under a heading, the first that fails ends it; gives what they printed."""
        process = await self.start(self.commands(heading, having=having), server)
        told, _ = await process.communicate()
        assert process.returncode == 0, told.decode()
        return told.decode()

    async def start(self, commands: str, server: EmbeddedPostgres | None = None) -> asyncio.subprocess.Process:
        """Run commands in a shell that acts on a server."""
        at = (
            {}
            if server is None
            else {"PGHOST": str(socket_dir(server.data_dir)), "PGPORT": "5432", "PGUSER": "callwright"}
        )
        path = os.pathsep.join([str(_binaries()), str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, **self.variables, **at, "PATH": path}
        shell = ("bash", "-euo", "pipefail", "-c", commands)
        return await asyncio.create_subprocess_exec(
            *shell, env=environment, stdout=PIPE, stderr=STDOUT, start_new_session=True
        )
