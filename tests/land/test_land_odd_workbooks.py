"""Workbooks that programs wrote and Excel would not: cells that hold no value, files that only bear the name of one."""

import base64
import io
import re
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from jobs.land.batches import FileRefused
from tests.support.land_objects import land_file, make_object
from tests.support.workbooks import HEADER, HTML, REGISTER, with_part, write_book

SHEET = "xl/worksheets/sheet1.xml"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
FORMATS = '<xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="21"/>'
STYLES = f'<styleSheet xmlns="{MAIN}"><cellXfs>{FORMATS}</cellXfs></styleSheet>'
DAY, TIME = 1, 2  # styles


def text_cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


def sheet(*rows: str, prefix: str = "") -> bytes:
    """A sheet of these rows of cells, below the header."""
    header = "".join(map(text_cell, HEADER))
    listed = "".join(f"<row>{cells}</row>" for cells in (header, *rows))
    text = f'<worksheet xmlns="{MAIN}"><sheetData>{listed}</sheetData></worksheet>'
    if prefix:
        text = re.sub("<(/?)", f"<\\1{prefix}:", text).replace("xmlns", f"xmlns:{prefix}")
    return text.encode()


def write_cells(folder: Path, *rows: str, prefix: str = "") -> Path:
    """A workbook with these rows of cells, below the header."""
    return with_part(
        with_part(write_book(folder), "xl/styles.xml", STYLES.encode()), SHEET, sheet(*rows, prefix=prefix)
    )


CELLS: dict[str, tuple[str, str | None]] = {
    # cell -> what lands
    "NaN": ("<c><v>NaN</v></c>", "#NUM!"),
    "NaN as a day": (f'<c s="{DAY}"><v>NaN</v></c>', "#NUM!"),
    "infinity": ("<c><v>INF</v></c>", "#NUM!"),
    "infinity below as a time": (f'<c s="{TIME}"><v>-Infinity</v></c>', "#NUM!"),
    "a number beyond all": ("<c><v>1e400</v></c>", "#NUM!"),
    "a result that is none": ("<c><f>0/0</f><v>NaN</v></c>", "#NUM!"),
    "a text that reads like one": ('<c t="str"><v>NaN</v></c>', "NaN"),
    "an error": ('<c t="e"><v>#DIV/0!</v></c>', "#DIV/0!"),
    "the error of a formula": ("<c t='e'><f>NA()</f><v>#N/A</v></c>", "#N/A"),
    "a formula without a value": ("<c><f>A2&amp;1</f><v/></c>", "#NO_VALUE!"),
    "a formula without anything": ("<c><f>A2</f></c>", "#NO_VALUE!"),
    "a formula typed as text, without a value": ('<c t="str"><f>A2</f></c>', "#NO_VALUE!"),
    "a shared formula without a value": ('<c s="0"><f t="shared" si="0"/><v></v></c>', "#NO_VALUE!"),
    "a formula whose result is empty": ('<c t="str"><f>""</f><v></v></c>', None),
    "a formula with its value": ('<c t="str"><f>A2</f><v>甲</v></c>', "甲"),
    "a formula with a number": ("<c><f>1+1</f><v>2</v></c>", "2"),
    "the last second there is": (f'<c s="{DAY}"><v>2958465.9999999</v></c>', "9999-12-31"),
    "a day after the last": (f'<c s="{DAY}"><v>2958466</v></c>', "2958466"),
    "a day before 1900": (f'<c s="{DAY}"><v>-1</v></c>', "00:00:00"),
    "the day that never was": (f'<c s="{DAY}"><v>60</v></c>', "1900-02-28"),
}  # fmt: skip


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_without_a_value_lands_as_the_word_for_it(tmp_path: Path, name: str) -> None:
    cell, landed = CELLS[name]
    path = write_cells(tmp_path, text_cell("1") + cell + text_cell("x"), text_cell("2") + text_cell("乙"))
    assert land_file(path, REGISTER)["rows"] == [(2, "1", landed, "x"), (3, "2", "乙", None)]


@pytest.mark.parametrize("name", ["NaN", "an error", "a formula without a value", "a shared formula without a value"])
def test_cells_of_a_name_space_with_a_prefix_land_likewise(tmp_path: Path, name: str) -> None:
    cell, landed = CELLS[name]
    path = write_cells(tmp_path, text_cell("1") + cell, prefix="x")
    assert land_file(path, REGISTER)["rows"] == [(2, "1", landed, None)]


