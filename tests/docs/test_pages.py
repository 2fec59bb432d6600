"""What pages point to and name exists; what they show can be run."""

import json
import re
import subprocess
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from callwright.api.callback_models import RESEND
from callwright.api.erasure_models import ERASURE
from callwright.api.models import BATCH_CALL, DISPOSITION
from callwright.callbacks import Delivery, signed_headers
from callwright.credentials import make_webhook_secret
from callwright.settings import PartnerSettings, Settings
from docs.commands import faults_of, make_targets
from docs.pages import ROOT, Block, anchors, blocks, code_spans, links, page, pages, shell_commands

PAGES = pages()
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
EVERY_PAGE = pytest.mark.parametrize("path", PAGES, ids=NAMES)
CODE = [block for path in PAGES for block in blocks(path)]
TESTS_ONLY = {
    "CALLWRIGHT_TEST_DATABASE_URL",
    "CALLWRIGHT_TEST_PARTITIONS",
    "CALLWRIGHT_TEST_CHROMIUM",
    "CALLWRIGHT_TEST_DEPLOY",
    "CALLWRIGHT_TEST_REDIS",
    "CALLWRIGHT_TEST_SEAWEEDFS",
    "CALLWRIGHT_TEST_EXAMPLES",
    "CALLWRIGHT_SCREENSHOTS",
    "CALLWRIGHT_KILL_AT",
}


def in_language(*languages: str) -> pytest.MarkDecorator:
    chosen = [block for block in CODE if block.language in languages]
    return pytest.mark.parametrize("block", chosen, ids=[f"{b.page.name}-{n}" for n, b in enumerate(chosen)])


def broken(path: Path) -> list[str]:
    found = []
    for link in links(path.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            found.append(link)
    return found


@EVERY_PAGE
def test_links_lead_somewhere(path: Path) -> None:
    assert broken(path) == []


def test_shell_examples_use_what_the_quickstart_sets() -> None:
    """Whoever goes on from the quickstart, in the same terminal, can run the commands of every page as they stand."""
    quickstart = blocks(ROOT / "docs/quickstart.md", "sh")
    set_there = {name for block in quickstart for name in re.findall(r"\b([A-Z][A-Z_]+)=", block.body)}
    set_there |= {"HOME", "PWD", "EDITOR"}  # by the shell and whoever uses it
    for path in PAGES:
        body = "".join(block.body for block in blocks(path, "sh"))
        used, set_here = re.findall(r"\$([A-Z][A-Z_]+)", body), re.findall(r"\b([A-Z][A-Z_]+)=", body)
        assert {*used} <= {*set_there, *set_here}, path.name
        for name, tenant in (("x-tenant-id", "acme-uk"), ("x-sub-tenant-id", "inside-sales")):
            assert {*re.findall(rf"{name}: ([^\"']+)[\"']", body)} <= {tenant}, path.name


def test_broken_links_are_found(tmp_path: Path) -> None:
    sample = tmp_path / "sample.md"
    sample.write_text(
        "# One part\n[a](gone.md) [b](#one-part) [c](#two) [d](sample.md#one-part) [e](https://x.example)"
    )
    assert broken(sample) == ["gone.md", "#two"]


def test_every_page_of_the_documentation_can_be_found_from_its_index() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link).resolve() for link in links(index.read_text("utf-8"))}
    assert {path for path in PAGES if path.is_relative_to(index.parent)} - listed == {index}


@EVERY_PAGE
def test_commands_and_settings_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    named = set(re.findall(r"CALLWRIGHT_[A-Z_]+[A-Z]", text))
    known = {*Settings.model_fields, *PartnerSettings.model_fields}
    assert named <= {f"CALLWRIGHT_{name.upper()}" for name in known} | TESTS_ONLY
    for command in shell_commands(path):
        assert faults_of(command) == [], command
        assert set(re.findall(r"(?:^|[;&] *)make ([a-z-]+)", command)) <= make_targets(), command


@pytest.mark.parametrize(
    "line",
    [
        "callwright fly",
        "callwright partner bake Acme",
        ".venv/bin/callwright up --fast",
        "CALLWRIGHT_DATA_DIR=/x callwright partner add Acme --jsn",
        "callwright --verbose",
    ],
)
def test_commands_that_do_not_exist_are_found(line: str) -> None:
    assert faults_of(line)
    assert not faults_of("callwright partner set Acme --rate-limit 600 && callwright --help; callwright partner")


