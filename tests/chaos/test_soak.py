"""A short soak: processes die at random under load, and the ledger is in balance at the end."""

from pathlib import Path

import pytest

from chaos.soak import OWN_SERVER, soak

SECONDS = 60.0


@OWN_SERVER
@pytest.mark.timeout(400)
async def test_random_kills_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    lines: list[str] = []
    report = await soak(tmp_path, SECONDS, seed=1, tell=lines.append)
    assert report.figures.lost == 0
    assert report.figures.promised == report.figures.completed + report.figures.failed
    assert report.figures.promised > 100, "there was a load"
    assert report.accepted <= report.figures.promised
    assert report.kills.total() >= 3
    assert report.longest_recovery < 60
    assert lines
