"""The population register of the police: a full snapshot every night, CSV in GB 18030 with Windows line ends.

Reads: the world. Writes: `police/户籍人口_<YYYYMMDD>.csv`, on the first night also a half-copied `.part`.
Refuses: nothing.
The register keeps its mistakes from night to night, so that a row changes only when something happened to the person or
when a clerk corrected it.
"""

from datetime import date

import numpy as np

from jobs.sample import names, spoil
from jobs.sample.canaries import CANARIES
from jobs.sample.deposit import Deposit
from jobs.sample.events import Events
from jobs.sample.world import RELATIONS, World, floored

SYSTEM = "police"
HEADERS = (
    "人员编号", "姓名", "曾用名", "公民身份号码", "性别", "民族", "出生日期", "婚姻状况", "文化程度", "户籍地址",
    "行政区划", "联系电话", "死亡日期", "户号", "与户主关系",
)  # fmt: skip
(
    NUMBER, NAME, FORMER_NAME, ID, SEX, ETHNIC, BIRTH, MARITAL, EDUCATION, ADDRESS, DIVISION, PHONE, DEATH, HOUSEHOLD,
    RELATION,
) = range(len(HEADERS))  # fmt: skip
SEX_LABELS = ("", "男", "女")

_ID_SHARES = {
    "missing_id": 0.003, "mistyped_id_digit": 0.0015, "mistyped_id_swap": 0.001, "id_15_digits": 0.003,
    "lower_case_x": 0.002, "full_width_id": 0.001, "spaced_id": 0.001, "scientific_id_text": 0.001,
}  # fmt: skip
_DATE_SHARES = {
    "date_unpadded": 0.01, "date_compact": 0.01, "date_chinese": 0.005, "date_serial": 0.002, "date_impossible": 0.0005,
}  # fmt: skip
_PHONE_SHARES = {"phone_prefix": 0.005, "phone_dashes": 0.005, "phone_spaces": 0.005, "phone_landline": 0.02}
_OTHER_SHARES = {
    "sex_disagrees_with_id": 0.002,
    "unknown_ethnic": 0.001,
    "unknown_marital": 0.001,
    "unknown_division": 0.0005,
}
_ROW_SHARES = {"duplicate_row": 0.001, "key_conflict": 0.0005, "ragged_line": 0.0005, "missing_key": 0.0005}


