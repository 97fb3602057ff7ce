"""The residents' files of the health centre: CSV in UTF-8 with a byte order mark, all of it on the first night, later
only what is new or changed.

Reads: the world. Writes: `health/健康档案_<YYYYMMDD>.csv`. Refuses: nothing.
About half of the residents, old people and children mostly; addresses are where they live, not where they are registered.
"""

from datetime import date

import numpy as np

from jobs.sample import corruption, places
from jobs.sample.addresses import draw_address_forms, draw_division_forms, vary_addresses, vary_divisions
from jobs.sample.canaries import CANARIES
from jobs.sample.deposit import Deposit
from jobs.sample.events import Events
from jobs.sample.hard.people import draw_changes, write_changes
from jobs.sample.households import YEAR
from jobs.sample.people import ID_SHARES, Cells, birth_texts, corrupt_people, sex_texts
from jobs.sample.roster import Faults, Roster, break_lines, export_roster
from jobs.sample.world import HEALTH, NOBODY, World, floored, pick

SYSTEM = "health"
HEADERS = (
    "档案编号", "姓名", "身份证号", "性别", "出生日期", "联系电话", "现住址", "行政区划", "慢病类型", "确诊日期",
    "是否签约家庭医生", "监护人姓名", "监护人身份证号", "死亡日期", "更新时间",
)  # fmt: skip
(
    NUMBER, NAME, ID, SEX, BIRTH, PHONE, ADDRESS, DIVISION, DISEASE, DIAGNOSED, DOCTOR, GUARDIAN_NAME, GUARDIAN_ID,
    DEATH, UPDATED,
) = range(len(HEADERS))  # fmt: skip
# What the mistakes of a hard town befall.
_PARTS = {
    "name": NAME, "id_number": ID, "birth_date": BIRTH, "phone": PHONE, "address": ADDRESS, "division": DIVISION,
}  # fmt: skip
_GUARDIAN_PARTS = {"name": GUARDIAN_NAME, "id_number": GUARDIAN_ID}
# A disease, from which age on, and how many of those have it.
DISEASES = {
    "高血压": (45, 0.16), "糖尿病": (45, 0.08), "冠心病": (55, 0.05), "脑卒中": (55, 0.03), "慢阻肺": (55, 0.03),
    "严重精神障碍": (18, 0.006),
}  # fmt: skip
YES_NO_SHARES = {"yes_no_marks": 0.03, "yes_no_letters": 0.03, "yes_no_digits": 0.03}
_YES_NO = {"yes_no_marks": ("×", "√"), "yes_no_letters": ("N", "Y"), "yes_no_digits": ("0", "1")}


def corrupt_yes_no(rng: np.random.Generator, roster: Roster, rows: range, column: int, allowed: np.ndarray) -> None:
    """Marks, letters and digits for 是 and 否."""
    drawn = corruption.draw_cases(rng, len(rows), YES_NO_SHARES, allowed)
    roster.spoil(drawn, column, rows, lambda case, cell: _YES_NO[case][cell == "是"])


def draw_diseases(rng: np.random.Generator, age: np.ndarray) -> np.ndarray:
    """A disease for each age in years, empty for none."""
    draws = rng.random(len(age))
    disease = np.full(len(age), "", dtype="U8")
    threshold = 0.0
    for name, (youngest, share) in DISEASES.items():
        disease[(age > youngest) & (draws >= threshold) & (draws < threshold + share)] = name
        threshold += share
    return disease


