"""Each vendor's preset on an export in the vendor's form: what becomes of its calls, and the faults of its lines."""

import csv
import io
import re
import tomllib
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest

from callwright.errors import SetupError
from callwright.push.checking import Checked
from callwright.push.findings import Findings, look_through
from callwright.push.mapping import Instructions, instructions, read_mapping
from callwright.push.presets import FOLDER, preset_named, presets
from callwright.push.reading import Job, open_calls

FOLDER_OF_RECORDINGS = "https://recordings.example.com/2026"
GIVEN = instructions({}, {}, "America/New_York", recordings=FOLDER_OF_RECORDINGS)


def exported(*lines: tuple[object, ...], quoting: Literal[0, 1, 2, 3] = csv.QUOTE_MINIMAL, separator: str = ",") -> str:
    """Lines as a vendor writes them."""
    text = io.StringIO()
    quote = None if quoting == csv.QUOTE_NONE else '"'
    csv.writer(text, delimiter=separator, quoting=quoting, quotechar=quote, lineterminator="\r\n").writerows(lines)
    return text.getvalue()


def read_by(name: str, tmp_path: Path, content: str, told: Instructions = GIVEN) -> tuple[Findings, list[Checked]]:
    """An export as a preset reads it: what was found in it, and its rows."""
    path = tmp_path / "export.csv"
    path.write_text(content, "utf-8", newline="")
    job = Job(path, read_mapping(preset_named(name).path).and_then(told))
    found = look_through(job, each_batch=lambda _: None, each_faulty=lambda _: None)
    with open_calls(job) as calls:
        return found, [row for batch in calls.batches for row in batch]


def faults(rows: list[Checked]) -> dict[int, list[str]]:
    return {row.line: [f"{fault.column}: {fault.message}" for fault in row.faults] for row in rows if row.faults}


def call(**parts: Any) -> dict[str, Any]:
    """The record of the call that every sample begins with."""
    whole: dict[str, Any] = {
        "call": {
            "id": "1767628800.7",
            "recording_url": f"{FOLDER_OF_RECORDINGS}/1767628800.7.wav",
            "start_time": "2026-01-05T16:00:00Z",
            "end_time": "2026-01-05T16:12:30Z",
            "contact_number": "+12025550101",
        },
        "agent": {"id": "101"},
        "customer": {"id": "+12025550101"},
    }
    return {**whole, **{name: {**whole.get(name, {}), **part} for name, part in parts.items()}}


def asterisk(**changes: object) -> tuple[object, ...]:
    """A line of Master.csv: texts in quotation marks, numbers without them, a time that is not known empty."""
    cells: dict[str, object] = {
        "accountcode": "",
        "src": "101",
        "dst": "+12025550101",
        "dcontext": "from-internal",
        "clid": '"Ann Lee" <101>',
        "channel": "PJSIP/101-00000007",
        "dstchannel": "PJSIP/trunk-00000008",
        "lastapp": "Dial",
        "lastdata": "PJSIP/12025550101@trunk,60,T",
        "start": "2026-01-05 11:00:00",
        "answer": "2026-01-05 11:00:08",
        "end": "2026-01-05 11:12:30",
        "duration": 750,
        "billsec": 742,
        "disposition": "ANSWERED",
        "amaflags": "DOCUMENTATION",
        "uniqueid": "1767628800.7",
        "userfield": "1767628800.7.wav",
    }
    return tuple({**cells, **changes}.values())


