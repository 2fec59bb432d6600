"""Runs `callwright` as a partner does, in a process of its own."""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path


@dataclass
class Shell:
    """Runs the command as a partner does.

    Attributes:
        folder: Where it runs; what it remembers is in it too.
        environment: Of its processes.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        """Start it as a terminal would: what runs in the background of a shell takes no notice of Ctrl-C."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "callwright", *words),
            cwd=self.folder,
            env={**self.environment, "XDG_STATE_HOME": str(self.folder), "HOME": str(self.folder), "COLUMNS": "200"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )

    async def run(self, *words: str, code: int = 0) -> str:
        """Run it; gives what it printed, and what it complained of where it fails with this code."""
        process = await self.start(*words)
        printed, said = await process.communicate()
        assert process.returncode == code, (printed, said)
        assert b"Traceback" not in said
        return printed.decode() + (said.decode() if code else "")

    def journals(self) -> list[Path]:
        return sorted((self.folder / "callwright" / "push").glob("*.jsonl"))


def environment_of(url: str, key: str, secret: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "CALLWRIGHT_URL": url,
        "CALLWRIGHT_API_KEY": key,
        "CALLWRIGHT_API_SECRET": secret,
        "CALLWRIGHT_TENANT_ID": "acme",
        "CALLWRIGHT_SUB_TENANT_ID": "sales",
    }
