"""The gate: what it remembers, and for how long."""

import pytest
from starlette.requests import Request

from callwright import partners
from callwright.api import auth
from callwright.api.auth import AdmittedPartner, Recent
from callwright.api.envelope import Envelope, success
from callwright.db import everywhere
from partner_api import Door, open_door

IN_MODULE = pytest.mark.asyncio(loop_scope="module")


@IN_MODULE
async def test_revocation_acts_once_nothing_is_fresh(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    partner = await door.for_another(("acme", "sales"))
    assert (await partner.get("calls/x")).status_code == 404
    async with everywhere(door.pool) as lent:
        await partners.revoke_partner(lent, partner.partner.partner_id)
    assert auth.FRESH_SECONDS < 1, "acts within a second"
    monkeypatch.setattr(auth, "FRESH_SECONDS", -1.0)
    assert (await partner.get("calls/x")).status_code == 403


@IN_MODULE
async def test_rotated_secret_works_at_once(door: Door) -> None:
    partner = await door.for_another(("acme", "sales"))
    assert (await partner.get("calls/x")).status_code == 404
    async with everywhere(door.pool) as lent:
        secret = await partners.rotate_api_secret(lent, partner.partner.partner_id, overlap_seconds=60)
    assert (await partner.get("calls/x", api_secret=secret)).status_code == 404
    assert (await partner.get("calls/x")).status_code == 404, "the one before is live for the overlap"


@IN_MODULE
async def test_new_tenant_works_at_once(door: Door) -> None:
    partner = await door.for_another()
    assert (await partner.get("calls/x")).status_code == 403
    async with everywhere(door.pool) as lent:
        await partners.add_tenant(lent, partner.partner.partner_id, "acme", "sales")
    assert (await partner.get("calls/x")).status_code == 404


@IN_MODULE
async def test_the_database_is_not_asked_again_at_once(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    await door.get("calls/x")

    async def never(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(partners, "find_login", never)
    monkeypatch.setattr(partners, "scope_of", never)
    monkeypatch.setattr(auth, "FRESH_SECONDS", 60.0)
    assert (await door.get("calls/x")).status_code == 404


async def test_a_partner_is_let_in_without_tenant_headers(module_database_url: str) -> None:
    """For routes that are for no subtenant: the key pair and the limit count as everywhere, the headers for nothing."""

    async def whole(partner: AdmittedPartner) -> Envelope:
        return success({"partner": partner.name})

    async with open_door(module_database_url) as opened:
        opened.app.router.add_api_route("/api/v1/partner/whole", whole)
        async with everywhere(opened.pool) as lent:
            await partners.set_partner(lent, opened.partner.partner_id, rate_limit=3)
        none: dict[str, str | None] = {"tenant_id": None, "sub_tenant_id": None}
        assert (await opened.get("whole", api_key=None, **none)).status_code == 401
        assert (await opened.get("whole", api_secret="wrong", **none)).status_code == 403
        for changes in (none, {"tenant_id": "", "sub_tenant_id": "x" * 600}, {"tenant_id": "nobody's"}):
            answer = await opened.get("whole", **changes)
            assert answer.status_code == 200
            assert answer.headers["ratelimit-policy"] == '"partner";q=3;w=60'
        assert (await opened.get("whole", **none)).status_code == 429


async def test_right_credentials_behind_a_shut_address(
    module_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "FAILED_LOGINS", 1)
    async with open_door(module_database_url) as known:
        stranger = await known.for_another(("acme", "sales"))
        assert (await known.get("calls/x")).status_code == 404
        for expected in (403, 429):
            assert (await known.get("calls/x", api_secret="wrong")).status_code == expected
        monkeypatch.setattr(auth, "FRESH_SECONDS", -1.0)
        assert (await known.get("calls/x")).status_code == 404
        assert (await stranger.get("calls/x")).status_code == 429


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MOST_REMEMBERED", 2)
    recent: Recent[int] = Recent()
    for number in (1, 2, 1, 3):
        recent.put(number, number)
    assert [recent.get(number, within=60) for number in (1, 2, 3)] == [1, None, 3]
    recent.drop(3)
    assert recent.get(3, within=60) is None


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("2001:db8:1:2:3::4", 1), "2001:db8:1:2::/64"),
        (("testclient", 1), "local"),
        (None, "local"),
    ],
)
def test_failed_logins_are_counted_by_network(client: tuple[str, int] | None, counted: str) -> None:
    assert auth._address(Request({"type": "http", "client": client, "headers": []})) == counted
