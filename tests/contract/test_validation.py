"""Section 1.3: validation errors."""

from typing import Any

import pytest

from partner_api import ABSENT, Body, Door, a_batch, a_record

PATH = "data[0].call.id"

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def faults(door: Door, body: object) -> list[tuple[str, str]]:
    answer = await door.post(body)
    assert answer.status_code == 422, answer.text
    told = answer.json()
    assert set(told) == {"success", "message", "errors"}
    assert told["success"] is False
    assert told["message"] == "Validation failed"
    assert all(set(fault) == {"field", "message"} for fault in told["errors"])
    return [(fault["field"], fault["message"]) for fault in told["errors"]]


@pytest.mark.parametrize("value", [ABSENT, None, "", "   ", "\u00a0\t"])
@pytest.mark.parametrize("part", ["call", "agent", "customer"])
async def test_empty_id(door: Door, part: str, value: object) -> None:
    """`id should not be empty` (missing, null, empty or blank)."""
    body = a_batch(a_record(**{f"{part}__id": value}))
    assert await faults(door, body) == [(f"data[0].{part}.id", "id should not be empty")]


@pytest.mark.parametrize("value", [5, 1.5, True, [], {}, ["call123"]])
async def test_id_of_another_type(door: Door, value: object) -> None:
    """`id must be a string`."""
    assert await faults(door, a_batch(a_record(call__id=value))) == [(PATH, "id must be a string")]


@pytest.mark.parametrize("body", [{"data": {}}, {"data": "x"}, {"data": None}, {}, [], "x", 5, None, True])
async def test_data_that_is_no_array(door: Door, body: object) -> None:
    """`data must be an array`; a body that is no object has no `data` either."""
    assert await faults(door, body) == [("data", "data must be an array")]


async def test_no_calls(door: Door) -> None:
    """`data must contain at least 1 element`."""
    assert await faults(door, {"data": []}) == [("data", "data must contain at least 1 element")]


async def test_too_many_calls(door: Door) -> None:
    """`data must contain no more than 50 elements`; the fault of one of them is told as well."""
    records = [a_record(f"call{n}") for n in range(51)]
    assert await faults(door, a_batch(*records)) == [("data", "data must contain no more than 50 elements")]
    records[3]["call"]["id"] = ""
    assert await faults(door, a_batch(*records)) == [
        ("data", "data must contain no more than 50 elements"),
        ("data[3].call.id", "id should not be empty"),
    ]


@pytest.mark.parametrize(
    ("field", "path", "most"),
    [
        ("agent__name", "agent.name", 255),
        ("customer__name", "customer.name", 255),
        ("customer__disposition_status", "customer.disposition_status", 255),
        ("call__id", "call.id", 255),
        ("agent__id", "agent.id", 255),
        ("customer__id", "customer.id", 255),
    ],
)
async def test_long_text(door: Door, field: str, path: str, most: int) -> None:
    """`name must be shorter than or equal to 255 characters` · Ids are at most 255 characters."""
    name = path.rsplit(".", maxsplit=1)[-1]
    assert (await door.post(a_batch(a_record("long", **{field: "é" * most})))).status_code == 200
    assert await faults(door, a_batch(a_record(**{field: "é" * (most + 1)}))) == [
        (f"data[0].{path}", f"{name} must be shorter than or equal to {most} characters")
    ]


@pytest.mark.parametrize("field", ["agent", "customer"])
@pytest.mark.parametrize(
    "value", ["", " ", "a", "a@", "@b.com", "a@b@c.com", "a b@c.com", "a@-b.com", "a..b@c.com", f"{'a' * 65}@c.com", 5]
)
async def test_email(door: Door, field: str, value: object) -> None:
    """`email must be an email`."""
    body = a_batch(a_record(**{f"{field}__email": value}))
    assert await faults(door, body) == [(f"data[0].{field}.email", "email must be an email")]


NO_URLS: list[Any] = [
    "x", "call.mp3", "/call.mp3", "//h/call.mp3", "http:/h", "http://", "https:///x", "http://?x", "ftp://h/x",
    "file:///etc/passwd", "http://h h/x", "http://h/a b", " http://h/", "http://h/\n", "http://h:99999/", "http://h:x/",
    "javascript:alert(1)", "http://[::1/", 5, True, ["http://h/"],
]  # fmt: skip


@pytest.mark.parametrize("value", NO_URLS)
async def test_recording_url(door: Door, value: object) -> None:
    """`recording_url must be a URL address`: an absolute http(s) URL."""
    body = a_batch(a_record(call__recording_url=value))
    assert await faults(door, body) == [("data[0].call.recording_url", "recording_url must be a URL address")]


