"""An office whose records leave pairs for people: a register, and a list of names and phones.

register   key   name    id number           birth date   phone
           P1    王小明  …1985 (valid)       1985-05-05   13900000001
           P2    王小明  …1990 (valid)       1990-03-03   13900000001     P1's namesake with the same phone
           P3    李大海  mistyped of P4's    1970-07-07   ·
           P4    李大海  …1970 (valid)       1970-07-07   ·
           P5    陈一平  ·                   1960-01-02   13900000005
           P6    陈一平  ·                   1960-01-02   13900000006     the same person with another phone
desk       D1    王小明                                   13900000001     names P1 and P2: a pair with each for review
           D4    李大海  that of P4           1970-07-08   ·               one with P4 by the id number, with another birth date
"""

from collections.abc import Sequence
from pathlib import Path

from jobs.common.intake.judgements import pair_of
from tests.support.hand_office import mention_of
from tests.support.office import Office, open_office
from tests.support.written_contracts import column, contract

FIRST, SECOND = "2026-01-01", "2026-01-02"
PERSONAL = ("王小明", "李大海", "陈一平", "13900000001", "13900000005")


def with_check(first17: str) -> str:
    """A valid id number. Source: GB 11643-1999."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(first17))
    return first17 + "10X98765432"[total % 11]


ID_1, ID_2 = with_check("32010219850505001"), with_check("32010219900303001")
ID_4 = with_check("32010219700707003")
MISTYPED = ID_4[:5] + "9" + ID_4[6:]
REGISTER = (
    f"P1,王小明,{ID_1},1985-05-05,13900000001",
    f"P2,王小明,{ID_2},1990-03-03,13900000001",
    f"P3,李大海,{MISTYPED},1970-07-07,",
    f"P4,李大海,{ID_4},1970-07-07,",
    "P5,陈一平,,1960-01-02,13900000005",
    "P6,陈一平,,1960-01-02,13900000006",
)
DESK = ("D1,王小明,,,13900000001", f"D4,李大海,{ID_4},1970-07-08,")
HEADER = "编号,姓名,身份证号,出生日期,电话"
_COLUMNS = (
    '{name: key, physicalName: 编号, classification: "3", required: true, primaryKey: true}',
    column("name", "姓名", "resident.name"),
    column("id_number", "身份证号", "resident.id_number", 4),
    column("birth_date", "出生日期", "resident.birth_date"),
    column("phone", "电话", "resident.phone"),
)


def open_pairs(home: Path) -> Office:
    """The office with both systems declared."""
    office = open_office(home)
    for system in ("register", "desk"):
        office.declare(system, contract(system, "*.csv", _COLUMNS, "people"))
    return office


def hand_in(office: Office, night: str, register: Sequence[str] = REGISTER, desk: Sequence[str] = DESK) -> None:
    for system, lines in (("register", register), ("desk", desk)):
        text = "\n".join([HEADER, *lines]) + "\n"
        office.hand_in(f"{system}/people_{night.replace('-', '')}.csv", text)


def mention(key: str) -> str:
    """The mention of a resident by the key of its row."""
    system = "desk" if key.startswith("D") else "register"
    return mention_of("resident", system, "people", key, "person")


def pair(one: str, other: str) -> tuple[str, str]:
    return pair_of(mention(one), mention(other))
