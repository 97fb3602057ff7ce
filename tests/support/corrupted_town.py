"""A town whose night goes wrong in every way we know, beside sources that are as they should be, and is mended."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from jobs.sample import generate
from tests.support.office import Office, export, open_office, simple_contract, workbook
from tests.support.town import Answer

NIGHT = "2026-01-01"
# A person who stands in every spoiled file and must be seen in no message.
PERSON = {"name": "欧阳慧敏", "id": "320102199003078515", "phone": "13800138765"}
REGISTER = ["登记号", "来访日期", "姓名", "身份证号", "出生日期", "电话", "住址", "事由"]


@dataclass(frozen=True)
class Mistake:
    """A file handed in wrong, what the run must say of it, and the file as it should have been."""

    path: str
    wrong: bytes
    reason: str
    detail: tuple[str, ...]
    right: bytes | None  # None: something else than the file is mended

    @property
    def system(self) -> str:
        return self.path.partition("/")[0]

    @property
    def name(self) -> str:
        return self.path.partition("/")[2]


def visit(number: str) -> list[str]:
    return [number, NIGHT, PERSON["name"], PERSON["id"], "1990-03-07", PERSON["phone"], "玄武门1号", "咨询"]


def register(number: str, header: list[str] | None = REGISTER, sheet: str = "来访登记", **settings: Any) -> bytes:
    """A walk-in register of one visit."""
    return workbook(sheet, [*([header] if header else []), visit(number)], **settings)


def walk_in(case: str, wrong: bytes, reason: str, *detail: str) -> Mistake:
    return Mistake(f"walk_in/来访登记_20260101_{case}.xlsx", wrong, reason, detail, register(f"L-{case}"))


def without(header: str) -> list[str]:
    return [name for name in REGISTER if name != header]


def renamed(old: str, new: str) -> list[str]:
    return [new if name == old else name for name in REGISTER]


def mistakes(town: Path) -> dict[str, Mistake]:
    """By name. `town` holds the good exports of the night."""
    police = "police/户籍人口_20260101.csv"
    population = (town / police).read_bytes()
    words = export(["1 甲", f"2 {PERSON['name']}"])
    ledger = f'{{"record_id": "G-1", "name": "{PERSON["name"]}", "phone": "{PERSON["phone"]}"}}\n' * 3
    return {
        "truncated workbook": walk_in("截断", register("1")[:3000], "unreadable", "damaged or cut short"),
        "no workbook": walk_in("损坏", PERSON["name"].encode() * 50, "wrong_format", "no workbook"),
        "password": walk_in("加密", register("1", password="secret"), "password_protected", "encrypted"),
        "wrong sheet": walk_in("错表", register("1", sheet="来访登记表"), "missing_sheet", "来访登记", "nearest: 来访登记表"),
        "empty workbook": walk_in("空", b"", "empty_file", "0 bytes"),
        "empty sheet": walk_in("空表", workbook("来访登记", []), "empty_file", "no header row in sheet 来访登记"),
        "missing header": walk_in("缺列", register("1", without("登记号")), "missing_header", "登记号 is missing"),
        "unknown header": walk_in("多列", register("1", [*REGISTER, "工作单位"]), "unknown_header", "the header in column I"),
        "renamed header": walk_in(
            "改名", register("1", renamed("身份证号", "身份证号码")),
            "missing_header", "身份证号 is missing", "nearest in the file: 身份证号码",
        ),
        "header twice": walk_in("重复", register("1", [*REGISTER, "姓名"]), "duplicate_header", "姓名 stands 2 times"),
        "no header row": walk_in("无表头", register("1", None), "missing_header", "登记号 is missing"),
        "UTF-8 for GB18030": Mistake(
            police, population.decode("gb18030").encode(), "wrong_encoding", ("gb18030", "fits utf-8"), population
        ),
        "GB18030 for UTF-8": Mistake(
            "clinic/随访_20260101.csv", words.encode("gb18030"), "wrong_encoding", ("utf-8", "fits gb18030"), words.encode()
        ),
        "GB18030 in JSON lines": Mistake(
            "grid/grid_20260101_补.jsonl", ledger.encode("gb18030"), "wrong_encoding", ("fits gb18030",),
            ledger.splitlines()[0].encode(),
        ),
        "day ahead": Mistake(
            "grid/grid_20260111.jsonl", b'{"record_id": "G-2"}\n', "date_in_name", ("2026-01-11 lies after",), None
        ),
        "no such day": Mistake(
            "grid/grid_20260230.jsonl", b'{"record_id": "G-3"}\n', "date_in_name", ("no such day",), None
        ),
        "fits no path": Mistake("walk_in/名单.xlsx", register("L-名单"), "unknown_file", ("来访登记_*.xlsx",), None),
        "undeclared system": Mistake(
            "harmony/调解_20260101.csv", words.encode(), "unknown_system", ("conf/sources/harmony.odcs.yaml",), None
        ),
        "invalid contract": Mistake(
            "school/学生_20260101.csv", words.encode(), "invalid_contract", ("jiceng sources check",), None
        ),
    }  # fmt: skip


@dataclass(frozen=True)
class CorruptedTown:
    """The office after both runs of the night, and what was to be seen after each of them."""

    office: Office
    mistakes: dict[str, Mistake]
    runs: tuple[Answer, Answer]
    statuses: tuple[list[dict[str, Any]], list[dict[str, Any]]]
    printed: tuple[str, str]  # `jiceng status` as its user sees it

    def summary(self, number: int) -> dict[str, Any]:
        return self.office.summary(f"{NIGHT}.{number}")

    def source(self, number: int, system: str) -> dict[str, Any]:
        found: dict[str, Any] = self.summary(number)["sources"][system]
        return found

    def file(self, number: int, mistake: Mistake) -> dict[str, Any]:
        """The file as the summary of a run tells it; of several of its name the last."""
        files: list[dict[str, Any]] = self.source(number, mistake.system)["files"]
        return [file for file in files if file["name"] == mistake.name][-1]


@cache
def corrupted_town(home: Callable[[str], Path]) -> CorruptedTown:
    """Run the night with all mistakes, mend them, and run it again. Done once for all tests."""
    base = home("spoiled")
    generate(30, 5, 1, base / "town", date.fromisoformat(NIGHT), on_progress=lambda _: None)
    town = base / "town" / NIGHT
    office = open_office(base / "workspace")
    office.declare("clinic", simple_contract("clinic"))
    office.declare("school", simple_contract("school").replace("schema:", "schemas:"))
    for path in sorted(town.rglob("*")):
        if path.is_file() and path.suffix != ".part":
            office.hand_in(path.relative_to(town).as_posix(), path.read_bytes())
    cases = mistakes(town)
    for mistake in cases.values():
        office.hand_in(mistake.path, mistake.wrong)
    office.hand_in("clinic/体检_20260101.csv", export(["3 甲", "4 乙 多", f"5 {PERSON['name']}"]))
    office.hand_in("忘在外面_20260101.csv", export(["6 甲"]))

    runs, statuses, printed = [], [], []
    for attempt in range(2):
        if attempt:
            mend(office, cases)
        runs.append(office.run(NIGHT))
        statuses.append(office.status())
        printed.append(office.jiceng("status").out)
    return CorruptedTown(office, cases, (runs[0], runs[1]), (statuses[0], statuses[1]), (printed[0], printed[1]))


def mend(office: Office, cases: dict[str, Mistake]) -> None:
    """What the clerks and the steward do in the morning, each by what the status said."""
    for mistake in cases.values():
        if mistake.right is not None:
            office.hand_in(mistake.path, mistake.right)
    office.hand_in("walk_in/来访登记_20260101_名单.xlsx", cases["fits no path"].wrong)
    for case, name in (("day ahead", "grid_20260101_甲.jsonl"), ("no such day", "grid_20260101_乙.jsonl")):
        office.hand_in(f"grid/{name}", cases[case].wrong)
    office.declare("harmony", simple_contract("harmony"))
    office.declare("school", simple_contract("school"))
    stray = office.workspace.inbox / "忘在外面_20260101.csv"
    stray.rename(office.workspace.inbox / "clinic" / stray.name)
