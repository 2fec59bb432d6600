"""From columns to fields: by name, as told, with times in UTC, and what cannot be told apart."""

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callwright.api.models import BATCH_CALL
from callwright.errors import SetupError
from callwright.push.checking import Checked, Fault, checked
from callwright.push.mapping import ALIASES, Columns, Instructions, instructions, read_mapping
from callwright.push.records import Maker
from callwright.push.rows import Broken, Cell, Row
from callwright.push.times import in_utc, seconds_of
from partner_api import a_record
from push.tables import HEADINGS, a_line

ZONE = ZoneInfo("Europe/Berlin")


def looked_at(*rows: Row, told: Instructions | None = None, headings: list[str] | None = None) -> list[Checked]:
    told = told or Instructions()
    return [row for batch in checked(rows, Maker(told, Columns(told, headings))) for row in batch]


def cells(**changes: Cell) -> dict[str, Cell]:
    return dict(zip(HEADINGS, a_line(1, **changes), strict=True))  # type: ignore[arg-type]


def test_every_field_of_the_api_has_a_name() -> None:
    schema: Any = BATCH_CALL.json_schema()["$defs"]
    parts = {"CallPart": "call.", "AgentPart": "agent.", "CustomerPart": "customer.", "CallRecord": ""}
    real = {prefix + name for part, prefix in parts.items() for name in schema[part]["properties"]}
    own = {"call", "agent", "customer", "metadata", "custom_fields", "transcript"}
    assert set(ALIASES) - {"call.duration"} == real - own
    for name, aliases in ALIASES.items():
        assert name.split(".")[-1] in aliases or name.replace(".", "_") in aliases


def test_columns_find_their_fields_by_name() -> None:
    headings = [
        *HEADINGS,
        "customer name",
        "Agent-E-Mail",
        "metadata.campaign",
        "custom_fields.Lead Source",
        "Notes",
        "ID",
    ]
    columns = Columns(Instructions(), headings)
    assert [columns.field_of(heading) for heading in headings] == [
        *("call.id", "call.recording_url", "call.start_time", "call.end_time", "call.contact_number"),
        *(
            "agent.id",
            "customer.id",
            "customer.name",
            None,
            "metadata.campaign",
            "custom_fields.Lead Source",
            None,
            None,
        ),
    ]
    assert list(columns.left_out) == ["Agent-E-Mail", "Notes", "ID"]


def test_what_is_told_goes_before_the_names() -> None:
    told = instructions({"Phone": "metadata.dialled", "Number": "call.contact_number", "Agent ID": "agent.id"}, {})
    columns = Columns(told, [*HEADINGS, "Number", "Contact Number"])
    assert columns.field_of("Phone") == "metadata.dialled"
    assert columns.field_of("Contact Number") is None


@pytest.mark.parametrize(
    ("columns", "values", "headings", "says"),
    [
        ({"Nope": "call.id"}, {}, HEADINGS, "There is no column 'Nope'"),
        ({}, {}, (*HEADINGS, "Phone Number"), "'Phone' and 'Phone Number' both stand for call.contact_number"),
        (
            {"Start": "call.end_time"},
            {},
            HEADINGS,
            "'Start' and 'End' both|both stand for call.end_time|call.start_time",
        ),
        ({"Phone": ""}, {}, HEADINGS, "No column stands for call.contact_number"),
        (
            {},
            {},
            HEADINGS[:3],
            "call.contact_number; for agent.id; for customer.id; for call.end_time, or call.duration",
        ),
        ({"Phone": "call.number"}, {}, HEADINGS, "'call.number' is no field of a call"),
        ({"Phone": "metadata."}, {}, HEADINGS, "'metadata.' is no field of a call"),
        ({}, {"nope": "x"}, HEADINGS, "'nope' is no field of a call"),
        ({}, {"metadata.x": True}, HEADINGS, "cannot have the value True"),
        ({}, {"call.duration": 3}, HEADINGS, "cannot have the value 3"),
    ],
)
def test_what_is_not_clear_is_asked(
    columns: dict[str, str], values: dict[str, Any], headings: tuple[str, ...], says: str
) -> None:
    with pytest.raises(SetupError, match=says):
        Columns(instructions(columns, values), list(headings))