@pytest.mark.parametrize("value", ["", "http://partner.example.com/callback", *NO_URLS])
async def test_callback_url(door: Door, value: object) -> None:
    """`callback_url must be a URL address starting with https://` · an empty string is an error."""
    assert await faults(door, a_batch(a_record(callback_url=value))) == [
        ("data[0].callback_url", "callback_url must be a URL address starting with https://")
    ]


@pytest.mark.parametrize("field", ["call__recording_url", "callback_url"])
async def test_long_url(door: Door, field: str) -> None:
    """URLs [are at most] 2,048 [characters]."""
    url = "https://h/".ljust(2048, "x")
    assert (await door.post(a_batch(a_record(**{field: url})))).status_code == 200
    name = field.rsplit("__", maxsplit=1)[-1]
    [(_, message)] = await faults(door, a_batch(a_record(**{field: url + "x"})))
    assert message == f"{name} must be shorter than or equal to 2048 characters"


NO_TIMES: list[Any] = [
    "2023-01-01T10:00:00", "2023-01-01T10:00:00+01:00", "2023-01-01T10:00:00-00:30", "2023-01-01", "10:00:00Z",
    "2023-01-01 10:00:00Z", "2023-02-30T10:00:00Z", "2023-13-01T10:00:00Z", "2023-01-01T24:00:00Z",
    "2023-01-01T10:60:00Z", "0000-01-01T10:00:00Z", "2023-01-01T10:00:00.Z", "20230101T100000Z", "now",
    "\uff12\uff10\uff12\uff13-01-01T10:00:00Z", 1672567200, 1672567200.5, True, {},
]  # fmt: skip


@pytest.mark.parametrize("value", NO_TIMES)
@pytest.mark.parametrize("field", ["start_time", "end_time"])
async def test_times(door: Door, field: str, value: object) -> None:
    """`start_time must be a valid ISO 8601 date string in UTC`."""
    body = a_batch(a_record(**{f"call__{field}": value}))
    assert await faults(door, body) == [
        (f"data[0].call.{field}", f"{field} must be a valid ISO 8601 date string in UTC")
    ]


@pytest.mark.parametrize("end", ["2023-01-01T10:00:00Z", "2023-01-01T09:59:59.999+00:00"])
async def test_end_before_start(door: Door, end: str) -> None:
    """`end_time must be after start_time`."""
    body = a_batch(a_record(call__end_time=end))
    assert await faults(door, body) == [("data[0].call.end_time", "end_time must be after start_time")]


@pytest.mark.parametrize(
    "value",
    ["1234567890", "+0123456", "+1", "+1234567890123456", "+1 234 567", "+12a", "++12", "+12\n", "+١٢٣", 123456],
)
async def test_contact_number(door: Door, value: object) -> None:
    """`contact_number must be a valid phone number in E.164 format`: `+`, then 2 to 15 digits, the first not 0."""
    assert await faults(door, a_batch(a_record(call__contact_number=value))) == [
        ("data[0].call.contact_number", "contact_number must be a valid phone number in E.164 format")
    ]


@pytest.mark.parametrize("value", [[], "x", 5, True])
async def test_metadata_that_is_no_object(door: Door, value: object) -> None:
    """`metadata must be an object`."""
    assert await faults(door, a_batch(a_record(metadata=value))) == [("data[0].metadata", "metadata must be an object")]


async def test_too_much_metadata(door: Door) -> None:
    """`metadata must contain no more than 5 keys`; a faulty value among them is told as well."""
    assert await faults(door, a_batch(a_record(metadata={"a": True, **dict.fromkeys("bcdef", 1)}))) == [
        ("data[0].metadata", "metadata must contain no more than 5 keys"),
        ("data[0].metadata.a", "a must be a string or a number"),
    ]


@pytest.mark.parametrize("value", [True, None, [], {}, ["x"]])
async def test_metadata_values(door: Door, value: object) -> None:
    """`source must be a string or a number` (a metadata value, by its key)."""
    assert await faults(door, a_batch(a_record(metadata={"source": value}))) == [
        ("data[0].metadata.source", "source must be a string or a number")
    ]


async def test_too_many_custom_fields(door: Door) -> None:
    """`custom_fields must contain no more than 10 elements`."""
    fields = [{"internal_name": f"f{n}", "value": "x"} for n in range(11)]
    assert await faults(door, a_batch(a_record(custom_fields=fields))) == [
        ("data[0].custom_fields", "custom_fields must contain no more than 10 elements")
    ]


