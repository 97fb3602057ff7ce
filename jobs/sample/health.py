"""The residents' files of the health centre: CSV in UTF-8 with a byte order mark, all of it on the first night, later
only what is new or changed.

Reads: the world. Writes: `health/健康档案_<YYYYMMDD>.csv`. Refuses: nothing.
About half of the residents, old people and children mostly; addresses are where they live, not where they are registered.
"""

from datetime import date

import numpy as np

from jobs.sample import corruption, places
from jobs.sample.canaries import CANARIES
from jobs.sample.deposit import Deposit
from jobs.sample.events import Events
from jobs.sample.households import YEAR
from jobs.sample.people import ID_SHARES, Cells, birth_texts, corrupt_people, sex_texts
from jobs.sample.roster import Faults, Roster, export_roster, two_lines
from jobs.sample.world import HEALTH, World, floored

SYSTEM = "health"
HEADERS = (
    "档案编号", "姓名", "身份证号", "性别", "出生日期", "联系电话", "现住址", "行政区划", "慢病类型", "确诊日期",
    "是否签约家庭医生", "监护人姓名", "监护人身份证号", "死亡日期", "更新时间",
)  # fmt: skip
(
    NUMBER, NAME, ID, SEX, BIRTH, PHONE, ADDRESS, DIVISION, DISEASE, DIAGNOSED, DOCTOR, GUARDIAN_NAME, GUARDIAN_ID,
    DEATH, UPDATED,
) = range(len(HEADERS))  # fmt: skip
# A disease, from which age on, and how many of those have it.
DISEASES = {
    "高血压": (45, 0.16), "糖尿病": (45, 0.08), "冠心病": (55, 0.05), "脑卒中": (55, 0.03), "慢阻肺": (55, 0.03),
    "严重精神障碍": (18, 0.006),
}  # fmt: skip
YES_NO_SHARES = {"yes_no_marks": 0.03, "yes_no_letters": 0.03, "yes_no_digits": 0.03}
_YES_NO = {"yes_no_marks": ("×", "√"), "yes_no_letters": ("N", "Y"), "yes_no_digits": ("0", "1")}
_OTHER_SHARES = {"quoted_newline": 0.001}


def corrupt_yes_no(rng: np.random.Generator, roster: Roster, rows: range, column: int, allowed: np.ndarray) -> None:
    """Marks, letters and digits for 是 and 否."""
    for case, own in corruption.draw_cases(rng, len(rows), YES_NO_SHARES, allowed).items():
        places_of = [rows[row] for row in own]
        cells = [_YES_NO[case][roster.columns[column][row] == "是"] for row in places_of]
        roster.corrupt(case, column, places_of, cells)


