"""The guide to upgrades is carried out, under load: to a next release with one migration more, and back again."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from callwright.db.migrate import migrations
from callwright.up import prepare
from chaos.guide import Guide
from chaos.house import House, a_house
from chaos.soak import OWN_SERVER
from chaos.test_kill_points import NO_ENGINE
from chaos.test_restore import SETTLING_SECONDS, Partner, a_server, heard
from docs.pages import ROOT

NEXT = len(migrations()) + 1
MIGRATION = """
-- As the next release may bring it: a column with a default in the busiest table, a table of its own, an index.
ALTER TABLE calls ADD COLUMN next_release text NOT NULL DEFAULT 'nothing', ADD COLUMN next_time timestamptz;
CREATE TABLE of_the_next (partner_id bigint NOT NULL, call_id text NOT NULL, PRIMARY KEY (partner_id, call_id));
CALL protect('of_the_next');
CREATE INDEX of_the_next_by_agent ON ended_calls (partner_id, agent_id);
"""


@pytest.fixture
def next_release(tmp_path: Path) -> Iterator[Path]:
    """This release, with one migration more: what PYTHONPATH has to name for it to be the one that runs."""
    folder = tmp_path / "next"
    shutil.copytree(ROOT / "src", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / f"callwright/db/migrations/{NEXT:04}_next.sql").write_text(MIGRATION)
    yield folder
    shutil.rmtree(folder)


async def replace(house: House, name: str, environment: dict[str, str]) -> None:
    """Stop one process as a supervisor does, and start it again in another environment."""
    process = house.processes[name]
    ends = len(process.ends)
    await process.halt(signal.SIGTERM)
    assert process.ends[ends:] == [0], "it ended by itself, and in order"
    process.environment = environment
    process.go_on()


@OWN_SERVER
async def test_to_the_next_release_and_back_while_calls_come_in(tmp_path: Path, next_release: Path) -> None:
    async with a_server(tmp_path / "server") as server:
        await prepare(server.url)
        async with a_house(tmp_path, server.url, TRANSCRIBER=NO_ENGINE) as house:
            old = dict(house.processes["serve"].environment)
            new = {**old, "PYTHONPATH": str(next_release)}
            guide, partner = (
                Guide("docs/how-to/upgrade.md", **{**new, "CALLWRIGHT_TRANSCRIBER": "pocketsphinx"}),
                Partner(house),
            )
            async with partner.pushing():
                await heard(house, 5)
                too_early = await guide.start("callwright worker")
                refused, _ = await too_early.communicate()
                assert (too_early.returncode, refused.decode()) == (1, guide.text("The schema first"))
                told = await guide.type("The schema first")
                assert f"applied {NEXT:04}_next" in told
                await heard(house, 5)
                for environment, names in ((new, ("worker-1", "serve")), (old, ("serve", "worker-1"))):
                    for name in names:
                        await replace(house, name, environment)
                    await heard(house, 20)
            figures = await house.settled(SETTLING_SECONDS)
            releases = house.processes["worker-1"].log.read_text().count('"worker ready"')
        connection = await asyncpg.connect(server.url)
        assert await connection.fetchval("SELECT max(version) FROM schema_migrations") == NEXT
        await connection.close()
    assert (figures.promised, figures.lost) == (len(partner.answered), 0)
    assert releases == 3