REQUIRED = ["call", "call.id", "call.recording_url", "call.start_time", "call.end_time", "call.contact_number"]
REQUIRED += ["agent", "agent.id", "customer", "customer.id"]


@pytest.mark.parametrize("path", REQUIRED)
@pytest.mark.parametrize("value", [ABSENT, None])
async def test_missing_fields(door: Door, path: str, value: object) -> None:
    """Every required field of section 2: missing and null are empty."""
    name = path.rsplit(".", maxsplit=1)[-1]
    body = a_batch(a_record(**{path.replace(".", "__"): value}))
    assert await faults(door, body) == [(f"data[0].{path}", f"{name} should not be empty")]


@pytest.mark.parametrize("value", [5, "x", "", [], True])
@pytest.mark.parametrize("part", ["call", "agent", "customer"])
async def test_parts_that_are_no_objects(door: Door, part: str, value: object) -> None:
    """A message that starts with the last name of the path."""
    body = a_batch(a_record(**{part: value}))
    assert await faults(door, body) == [(f"data[0].{part}", f"{part} must be an object")]


async def test_elements_that_are_no_objects(door: Door) -> None:
    """A message that starts with the last name of the path."""
    assert await faults(door, {"data": [None, 5, a_record()]}) == [
        ("data[0]", "data[0] must be an object"),
        ("data[1]", "data[1] must be an object"),
    ]


async def test_custom_fields(door: Door) -> None:
    """At most 10 of `{internal_name, value}`, both required strings."""
    fields: list[Any] = [{"value": "x"}, {"internal_name": "a", "value": 5}, 7, {"internal_name": " ", "value": None}]
    assert await faults(door, a_batch(a_record(custom_fields=fields))) == [
        ("data[0].custom_fields[0].internal_name", "internal_name should not be empty"),
        ("data[0].custom_fields[1].value", "value must be a string"),
        ("data[0].custom_fields[2]", "custom_fields[2] must be an object"),
        ("data[0].custom_fields[3].internal_name", "internal_name should not be empty"),
        ("data[0].custom_fields[3].value", "value should not be empty"),
    ]
    assert await faults(door, a_batch(a_record(custom_fields={}))) == [
        ("data[0].custom_fields", "custom_fields must be an array")
    ]


@pytest.mark.parametrize(
    "field", ["industry", "function", "agent__name", "customer__name", "customer__disposition_status"]
)
async def test_optional_texts(door: Door, field: str) -> None:
    """`industry`, `function`: strings; so are names and dispositions."""
    [(_, message)] = await faults(door, a_batch(a_record(**{field: 5})))
    assert message == f"{field.rsplit('__', maxsplit=1)[-1]} must be a string"


def _turn(**changes: Any) -> Body:
    return {"speaker": "agent", "start": 0, "end": 1.5, "text": "Hello", **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speaker": "robot"}, "speaker must be agent or customer"),
        ({"speaker": None}, "speaker should not be empty"),
        ({"start": "0"}, "start must be a number of seconds from 0 to 86400"),
        ({"start": True}, "start must be a number of seconds from 0 to 86400"),
        ({"start": -1}, "start must be a number of seconds from 0 to 86400"),
        ({"end": 86401}, "end must be a number of seconds from 0 to 86400"),
        ({"start": 2}, "end must not be before start"),
        ({"text": 5}, "text must be a string"),
        ({"text": ""}, "text should not be empty"),
        ({"text": "x" * 10_001}, "text must be shorter than or equal to 10000 characters"),
    ],
)
async def test_transcript(door: Door, changes: Body, message: str) -> None:
    """`transcript`: a list of `{speaker: "agent" | "customer", start, end, text}` (seconds)."""
    body = a_batch(a_record(transcript=[_turn(), _turn(**changes)]))
    name = message.split(maxsplit=1)[0]
    assert await faults(door, body) == [(f"data[0].transcript[1].{name}", message)]


async def test_every_turn(door: Door) -> None:
    """`errors` lists EVERY fault of the body: of a transcript, of every turn."""
    turns = [_turn(), _turn(text=" ", end=None), 5, _turn(), _turn(speaker="robot")]
    assert await faults(door, a_batch(a_record(transcript=turns), a_record(transcript=[{}, _turn(text=5)]))) == [
        ("data[0].transcript[1].end", "end should not be empty"),
        ("data[0].transcript[1].text", "text should not be empty"),
        ("data[0].transcript[2]", "transcript[2] must be an object"),
        ("data[0].transcript[4].speaker", "speaker must be agent or customer"),
        ("data[1].transcript[0].speaker", "speaker should not be empty"),
        ("data[1].transcript[0].start", "start should not be empty"),
        ("data[1].transcript[0].end", "end should not be empty"),
        ("data[1].transcript[0].text", "text should not be empty"),
        ("data[1].transcript[1].text", "text must be a string"),
    ]


