"""The benches' own parts that can be wrong without anybody seeing it: the table, and what pgbench is told to say."""

import asyncio
import re
from pathlib import Path

import pytest
from bench import figures, run
from bench.batches import MARK, fresh, patched, records, request
from bench.figures import Figure
from bench.house import Account
from bench.recorded import accepting, rows_of, script
from bench.scale import FULL, QUICK, Scale

from callwright.api.models import BATCH_CALL
from callwright.api.v1_ingest import submission
from callwright.db import Scope
from callwright.partners import NewPartner

RATE = Figure("a rate", "600 calls/s", "1,000 calls/s by pgbench, same statement", 0.60, 0.50)
DELAY = Figure("a p99", "30 ms", "10 ms, the median", 3.00, 5.0, at_most=True)
SCOPE = Scope(7, 3)


def worse(figure: Figure, ratio: float) -> Figure:
    return Figure(figure.name, "1", "2", ratio, figure.bound, at_most=figure.at_most)


def test_a_table_is_read_back_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "RESULTS", tmp_path / "RESULTS.md")
    assert figures.committed() == {}
    missing = figures.not_applicable("a page", "no such endpoint")
    figures.RESULTS.write_text(figures.table([RATE, DELAY, missing]))
    assert figures.committed() == {"a rate": 0.60, "a p99": 3.00}


def test_what_became_worse_by_a_fifth_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "RESULTS", tmp_path / "RESULTS.md")
    figures.RESULTS.write_text(figures.table([RATE, DELAY]))
    assert figures.regressions([worse(RATE, 0.49), worse(DELAY, 3.5)]) == []
    assert len(figures.regressions([worse(RATE, 0.47), worse(DELAY, 3.7)])) == 2
    assert figures.regressions([worse(RATE, 2.0), worse(DELAY, 0.1)]) == []


def test_a_part_of_the_page_is_renewed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (figures, run):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "RESULTS.md")
    figures.RESULTS.write_text(run.page({"pipeline": [DELAY], "ingest": [RATE]}, "Long ago."))
    figures.RESULTS.write_text(run.page({"ingest": [worse(RATE, 0.7)]}, "Today."))
    assert figures.committed() == {"a rate": 0.70, "a p99": 3.00}
    text = figures.RESULTS.read_text()
    assert text.index("Today.") < text.index("a rate") < text.index("Long ago.") < text.index("a p99")


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [(RATE, "ok"), (DELAY, "ok"), (worse(RATE, 0.4), "**missed**"), (worse(DELAY, 6), "**missed**")],
)
def test_bounds_have_a_direction(figure: Figure, verdict: str) -> None:
    assert figure.verdict == verdict


def test_a_batch_is_valid_and_of_the_usual_size() -> None:
    template = request(Account(NewPartner(1, "key", "secret", "webhook"), SCOPE), records(50))
    head, body = patched(template, fresh()).split(b"\r\n\r\n", 1)
    assert 33_000 < len(body) < 40_000
    assert f"content-length: {len(body)}".encode() in head
    sent = [submission(each) for each in BATCH_CALL.validate_json(body)["data"]]
    assert len({each["call_id"] for each in sent}) == len({each["customer_id"] for each in sent}) == 50
    assert MARK not in body.decode()


async def test_pgbench_says_what_the_api_says() -> None:
    said = await asyncio.to_thread(accepting, 2, SCOPE)
    lines, variables = script(said)
    text = "\n".join(lines)
    assert lines[0] == "\\startpipeline"
    assert lines[1] == "BEGIN;"
    assert lines[-1] == "COMMIT;"
    assert "INSERT INTO calls" in text
    assert "callwright.partner_id = '7'" in text
    assert not re.search(r"\$\d", text)
    assert set(re.findall(r":(text\d+)", text)) == set(variables)
    assert rows_of(said) in variables.values()
    assert all(variables.values()), "pgbench refuses one without a text"


@pytest.mark.parametrize("scale", [QUICK, FULL])
def test_only_a_full_run_is_held_against_the_page(
    scale: Scale, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (figures, run):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "RESULTS.md")
    figures.RESULTS.write_text(figures.table([RATE]))
    monkeypatch.setattr(run, "run", lambda *_: ({"ingest": [worse(RATE, 0.1)]}, True))
    monkeypatch.setattr(run, "about", lambda *_: "Today.")
    monkeypatch.setattr("sys.argv", ["bench", *(["--quick"] if scale.quick else [])])
    with pytest.raises(SystemExit, match=r"^0$"):
        run.main()
    assert ("WORSE" in capsys.readouterr().out) is not scale.quick