def test_asterisk(tmp_path: Path) -> None:
    content = exported(
        asterisk(),
        asterisk(uniqueid="2", answer=None, billsec=0, disposition="NO ANSWER", userfield=""),
        asterisk(uniqueid="3", userfield=""),
        asterisk(uniqueid="4", dst="102"),
        asterisk(uniqueid="5", start="2026-11-01 01:30:00", end="2026-11-01 01:40:00"),
        (*asterisk(uniqueid="6", dst="12025550101"), "", "6", 9),  # newcdrcolumns
        asterisk(uniqueid="7", userfield="/../../etc/passwd.wav"),
        asterisk(uniqueid="8", userfield="/monitor/2026 01/a#b?.wav"),
        (*asterisk(uniqueid="9"), "", "9", 9, "more"),
        (*asterisk(uniqueid="10")[:-1], "account-7", "10", 9),  # newcdrcolumns without loguserfield
        asterisk()[:-2],  # neither loguniqueid nor loguserfield
        quoting=csv.QUOTE_NONNUMERIC,
    )
    found, rows = read_by("asterisk", tmp_path, content)
    assert rows[0].record == call()
    assert rows[7].record is not None
    assert rows[7].record["call"]["recording_url"] == f"{FOLDER_OF_RECORDINGS}/monitor/2026%2001/a%23b%3F.wav"
    no_utc = "must be a valid ISO 8601 date string in UTC"
    assert faults(rows) == {
        2: ["disposition: is 'NO ANSWER', and only what matches ANSWERED is sent"],
        3: ["userfield: recording_url should not be empty"],
        4: [r"dst: is '102', and only what matches \+?[0-9]{7,15} is sent"],
        5: [f"start: start_time {no_utc}", f"end: end_time {no_utc}"],
        6: ["dst: contact_number must be a valid phone number in E.164 format"],
        7: ["userfield: recording_url must be a URL address"],
        9: [": has 22 cells, and there are 21 columns"],
        10: [r"userfield: is 'account-7', and only what matches (.*\.\w{3,4})? is sent"],
        11: ["uniqueid: id should not be empty", "userfield: recording_url should not be empty"],
    }
    assert ("dst", "call.contact_number") in found.columns
    assert {"duration", "disposition", "clid"} <= {*found.left_out}
    assert "dst" not in found.left_out

    joined = instructions({"accountcode": "agent.id"}, {}, joined={"call.contact_number": "+{dst}"})
    plus = read_by("asterisk", tmp_path, content, GIVEN.and_then(joined))[1]
    assert plus[5].faults[0].message == "id should not be empty", "an account that is not there"
    assert [fault.column for fault in plus[0].faults] == ["dst", "accountcode"]


def test_recordings_without_an_address_are_asked_for(tmp_path: Path) -> None:
    told = instructions({}, {}, "America/New_York")
    found, rows = read_by("asterisk", tmp_path, exported(asterisk()), told)
    assert faults(rows) == {1: ["userfield: recording_url must be a URL address"]}
    assert found.hints == [
        "Recordings with a name alone: say where they lie, as --recordings https://recordings.example.com/"
    ]


FREEPBX = (
    "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,amaflags,"
    "accountcode,uniqueid,userfield,did,cnum,cnam,outbound_cnum,outbound_cnam,dst_cnam,recordingfile,linkedid,peeraccount,"
    "sequence"
)


def freepbx(**changes: object) -> tuple[object, ...]:
    cells: dict[str, object] = dict.fromkeys(FREEPBX.split(","), "")
    cells |= {
        "calldate": "2026-01-05 11:00:00",
        "clid": '"Ann Lee" <12025550199>',
        "src": "12025550199",
        "dst": "+12025550101",
        "duration": 750,
        "billsec": 742,
        "disposition": "ANSWERED",
        "amaflags": 3,
        "uniqueid": "1767628800.7",
        "cnum": "101",
        "cnam": "Ann Lee",
        "recordingfile": "out-+12025550101-101-20260105-110000-1767628800.7.wav",
        "linkedid": "1767628800.7",
        "sequence": 12,
    }
    return tuple({**cells, **changes}.values())


def test_freepbx(tmp_path: Path) -> None:
    content = exported(
        tuple(FREEPBX.split(",")),
        freepbx(),
        freepbx(uniqueid="2", disposition="BUSY", duration=3, billsec=0, recordingfile=""),
        freepbx(uniqueid="3", recordingfile=""),
        freepbx(uniqueid="4", calldate="0000-00-00 00:00:00"),
        freepbx(uniqueid="5", duration=0),
        freepbx(uniqueid="6", cnum=""),
        freepbx(uniqueid="7", did="+12025550199", dst="+12025550199", cnum="12025550101"),
    )
    _, rows = read_by("freepbx", tmp_path, content)
    name = "out-%2B12025550101-101-20260105-110000-1767628800.7.wav"
    assert rows[0].record == call(
        call={"recording_url": f"{FOLDER_OF_RECORDINGS}/{name}"}, agent={"id": "101", "name": "Ann Lee"}
    )
    assert faults(rows) == {
        3: ["disposition: is 'BUSY', and only what matches ANSWERED is sent"],
        4: ["recordingfile: recording_url should not be empty"],
        5: [
            "calldate: start_time must be a valid ISO 8601 date string in UTC",
            "duration: end_time should not be empty",
        ],
        6: ["duration: end_time must be after start_time"],
        7: ["cnum: id should not be empty"],
        8: ["did: is '+12025550199', and only what matches ^$ is sent"],
    }
    older = "\n".join(line.split(",recordingfile")[0] for line in content.splitlines())
    with pytest.raises(SetupError, match="There is no column 'recordingfile'"):
        read_by("freepbx", tmp_path, older)