async def test_long_transcript(door: Door) -> None:
    """A transcript is bounded, as everything that comes from outside."""
    assert await faults(door, a_batch(a_record(transcript=[_turn()] * 5001))) == [
        ("data[0].transcript", "transcript must contain no more than 5000 elements")
    ]


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("call__id", "call.id"),
        ("call__recording_url", "call.recording_url"),
        ("call__start_time", "call.start_time"),
        ("call__contact_number", "call.contact_number"),
        ("agent__id", "agent.id"),
        ("agent__name", "agent.name"),
        ("agent__email", "agent.email"),
        ("customer__id", "customer.id"),
        ("customer__name", "customer.name"),
        ("customer__disposition_status", "customer.disposition_status"),
        ("industry", "industry"),
        ("function", "function"),
        ("callback_url", "callback_url"),
    ],
)
async def test_nul(door: Door, field: str, path: str) -> None:
    """Text that PostgreSQL cannot hold (U+0000) is a 422, never a 500."""
    name = path.rsplit(".", maxsplit=1)[-1]
    assert await faults(door, a_batch(a_record(**{field: "a\0b"}))) == [
        (f"data[0].{path}", f"{name} must not contain the character U+0000")
    ]


async def test_nul_deeper(door: Door) -> None:
    """Text that PostgreSQL cannot hold (U+0000) is a 422, never a 500: in metadata, custom fields and turns too."""
    record = a_record(
        metadata={"a\0b": 1, "source": "\0"},
        custom_fields=[{"internal_name": "a\0", "value": "\0"}],
        transcript=[_turn(text="\0")],
    )
    told = await faults(door, a_batch(record))
    assert [path for path, _ in told] == [
        "data[0].metadata.a\0b",
        "data[0].metadata.source",
        "data[0].custom_fields[0].internal_name",
        "data[0].custom_fields[0].value",
        "data[0].transcript[0].text",
    ]
    assert all(message.endswith(" must not contain the character U+0000") for _, message in told)


async def test_every_fault_in_the_order_of_the_body(door: Door) -> None:
    """`errors` lists EVERY fault of the body, in the order of the body."""
    first = {"callback_url": "", "customer": {"email": "x", "id": 5}, "call": {"end_time": "x", "id": ""}}
    second = a_record(call__id=None, call__end_time="2023-01-01T10:00:00Z", agent__email="x", metadata=[])
    assert await faults(door, a_batch(first, second)) == [
        ("data[0].callback_url", "callback_url must be a URL address starting with https://"),
        ("data[0].customer.email", "email must be an email"),
        ("data[0].customer.id", "id must be a string"),
        ("data[0].call.end_time", "end_time must be a valid ISO 8601 date string in UTC"),
        ("data[0].call.contact_number", "contact_number should not be empty"),
        ("data[0].call.id", "id should not be empty"),
        ("data[0].call.recording_url", "recording_url should not be empty"),
        ("data[0].call.start_time", "start_time should not be empty"),
        ("data[0].agent", "agent should not be empty"),
        ("data[1].call.id", "id should not be empty"),
        ("data[1].call.end_time", "end_time must be after start_time"),
        ("data[1].agent.email", "email must be an email"),
        ("data[1].metadata", "metadata must be an object"),
    ]


async def test_missing_fields_stand_where_the_contract_has_them(door: Door) -> None:
    """In the order of the body; where nothing is there to go by, in the contract's."""
    assert [path for path, _ in await faults(door, {"data": [{"call": {}}]})] == [
        "data[0].call.id",
        "data[0].call.recording_url",
        "data[0].call.start_time",
        "data[0].call.end_time",
        "data[0].call.contact_number",
        "data[0].agent",
        "data[0].customer",
    ]


async def test_one_bad_call_stores_nothing(door: Door) -> None:
    """A body with one bad call is refused whole and stores nothing, MUST."""
    await faults(door, a_batch(a_record("good"), a_record("bad", agent__id="")))
    assert (await door.get("calls/good")).status_code == 404
    answer = await door.post(a_batch(a_record("good")))
    assert answer.json()["data"]["calls"] == [{"id": "good", "status": "accepted"}]
