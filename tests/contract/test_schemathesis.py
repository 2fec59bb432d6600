"""The OpenAPI document against a running server: Schemathesis finds no answer that the document does not promise."""

import asyncio
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import asyncpg
import httpx
import pytest
from hypothesis import settings

from callwright.api import auth
from contract.test_callbacks import with_callbacks
from real_server import a_door, a_server

CONFIGURATION = """\
base-url = "http://127.0.0.1:{port}"
hooks = "{hooks}"
request-timeout = 60.0

[auth.openapi]
apiKey = {{ api_key = "{api_key}" }}
apiSecret = {{ api_key = "{api_secret}" }}

[parameters]
"header.x-tenant-id" = "acme"
"header.x-sub-tenant-id" = "sales"

[generation]
max-examples = {examples}
deterministic = {deterministic}

[phases.stateful.generation]
max-examples = {walks}
"""

ALONE = ("--phases", "examples,coverage,fuzzing")
WALKS = (
    *("--phases", "stateful", "--exclude-method", "DELETE"),
    *("--exclude-path-regex", "/(search|erasures|reports|rubric|dispositions|tenants|usage|test-data|dashboard)"),
)
"""From request to request along the document's links. What leads nowhere is left out, and what erases: it would take
away what the links of the others lead to.
"""

LEAST_LINKS = 7
"""How many links are followed at least, of the document's and those it infers; which ones is Schemathesis's choice."""


@pytest.mark.timeout(1200)  # some 45 seconds on two cores that have nothing else to do
@pytest.mark.parametrize("phases", [ALONE, WALKS], ids=["alone", "walks"])
async def test_every_answer_is_one_that_the_document_promises(
    phases: tuple[str, ...], module_database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(auth, "FAILED_LOGINS", 1_000_000)
    monkeypatch.setenv("CALLWRIGHT_RATE_LIMIT", "1000000")
    async with (
        a_server(module_database_url) as (port, _, _),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        asyncpg.create_pool(module_database_url, min_size=0) as pool,
    ):
        door = replace(await a_door(client, module_database_url), pool=pool)
        await with_callbacks(door, "kept")  # so that the list of callbacks leads somewhere
        partner = door.partner
        configuration = tmp_path / "schemathesis.toml"
        configuration.write_text(
            CONFIGURATION.format(
                port=port,
                hooks=Path(__file__).with_name("schemathesis_hooks.py"),
                api_key=partner.api_key,
                api_secret=partner.api_secret,
                examples=max(settings().max_examples // 10, 1),  # 10, or more by --hypothesis-profile
                walks=settings().max_examples,
                deterministic=str(settings().max_examples <= 100).lower(),
            )
        )
        running = await asyncio.create_subprocess_exec(
            *(Path(sys.executable).with_name("schemathesis"), "--config-file", configuration),
            *("run", f"http://127.0.0.1:{port}/openapi.json", "--checks", "all", "--continue-on-failure"),
            *phases,
            cwd=tmp_path,
            env={**os.environ, "NO_PROXY": "*"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await running.communicate()
    assert running.returncode == 0, told.decode()
    print(told.decode())  # noqa: T201 - the figures, for whoever asks with -s
    assert b"Tested: " in told
    if phases is ALONE:
        return
    links = re.search(rb"API Links:\s+(\d+) covered / \d+ selected / (\d+) total", told)
    assert links is not None
    assert int(links[1]) >= LEAST_LINKS
