"""`GET` and `PUT /api/v1/partner/rubric`: by what the calls of a subtenant are judged."""

import asyncio
import copy
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from callwright.analysis.built_in import NAMES, built_in
from callwright.analysis.rubric_document import document_of
from callwright.api.examples import RUBRIC
from partner_api import Body, Door

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAMPLE: Body = RUBRIC["rubric"]


@pytest_asyncio.fixture(loop_scope="module")
async def own(door: Door) -> AsyncIterator[Door]:
    """The door for a partner of this test's own, with a second subtenant."""
    yield await door.for_another(("acme", "sales"), ("acme", "support"))


def changed(**changes: Any) -> Body:
    """The sample, changed."""
    return {**copy.deepcopy(SAMPLE), **changes}


async def read(door: Door, query: str = "", **changes: str) -> Body:
    answer = await door.get(f"rubric{query}", **changes)
    assert answer.status_code == 200, answer.text
    data: Body = answer.json()["data"]
    return data


async def test_the_default_until_one_is_applied(own: Door) -> None:
    default = {"version": 0, "applied_at": None, "rubric": document_of(built_in("inside-sales"))}
    assert await read(own) == default
    assert await read(own, "?version=0") == default
    await own.send("PUT", "rubric", SAMPLE)
    assert await read(own, "?version=0") == default


async def test_versions_count_up_and_an_equal_rubric_makes_none(own: Door) -> None:
    answer = await own.send("PUT", "rubric", SAMPLE)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "data": {"version": 1, "changed": True}})
    spelled = {**dict(reversed(SAMPLE.items())), "name": SAMPLE["name"], "intents": SAMPLE["intents"]}
    again = await own.send("PUT", "rubric", spelled)
    assert again.json()["data"] == {"version": 1, "changed": False}, "the order of keys makes no difference"
    other = await own.send("PUT", "rubric", changed(redact_callbacks=True, topics=None))
    assert other.json()["data"] == {"version": 2, "changed": True}
    back = await own.send("PUT", "rubric", SAMPLE)
    assert back.json()["data"] == {"version": 3, "changed": True}, "what was in force before is a version of its own"
    in_force = await read(own)
    assert (in_force["version"], in_force["rubric"]) == (3, SAMPLE)
    assert in_force["applied_at"].endswith("Z")
    second = await read(own, "?version=2")
    assert (second["rubric"]["redact_callbacks"], second["rubric"]["topics"]) == (True, [])


async def test_a_whole_number_may_be_written_with_a_point(own: Door) -> None:
    await own.send("PUT", "rubric", SAMPLE)
    parameters = [{**each, "maximum": float(each["maximum"])} for each in SAMPLE["parameters"]]
    answer = await own.send("PUT", "rubric", changed(parameters=parameters))
    assert answer.json()["data"] == {"version": 1, "changed": False}


async def test_the_default_can_be_pinned(own: Door) -> None:
    document = (await read(own))["rubric"]
    assert (await own.send("PUT", "rubric", document)).json()["data"] == {"version": 1, "changed": True}


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_read_can_be_applied(own: Door, name: str) -> None:
    document = document_of(built_in(name))
    assert (await own.send("PUT", "rubric", document)).json()["data"]["version"] == 1
    assert (await read(own))["rubric"] == document


async def test_a_rubric_is_the_subtenants_own(own: Door) -> None:
    await own.send("PUT", "rubric", SAMPLE)
    assert (await read(own, sub_tenant_id="support"))["version"] == 0
    answer = await own.get("rubric?version=1", sub_tenant_id="support")
    assert (answer.status_code, answer.content) == (404, b'{"success":false,"message":"Rubric not found"}')


async def test_many_at_a_time_lose_no_version(own: Door) -> None:
    names = [f"campaign-{n}" for n in range(8)]
    answers = await asyncio.gather(*(own.send("PUT", "rubric", changed(name=name)) for name in names))
    assert sorted(each.json()["data"]["version"] for each in answers) == list(range(1, 9))
    kept = [(await read(own, f"?version={n}"))["rubric"]["name"] for n in range(1, 9)]
    assert sorted(kept) == names