class Clinic:
    """The files as the health centre keeps them; `guardians` is who each file names as guardian, or NOBODY."""

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
        if not residents:
            return
        count, today = len(residents), np.datetime64(night, "D")
        age = (today - world.birth[residents]).astype(np.int64) / YEAR
        disease = draw_diseases(rng, age)
        lasting = np.minimum(rng.integers(30, 4000, count), (age * YEAR).astype(np.int64))
        days = np.datetime_as_string(today - lasting.astype("timedelta64[D]"))
        guardians = _choose_guardians(world, residents, age, disease)
        self.guardians.update(zip(residents, guardians, strict=True))
        homes = list(map(world.living_home, residents))
        allowed = np.array(residents) >= len(CANARIES)
        forms = draw_address_forms(rng, places.ADDRESS_FORMS, allowed)
        codes = draw_division_forms(rng, allowed)
        codes = np.where(world.lives_outside()[residents], "division_former_name", codes).tolist()
        rows = self.roster.append(residents, [
            [f"JD{resident * 13 + 11:09d}" for resident in residents],
            pick(world.name, residents),
            pick(world.id_number, residents),
            sex_texts(world, residents),
            birth_texts(world, residents),
            pick(world.phone, residents),
            [home.district_address for home in homes],
            [home.division_code for home in homes],
            disease.tolist(),
            np.where(disease == "", "", days).tolist(),
            np.where(rng.random(count) < 0.55, "是", "否").tolist(),
            pick(world.name, guardians),
            pick(world.id_number, guardians),
            world.death_texts(residents, HEALTH),
            [_updated(night, resident) for resident in residents],
        ])  # fmt: skip
        vary_addresses(self.roster, rows, ADDRESS, homes, forms)
        vary_divisions(self.roster, rows, DIVISION, homes, codes)
        shares = ID_SHARES | {"relative_id": 0.003}
        corrupt_people(world, rng, self.roster, rows, residents, Cells(NAME, ID, BIRTH, PHONE), shares, former=0.3)
        corrupt_yes_no(rng, self.roster, rows, DOCTOR, allowed)
        break_lines(rng, self.roster, rows, ADDRESS, 0.001, allowed)
        changes = draw_changes(world, rng, SYSTEM, residents, _PARTS, living=True)
        write_changes(self.roster, rows, _PARTS, changes)
        changes = draw_changes(world, rng, SYSTEM, guardians, _GUARDIAN_PARTS)
        write_changes(self.roster, rows, _GUARDIAN_PARTS, changes)

    def update(self, world: World, events: Events, night: date, deposit: Deposit, seed: int, number: int) -> list[int]:
        """Bring the files to a later night; returns whose were opened or changed."""
        rng, roster = np.random.default_rng([seed, 31, number]), self.roster
        changed = self._visit_doctors(world, rng, night)
        for resident in roster.known(events.died):
            if world.death_known[resident] & HEALTH:
                roster.write(resident, DEATH, str(world.death[resident]))
                changed.add(resident)
        for resident in roster.known([*events.moved, *events.married, *events.tenants_left]):
            home = world.living_home(resident)
            if home.district_address != roster.cell(resident, ADDRESS):
                roster.write(resident, ADDRESS, home.district_address)
                roster.write(resident, DIVISION, home.division_code)
                world.homes_told[SYSTEM].pop(resident, None)
                changed.add(resident)
        mistyped = roster.with_case("mistyped_id")
        for resident in mistyped[: max(1, len(mistyped) // 10)]:
            roster.write(resident, ID, world.id_number[resident])
            deposit.counts["corrected_row"] += 1
            changed.add(resident)
        for resident in sorted(changed):
            roster.write(resident, UPDATED, _updated(night, resident))
        self._add(world, rng, events.born, night)
        return sorted(changed | set(events.born), key=roster.row_of.__getitem__)

    def _visit_doctors(self, world: World, rng: np.random.Generator, night: date) -> set[int]:
        """Some sign with a doctor, some of those above 45 learn of a disease; returns whose files changed."""
        roster = self.roster
        subjects = np.array(roster.subjects)
        living = subjects[np.isnat(world.death[subjects]) & (subjects >= len(CANARIES))]
        order = rng.permutation(living).tolist()
        signed, diagnosed = floored(len(living), 0.003), floored(len(living), 0.002)
        changed: set[int] = set(order[:signed])
        for resident in order[:signed]:
            roster.write(resident, DOCTOR, "是")
        grown = np.datetime64(night, "D") - int(45 * YEAR)
        for resident in order[signed : signed + diagnosed]:
            if not roster.cell(resident, DISEASE) and world.birth[resident] < grown:
                roster.write(resident, DISEASE, "高血压")
                roster.write(resident, DIAGNOSED, str(np.datetime64(night, "D") - 1))
                changed.add(resident)
        return changed

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
        guardians = world.truth_ids(map(self.guardians.__getitem__, page.subjects))
        deposit.tell(night, SYSTEM, name, page.numbers, guardians, role="guardian")
        dwellings = world.dwelling_truths(page.subjects, living=True, system=SYSTEM)
        deposit.tell(night, SYSTEM, name, page.numbers, dwellings, "dwelling")
        told_of = set(page.subjects)
        self.roster.count_cases(deposit.counts, told_of)
        alone = sum(int(world.death_known[one]) == HEALTH for one in told_of)
        deposit.counts.update({"lives_elsewhere": world.lives_elsewhere(page.subjects), "death_in_health_only": alone})


def _choose_guardians(world: World, residents: list[int], age: np.ndarray, disease: np.ndarray) -> list[int]:
    """The head of the household for children below 14, a relative for those with a mental disorder, else NOBODY."""
    heads = world.heads()[world.household[residents]]
    relatives = world.relatives()[residents]
    is_guarded_child = (age < 14) & (heads != residents)
    guardians: list[int] = np.select([is_guarded_child, disease == "严重精神障碍"], [heads, relatives], NOBODY).tolist()
    return guardians


def _updated(night: date, resident: int) -> str:
    """When the file was changed last."""
    return f"{night.isoformat()} {8 + resident % 9:02d}:{resident % 60:02d}:00"
