"""The ledger of the community grids: JSON lines, all of it on the first night, later only what is new or changed.

Reads: the world. Writes: `grid/grid_<YYYYMMDD>.jsonl`; on the third night also one of the first, which comes late.
Refuses: nothing.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from operator import itemgetter

import numpy as np

from jobs.sample import corruption, names, places
from jobs.sample.canaries import CANARIES
from jobs.sample.deposit import Deposit
from jobs.sample.events import Events
from jobs.sample.hard.people import draw_changes, write_cells
from jobs.sample.households import YEAR
from jobs.sample.people import birth_texts, corrupt_id_text, sex_texts
from jobs.sample.world import World, floored, pick

SYSTEM = "grid"
KEYS = (
    "record_id", "name", "id_number", "sex", "birth_date", "phone", "address", "division", "ethnic", "household",
    "relation", "category", "category_since", "grid_code", "updated_at",
)  # fmt: skip
(
    RECORD, NAME, ID, SEX, BIRTH, PHONE, ADDRESS, DIVISION, ETHNIC, HOUSEHOLD, RELATION, CATEGORY, SINCE, GRID, UPDATED,
) = range(len(KEYS))  # fmt: skip

# What the mistakes of a hard town befall.
_PARTS = {
    "name": NAME, "id_number": ID, "birth_date": BIRTH, "phone": PHONE, "address": ADDRESS, "division": DIVISION,
    "household": HOUSEHOLD,
}  # fmt: skip

_ID_SHARES = {
    "missing_id": 0.02, "mistyped_id_digit": 0.005, "mistyped_id_swap": 0.003, "id_15_digits": 0.005,
    "lower_case_x": 0.005, "full_width_id": 0.003, "spaced_id": 0.003, "scientific_id_text": 0.002,
}  # fmt: skip
_DATE_SHARES = {
    "date_unpadded": 0.1, "date_compact": 0.05, "date_chinese": 0.02, "date_serial": 0.005, "date_impossible": 0.001,
}  # fmt: skip
_PHONE_SHARES = {
    "phone_prefix": 0.01, "phone_dashes": 0.01, "phone_spaces": 0.01, "phone_landline": 0.02, "number_for_text": 0.01,
}  # fmt: skip

Json = str | int | None
NO_GROUP = (None, None)
_to_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps makes one for each row


class Ledger:
    """The ledger as the grids keep it: the number of each resident's record, the group of people that grid workers look
    after in particular, and the ids still to be corrected."""

    def __init__(self, world: World, seed: int, welfare: dict[int, date]) -> None:
        """`welfare` is since when whom the civil affairs office supports: some grid workers note it."""
        rng = np.random.default_rng([seed, 8])
        wanted = ((rng.random(len(world)) < 0.85) | world.specimens) & ~world.lives_outside()
        self.numbers: dict[int, int] = {}
        self.first = np.flatnonzero(wanted & np.isnat(world.death)).tolist()
        self.mistyped: list[int] = []
        self._enter(self.first)
        self.groups = draw_groups(world, rng)
        noted = [resident for resident in welfare if resident in self.numbers and resident >= len(CANARIES)][::2]
        self.groups |= {resident: ("低保对象", welfare[resident].isoformat()) for resident in noted}
        self.on_welfare = set(noted)

    def _enter(self, residents: list[int]) -> None:
        for resident in residents:
            self.numbers.setdefault(resident, len(self.numbers) + 1)

    def export(self, world: World, events: Events, night: date, deposit: Deposit, seed: int, number: int) -> None:
        """Write the night's ledger, on the third night after the late one."""
        rng = np.random.default_rng([seed, 9, number])
        corrected: list[int] = []
        if number == 0:
            residents = self.first
        else:
            residents, corrected = self._draw_changed(world, rng, events)
            self._enter(residents)
            deposit.counts["corrected_row"] += len(corrected)
        columns = self._columns(world, residents, night)
        self._corrupt(world, rng, residents, columns, set(corrected), deposit)
        name = f"grid_{night:%Y%m%d}.jsonl"
        lines = _to_lines(columns)
        self._put(world, night, name, lines, residents, rng, deposit)
        if number == 2:
            self._export_late(world, rng, night, deposit)

    def _draw_changed(self, world: World, rng: np.random.Generator, events: Events) -> tuple[list[int], list[int]]:
        """Who is new, who changed and whose id number was put right: about two of a hundred residents."""
        corrected = self.mistyped[: max(1, len(self.mistyped) // 10)]
        self.mistyped = self.mistyped[len(corrected) :]
        changed = {
            *events.moved, *events.married, *events.headed, *events.tenants_left, *events.renamed, *events.new_phone,
            *corrected,
        }  # fmt: skip
        changed = {resident for resident in changed if resident in self.numbers}
        absent = np.isnat(world.death) & ~world.lives_outside()
        absent[list(self.numbers)] = False
        room = max(round(len(world) * 0.02) - len(changed) - len(events.born), 1)
        return sorted({*changed, *events.born, *rng.permutation(np.flatnonzero(absent))[:room].tolist()}), corrected

    def _columns(self, world: World, residents: list[int], night: date) -> list[list[Json]]:
        """Clean cells, column by column."""
        homes = list(map(world.living_home, residents))
        forms = places.stable_forms(places.ADDRESS_FORMS, residents)
        divisions = [home.division_code for home in homes]
        groups = [self.groups.get(resident, NO_GROUP) for resident in residents]
        columns: list[Iterable[Json]] = [
            [f"G{self.numbers[resident]:07d}" for resident in residents],
            pick(world.name, residents),
            pick(world.id_number, residents),
            sex_texts(world, residents),
            birth_texts(world, residents),
            [phone or None for phone in pick(world.phone, residents)],
            map(places.Home.address, homes, forms),
            divisions,
            pick(world.ethnic, residents),
            [household_number(world, resident) for resident in residents],
            map(world.living_relation, residents),
            map(itemgetter(0), groups),
            map(itemgetter(1), groups),
            map(_grid_code, divisions, residents),
            [f"{night.isoformat()} {8 + resident % 10:02d}:{resident % 60:02d}:00" for resident in residents],
        ]
        return list(map(list, columns))

    def _corrupt(
        self, world: World, rng: np.random.Generator, residents: list[int], columns: list[list[Json]],
        corrected: set[int], deposit: Deposit,
    ) -> None:  # fmt: skip
        counts, rows = deposit.counts, len(residents)
        allowed = np.array(residents, dtype=np.int64) >= len(CANARIES)
        allowed &= ~np.isin(residents, list(corrected))
        self._spoil_ids(rng, residents, columns[ID], allowed, counts)

        births = [str(birth) for birth in columns[BIRTH]]
        drawn = corruption.draw_cases(rng, rows, _DATE_SHARES, allowed, corruption.fitting_dates(births))
        corruption.spoil(
            columns[BIRTH], drawn, lambda case, birth: corruption.corrupt_date_text(case, str(birth)), counts
        )
        with_phone = allowed & corruption.filled(columns[PHONE])
        drawn = corruption.draw_cases(rng, rows, _PHONE_SHARES, with_phone)
        corruption.spoil(
            columns[PHONE], drawn, lambda case, phone: corruption.typed_phone(rng, case, str(phone)), counts
        )
        drawn = corruption.draw_cases(rng, rows, {"unknown_code": 0.002, "community_name": 0.02}, allowed)
        named = drawn.pop("community_name")
        corruption.spoil(columns[ETHNIC], drawn, lambda case, ethnic: "汗族", counts)
        counts["community_name"] += len(named)
        for row in named:
            columns[DIVISION][row] = world.living_home(residents[row]).community.name
        self._spoil_names(world, rng, residents, columns[NAME], allowed, counts)
        cells = {part: columns[column] for part, column in _PARTS.items()}
        write_cells(cells, draw_changes(world, rng, SYSTEM, residents, _PARTS, living=True), counts)

    def _spoil_ids(
        self, rng: np.random.Generator, residents: list[int], cells: list[Json], allowed: np.ndarray,
        counts: Counter[str],
    ) -> None:  # fmt: skip
        """Corrupt id numbers, and remember whose are mistyped."""
        fits = corruption.fitting_ids(list(map(str, cells)))
        drawn = corruption.draw_cases(rng, len(cells), _ID_SHARES, allowed, fits)
        corruption.spoil(cells, drawn, lambda case, own: corrupt_id_text(rng, case, str(own)), counts)
        for row in drawn["missing_id"]:
            cells[row] = None if row % 2 else ""
        mistyped = [*drawn["mistyped_id_digit"], *drawn["mistyped_id_swap"]]
        self.mistyped += [residents[row] for row in mistyped]

    def _spoil_names(
        self, world: World, rng: np.random.Generator, residents: list[int], cells: list[Json], allowed: np.ndarray,
        counts: Counter[str],
    ) -> None:  # fmt: skip
        """Former names still in use, dots as each grid types them, some names stretched by spaces."""
        formerly = allowed & corruption.filled(pick(world.former_name, residents))
        known = np.flatnonzero(formerly)
        for row in known[: (len(known) + 2) // 3].tolist():
            cells[row] = world.former_name[residents[row]]
            counts["former_name_used"] += 1
        for row, resident in enumerate(residents):
            if names.DOT in world.name[resident]:
                cells[row] = corruption.vary_dot(str(cells[row]), resident + 1)
                counts["dot_variant"] += (resident + 1) % len(names.DOT_VARIANTS) > 0
        plain = allowed & ~formerly & ~world.specimens[residents]
        drawn = corruption.draw_cases(rng, len(cells), {"spaced_name": 0.005}, plain)
        corruption.spoil(cells, drawn, lambda case, name: corruption.spaced_name(str(name)), counts)

    def _put(
        self, world: World, night: date, name: str, lines: list[str], residents: list[int], rng: np.random.Generator,
        deposit: Deposit,
    ) -> None:  # fmt: skip
        """Write the lines, a blank one, and broken copies before some of them, as after an interrupted upload."""
        allowed = np.array(residents) >= len(CANARIES)
        broken = corruption.draw_cases(rng, len(lines), {"bad_json_line": 0.001}, allowed)["bad_json_line"]
        last_canary = len(CANARIES) - 1
        if last_canary in residents:
            broken = [residents.index(last_canary), *broken]
        written, meant = list(lines), list(residents)
        for row in sorted(broken, reverse=True):  # from the end, so that earlier places still hold
            written.insert(row, lines[row].partition(', "address"')[0])
            meant.insert(row, residents[row])
        blank = len(written) // 2
        written.insert(blank, "")
        rows = [place + 1 + (place >= blank) for place in range(len(meant))]
        deposit.put(night, SYSTEM, name, "\n".join([*written, ""]).encode())
        self._tell(world, night, name, rows, meant, deposit)
        deposit.counts["bad_json_line"] += len(broken)
        deposit.counts["blank_line"] += 1

    def _export_late(self, world: World, rng: np.random.Generator, night: date, deposit: Deposit) -> None:
        """An export of the first night that lay about: records of that night with the landlines they had before."""
        chosen = np.sort(rng.permutation(np.array(self.first))[: floored(len(self.first), 0.005, fewest=3)]).tolist()
        columns = self._columns(world, chosen, world.first_night)
        columns[PHONE] = [f"025-8{4000000 + resident % 1000000}" for resident in chosen]
        for resident in chosen:
            world.homes_told[SYSTEM].pop(resident, None)
        lines = _to_lines(columns)
        name = f"grid_{world.first_night:%Y%m%d}_补报.jsonl"
        deposit.put(night, SYSTEM, name, "\n".join([*lines, ""]).encode())
        self._tell(world, night, name, range(1, len(lines) + 1), chosen, deposit)
        deposit.counts["late_file"] += 1

    def _tell(
        self, world: World, night: date, name: str, rows: Sequence[int], residents: list[int], deposit: Deposit
    ) -> None:
        """Whom, which household and which dwelling the lines mean, and the cases that lie in them."""
        deposit.tell(night, SYSTEM, name, rows, world.truth_ids(residents))
        deposit.tell(night, SYSTEM, name, rows, world.household_truths(residents, living=True), "household")
        deposit.tell(
            night, SYSTEM, name, rows, world.dwelling_truths(residents, living=True, system=SYSTEM), "dwelling"
        )
        counts = deposit.counts
        counts["lives_elsewhere"] += world.lives_elsewhere(residents)
        counts["status_in_two_systems"] += len(self.on_welfare.intersection(residents))
        counts["number_of_other_system"] += sum(household_number(world, one)[0] == "H" for one in residents)
        for resident, form in zip(residents, places.stable_forms(places.ADDRESS_FORMS, residents), strict=True):
            counts[form] += world.living_home(resident).shows(form)


def _to_lines(columns: list[list[Json]]) -> list[str]:
    """Each row as an object with the keys of the ledger."""
    return [_to_json(dict(zip(KEYS, row, strict=True))) for row in zip(*columns, strict=True)]


def _grid_code(division: str, resident: int) -> str:
    """The grid of a community in which the resident lives."""
    return f"{division[6:]}{resident % 9 + 1:02d}"


def household_number(world: World, resident: int) -> str:
    """The grid's own number of the household, or for some households that are registered the number of the police."""
    household = int(world.living[resident])
    return f"H{household:06d}" if household not in world.others and household % 6 == 4 else f"W{household * 7 + 5:07d}"


def draw_groups(world: World, rng: np.random.Generator) -> dict[int, tuple[str | None, str | None]]:
    """Whom grid workers look after in particular, as what and since when; one group a resident at most."""
    today = np.datetime64(world.first_night, "D")
    age = (today - world.birth).astype(np.int64) / YEAR
    company = np.bincount(world.living, minlength=len(world.homes))[world.living]
    together = (world.spouse >= 0) & (company == 2)
    draw = rng.random(len(world))
    is_in = {
        "独居": (company == 1) & (age > 65) & (draw < 0.8),
        "空巢": together & (age > 62) & (draw < 0.5),
        "失独": together & (age > 50) & (draw > 0.98),
        "留守儿童": (age < 16) & (draw < 0.015),
        "残疾": (age >= 16) & (draw > 0.5) & (draw < 0.52),
    }
    drawn = np.select(list(is_in.values()), list(is_in), "")
    lasting = np.minimum(rng.integers(30, 2500, len(world)), (age * YEAR).astype(np.int64))
    days = np.datetime_as_string(today - lasting.astype("timedelta64[D]")).tolist()
    chosen = np.flatnonzero(drawn != "")
    return {place: (str(drawn[place]), days[place]) for place in chosen.tolist() if place >= len(CANARIES)}