FUSIONPBX = (
    "domain_uuid,sip_call_id,extension,extension_name,start_stamp,end_stamp,start_date_formatted,start_time_formatted,"
    "start_epoch,hangup_cause,duration,billmsec,missed_call,record_path,record_name,xml_cdr_uuid,bridge_uuid,direction,"
    "billsec,caller_id_name,caller_id_number,caller_destination,source_number,destination_number,leg,read_codec,"
    "write_codec,cc_side,answer_stamp,status,sip_hangup_disposition,tta"
)


def fusionpbx(**changes: object) -> tuple[object, ...]:
    cells: dict[str, object] = dict.fromkeys(FUSIONPBX.split(","), "")
    cells |= {
        "extension": "101",
        "start_stamp": "2026-01-05 11:00:00.25-05",
        "end_stamp": "2026-01-05 11:12:30-05",
        "duration": 742,
        "record_path": "/var/lib/freeswitch/recordings/example.com/archive/2026/Jan/05",
        "record_name": "1767628800.7.wav",
        "xml_cdr_uuid": "1767628800.7",
        "direction": "outbound",
        "caller_id_name": "Ann Lee",
        "destination_number": "+12025550101",
        "answer_stamp": "2026-01-05 11:00:08-05",
    }
    return tuple({**cells, **changes}.values())


def test_fusionpbx(tmp_path: Path) -> None:
    content = exported(
        tuple(FUSIONPBX.split(",")),
        fusionpbx(),
        fusionpbx(xml_cdr_uuid="2", direction="inbound", destination_number="101"),
        fusionpbx(xml_cdr_uuid="3", answer_stamp="", duration=0, record_name="", record_path=""),
        fusionpbx(xml_cdr_uuid="4", record_name=""),
        fusionpbx(xml_cdr_uuid="5", end_stamp="2026-01-05 10:59:00-05"),
        quoting=csv.QUOTE_ALL,
    )
    unquoted = content + content.splitlines()[1].replace("Ann Lee", 'Ann "Annie" Lee') + "\n"  # as the vendor writes it
    _, rows = read_by("fusionpbx", tmp_path, unquoted, instructions({}, {}, recordings=FOLDER_OF_RECORDINGS))
    assert rows[0].record == call(call={"start_time": "2026-01-05T16:00:00.250000Z"})
    assert faults(rows) == {
        3: ["direction: is 'inbound', and only what matches outbound is sent"],
        4: ["answer_stamp: is empty, and only what matches .+ is sent"],
        5: ["record_name: recording_url should not be empty"],
        6: ["end_stamp: end_time must be after start_time"],
        7: [""": cannot be read: ',' expected after '"'"""],
    }


VICIDIAL = (
    "call_date phone_number_dialed status user full_name campaign_id vendor_lead_code source_id list_id gmt_offset_now "
    "phone_code phone_number title first_name middle_initial last_name address1 address2 address3 city state province "
    "postal_code country_code gender date_of_birth alt_phone email security_phrase comments length_in_sec user_group "
    "alt_dial rank owner lead_id entry_date called_count last_local_call_time modify_date called_since_last_reset "
    "list_name list_description status_name recording_location wrapup_time queue_time uniqueid caller_code server_ip "
    "hangup_cause dialstatus channel dial_time answered_time cpd_result did_pattern did_id did_description"
)


def vicidial(**changes: object) -> tuple[object, ...]:
    cells: dict[str, object] = dict.fromkeys(VICIDIAL.split(), "")
    cells |= {
        "call_date": "2026-01-05 11:00:00",
        "phone_number_dialed": "2025550101",
        "status": "SALE",
        "user": "101",
        "full_name": "Ann Lee",
        "campaign_id": "SPRING",
        "phone_code": 1,
        "phone_number": "2025550101",
        "comments": '"quotes are not closed!Nand lines not broken',
        "length_in_sec": 750,
        "lead_id": "36524",
        "recording_location": "http://10.0.0.5/RECORDINGS/MP3/20260105-110000_2025550101-all.mp3",
        "uniqueid": "1767628800.7",
    }
    return tuple({**cells, **changes}.values())