def test_such_cells_are_found_wherever_they_stand_in_a_large_sheet(tmp_path: Path) -> None:
    rows = [text_cell(str(number)) + "<c><f>A1</f></c>" + text_cell("长" * 50) for number in range(20_000)]
    landed = land_file(write_cells(tmp_path, *rows), REGISTER)["rows"]
    assert {row[2] for row in landed} == {"#NO_VALUE!"}
    assert len(landed) == len(rows)


def test_a_cell_far_out_is_found_though_the_sheet_says_it_ends_before(tmp_path: Path) -> None:
    content = sheet('<c r="A2"><v>1</v></c>').replace(b"<sheetData>", b'<dimension ref="A1:C2"/><sheetData>')
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    path = with_part(write_book(tmp_path), SHEET, content.replace(b"</sheetData>", far))
    with pytest.raises(FileRefused, match="reach to row 1048576 and column 16384"):
        land_file(path, REGISTER)


def test_thousands_of_columns_beside_the_table_are_no_matter(tmp_path: Path) -> None:
    beside = "<c/>" * 5_000
    landed = land_file(write_cells(tmp_path, *[text_cell("1") + beside] * 3), REGISTER)
    assert [row[:2] for row in landed["rows"]] == [(2, "1"), (3, "1"), (4, "1")]


def test_formatted_rows_without_end_below_the_table_are_no_rows(tmp_path: Path) -> None:
    empty = '<c s="1"/><c s="1"/><c s="1"/>'
    landed = land_file(write_cells(tmp_path, text_cell("1"), *[empty] * 200_000), REGISTER)
    assert (landed["rows"], landed["read"]) == ([(2, "1", None, None)], 2)


# A workbook as Excel for Mac saves it in Chinese: its record CODEPAGE says 10008.
MAC_XLS = (
    "c-p&gUhu)fjZzO8(10BSGsD0CoD6J8VvIn{3F8Pb0OkMx2QgtZ2N3@s1w#sOasVTejg?_H?-_Pb9D?HeAp;Y`29|?Bl7Zn75XUeSF!<%?r7F-7I00>!P)}q8xxp4lGB"
    "V5oitsT=f?Xv9CX>OWFqm8qR=EdEI)Fub!K5uv?E}UrhV%A*S{Be$9Koanmg8dpnY$gV=N4GRkU^B;1Sl2PPhf<oWo2+I%1q1|oDy;@JPb=1fbr&@nwMIXnDc-^1Q>x!"
    "7{2~jU|{$H%c%zxM#bqX&d2~1|A8vbjzxSj6AJ@F1H=CWZ~|`yCdgaNkW3hyk(yd!_=mw1oFPFNs6wp%doYmV4f#+Bqzu9x!hy-b5XdwtogT-^z*wJt*)P1qkl}kU7pS"
    "BL=WGF#oXrbP@jO5>g@GT;76hkz0btqvXXVFBzDWW0@nDe#aA^)H^Ho94Wcbg}2+{%6%m<cX0+S&3YJu6>V6q8psx+7_1tvv+sTD}81&Bf!Zp~mdEnrzSpgqQ5aM@lRi"
    "LC)-x4sVCA=moYUK7Y(=l-xtWZiZ9g$zo-Iw%FG9|W5jbQpCQXUznGo%S%A5n4Xn1(T8(Wd#S50MzaOp%oiH!(Rq2FjEjrLU^FiVTALTpkW2l&4@)eBUm>xR6QeDHw&"
    "Bx(#;C0SDAzuwt<7r0jXx?Vi*OZU=)mkQ7{Td!6+C7qktZO5!#XmwOc{0RaR(EfgL)o^B0K!jSiCxTM)#M4}>Maj;Sj{9*{0#s3a-<h%vA-!pveMQV(pr5Cp=3wihvEG"
    "bDlCkxg>?1@`n9k^MuoMgi(&AyV!CM~XXXY(D_-Zpje"
)
CODEPAGE = bytes.fromhex("42000200")


