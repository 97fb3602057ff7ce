"""Sound exports full of people, in every format a contract can declare; what the mutations start from."""

import csv
import io
import json
import random
from dataclasses import dataclass, field
from typing import Any

import xlsxwriter

from tests.fuzz.canaries import draw_person
from tests.fuzz.mutate import mutate_bytes, mutate_workbook

HEADERS = ("编号", "姓名", "身份证号", "联系电话", "住址", "面积", "登记日期")
SHEET = "名单"
FORMATS = ("csv", "jsonl", "xlsx")
_ENCODINGS = ("utf-8", "utf-8", "gb18030", "gb18030", "big5", "utf-16")


@dataclass(frozen=True)
class Export:
    """A file, and how its contract has it read."""

    format: str
    content: bytes
    settings: dict[str, Any] = field(default_factory=dict)


def draw_rows(draw: random.Random) -> list[list[str]]:
    """Up to forty rows under `HEADERS`, and now and then what people type below a list."""
    rows = []
    for number in range(draw.choice((0, 1, 2, 5, 12, 40))):
        person = draw_person(draw)
        area = draw.choice(("88.5", "28.830000000000002", "", "NULL", "1e3"))
        day = draw.choice(("2026-01-01", "2026年1月1日", "46023", "9999-12-31", "无"))
        rows.append([f"K{number}", person.name, person.id_number, person.phone, person.address, area, day])
    if draw.random() < 0.2:
        rows.append(["合计", str(len(rows)), "", "", "", "", ""])
    if draw.random() < 0.2:
        rows.append([f"制表人：{draw_person(draw).name}", "", "", "", "", "", ""])
    if draw.random() < 0.2:
        rows.insert(draw.randrange(len(rows) + 1), [draw.choice(("一组", "大行宫社区", ""))] + [""] * 6)
    return rows


def draw_export(draw: random.Random, format: str) -> Export:
    """A sound export; its contract now and then says something else of it than is so."""
    rows = draw_rows(draw)
    titled = draw.random() < 0.2
    settings: dict[str, Any] = {"skip_rows": 1 if titled else 0}
    if format == "csv":
        encoding, delimiter = draw.choice(_ENCODINGS), draw.choice((",", ",", "\t", ";", "|"))
        settings |= {"encoding": encoding, "delimiter": delimiter}
        content = write_csv(draw, rows, encoding, delimiter, titled)
    elif format == "jsonl":
        encoding = draw.choice(("utf-8", "utf-8", "gb18030"))
        settings |= {"encoding": encoding, "skip_rows": 0}
        content = write_json(draw, rows, encoding)
    else:
        settings |= {"sheet": SHEET}
        content = write_workbook(draw, rows, titled)
    if draw.random() < 0.1:
        settings |= {"skip_rows": draw.choice((0, 1, 3))} if format != "jsonl" else {"encoding": "gb18030"}
    if draw.random() < 0.05 and format != "jsonl":
        settings["header_rows"] = 2
    return Export(format, content, settings)


def draw_hostile(draw: random.Random, format: str) -> Export:
    """An export with mutations; sometimes one of another format under its name."""
    sound = draw_export(draw, format)
    content = sound.content
    if draw.random() < 0.05:
        content = draw_export(draw, draw.choice(FORMATS)).content
    elif format == "xlsx":
        content = mutate_workbook(draw, content)
    else:
        content = mutate_bytes(draw, content)
    return Export(format, content, sound.settings)


def write_csv(draw: random.Random, rows: list[list[str]], encoding: str, delimiter: str, titled: bool) -> bytes:
    text = io.StringIO()
    quoting = draw.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=draw.choice(("\n", "\r\n", "\r")))
    if titled:
        writer.writerow([f"{draw_person(draw).name}等人员名单"])
    writer.writerow(HEADERS)
    writer.writerows(rows)
    return text.getvalue().encode(encoding, errors="replace")


def write_json(draw: random.Random, rows: list[list[str]], encoding: str) -> bytes:
    objects = [dict(zip(HEADERS, row, strict=True)) for row in rows]
    shape = draw.random()
    if shape < 0.1:
        text = json.dumps(objects, ensure_ascii=draw.random() < 0.5)
    elif shape < 0.2:
        text = json.dumps({"code": 0, "data": {"rows": objects}}, ensure_ascii=False, indent=draw.choice((None, 1)))
    else:
        text = "".join(json.dumps(one, ensure_ascii=draw.random() < 0.3) + "\n" for one in objects)
    return text.encode(encoding)


def write_workbook(draw: random.Random, rows: list[list[str]], titled: bool) -> bytes:
    packed = io.BytesIO()
    with xlsxwriter.Workbook(packed, {"in_memory": True, "strings_to_numbers": draw.random() < 0.3}) as book:
        page = book.add_worksheet(draw.choice((SHEET, SHEET, SHEET, f" {SHEET}", draw_person(draw).name)))
        if draw.random() < 0.3:
            book.add_worksheet(f"{draw_person(draw).name}2")
        top = 0
        if titled:
            page.merge_range(0, 0, 0, len(HEADERS) - 1, f"{draw_person(draw).name}等人员名单")
            top = 1
        page.write_row(top, 0, HEADERS)
        for number, row in enumerate(rows, start=top + 1):
            page.write_row(number, 0, row)
        if rows and draw.random() < 0.2:
            page.write_formula(top + 1, 1, "=A1", None, draw.choice(("", "#N/A", 0)))
    return packed.getvalue()
