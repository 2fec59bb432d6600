"""Reading .csv and .jsonl: encodings, separators, lines that are none, and an end to everything."""

import json
from pathlib import Path

import pytest

from callwright.api.body import MAX_BYTES
from callwright.errors import SetupError
from callwright.push import text_files
from callwright.push.files import digest_of, open_source
from callwright.push.rows import Layout, Row


def read(path: Path, encoding: str | None = None, layout: Layout | None = None) -> tuple[list[str] | None, list[Row]]:
    with open_source(path, encoding, layout) as source:
        return source.headings, list(source.rows)


def saved(tmp_path: Path, content: bytes, name: str = "calls.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-marked"])
@pytest.mark.parametrize("separator", list(text_files.SEPARATORS))
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_unicode_separators_and_ends_of_lines_are_told_from_the_file(
    tmp_path: Path, encoding: str, separator: str, end: str
) -> None:
    text = end.join((separator.join(("id", '"näme, or so"', "last")), separator.join(("1", "Zoë", "x")), ""))
    content = b"\xff\xfe" + text.encode("utf-16-le") if encoding.endswith("marked") else text.encode(encoding)
    headings, rows = read(saved(tmp_path, content))
    assert headings == ["id", "näme, or so", "last"]
    assert rows == [Row(2, {"id": "1", "näme, or so": "Zoë", "last": "x"})]


def test_another_encoding_is_never_guessed(tmp_path: Path) -> None:
    path = saved(tmp_path, "id,name\n1,Zoë\n".encode("cp1252"))
    with pytest.raises(SetupError, match=r"calls.csv is not in UTF-8, from line \d") as refusal:
        read(path)
    assert "--encoding windows-1252" in refusal.value.fix
    assert read(path, "windows-1252")[1] == [Row(2, {"id": "1", "name": "Zoë"})]
    with pytest.raises(SetupError, match="is no encoding"):
        read(path, "klingon")


def test_a_file_without_headings_or_quotation_marks(tmp_path: Path) -> None:
    content = b'\n"1";"a\nb"\n2;"x\n3;y;z\n'
    headings, rows = read(saved(tmp_path, content), layout=Layout(("id", "name")))
    assert headings == ["id", "name"]
    assert rows[0] == Row(2, {"id": "1", "name": "a\nb"})
    assert rows[1].line == 4
    assert "unexpected end of data" in (rows[1].fault or "")
    assert read(saved(tmp_path, content), layout=Layout(("id", "name"), quotes=False))[1] == [
        Row(2, {"id": '"1"', "name": '"a'}),
        Row(3, {"id": 'b"'}),
        Row(4, {"id": "2", "name": '"x'}),
        Row(5, fault="has 3 cells, and there are 2 columns"),
    ]
    assert read(saved(tmp_path, b'id\t"n\n1\t"\n'), layout=Layout(quotes=False)) == (
        ["id", '"n'],
        [Row(2, {"id": "1", '"n': '"'})],
    )
    with pytest.raises(SetupError, match=r"calls\.jsonl is no \.csv file"):
        read(saved(tmp_path, b"{}", "calls.jsonl"), layout=Layout(quotes=False))


def test_cells_of_several_lines_and_lines_that_are_none(tmp_path: Path) -> None:
    content = b'id,"the\nname"\n1,"a\nb"\n\n , \n2,x,y\n3,x,\n"4" x,z\n5\n'
    headings, rows = read(saved(tmp_path, content))
    assert headings == ["id", "the name"]
    assert rows == [
        Row(3, {"id": "1", "the name": "a\nb"}),
        Row(7, fault="has 3 cells, and there are 2 columns"),
        Row(8, {"id": "3", "the name": "x"}),
        Row(9, fault="cannot be read: ',' expected after '\"'"),
        Row(10, {"id": "5"}),
    ]


def test_headings_that_are_blank_or_come_twice(tmp_path: Path) -> None:
    assert read(saved(tmp_path, b"a,,a,a\n"))[0] == ["a", "column 2", "a (2)", "a (3)"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b'"a\nb', "headings of calls.csv cannot be read"),
        (b"a,b\n" + b"x" * text_files.MOST_CHARACTERS, "Line 2 of calls.csv does not end"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(SetupError, match=says):
        read(saved(tmp_path, content))


def test_a_quote_that_is_not_closed_does_not_take_the_file_into_memory(tmp_path: Path) -> None:
    rows = read(saved(tmp_path, b'a,b\n"1,2\n' + b"3,4\n" * 100_000))[1]
    assert rows[0].line == 2
    assert rows[0].fault == "cannot be read: field larger than field limit (131072)"
    assert len(rows) > 60_000, "what comes behind it is read"


def test_objects_by_the_line(tmp_path: Path) -> None:
    call = {"call": {"id": "1"}, "agent": {}}
    lines = [json.dumps(call), "", '{"id": 7, "name": null, "x": " ", "y": true}', "[1]", '{"id":', '{"a": 1, "a": 2}']
    lines += ['{"call": "1", "agent": {"id": 2}}', '{"x": NaN}']
    path = saved(tmp_path, b"\xef\xbb\xbf" + "\n".join(lines).encode(), "calls.jsonl")
    headings, rows = read(path)
    assert headings is None
    assert rows == [
        Row(1, record=call),
        Row(3, {"id": 7, "y": True}),
        Row(4, fault="must be an object"),
        Row(5, fault="Malformed JSON"),
        Row(6, fault="Malformed JSON"),
        Row(7, fault="agent must be a text or a number, where `call` is no object"),
        Row(8, fault="Malformed JSON"),
    ]


def test_a_line_of_more_than_a_body_may_have_is_passed_over(tmp_path: Path) -> None:
    path = saved(tmp_path, b'{"a":"' + b"x" * (2 * MAX_BYTES) + b'"}\n{"a":"b"}\n', "calls.jsonl")
    assert read(path)[1] == [Row(1, fault="call must be smaller than 5 MB"), Row(2, {"a": "b"})]


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"calls\.xls ends with none of"):
        read(saved(tmp_path, b"", "calls.xls"))
    with pytest.raises(SetupError, match="cannot be read: No such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(SetupError, match="cannot be read: No such file"):
        digest_of(tmp_path / "none.csv")
    assert digest_of(saved(tmp_path, b"")).startswith("e3b0c442")