@in_language("sh")
def test_shell_blocks_are_shell(block: Block) -> None:
    checked = subprocess.run(["bash", "-n"], input=block.body, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@in_language("python")
def test_python_blocks_compile(block: Block) -> None:
    compile(block.body, str(block.page), "exec")


@in_language("json")
def test_json_blocks_are_json(block: Block) -> None:
    assert json.loads(block.body)


def posted() -> list[object]:
    """Every body that a page posts or shows."""
    bodies = [
        sent
        for block in CODE
        if block.language == "sh"
        for sent in re.findall(r"-d '(\{.+?\})'", block.body, re.DOTALL)
    ]
    bodies += [block.body for block in CODE if block.language == "json" and block.body.startswith('{"data": [')]
    return [json.loads(body) for body in bodies]


def test_what_pages_post_is_accepted() -> None:
    bodies = posted()
    assert len(bodies) >= 3
    for body in bodies:
        assert isinstance(body, dict)
        adapters: dict[str, Any] = {
            "data": BATCH_CALL,
            "since": RESEND,
            "phone": ERASURE,
            "disposition_status": DISPOSITION,
        }
        adapter = next(adapter for name, adapter in adapters.items() if name in body)
        adapter.validate_python(body)


def signed(secret: str, at: datetime) -> tuple[bytes, dict[str, str]]:
    body = b'{"call_id": "call-1", "status": "completed", "intent": null}'
    delivery = Delivery(1, "msg_1", "call-1", "https://hooks.example.com", body, 1, 4)
    return body, signed_headers(delivery, [make_webhook_secret(), secret], at)


@pytest.mark.parametrize("name", ["README.md", "docs/how-to/receive-callbacks.md"])
def test_the_example_of_verification_verifies(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = make_webhook_secret()
    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    (block,) = blocks(ROOT / name, "python")
    example: dict[str, object] = {"__name__": "example"}
    exec(compile(block.body, name, "exec"), example)
    verify = example.get("read_callback") or getattr(example.get("webhook"), "verify", None)
    assert callable(verify)

    body, headers = signed(secret, datetime.now(UTC))
    assert verify(body, headers)["call_id"] == "call-1"
    with pytest.raises(WebhookVerificationError):
        verify(body.replace(b"completed", b"failed"), headers)
    with pytest.raises(WebhookVerificationError):
        verify(*signed(make_webhook_secret(), datetime.now(UTC)))
    with pytest.raises(WebhookVerificationError):
        verify(*signed(secret, datetime.now(UTC) - timedelta(minutes=6)))


def test_the_import_order_of_the_architecture_is_the_enforced_one() -> None:
    contracts = tomllib.loads(page("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "layers")
    stated = [block.body.splitlines() for block in blocks(ROOT / "ARCHITECTURE.md", "text")]
    assert layers in stated


def test_the_architecture_has_a_line_for_every_module() -> None:
    house = ROOT / "src" / "callwright"
    real = {path.name for path in house.glob("*.py") if not path.name.startswith("__")}
    real |= {f"{path.parent.name}/" for path in house.glob("*/__init__.py")}
    lines = re.findall(r"^\| `([a-z_./]+)` \|", page("ARCHITECTURE.md"), re.MULTILINE)
    assert sorted(lines) == sorted(real)


def test_what_the_architecture_and_the_decisions_point_to_in_the_code_is_there() -> None:
    for path in PAGES:
        for span in code_spans(path.read_text("utf-8")):
            if re.fullmatch(r"(?:src|tests|demo|docs|docs_site|requirements|\.ci)/[\w./-]*", span):
                assert (ROOT / span).exists(), f"{path.name}: {span}"


def test_ci_runs_what_the_readme_says() -> None:
    commands = list(shell_commands(ROOT / "README.md"))
    for start in ("apt-get install", "make demo", "make test"):
        shown = {
            c for block in blocks(ROOT / "README.md", "sh") for c in block.body.splitlines() if c.startswith(start)
        }
        assert len(shown) == 1, start
        assert shown <= set(commands)
        assert f"one_readme_command '{start}'" in (ROOT / ".ci/run").read_text("utf-8")


def test_the_readmes_sample_is_of_this_demo() -> None:
    (sample,) = (block.body for block in blocks(ROOT / "README.md", "text") if "agent talks" in block.body)
    scripted = [call["id"].removeprefix("demo-") for call in tomllib.loads(page("demo/calls.toml"))["calls"]]
    shown = re.findall(r"^ (\d\d-[a-z0-9-]+)", sample, re.MULTILINE)
    assert len(shown) > 3
    assert all(any(name.startswith(beginning) for name in scripted) for beginning in shown)
    assert f"{len(scripted)} accepted" in sample
    head = next(line for line in sample.splitlines() if line.startswith(" call "))
    for column in re.split(r" {2,}", head.strip()):
        assert f'"{column}"' in page("demo/run.py"), column
    assert sample.splitlines()[-1].strip() in page("demo/run.py"), "the words below the table"