def test_a_mapping_file(tmp_path: Path) -> None:
    path = tmp_path / "dialer.toml"
    path.write_text(
        'timezone = "Europe/Berlin"\ntime_format = "%d.%m.%Y %H:%M"\n[columns]\n"Rufnummer" = "call.contact_number"\n'
        '[values]\n"callback_url" = "https://hooks.example.com"\n"metadata.attempt" = 2\n'
    )
    told = read_mapping(path)
    assert told == Instructions(
        {"Rufnummer": "call.contact_number"},
        {"callback_url": "https://hooks.example.com", "metadata.attempt": 2},
        ZONE,
        "%d.%m.%Y %H:%M",
    )
    more = told.and_then(instructions({"A": "agent.id"}, {"metadata.attempt": "3"}, "UTC"))
    assert more.columns == {"Rufnummer": "call.contact_number", "A": "agent.id"}
    assert (more.values["metadata.attempt"], more.timezone, more.time_format) == (
        "3",
        ZoneInfo("UTC"),
        "%d.%m.%Y %H:%M",
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("columns = 1", "must be tables"),
        ("colums = {}", "has colums, which nobody knows"),
        ("[[", "is no TOML"),
        ("timezone = 'Mars/Olympus'", "'Mars/Olympus' is no time zone"),
        ("timezone = '../../etc/passwd'", "is no time zone"),
        ("time_format = 1", "time_format must be a text"),
        ("[columns]\na = 1", "1 is no field of a call"),
        ("joined = 1", "must be tables"),
        ("[joined]\n'call.number' = '{a}'", "'call.number' is no field of a call"),
        ("[joined]\n'call.id' = 'a'", "call.id cannot be joined of 'a'"),
        ("[joined]\n'call.id' = '{a}}'", "call.id cannot be joined of"),
        ("[joined]\n'call.id' = 1", "call.id cannot be joined of 1"),
        ("[joined]\n'call.id' = '{a}'\n[columns]\nb = 'call.id'", "call.id is both a column and joined"),
        ("[only]\na = '('", r"'\(' is no pattern for 'a'"),
        ("[only]\na = 1", "1 is no pattern for 'a'"),
        ("recordings = 'recordings/'", "'recordings/' is no address of a folder"),
        ("recordings = 'https://recordings.example.com/?a='", "is no address of a folder"),
        ("recordings = 1", "1 is no address of a folder"),
        ("headings = 'id'", "headings must be a list of texts that differ"),
        ("headings = []", "headings must be a list of texts that differ"),
        ("headings = ['a', 'a']", "headings must be a list of texts that differ"),
        ("headings = ['a', 1]", "headings must be a list of texts that differ"),
        ("quotes = 'no'", "quotes must be true or false"),
    ],
)
def test_mapping_files_that_say_what_cannot_be(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "m.toml"
    path.write_text(content)
    with pytest.raises(SetupError, match=says):
        read_mapping(path)
    with pytest.raises(SetupError, match="cannot be read"):
        read_mapping(tmp_path / "none.toml")


NAIVE = dt.datetime(2026, 7, 5, 10)  # noqa: DTZ001 - a cell's time has no zone


@pytest.mark.parametrize(
    ("cell", "zone", "form", "becomes"),
    [
        ("2026-01-05T10:00:00Z", None, None, "2026-01-05T10:00:00Z"),
        ("2026-01-05 10:00:00.25 Z", None, None, "2026-01-05T10:00:00.250000Z"),
        (" 2026-01-05 10:00+05:30 ", None, None, "2026-01-05T04:30:00Z"),
        ("2026-01-05 10:00:00.5+05", None, None, "2026-01-05T05:00:00.500000Z"),
        ("2026-01-05 10:00", ZONE, None, "2026-01-05T09:00:00Z"),
        ("2026-07-05 10:00", ZONE, None, "2026-07-05T08:00:00Z"),
        (NAIVE, ZONE, None, "2026-07-05T08:00:00Z"),
        (NAIVE, ZONE, "%d/%m/%Y", "2026-07-05T08:00:00Z"),
        ("05/07/2026 10:00", ZONE, "%d/%m/%Y %H:%M", "2026-07-05T08:00:00Z"),
        ("05/07/2026 10:00 +0100", None, "%d/%m/%Y %H:%M %z", "2026-07-05T09:00:00Z"),
        ("2026-01-05 10:00", None, None, None),
        ("2026-01-05", ZONE, None, None),
        ("2026-02-30 10:00", ZONE, None, None),
        ("2026-W01-1T10:00", ZONE, None, None),
        ("05/07/2026 10:00", ZONE, None, None),
        ("2026-10-25 02:30", ZONE, None, None),  # comes twice
        ("2026-03-29 02:30", ZONE, None, None),  # never comes
        ("0001-01-01 00:00", ZONE, None, None),
        (NAIVE, None, None, None),
        (45_000, ZONE, None, None),
    ],
)
def test_times_are_put_into_utc_or_left_to_be_refused(
    cell: Cell, zone: ZoneInfo | None, form: str | None, becomes: str | None
) -> None:
    assert in_utc(cell, zone, form) == (cell if becomes is None else becomes)


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("90", 90),
        (90, 90),
        (90.5, 90.5),
        ("12:30", 750),
        ("1:02:03", 3723),
        (dt.datetime(1899, 12, 30, 0, 12, 30), 750),  # noqa: DTZ001
        (dt.datetime(1904, 1, 1, 1), 3600),  # noqa: DTZ001
        (NAIVE, None),
        ("-5", None),
        (-5, None),
        (True, None),
        ("twelve", None),
        (10**9, None),
    ],
)
def test_lengths_of_time(cell: Cell, seconds: float | None) -> None:
    assert seconds_of(cell) == seconds