class Register:
    """The register as the police keep it: one list for each column, and whom each row means."""

    def __init__(self, world: World, seed: int) -> None:
        self.columns: list[list[str]] = [[] for _ in HEADERS]
        self.residents: list[int] = []
        self.mistyped: list[int] = []  # residents whose id number a clerk may still correct
        self._add(world, np.flatnonzero(world.registered).tolist())
        self._spoil(world, np.random.default_rng([seed, 2]))

    def _add(self, world: World, residents: list[int]) -> None:
        """Append clean rows."""
        self.residents += residents
        births = np.datetime_as_string(world.birth[residents]).tolist() if residents else []
        deaths = np.datetime_as_string(world.death[residents]).tolist() if residents else []
        homes = [world.homes[household] for household in world.household[residents].tolist()]
        new: list[list[str]] = [
            [f"{resident * 7 + 3:010d}" for resident in residents],
            [world.name[resident] for resident in residents],
            [world.former_name[resident] for resident in residents],
            [world.id_number[resident] for resident in residents],
            [SEX_LABELS[sex] for sex in world.sex[residents].tolist()],
            [world.ethnic[resident] for resident in residents],
            births,
            [world.marital[resident] for resident in residents],
            [world.education[resident] for resident in residents],
            [home.full_address for home in homes],
            [home.division_code for home in homes],
            [world.phone[resident] for resident in residents],
            ["" if death == "NaT" else death for death in deaths],
            [f"H{household:06d}" for household in world.household[residents].tolist()],
            [RELATIONS[relation] for relation in world.relation[residents].tolist()],
        ]
        for column, cells in zip(self.columns, new, strict=True):
            column += cells

    def _spoil(self, world: World, rng: np.random.Generator) -> None:
        """The mistakes with which the register begins; counted anew in every snapshot by `_count`."""
        rows = len(self.residents)
        allowed = np.array(self.residents) >= len(CANARIES)
        ids, births, phones = self.columns[ID], self.columns[BIRTH], self.columns[PHONE]
        self.spoilt: dict[str, set[int]] = {}

        cases = spoil.draw_cases(rng, rows, _ID_SHARES, allowed, spoil.fitting_ids(ids))
        for case, own in cases.items():
            self._mark(case, own, ID, [str(spoil.spoil_id(rng, case, ids[row])) for row in own])
        self.mistyped = [
            self.residents[row] for case in ("mistyped_id_digit", "mistyped_id_swap") for row in cases[case]
        ]

        unpadded = np.array(["-0" in text for text in births], dtype=bool)
        for case, own in spoil.draw_cases(rng, rows, _DATE_SHARES, allowed, {"date_unpadded": unpadded}).items():
            days = [date.fromisoformat(births[row]) for row in own]
            self._mark(case, own, BIRTH, [str(spoil.spoil_date(case, day)) for day in days])

        with_phone = allowed & np.array([bool(phone) for phone in phones], dtype=bool)
        for case, own in spoil.draw_cases(rng, rows, _PHONE_SHARES, with_phone).items():
            self._mark(case, own, PHONE, [spoil.spoil_phone(rng, case, phones[row]) for row in own])

        cases = spoil.draw_cases(rng, rows, _OTHER_SHARES, allowed)
        flipped = cases["sex_disagrees_with_id"]
        self._mark(
            "sex_disagrees_with_id", flipped, SEX, ["男女"["女男".index(self.columns[SEX][row])] for row in flipped]
        )
        self._mark("unknown_code", cases["unknown_ethnic"], ETHNIC, ["汗族"] * len(cases["unknown_ethnic"]))
        self._mark("unknown_code", cases["unknown_marital"], MARITAL, ["己婚"] * len(cases["unknown_marital"]))
        self._mark(
            "unknown_code", cases["unknown_division"], DIVISION, ["320199999999"] * len(cases["unknown_division"])
        )

        han = allowed & np.array([names.DOT not in name for name in self.columns[NAME]], dtype=bool)
        spaced = spoil.draw_cases(rng, rows, {"spaced_name": 0.003}, han & ~world.specimens[self.residents])[
            "spaced_name"
        ]
        self._mark("spaced_name", spaced, NAME, [spoil.spaced_name(self.columns[NAME][row]) for row in spaced])
        dotted = [row for row, name in enumerate(self.columns[NAME]) if names.DOT in name]
        for turn, row in enumerate(dotted):
            if turn % len(names.DOT_VARIANTS):
                self._mark("dot_variant", [row], NAME, [spoil.vary_dot(self.columns[NAME][row], turn)])

        lines = spoil.draw_cases(rng, rows, {"quoted_newline": 0.001}, allowed)["quoted_newline"]
        self._mark("quoted_newline", lines, ADDRESS, [_two_lines(self.columns[ADDRESS][row]) for row in lines])

    def _mark(self, case: str, rows: list[int], column: int, cells: list[str]) -> None:
        """Put spoilt cells in their place and remember whose they are."""
        for row, cell in zip(rows, cells, strict=True):
            self.columns[column][row] = cell
            self.spoilt.setdefault(case, set()).add(self.residents[row])

    def update(self, world: World, events: Events, deposit: Deposit, seed: int, number: int) -> None:
        """Bring the register to a later night: strike off, correct, write in what happened."""
        rng = np.random.default_rng([seed, 3, number])
        gone = set(events.gone)
        kept = [row for row, resident in enumerate(self.residents) if resident not in gone]
        deposit.counts["withdrawn_row"] += len(self.residents) - len(kept)
        self.columns = [[column[row] for row in kept] for column in self.columns]
        self.residents = [self.residents[row] for row in kept]
        self._add(world, events.born)
        row_of = {resident: row for row, resident in enumerate(self.residents)}

        for resident in (resident for resident in events.died if resident in row_of):
            self.columns[DEATH][row_of[resident]] = str(world.death[resident])
        for resident in (resident for resident in (*events.married, *events.widowed) if resident in row_of):
            row = row_of[resident]
            self.columns[MARITAL][row] = world.marital[resident]
            self.columns[HOUSEHOLD][row] = f"H{int(world.household[resident]):06d}"
            self.columns[RELATION][row] = RELATIONS[int(world.relation[resident])]
        for resident in (resident for resident in (*events.moved, *events.married) if resident in row_of):
            row, home = row_of[resident], world.home(resident)
            self.columns[ADDRESS][row], self.columns[DIVISION][row] = home.full_address, home.division_code
            self.spoilt["quoted_newline"].discard(resident)
        for resident in (resident for resident in events.renamed if resident in row_of):
            row = row_of[resident]
            self.columns[NAME][row], self.columns[FORMER_NAME][row] = world.name[resident], world.former_name[resident]
            self.spoilt["spaced_name"].discard(resident)
        self._correct(world, row_of, rng, deposit)

    def _correct(self, world: World, row_of: dict[int, int], rng: np.random.Generator, deposit: Deposit) -> None:
        """Put a tenth of the mistyped id numbers right (one at least) and bring some schooling up to date."""
        self.mistyped = [resident for resident in self.mistyped if resident in row_of]
        for _ in range(max(min(len(self.mistyped), 1), len(self.mistyped) // 10)):
            resident = self.mistyped.pop(int(rng.integers(len(self.mistyped))))
            self.columns[ID][row_of[resident]] = world.id_number[resident]
            for case in ("mistyped_id_digit", "mistyped_id_swap"):
                self.spoilt[case].discard(resident)
            deposit.counts["corrected_row"] += 1
        grown = [row for row, text in enumerate(self.columns[EDUCATION]) if text == "普通高中毕业"]
        for row in rng.permutation(np.array(grown, dtype=np.int64))[: floored(len(self.residents), 0.001)]:
            self.columns[EDUCATION][int(row)] = "大学本科毕业"
            deposit.counts["corrected_row"] += 1

    def export(self, night: date, deposit: Deposit, seed: int, number: int) -> None:
        """Write the snapshot, with the faults that only an export has.

        A row without a key keeps absent rows from ending, and a ragged one may: every second night has neither.
        """
        rng = np.random.default_rng([seed, 4, number])
        rows = [",".join(cells) for cells in zip(*self.columns, strict=True)]
        shares = {case: share for case, share in _ROW_SHARES.items() if _happens(case, number)}
        allowed = np.array(
            [resident >= len(CANARIES) and "\n" not in row for resident, row in zip(self.residents, rows, strict=True)]
        )
        cases = spoil.draw_cases(rng, len(rows), shares, allowed)
        for row in cases.get("missing_key", []):
            rows[row] = rows[row].removeprefix(self.columns[NUMBER][row])
        for turn, row in enumerate(cases.get("ragged_line", [])):
            # A comma too many inside an address nobody quoted, or the end of the line cut off.
            rows[row] = rows[row].replace("号", "号,", 1) if turn % 2 == 0 else ",".join(rows[row].split(",")[:-3])
        conflicts = [*cases["key_conflict"], 1] if len(rows) > 1 else []
        others = [self._conflicting(row) for row in conflicts]

        lines, meant = list(rows), list(self.residents)
        for row in reversed(cases["duplicate_row"]):  # from the end, so that earlier places still hold
            lines.insert(row + 1, rows[row])
            meant.insert(row + 1, self.residents[row])
        lines += others
        meant += [self.residents[row] for row in conflicts]
        blank = len(lines) // 2
        lines.insert(blank, "")
        heights = 1 + np.array([line.count("\n") for line in lines])
        starts = np.concatenate([[0], np.cumsum(heights)[:-1]]) + 2
        starts = np.delete(starts, blank)

        name = f"户籍人口_{night:%Y%m%d}.csv"
        content = "\r\n".join([",".join(HEADERS), *lines, ""]).encode("gb18030")
        deposit.put(night, SYSTEM, name, content)
        deposit.tell(night, SYSTEM, name, starts.tolist(), meant)
        self._count(deposit, cases, conflicts)
        if number == 0:
            deposit.put(night, SYSTEM, f"{name}.part", content[: len(content) // 2])
            deposit.counts["half_copied_file"] += 1

    def _conflicting(self, row: int) -> str:
        """The same number once more with an old address and another phone."""
        cells = [column[row] for column in self.columns]
        cells[ADDRESS], cells[PHONE] = "江苏省南京市玄武区珠江路1号", "025-83000000"
        return ",".join(cells)

    def _count(self, deposit: Deposit, cases: dict[str, list[int]], conflicts: list[int]) -> None:
        counts = deposit.counts
        present = set(self.residents)
        for case, residents in self.spoilt.items():
            counts[case] += len(residents & present)
        for case, rows in cases.items():
            counts[case] += len(rows) if case != "key_conflict" else len(conflicts)
        counts["blank_line"] += 1
        counts["former_name"] += sum(map(bool, self.columns[FORMER_NAME]))
        counts["rare_character"] += sum(name[-1:] in names.RARE_GIVEN_NAMES for name in self.columns[NAME])


def _happens(case: str, number: int) -> bool:
    return {"missing_key": number == 0, "ragged_line": number % 2 == 0}.get(case, True)


def _two_lines(address: str) -> str:
    """As typed with Alt+Enter; quoted here, because rows are joined without looking into cells."""
    return f'"{address}\n（附房）"'