class Clinic:
    """The files as the health centre keeps them; `guardians` is who is named as guardian of whom."""

    def __init__(self, world: World, seed: int) -> None:
        self.roster = Roster(HEADERS)
        self.guardians: dict[int, int] = {}
        rng = np.random.default_rng([seed, 30])
        age = (np.datetime64(world.first_night, "D") - world.birth).astype(np.int64) / YEAR
        share = np.select([age < 7, age > 60, age > 45], [0.8, 0.8, 0.5], 0.32)
        dead = ~np.isnat(world.death)
        wanted = ((rng.random(len(world)) < share) | world.specimens | world.lives_outside()) & (
            ~dead | (world.death_known > 0)
        )
        self._add(world, rng, np.flatnonzero(wanted).tolist(), world.first_night)

    def _add(self, world: World, rng: np.random.Generator, residents: list[int], night: date) -> None:
        """Append files, and corrupt some cells."""
        count, today = len(residents), np.datetime64(night, "D")
        age = (today - world.birth[residents]).astype(np.int64) / YEAR
        draws = rng.random(count)
        disease = np.full(count, "", dtype="U8")
        threshold = 0.0
        for name, (youngest, share) in DISEASES.items():
            disease[(age > youngest) & (draws >= threshold) & (draws < threshold + share)] = name
            threshold += share
        lasting = np.minimum(rng.integers(30, 4000, count), (age * YEAR).astype(np.int64))
        days = np.datetime_as_string(today - lasting.astype("timedelta64[D]")).tolist() if count else []
        diseases: list[str] = disease.tolist()
        heads = world.heads()[world.household[residents]].tolist()
        relatives = world.relatives()[residents].tolist()
        guardians = [
            head if years < 14 and head != resident else relative if illness == "严重精神障碍" else -1
            for resident, years, head, relative, illness in zip(
                residents, age.tolist(), heads, relatives, diseases, strict=True
            )
        ]
        self.guardians |= {one: other for one, other in zip(residents, guardians, strict=True) if other >= 0}
        homes = [world.living_home(resident) for resident in residents]
        forms = places.draw_forms(rng, places.ADDRESS_FORMS, count)
        codes = places.draw_forms(rng, places.DIVISION_FORMS, count)
        protected = [resident < len(CANARIES) for resident in residents]
        forms = ["address_district" if safe else form for safe, form in zip(protected, forms, strict=True)]
        codes = ["division_code" if safe else form for safe, form in zip(protected, codes, strict=True)]
        codes = ["division_former_name" if home.is_outside else form for home, form in zip(homes, codes, strict=True)]
        rows = self.roster.append(residents, [
            [f"JD{resident * 13 + 11:09d}" for resident in residents],
            [world.name[resident] for resident in residents],
            [world.id_number[resident] for resident in residents],
            sex_texts(world, residents),
            birth_texts(world, residents),
            [world.phone[resident] for resident in residents],
            [home.district_address for home in homes],
            [home.division_code for home in homes],
            diseases,
            [day if illness else "" for day, illness in zip(days, diseases, strict=True)],
            ["是" if signed else "否" for signed in (rng.random(count) < 0.55).tolist()],
            ["" if other < 0 else world.name[other] for other in guardians],
            ["" if other < 0 else world.id_number[other] for other in guardians],
            [world.death_text(resident, HEALTH) for resident in residents],
            [f"{night.isoformat()} {8 + resident % 9:02d}:{resident % 60:02d}:00" for resident in residents],
        ])  # fmt: skip
        for row, home, form, code in zip(rows, homes, forms, codes, strict=True):
            if home.shows(form):
                self.roster.corrupt(form, ADDRESS, [row], [home.address(form)])
            if code != "division_code":
                self.roster.corrupt(code, DIVISION, [row], [home.division(code)])
        corrupt_people(
            world, rng, self.roster, rows, residents, Cells(NAME, ID, BIRTH, PHONE), ID_SHARES | {"relative_id": 0.003},
            former=0.3,
        )  # fmt: skip
        allowed = ~np.array(protected, dtype=bool)
        corrupt_yes_no(rng, self.roster, rows, DOCTOR, allowed)
        for own in corruption.draw_cases(rng, count, _OTHER_SHARES, allowed).values():
            cells = [two_lines(self.roster.columns[ADDRESS][rows[row]]) for row in own]
            self.roster.corrupt("quoted_newline", ADDRESS, [rows[row] for row in own], cells)

    def update(self, world: World, events: Events, night: date, deposit: Deposit, seed: int, number: int) -> list[int]:
        """Bring the files to a later night; returns whose were opened or changed."""
        rng, roster = np.random.default_rng([seed, 31, number]), self.roster
        living = [one for one in roster.subjects if np.isnat(world.death[one]) and one >= len(CANARIES)]
        order = rng.permutation(np.array(living, dtype=np.int64)).tolist()
        signed, diagnosed = floored(len(living), 0.003), floored(len(living), 0.002)
        changed: set[int] = set()
        grown = np.datetime64(night, "D") - int(45 * YEAR)
        for resident in order[:signed]:
            roster.write(resident, DOCTOR, "是")
            changed.add(resident)
        for resident in order[signed : signed + diagnosed]:
            if not roster.cell(resident, DISEASE) and world.birth[resident] < grown:
                roster.write(resident, DISEASE, "高血压")
                roster.write(resident, DIAGNOSED, str(np.datetime64(night, "D") - 1))
                changed.add(resident)
        for resident in (one for one in events.died if one in roster.row_of):
            if world.death_known[resident] & HEALTH:
                roster.write(resident, DEATH, str(world.death[resident]))
                changed.add(resident)
        for resident in (*events.moved, *events.married, *events.tenants_left):
            if resident in roster.row_of and world.living_home(resident).district_address != roster.cell(
                resident, ADDRESS
            ):
                home = world.living_home(resident)
                roster.write(resident, ADDRESS, home.district_address)
                roster.write(resident, DIVISION, home.division_code)
                changed.add(resident)
        mistyped = [resident for resident in roster.with_case("mistyped_id") if resident in roster.row_of]
        for resident in mistyped[: max(1, len(mistyped) // 10)]:
            roster.write(resident, ID, world.id_number[resident])
            deposit.counts["corrected_row"] += 1
            changed.add(resident)
        for resident in sorted(changed):
            roster.write(resident, UPDATED, f"{night.isoformat()} {8 + resident % 9:02d}:{resident % 60:02d}:00")
        self._add(world, rng, events.born, night)
        return sorted(changed | set(events.born), key=roster.row_of.__getitem__)

    def export(
        self, world: World, night: date, deposit: Deposit, seed: int, number: int, changed: list[int] | None = None
    ) -> None:
        """Write all files, or those of `changed`."""
        rng = np.random.default_rng([seed, 32, number])
        faults = Faults(range(len(CANARIES)), {PHONE: "025-84000000", DOCTOR: "否"}, torn=ADDRESS)
        page = export_roster(rng, self.roster, number, faults, deposit.counts, changed)
        name = f"健康档案_{night:%Y%m%d}.csv"
        deposit.put(night, SYSTEM, name, page.text.encode("utf-8-sig"))
        deposit.tell(night, SYSTEM, name, page.numbers, world.truth_ids(page.subjects))
        guardians = [self.guardians.get(resident) for resident in page.subjects]
        told = [None if one is None else f"T{one:06d}" for one in guardians]
        deposit.tell(night, SYSTEM, name, page.numbers, told, role="guardian")
        dwellings = world.dwelling_truths(page.subjects, living=True)
        deposit.tell(night, SYSTEM, name, page.numbers, dwellings, "dwelling")
        told_of = set(page.subjects)
        self.roster.count_cases(deposit.counts, told_of)
        alone = sum(int(world.death_known[one]) == HEALTH for one in told_of)
        deposit.counts.update({"lives_elsewhere": world.lives_elsewhere(page.subjects), "death_in_health_only": alone})
