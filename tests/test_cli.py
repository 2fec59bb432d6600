"""The commands, on a real database: what they print, what scripts read, and how they fail."""

import asyncio
import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from callwright import audit
from callwright.cli import main
from callwright.cli.session import check_database
from callwright.db.direct import DatabaseAway
from callwright.errors import Forbidden, SetupError
from callwright.partners import find_login, verify
from callwright.sealing import make_secret_key
from callwright.settings import load_settings
from callwright.up import secret_key

Run = Callable[..., str]


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("CALLWRIGHT_")]:
        monkeypatch.delenv(name)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; gives what it printed, or fails with what it said."""

    def call(*words: str, fails: int | None = None) -> str:
        monkeypatch.setattr(sys, "argv", ["callwright", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert (ended.value.code or 0) == (fails or 0), printed
        assert "Traceback" not in printed.err
        return printed.err if fails else printed.out

    return call


@pytest.fixture
def on_database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CALLWRIGHT_DATABASE_URL", database_url)
    monkeypatch.setenv("CALLWRIGHT_SECRET_KEY", make_secret_key())
    return database_url


@pytest.mark.usefixtures("on_database")
def test_a_partners_life(run: Run) -> None:
    assert "No partner yet" in run("partner", "list")
    added = json.loads(run("partner", "add", "Acme Voice", "--json"))
    assert list(added) == ["partner_id", "api_key", "api_secret", "webhook_secret"]
    assert added["api_key"].startswith("cw_live_")
    assert added["api_secret"].startswith("cws_live_")
    assert added["webhook_secret"].startswith("whsec_")

    (listed,) = json.loads(run("partner", "list", "--json"))
    assert (listed["name"], listed["auto_provision"], listed["revoked_at"]) == ("Acme Voice", False, None)
    assert "secret" not in json.dumps(listed)

    run("partner", "set", "Acme Voice", "--rate-limit", "7", "--agent-channel", "1", "--share", "300")
    run("partner", "set", "Acme Voice", "--auto-provision")
    run("partner", "set", "Acme Voice", "--no-auto-provision")
    (listed,) = json.loads(run("partner", "list", "--json"))
    assert (listed["rate_limit"], listed["agent_channel"], listed["auto_provision"]) == (7, 1, False)
    assert listed["share"] == 300

    assert "acts for north, sales" in run("tenant", "add", "Acme Voice", "north", "sales")
    (tenant,) = json.loads(run("tenant", "list", "Acme Voice", "--json"))
    assert (tenant["tenant_id"], tenant["subtenant_id"]) == ("north", "sales")

    assert "is revoked" in run("partner", "revoke", "Acme Voice")
    shown = run("partner", "list")
    assert "revoked 20" in shown
    assert added["api_key"] in shown  # whole, for copying


@pytest.mark.usefixtures("on_database")
def test_a_test_keys_life(run: Run) -> None:
    run("partner", "add", "Acme", "--json")
    run("tenant", "add", "Acme", "north", "sales")
    made = json.loads(run("partner", "test-key", "Acme", "--json"))
    assert list(made) == ["partner_id", "api_key", "api_secret", "webhook_secret"]
    assert made["api_key"].startswith("cw_test_")
    listed = {each["name"]: each for each in json.loads(run("partner", "list", "--json"))}
    assert listed["Acme (test)"]["test_of"] == listed["Acme"]["partner_id"]
    assert listed["Acme"]["test_of"] is None
    assert re.search(r"Acme \(test\) .* test *$", run("partner", "list"), re.MULTILINE)
    assert json.loads(run("tenant", "list", "Acme (test)", "--json"))[0]["tenant_id"] == "north"
    assert "are test calls" in run("analyse", "Acme (test)", "--since", "2026-01-01", fails=1)
    rotated = json.loads(run("partner", "rotate", "Acme (test)", "--json"))
    assert (rotated["api_key"], rotated["api_secret"][:9]) == (made["api_key"], "cws_test_")
    assert 'callwright partner rotate "Acme (test)"' in run("partner", "test-key", "Acme", fails=1)
    assert "The test data of Acme is wiped: 0 rows." in run("partner", "wipe-test", "Acme")
    run("partner", "revoke", "Acme (test)")
    shown = run("partner", "test-key", "Acme")
    assert "shown this once" in shown
    assert '"Acme (test)"' in shown


@pytest.mark.usefixtures("on_database")
def test_who_may_frame_the_dashboards_and_whose_days_they_show(run: Run) -> None:
    run("partner", "add", "Acme", "--json")

    def listed() -> tuple[list[str], str]:
        (partner,) = json.loads(run("partner", "list", "--json"))
        return partner["frame_origins"], partner["time_zone"]

    assert listed() == ([], "UTC")
    both = ("--frame-origin", "https://crm.example/", "--frame-origin", "https://b.example:8443")
    run("partner", "set", "Acme", *both, "--time-zone", "Asia/Kolkata")
    run("partner", "set", "Acme", "--share", "100")
    assert listed() == (["https://crm.example", "https://b.example:8443"], "Asia/Kolkata")
    shown = run("partner", "list")
    assert "https://crm.example, https://b.example:8443" in shown
    assert "Asia/Kolkata" in shown
    assert "is no time zone" in run("partner", "set", "Acme", "--time-zone", "Mars/Olympus", fails=1)
    assert "is not the origin" in run("partner", "set", "Acme", "--frame-origin", "http://crm.example", fails=1)
    run("partner", "set", "Acme", "--no-frame-origins", "--frame-origin", "https://c.example", fails=2)
    run("partner", "set", "Acme", fails=2)
    run("partner", "set", "Acme", "--no-frame-origins")
    assert listed() == ([], "Asia/Kolkata")


@pytest.mark.usefixtures("on_database")
def test_the_key_of_the_tokens_is_replaced(run: Run) -> None:
    assert "stay valid until they expire" in run("token-key", "rotate")
    assert "No token that was given out so far is valid" in run("token-key", "rotate", "--revoke-old")


@pytest.mark.usefixtures("on_database")
def test_secrets_are_shown_once_and_it_says_so(run: Run) -> None:
    shown = run("partner", "add", "Acme", "--auto-provision")
    assert "x-api-secret" in shown
    assert "cws_live_" in shown
    assert "shown this once" in shown
    assert "cws_live_" not in run("partner", "list")


async def secrets_that_open(url: str, key: str, *secrets: str) -> list[bool]:
    connection = await asyncpg.connect(url)
    login = await find_login(connection, key)
    await connection.close()
    opens = []
    for secret in secrets:
        try:
            verify(login, secret)
            opens.append(True)
        except Forbidden:
            opens.append(False)
    return opens


@pytest.mark.parametrize(("overlap", "old_opens"), [("1", True), ("0", False)])
def test_a_rotated_secret_overlaps_as_long_as_asked(run: Run, on_database: str, overlap: str, old_opens: bool) -> None:
    old = json.loads(run("partner", "add", "Acme", "--json"))
    new = json.loads(run("partner", "rotate", "Acme", "--overlap", overlap, "--json"))
    assert list(new) == ["partner_id", "api_key", "api_secret"]
    opens = asyncio.run(secrets_that_open(on_database, old["api_key"], old["api_secret"], new["api_secret"]))
    assert opens == [old_opens, True]
    webhook = json.loads(run("partner", "rotate", "Acme", "--webhook", "--json"))
    assert webhook["webhook_secret"].startswith("whsec_")
    assert webhook["webhook_secret"] != old["webhook_secret"]
    assert "valid for 24 hours" in run("partner", "rotate", "Acme")


@pytest.mark.usefixtures("on_database")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("partner", "add", "Acme"), "There is a partner 'Acme' already"),
        (("partner", "revoke", "Nobody"), "There is no partner 'Nobody'"),
        (("partner", "rotate", "Nobody"), "There is no partner 'Nobody'"),
        (("tenant", "add", "Nobody", "t", "s"), "There is no partner 'Nobody'"),
        (("tenant", "list", "Nobody"), "There is no partner 'Nobody'"),
        (("call", "show", "Acme", "none"), "Call not found"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_what_to_do(run: Run, words: tuple[str, ...], says: str) -> None:
    run("partner", "add", "Acme", "--json")
    message = run(*words, fails=1)
    assert says in message
    assert "\n→ " in message


@pytest.mark.usefixtures("on_database")
def test_the_way_into_the_console(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run("console")
    assert re.match(r"http://127\.0\.0\.1:8000/console/login\?code=cwlink_live_[0-9a-f]{64}\n", shown)
    assert "Open it within 10 minutes; it logs in once, for 12 hours." in shown
    monkeypatch.setenv("CALLWRIGHT_PUBLIC_URL", "https://calls.example.com/")
    load_settings.cache_clear()
    assert run("console").startswith("https://calls.example.com/console/login?code=")
    assert "0 sessions have ended. No link is valid any more." in run("console", "--end-all")


def test_logins_are_listed(run: Run, on_database: str) -> None:
    assert "No login yet" in run("audit")
    added = json.loads(run("partner", "add", "Acme", "--json"))

    async def refuse() -> None:
        connection = await asyncpg.connect(on_database)
        for key in (added["api_key"], added["api_secret"]):
            await audit.record(connection, "refused", key, address="192.0.2.1", request_id="request-1")
        await connection.close()

    asyncio.run(refuse())
    shown, listed = run("audit"), json.loads(run("audit", "--json", "--partner", "Acme"))
    assert "wrong secret" in shown
    assert "not of a key's form" in shown
    assert added["api_secret"] not in shown
    assert [(each["outcome"], each["api_key"], each["address"]) for each in listed] == [
        ("wrong secret", added["api_key"], "192.0.2.1")
    ]
    assert "There is no partner 'Nobody'" in run("audit", "--partner", "Nobody", fails=1)


@pytest.mark.parametrize(
    "words", [("partner", "set", "Acme"), ("partner", "set", "Acme", "--rate-limit", "0"), ("up", "--port", "70000")]
)
def test_arguments_that_make_no_sense_are_refused(run: Run, words: tuple[str, ...]) -> None:
    assert "Usage: " in run(*words, fails=2)


def test_the_embedded_database_serves_commands_and_keeps_its_key(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLWRIGHT_DATA_DIR", str(tmp_path / "data"))
    added = json.loads(run("partner", "add", "Acme", "--json"))
    key_file = tmp_path / "data" / "secret.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    key = key_file.read_text()
    assert json.loads(run("partner", "list", "--json"))[0]["api_key"] == added["api_key"]
    assert key_file.read_text() == key
    assert "up to date" in run("migrate")
    assert [p.name for p in (tmp_path / "data").glob("secret.key*")] == ["secret.key"]


def test_a_real_database_needs_the_key_to_be_set(run: Run, on_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CALLWRIGHT_SECRET_KEY")
    for words in (("partner", "add", "Acme"), ("serve",), ("worker",)):
        load_settings.cache_clear()
        message = run(*words, fails=1)
        assert "CALLWRIGHT_SECRET_KEY is not set" in message
        assert "head -c 32 /dev/urandom | base64" in message


def test_the_setting_goes_before_the_file(tmp_path: Path) -> None:
    settings = load_settings().model_copy(update={"data_dir": tmp_path})
    kept = secret_key(settings)
    assert secret_key(settings) == kept
    other = make_secret_key()
    assert secret_key(settings.model_copy(update={"secret_key": SecretStr(other)})) == other


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_processes_need_a_database(run: Run, command: str) -> None:
    message = run(command, fails=1)
    assert "CALLWRIGHT_DATABASE_URL is not set" in message
    assert "callwright up" in message


def test_a_database_without_the_schema_is_brought_up_to_date(
    run: Run, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLWRIGHT_DATABASE_URL", empty_database_url)
    assert "Run: callwright migrate" in run("partner", "list", fails=1)
    assert "applied 0001_partners" in run("migrate")
    assert "applied" not in run("migrate")
    assert "No partner yet" in run("partner", "list")


def test_a_database_that_is_away_is_told_without_its_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLWRIGHT_DATABASE_URL", "postgresql://app:hunter2@127.0.0.1:1/calls")
    message = run("partner", "list", fails=1)
    assert "The database cannot be reached" in message
    assert "hunter2" not in message


def test_a_setting_that_cannot_be_read_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLWRIGHT_RATE_LIMIT", "many")
    assert "CALLWRIGHT_RATE_LIMIT" in run("partner", "list", fails=1)


def test_the_document_is_printed(run: Run) -> None:
    document: dict[str, Any] = json.loads(run("openapi"))
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/partner/ingest/batch-call" in document["paths"]


def test_models_are_listed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLWRIGHT_DATA_DIR", str(tmp_path))
    assert "No model yet" in run("models", "list")
    assert json.loads(run("models", "list", "--json")) == []


def test_every_command_has_its_help(run: Run) -> None:
    listed = run("--help")
    processes = ("up", "serve", "worker", "migrate", "doctor")
    for command in (*processes, "partner", "tenant", "models", "call", "openapi", "audit"):
        assert command in listed
        assert "Usage: callwright" in run(command, "--help")


@pytest.mark.parametrize(
    ("url", "waits"), [("postgresql://app@127.0.0.1:1/calls", True), ("postgresql://app@127.0.0.1:port/calls", False)]
)
async def test_a_process_waits_for_a_server_that_is_away_but_not_for_an_address_that_is_none(
    url: str, waits: bool
) -> None:
    with pytest.raises(SetupError, match="cannot be reached") as refusal:
        await check_database(url)
    assert isinstance(refusal.value, DatabaseAway) is waits
    if waits:
        await check_database(url, may_be_away=True)


@pytest.mark.usefixtures("on_database")
def test_a_worker_takes_the_steps_that_it_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    async def run_worker(settings: object, **arguments: object) -> None:
        told.append(arguments["steps"])

    monkeypatch.setattr("callwright.worker.run_worker", run_worker)
    run("worker")
    run("worker", "--steps", "deliver, fetch")
    assert told == [("fetch", "transcribe", "analyse", "deliver"), ("fetch", "deliver")]
    assert "no step 'download'" in run("worker", "--steps", "download", fails=1)