@pytest.mark.parametrize("page", [10008, 10002, 10001, 32768, 936, 1252, 1200])
def test_an_old_workbook_is_read_whatever_code_page_it_names(tmp_path: Path, page: int) -> None:
    data = zlib.decompress(base64.b85decode(MAC_XLS))
    path = tmp_path / "list.xls"
    path.write_bytes(data.replace(CODEPAGE + (10008).to_bytes(2, "little"), CODEPAGE + page.to_bytes(2, "little")))
    landed = land_file(path, make_object("xlsx", ["编号", "名称", "地址"], ("编号",)))
    assert landed["rows"] == [(2, "1", "甲店", "板仓街1号")]


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"\r\n\r\n"])
def test_a_workbook_behind_a_mark_is_read(tmp_path: Path, prefix: bytes) -> None:
    path = write_book(tmp_path)
    path.write_bytes(prefix + path.read_bytes())
    assert land_file(path, REGISTER)["rows"] == [(2, "1", "甲", "a")]


def packed(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return data.getvalue()


def tarred() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz"):
        pass
    return data.getvalue()


TABLE = "登记号\t姓名\t事由\n1\t张三\ta\n"
XML_2003 = '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"></Workbook>'
NAMED_ONLY: dict[str, tuple[bytes, str]] = {
    # bytes -> what it is said to be
    "HTML": (HTML.encode(), "an HTML page under the name of a workbook; open it in Excel or WPS and save it as .xlsx"),
    "HTML in GBK": (b"\r\n" + HTML.encode("gbk"), "an HTML page under the name of a workbook"),
    "a bare table": (b"<table border=1><tr><td>x</td></tr></table>", "an HTML page under the name of a workbook"),
    "XML Spreadsheet 2003": (XML_2003.encode(), "an XML Spreadsheet 2003 under the name of a workbook; open it in Excel"),
    "MHTML": (b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n", "a web page (MHTML) under the name of"),
    "other XML": (b'<?xml version="1.0"?><rows/>', "an XML document and no workbook"),
    "text with tabs in GBK": (TABLE.encode("gbk"), 'text with a tab between the cells and no workbook; declare `format: csv`'),
    "text with tabs in UTF-16": (TABLE.encode("utf-16"), "text with a tab between the cells and no workbook"),
    "CSV": ("登记号,姓名\n1,张三\n".encode("utf-8-sig"), "text with a comma between the cells and no workbook"),
    "JSON": ('[{"登记号": "1"}]'.encode(), "JSON and no workbook; declare `format: jsonl` if each line is an object"),
    "plain text": ("系统繁忙，请稍后再试 张三".encode(), "plain text and no workbook"),
    "PDF": (b"%PDF-1.7\n\x00", "a PDF document and no workbook"),
    "image": (b"\x89PNG\r\n\x1a\n\x00", "an image (PNG) and no workbook"),
    "RAR": (b"Rar!\x1a\x07\x01\x00", "a RAR archive and no workbook; unpack it and hand in what is inside"),
    "gzip": (tarred(), "a gzip archive and no workbook; unpack it and hand in what is inside"),
    "ZIP": (packed("张三.csv"), "a ZIP archive and no workbook; unpack it and hand in what is inside"),
    "Word": (packed("[Content_Types].xml", "word/document.xml"), "a Word document and no workbook"),
    "PowerPoint": (packed("[Content_Types].xml", "ppt/presentation.xml"), "a PowerPoint presentation and no workbook"),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED_ONLY)
def test_what_is_no_workbook_is_refused_by_its_right_name(tmp_path: Path, name: str) -> None:
    data, told = NAMED_ONLY[name]
    path = tmp_path / "list.xls"
    path.write_bytes(data)
    with pytest.raises(FileRefused) as refused:
        land_file(path, REGISTER)
    assert refused.value.reason == "wrong_format"
    assert refused.value.detail.startswith(told)
    assert "张三" not in refused.value.detail


@pytest.mark.parametrize("data", [b"\x00\x01\x02\x03", bytes(1000), b"\x07" * 20])
def test_bytes_that_say_nothing_are_unreadable(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "list.xls"
    path.write_bytes(data)
    with pytest.raises(FileRefused, match="unreadable: no workbook, or one that is damaged or cut short"):
        land_file(path, REGISTER)