def test_a_row_becomes_the_record_that_the_api_takes() -> None:
    told = instructions({}, {"callback_url": "https://hooks.example.com", "metadata.source": "import"}, "UTC")
    row = cells(id=4711, start="2026-01-05 10:00") | {
        "customer name": " Zoë ",
        "metadata.attempt": 2,
        "metadata.first": True,
        "custom_fields.seats": 12,
        "Notes": Broken("#REF!"),
    }
    (found,) = looked_at(Row(2, row), told=told)
    assert found.faults == ()
    assert found.record == {
        "call": {
            "id": "4711",
            "recording_url": "https://recordings.example.com/1.mp3",
            "start_time": "2026-01-05T10:00:00Z",
            "end_time": "2026-01-05T10:12:30Z",
            "contact_number": "+12025550001",
        },
        "agent": {"id": "agent-1"},
        "customer": {"id": "customer-1", "name": "Zoë"},
        "callback_url": "https://hooks.example.com",
        "metadata": {"source": "import", "attempt": 2, "first": "TRUE"},
        "custom_fields": [{"internal_name": "seats", "value": "12"}],
    }


def test_the_end_is_made_of_the_length() -> None:
    row = cells()
    del row["End"]
    (found,) = looked_at(Row(2, row | {"Duration": "12:30"}))
    assert found.record is not None
    assert found.record["call"]["end_time"] == "2026-01-05T10:12:30Z"
    (found,) = looked_at(Row(2, row | {"Duration": "long"}), headings=[*row, "Duration"])
    assert found.faults == (Fault("Duration", "end_time should not be empty"),)
    (found,) = looked_at(Row(2, cells() | {"Duration": "long"}))
    assert found.faults == (), "where there is an end, the length is not looked at"


def test_fields_are_joined_of_columns() -> None:
    told = instructions(
        {"Phone": ""},
        {},
        "UTC",
        joined={
            "call.contact_number": "+{country}{national number}",
            "call.start_time": "{Day} {Time}",
            "metadata.both": "{Agent ID}/{x.__class__}",
        },
    )
    row = cells(start="") | {"country": 1, "national number": " 2025550101 ", "Day": "2026-01-05", "Time": "10:00"}
    headings = [*row, "x.__class__"]
    found = looked_at(
        Row(2, row | {"x.__class__": "{Phone}"}),
        Row(3, {name: cell for name, cell in row.items() if name != "country"}),
        Row(4, row | {"national number": 2.0**60}),
        Row(5, row | {"Day": Broken("#REF!")}),
        told=told,
        headings=headings[:2] + headings[3:],
    )
    assert found[0].record is not None
    assert found[0].record["call"]["contact_number"] == "+12025550101"
    assert found[0].record["call"]["start_time"] == "2026-01-05T10:00:00Z"
    assert found[0].record["metadata"] == {"both": "agent-1/{Phone}"}
    where = "country, national number"
    assert [row.faults for row in found[1:]] == [
        (Fault(where, "contact_number should not be empty"),),
        (Fault(where, "contact_number must be a valid phone number in E.164 format"),),  # rounded
        (Fault("Day, Time", "the cell has the error #REF! in the place of a value"),),
    ]
    with pytest.raises(SetupError, match=r"There is no column 'x\.__class__'"):
        looked_at(told=told, headings=list(row))


def test_recordings_are_found_under_an_address_and_nowhere_else() -> None:
    told = instructions({}, {}, recordings="https://recordings.example.com/a")
    names = {
        "1.mp3": "a/1.mp3",
        "/2026/ü 1.mp3": "a/2026/%C3%BC%201.mp3",
        "1.mp3?x=#y%2e": "a/1.mp3%3Fx%3D%23y%252e",
        "@evil.example/1.mp3": "a/%40evil.example/1.mp3",
        "//evil.example/1.mp3": "a/evil.example/1.mp3",
        "HTTP://elsewhere.example/1.mp3": None,
        "../1.mp3": None,
        "b/../../1.mp3": None,
        "b//1.mp3": None,
        "./1.mp3": None,
        "file:///etc/passwd": None,
        "\ud800.mp3": None,
    }
    found = looked_at(*(Row(n, cells(recording=name)) for n, name in enumerate(names, 2)), told=told)
    for (name, path), row in zip(names.items(), found, strict=True):
        if path is None:
            kept = row.record is not None and row.record["call"]["recording_url"] == name
            assert kept == name.startswith("HTTP"), name
        else:
            assert row.record is not None, row.faults
            assert row.record["call"]["recording_url"] == f"https://recordings.example.com/{path}"