def test_vicidial(tmp_path: Path) -> None:
    content = exported(
        tuple(VICIDIAL.split()),
        vicidial(),
        vicidial(uniqueid="2", status="NA", user="VDAD", length_in_sec=0, recording_location=""),
        vicidial(uniqueid="3", recording_location="http://10.0.0.5/b.mp3|http://10.0.0.5/a.mp3"),
        vicidial(uniqueid="4", phone_number_dialed="XXXXXX0101"),
        vicidial(uniqueid="5", phone_code="011"),
        vicidial(uniqueid=""),
        quoting=csv.QUOTE_NONE,
        separator="\t",
    )
    found, rows = read_by("vicidial", tmp_path, content, instructions({}, {}, "America/New_York"))
    assert rows[0].record == call(
        call={
            "id": "1767628800.7-36524",
            "recording_url": "http://10.0.0.5/RECORDINGS/MP3/20260105-110000_2025550101-all.mp3",
        },
        agent={"name": "Ann Lee"},
        customer={"id": "36524", "disposition_status": "SALE"},
        metadata={"campaign_id": "SPRING"},
    )
    number = "phone_code, phone_number_dialed: contact_number must be a valid phone number in E.164 format"
    assert faults(rows) == {
        3: [
            "recording_location: recording_url should not be empty",
            "length_in_sec: end_time must be after start_time",
        ],
        4: [
            "recording_location: is 'http://10.0.0.5/b.mp3|http://10.0.0.5/a.mp3', and only what matches [^|]* is sent",
        ],
        5: [number],
        6: [number],
        7: ["uniqueid, lead_id: id should not be empty"],
    }
    assert ("phone_code, phone_number_dialed", "call.contact_number") in found.columns


BRIGHT_PATTERN = (
    "Start Time,Agent loginId,Agent First Name,Agent Last Name,Customer phone,Direction,Service,Disposition,Notes,"
    "Voice Signature,Flagged,Talk Time,Export status,RecordingId,Global Interaction ID"
)


def bright_pattern(**changes: object) -> tuple[object, ...]:
    cells = dict(
        zip(
            BRIGHT_PATTERN.split(","),
            (
                *(
                    "01/05/2026 11:00:00 AM",
                    "ann",
                    "Ann",
                    "Lee",
                    "+12025550101",
                    "Outbound",
                    "Spring",
                    "Sale",
                    "",
                    "",
                    "",
                ),
                *("0:12:30", "success", "1767628800.7.wav", "B2-7"),
            ),
            strict=True,
        )
    )
    return tuple({**cells, **{name.replace("_", " "): cell for name, cell in changes.items()}}.values())


def test_bright_pattern(tmp_path: Path) -> None:
    content = exported(
        tuple(BRIGHT_PATTERN.split(",")),
        bright_pattern(),
        bright_pattern(RecordingId="2.wav", Export_status="failed"),
        bright_pattern(RecordingId="", Talk_Time="0:00:00"),
        bright_pattern(RecordingId="4.wav", Start_Time="2026-01-05 11:00"),
    )
    told = instructions({}, {}, "America/New_York", "%m/%d/%Y %I:%M:%S %p", recordings=FOLDER_OF_RECORDINGS)
    _, rows = read_by("bright-pattern", tmp_path, content, told)
    assert rows[0].record == call(
        call={"id": "1767628800.7.wav"},
        agent={"id": "ann", "name": "Ann Lee"},
        customer={"disposition_status": "Sale"},
        metadata={"interaction_id": "B2-7", "direction": "Outbound"},
    )
    told_of = faults(rows)
    assert told_of[3] == ["Export status: is 'failed', and only what matches success is sent"]
    assert told_of[4][:2] == [
        "RecordingId: id should not be empty",
        "RecordingId: recording_url should not be empty",
    ]
    assert told_of[5][0] == "Start Time: start_time must be a valid ISO 8601 date string in UTC"


def test_every_preset_is_a_mapping_file_that_says_where_it_is_from() -> None:
    tested = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")}
    assert {preset.name for preset in presets()} == {path.stem for path in FOLDER.iterdir()} <= tested
    for preset in presets():
        assert read_mapping(preset.path).columns
        assert re.search(r"https://\S+", preset.source)
        assert "--" in preset.missing
        assert "timezone" not in tomllib.loads(preset.path.read_text("utf-8")), "the user's, never the vendor's"
    with pytest.raises(SetupError, match=r"There is no preset '\.\./mapping'") as refusal:
        preset_named("../mapping")
    assert "vicidial" in refusal.value.fix


def test_what_is_told_later_wins_over_a_preset() -> None:
    preset = read_mapping(preset_named("asterisk").path)
    told = preset.and_then(instructions({"clid": "customer.id", "linkedid": "call.id"}, {}, only={"dst": ""}))
    assert "customer.id" not in told.joined
    assert "uniqueid" not in told.columns
    assert told.columns["linkedid"] == "call.id"
    assert (told.only["dst"], told.only["disposition"]) == ("", "ANSWERED")
    assert told.layout == preset.layout
    assert told.timezone is None
    assert preset.and_then(GIVEN).timezone == ZoneInfo("America/New_York")
