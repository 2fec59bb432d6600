"""Reading .xlsx: what cells hold, and files that are damaged or mean no good."""

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from callwright.errors import SetupError
from callwright.push import workbook
from callwright.push.cells import CELL_CHARACTERS, shows_time
from callwright.push.files import open_source
from callwright.push.rows import Broken, Row
from callwright.push.xml_stream import MOST_OF_A_TAG
from push.tables import write_xlsx

ROOT = '<Relationships xmlns="x"><Relationship Id="r" Type="y/{kind}" Target="{target}"/></Relationships>'
MOMENT = dt.datetime(2026, 1, 5, 10, 0, 30, 500_000)  # noqa: DTZ001 - a cell's time has no zone
BOOK = '<workbook xmlns:r="z"><sheets><sheet name="S" r:id="r"/></sheets></workbook>'
SHEET = "<worksheet><sheetData>{rows}</sheetData></worksheet>"
HEAD = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'


def read(path: Path) -> tuple[list[str] | None, list[Row]]:
    with open_source(path, None) as source:
        assert source.sheet
        return source.headings, list(source.rows)


def crafted(tmp_path: Path, rows: str = HEAD, *, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """A workbook of these rows."""
    path = tmp_path / "crafted.xlsx"
    content = {
        "_rels/.rels": ROOT.format(kind="officeDocument", target="xl/workbook.xml"),
        "xl/workbook.xml": BOOK,
        "xl/_rels/workbook.xml.rels": ROOT.format(kind="worksheet", target="sheet.xml"),
        "xl/sheet.xml": SHEET.format(rows=rows),
    }
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    return path


def test_what_cells_hold(tmp_path: Path) -> None:
    line: list[Any] = ["text", 7, 7.25, True, MOMENT, 1e15, "", "a\r\nb", "=1+1"]
    path = write_xlsx(tmp_path / "a.xlsx", [line], [f"h{n}" for n in range(len(line))])
    headings, rows = read(path)
    assert headings == [f"h{n}" for n in range(len(line))]
    assert rows == [
        Row(2, {"h0": "text", "h1": 7, "h2": 7.25, "h3": True, "h4": MOMENT, "h5": 10**15, "h7": "a\r\nb", "h8": 0})
    ]
    assert all(
        type(a) is type(b) for a, b in zip(rows[0].cells.values(), ["", 1, 1.0, True, MOMENT, 1, "", 1], strict=True)
    )


def test_times_in_the_epoch_of_1904(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", [[MOMENT]], ["t"], date_1904=True)
    assert read(path)[1] == [Row(2, {"t": MOMENT})]


@pytest.mark.parametrize(
    ("number", "code", "is_time"),
    [
        (14, None, True),
        (22, None, True),
        (0, None, False),
        (49, None, False),
        (164, "yyyy-mm-dd", True),
        (164, "[h]:mm", True),
        (164, "[$-409]d/m/yy h:mm AM/PM;@", True),
        (164, '0.00 "days"', False),
        (164, r"0\d", False),
        (164, "[Red]0.00;yyyy", False),
        (164, "#,##0_d", False),
    ],
)
def test_which_formats_show_times(number: int, code: str | None, is_time: bool) -> None:
    assert shows_time(number, code) is is_time


def test_the_first_visible_sheet_and_rows_that_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(path)
    book.add_worksheet("Hidden").hide()
    sheet = book.add_worksheet("Calls")
    book.add_worksheet("Other").write(0, 0, "no")
    sheet.activate()
    for at, value in (("B3", "a"), ("D3", "b"), ("B9", 1), ("F11", "x")):
        sheet.write(at, value)
    book.close()
    with open_source(path, None) as source:
        assert (source.sheet, source.headings) == ("Calls", ["column 1", "a", "column 3", "b"])
        assert list(source.rows) == [Row(9, {"a": 1}), Row(11, fault="has a cell in column 6, and there are 4 columns")]


def test_cells_as_other_programs_write_them(tmp_path: Path) -> None:
    rows = """<x:row><x:c t="inlineStr"><x:is><x:t>a</x:t></x:is></x:c><x:c t="str"><x:v>b</x:v></x:c></x:row>
      <x:row><x:c t="s"><x:v>1</x:v></x:c><x:c t="e"><x:v>#REF!</x:v></x:c></x:row>
      <x:row><x:c t="d"><x:v>2026-01-05T10:00:00</x:v></x:c><x:c><x:v>1E2</x:v></x:c></x:row>
      <x:row><x:c t="inlineStr"><x:is><x:r><x:t>in </x:t></x:r><x:r><x:t>parts</x:t></x:r></x:is></x:c></x:row>"""
    texts = "<sst><si><t>no</t></si><si><r><t>ri</t></r><r><t>ch_x0041_</t></r><rPh><t>say</t></rPh></si></sst>"
    relations = ROOT.format(kind="worksheet", target="/xl/sheet.xml").replace(
        "</Relationships>", '<Relationship Id="q" Type="sharedStrings" Target="../s.xml"/></Relationships>'
    )
    parts = {
        "xl/sheet.xml": f'<x:worksheet xmlns:x="y"><x:sheetData>{rows}</x:sheetData></x:worksheet>',
        "xl/_rels/workbook.xml.rels": relations,
        "s.xml": texts,
    }
    path = with_parts(crafted(tmp_path), parts)
    assert read(path) == (
        ["a", "b"],
        [
            Row(2, {"a": "richA", "b": Broken("#REF!")}),
            Row(3, {"a": "2026-01-05T10:00:00", "b": 100}),
            Row(4, {"a": "in parts"}),
        ],
    )


def with_parts(path: Path, parts: dict[str, str]) -> Path:
    """The same workbook with some parts replaced."""
    with zipfile.ZipFile(path) as archive:
        content: dict[str, bytes | str] = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in {**content, **parts}.items():
            archive.writestr(name, part)
    return path


BILLION = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' + SHEET.format(rows=HEAD.replace(">a<", ">&b;<"))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("", "is empty"),
        ("<row r='2'/><row r='1'/>", "rows are not in their order"),
        ("<row r='1048577'/>", "rows are not in their order"),
        ("<row r='99999999999999999999'/>", "rows are not in their order"),
        ("<row><c r='XFE1'/></row>", "cells of a row are not in their order"),
        ("<row><c r='B1'/><c r='A1'/></row>", "cells of a row are not in their order"),
        ("<row><c t='s'><v>0</v></c></row>", "a text that is not there"),
        ("<row><c t='s'><v>-1</v></c></row>", "a text that is not there"),
        ("<row><c><v>nan</v></c></row>", "no number"),
        ("<row><c><v>1e999</v></c></row>", "no number"),
        (f"<row><c t='str'><v>{'x' * (CELL_CHARACTERS + 1)}</v></c></row>", "more than 32,767 characters"),
        ("<row>" + "<x>" * 100 + "</x>" * 100 + "</row>", "nested too deep"),
        ("<row><c>", "mismatched tag"),
        (f"<!--{'x' * (2 * MOST_OF_A_TAG)}-->", "does not end"),
        (f"<row x='{'x' * (2 * MOST_OF_A_TAG)}'/>", "does not end"),
        ("&nope;", "undefined entity"),
    ],
)
def test_sheets_that_are_damaged_or_endless(tmp_path: Path, rows: str, says: str) -> None:
    with pytest.raises(SetupError, match=says):
        read(crafted(tmp_path, rows))


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"xl/sheet.xml": BILLION}, "it declares a document type"),
        ({"xl/workbook.xml": "<!DOCTYPE x SYSTEM 'file:///etc/passwd'>" + BOOK}, "it declares a document type"),
        ({"xl/workbook.xml": "<workbook/>"}, "it has no sheet"),
        ({"xl/workbook.xml": BOOK.replace("<sheet ", "<sheet state='hidden' ")}, "it has no sheet"),
        ({"xl/workbook.xml": " " * (workbook.MOST_OF_A_SMALL_PART + 1)}, "is too large"),
        (
            {"_rels/.rels": ROOT.format(kind="officeDocument", target="../../etc/passwd")},
            "no part 'etc/_rels/passwd.rels'",
        ),
        ({f"{n}{'x' * 60_000}": "" for n in range(20)}, "too many parts"),
    ],
)
def test_archives_that_mean_no_good(tmp_path: Path, parts: dict[str, str], says: str) -> None:
    with pytest.raises(SetupError, match=says):
        read(with_parts(crafted(tmp_path), parts))


def test_no_more_is_read_of_a_part_than_it_declares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_OF_A_PART", 1_000_000)
    with pytest.raises(SetupError, match="is too large"):
        read(crafted(tmp_path, HEAD + " " * 1_000_000))
    path = crafted(tmp_path, HEAD + " " * 1_000_000)
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo("xl/sheet.xml").file_size
    path.write_bytes(content.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    with pytest.raises(SetupError, match="is no workbook that can be read"):
        read(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x05\x06",
        b"PK\x03\x04" + bytes(100),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        b"id,name\n1,2\n",
    ],
)
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(SetupError, match=r"a\.xlsx is no workbook that can be read"):
        read(path)


def test_other_compressions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="compressed in another way"):
        read(crafted(tmp_path, compression=zipfile.ZIP_LZMA))


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", [[str(n)] for n in range(5000)], ["a"])
    content = bytearray(path.read_bytes())
    at = content.find(b"xl/worksheets/sheet1.xml") + 2000
    content[at : at + 2000] = bytes(2000)
    path.write_bytes(content)
    with pytest.raises(SetupError, match="is no workbook that can be read"):
        read(path)