def test_rows_of_another_kind_are_refused() -> None:
    told = instructions({"Result": ""}, {}, only={"Result": "ANSWERED|VOICE.*", "Phone": ""})
    rows = ("ANSWERED", "VOICEMAIL", "NOT ANSWERED", "ANSWERED, BUSY", None, "x" * 300)
    found = looked_at(*(Row(n, cells() | ({} if cell is None else {"Result": cell})) for n, cell in enumerate(rows, 2)))
    assert not any(row.faults for row in found)
    found = looked_at(
        *(Row(n, cells() | ({} if cell is None else {"Result": cell})) for n, cell in enumerate(rows, 2)), told=told
    )
    only = "and only what matches ANSWERED|VOICE.* is sent"
    assert [row.faults[0].message if row.faults else "" for row in found] == [
        *("", "", f"is 'NOT ANSWERED', {only}", f"is 'ANSWERED, BUSY', {only}", f"is empty, {only}"),
        f"is '{'x' * 60}', {only}",
    ]
    with pytest.raises(SetupError, match="There is no column 'Result'"):
        looked_at(told=told, headings=list(HEADINGS))


def test_every_fault_is_told_as_the_api_tells_it_with_its_column() -> None:
    good = Row(2, cells())
    bad = cells(id="x" * 256, phone="2025550101", end="2026-01-05T09:00:00Z", agent=" ", recording="file:///etc/passwd")
    many: dict[str, Cell] = {"custom_fields.a": " ", "custom_fields.b": 1e300}
    many |= {f"metadata.{n}": "x" for n in range(6)}
    found = looked_at(good, Row(3, bad | {"callback_url": "http://x.example"}), Row(7, cells() | many), headings=None)
    assert found[0].faults == ()
    assert found[1].record is None
    assert [(fault.column, fault.message) for fault in found[1].faults] == [
        ("Call ID", "id must be shorter than or equal to 255 characters"),
        ("Recording", "recording_url must be a URL address"),
        ("End", "end_time must be after start_time"),
        ("Phone", "contact_number must be a valid phone number in E.164 format"),
        ("Agent ID", "id should not be empty"),
        ("callback_url", "callback_url must be a URL address starting with https://"),
    ]
    assert [(fault.column, fault.message) for fault in found[2].faults] == [
        ("custom_fields.b", "value must be a string"),
        ("metadata", "metadata must contain no more than 5 keys"),
    ]


def test_rows_that_are_no_calls_at_all() -> None:
    found = looked_at(
        Row(2, fault="Malformed JSON"),
        Row(3, cells() | {"Phone": Broken("#REF!")}),
        Row(4, cells() | {"phone_number": "+1"}),
        Row(5, {"Notes": "x"}),
    )
    assert [row.faults[0] for row in found] == [
        Fault("", "Malformed JSON"),
        Fault("Phone", "the cell has the error #REF! in the place of a value"),
        Fault("phone_number", "stands for call.contact_number, as Phone does"),
        Fault("Call ID", "id should not be empty"),
    ]


def test_calls_as_the_api_takes_them_are_taken_as_they_are() -> None:
    told = instructions(
        {}, {"callback_url": "https://other.example", "metadata.source": "file", "custom_fields.x": "1"}
    )
    record = a_record("c1", agent="nobody")
    good, bad = looked_at(Row(1, record=a_record("c2")), Row(2, record=record), told=told)
    assert good.record is not None
    assert good.record["callback_url"] == a_record()["callback_url"]
    assert good.record["metadata"] == {**a_record()["metadata"], "source": "file"}
    assert good.record["custom_fields"][-1] == {"internal_name": "x", "value": "1"}
    assert (bad.call_id, bad.faults) == ("c1", (Fault("agent", "agent must be an object"),))


def test_rows_stay_in_their_order_over_batches() -> None:
    rows = [Row(n, cells(id=str(n), phone="x" if n % 7 == 0 else "+12025550101")) for n in range(2, 160)]
    found = looked_at(*rows)
    assert [row.line for row in found] == list(range(2, 160))
    assert {row.line for row in found if row.faults} == set(range(7, 160, 7))