async def test_every_fault_is_told_in_the_order_of_the_body(own: Door) -> None:
    body = {
        "paramters": [],
        "name": "Spring Campaign",
        "parameters": [
            {"name": "A", "maximum": 101, "rule": "objection_handeling", "description": "\0"},
            5,
            {"name": "a", "description": "Says it.", "maximum": 10, "rule": "says", "phrases": ["", 5, "…"]},
        ],
        "languages": ["english"],
        "redact_callbacks": "yes",
        "topics": {"label": "Budget"},
    }
    answer = await own.send("PUT", "rubric", body)
    told = [
        ("paramters", "paramters is not known; did you mean parameters?"),
        ("name", "name must be of small letters and digits, with single hyphens between them, as inside-sales"),
        ("parameters[0].maximum", "maximum must be a whole number from 1 to 100"),
        ("parameters[0].rule", "rule is not known; did you mean objection_handling?"),
        ("parameters[0].description", "description must not contain the character U+0000"),
        ("parameters[1]", "parameters[1] must be an object"),
        ("parameters[2].name", "name must be unique; parameters[0].name is the same"),
        ("parameters[2].phrases[0]", "phrases[0] should not be empty"),
        ("parameters[2].phrases[1]", "phrases[1] must be a string"),
        ("parameters[2].phrases[2]", "phrases[2] must have a letter or a digit"),
        ("languages[0]", "languages[0] must be a BCP 47 language tag, as en or hi-IN"),
        ("redact_callbacks", "redact_callbacks must be true or false"),
        ("topics", "topics must be an array"),
    ]
    errors = [{"field": field, "message": message} for field, message in told]
    assert (answer.status_code, answer.json()) == (
        422,
        {"success": False, "message": "Validation failed", "errors": errors},
    )
    assert (await read(own))["version"] == 0, "nothing was stored"


@pytest.mark.parametrize("body", [{}, [], None, "x", 5])
async def test_what_is_no_object_lacks_everything(own: Door, body: object) -> None:
    url, content = "/api/v1/partner/rubric", str(body).replace("None", "null").replace("x", '"x"')
    answer = await own.client.put(url, content=content, headers=own.headers())
    fields = [each["field"] for each in answer.json()["errors"]]
    assert (answer.status_code, fields) == (422, ["name", "parameters"])


@pytest.mark.parametrize("version", ["", "-1", "01", "1.0", "x", "9" * 10, "1&version=2"])
async def test_versions_that_are_none(own: Door, version: str) -> None:
    answer = await own.get(f"rubric?version={version}")
    message = "version must be a whole number from 0 to 999999999"
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"field": "version", "message": message}])


async def test_versions_that_are_not_there(own: Door) -> None:
    for version in ("1", "999999999"):
        answer = await own.get(f"rubric?version={version}")
        assert (answer.status_code, answer.json()["message"]) == (404, "Rubric not found")


async def test_checks_come_in_the_order_of_the_contract(own: Door) -> None:
    changes: list[tuple[dict[str, str | None], int]] = [
        ({"api_key": None, "tenant_id": None}, 401),
        ({"api_secret": "wrong", "tenant_id": None}, 403),
        ({"tenant_id": None}, 400),
        ({"sub_tenant_id": " "}, 400),
        ({"tenant_id": "other"}, 403),
    ]
    for method, path, body in (("GET", "rubric?version=x", None), ("PUT", "rubric", {})):
        for headers, status in changes:
            assert (await own.send(method, path, body, **headers)).status_code == status
        answer = await own.send(method, path, body)
        assert answer.status_code == 422
        assert "ratelimit" in answer.headers


async def test_malformed_large_and_other_bodies(own: Door) -> None:
    url = "/api/v1/partner/rubric"
    for content, headers, status, message in (
        (b"{", {}, 400, "Malformed JSON"),
        (b'{"name": "a", "name": "b"}', {}, 400, "Malformed JSON"),
        (b" " * (256 * 1024 + 1) + b"{", {}, 413, "Request body is larger than 256 kB"),
        (b"{}", {"content-type": "application/yaml"}, 415, "Content-Type must be application/json"),
    ):
        answer = await own.client.put(url, content=content, headers={**own.headers(), **headers})
        assert (answer.status_code, answer.json()["message"]) == (status, message)
    answer = await own.send("POST", "rubric", {})
    assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "PUT"})


async def test_the_faults_of_a_hostile_body_are_bounded(own: Door) -> None:
    answer = await own.send("PUT", "rubric", {f"k{n}": n for n in range(15_000)})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 100
