"""The alerts, the dashboard and the queries of the pages: they load, and ask for nothing but what is told."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from callwright import queue
from callwright.metrics import DESCRIBED
from deploy.queries import faults, selectors, values
from docs.pages import blocks, page, section

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "callwright.json"
HOW_TO = ROOT / "docs" / "how-to" / "watch-it-run.md"


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def queries() -> dict[str, str]:
    """Every query of ours, by where it stands."""
    found = {rule["alert"]: rule["expr"] for rule in rules()}
    for panel in panels():
        found |= {f"{panel['title']} {target['refId']}": target["expr"] for target in panel.get("targets", ())}
    for number, block in enumerate(blocks(HOW_TO, "promql")):
        found[f"{HOW_TO.name} {number}"] = block.body
    return found


@pytest.mark.parametrize("where", queries())
def test_a_query_asks_for_what_is_told(where: str) -> None:
    assert faults(queries()[where]) == []


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("sum(rate(callwright_steps[5m]))", "nobody tells 'callwright_steps'"),
        ("callwright_nothing_at_all", "nobody tells 'callwright_nothing_at_all'"),
        ('callwright_queue_jobs{partner="7"}', "callwright_queue_jobs has no 'partner'"),
        ('callwright_queue_jobs{step="fetsch"}', "step of callwright_queue_jobs is never 'fetsch'"),
        ('callwright_steps_total{code=~"recording_.*|no_such_code"}', "is never 'recording_.*|no_such_code'"),
        ("sum by (stop) (callwright_lane_busy)", "nothing is told by 'stop'"),
    ],
)
def test_a_query_for_what_nobody_tells_is_found(query: str, fault: str) -> None:
    assert [found for found in faults(query) if fault in found]


def test_what_is_no_query_is_found() -> None:
    with pytest.raises(ValueError, match="expected type matrix"):
        faults("rate(callwright_lane_busy)")


def test_labels_that_are_counted_up_are_those_of_the_code() -> None:
    assert values("step") == set(queue.STEPS)


def test_the_dashboard_shows_every_metric_but_those_of_a_moment() -> None:
    shown = {s.name for p in panels() for t in p.get("targets", ()) for s in selectors(_parsed(t["expr"]))}
    unseen = {d.name for d in DESCRIBED if not shown & set(d.series)}
    assert unseen == set()


def test_grafana_takes_the_dashboard_as_it_is() -> None:
    """By Grafana's own description of a dashboard: what it does not know would be lost."""
    register_default_plugins()
    written = json.loads(DASHBOARD.read_text())
    read = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(written)))
    assert list(lost(written, read)) == []
    assert list(lost({**written, "panel": []}, read)) == []
    assert list(lost({**written, "panles": [1]}, read)) == ["/panles"]


def lost(written: Any, read: Any, at: str = "") -> list[str]:
    """What of a document is not, or otherwise, in what was read of it."""
    if isinstance(written, dict):
        gone = [
            f"{at}/{key}" for key, value in written.items() if value not in (None, {}, [], False) and key not in read
        ]
        return gone + [each for key in written if key in read for each in lost(written[key], read[key], f"{at}/{key}")]
    if isinstance(written, list):
        if len(written) != len(read):
            return [at]
        return [each for number, item in enumerate(written) for each in lost(item, read[number], f"{at}/{number}")]
    return [] if written == read else [at]


def test_panels_stand_beside_each_other_and_have_numbers_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    for target in (t for p in panels() for t in p.get("targets", ())):
        assert target["datasource"]["uid"] == "${datasource}", "whoever imports it chooses the data source"


def test_every_alert_has_its_page_and_no_other_has() -> None:
    told = section(page("docs/how-to/watch-it-run.md"), "What to do about each alert")
    assert re.findall(r"^### (Callwright\w+)$", told, re.MULTILINE) == [rule["alert"] for rule in rules()]
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]


@pytest.fixture
def promtool() -> str:
    """Prometheus' own tool; Debian has it in the package `prometheus`."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool here")
    return found


def test_prometheus_takes_the_alerts(promtool: str) -> None:
    checked = subprocess.run([promtool, "check", "rules", ALERTS], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(rules())} rules found" in checked.stdout


def test_alerts_fire_when_they_should_and_not_where_all_is_well(promtool: str) -> None:
    cases = Path(__file__).with_name("alerts.test.yaml")
    tried = subprocess.run([promtool, "test", "rules", cases], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stdout + tried.stderr
    named = cases.read_text()
    assert [rule["alert"] for rule in rules() if rule["alert"] not in named] == [], "each is tried"


def test_prometheus_takes_the_example_of_the_page(promtool: str, tmp_path: Path) -> None:
    shown = [block.body for block in blocks(HOW_TO, "yaml") if "scrape_configs" in block.body]
    assert len(shown) == 1
    (tmp_path / "alerts.yaml").write_bytes(ALERTS.read_bytes())
    (tmp_path / "prometheus.yml").write_text(shown[0])
    checked = subprocess.run(
        [promtool, "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def _parsed(query: str) -> promql.Expr:
    tree: promql.Expr = promql.parse(query.replace("$__rate_interval", "5m"))
    return tree
