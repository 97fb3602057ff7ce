"""The sample town: what eight systems of an invented sub-district export night by night, and the truth about each row.

Reads: nothing. Writes: `<out>/<night>/<system>/<file>`, `<out>/truth.csv`, and for a hard town `<out>/rates.csv`.
Refuses: a town too small for families, no nights, a folder that holds something already.

The same arguments give the same bytes, and the first nights of a longer sample are those of a shorter one.
Each resident, household, dwelling and organisation that a row names has a line in the truth, even where the row is
ragged, without a key or broken; files that nobody can or may read (cut short, `.part`) have none. A row without an address
names no dwelling, and one with an old address names the old dwelling.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from jobs.sample.canaries import CANARIES, Canary
from jobs.sample.civil_affairs import Roll
from jobs.sample.deposit import Deposit
from jobs.sample.dwellings import build_estate, pass_dwelling_day
from jobs.sample.events import Events, pass_day
from jobs.sample.grid import Ledger
from jobs.sample.hard.addresses import CASUAL_FORMS
from jobs.sample.hard.organisations import ABBREVIATIONS, harden_organisations
from jobs.sample.hard.rates import RECORD_RANGES, draw_rates
from jobs.sample.hard.town import harden_world
from jobs.sample.health import Clinic
from jobs.sample.housing import Housing, Occupancy
from jobs.sample.market import Enterprises
from jobs.sample.organisations import build_organisations, pass_organisation_day
from jobs.sample.police import Register
from jobs.sample.social_security import Insured
from jobs.sample.walk_in import export_walk_in
from jobs.sample.world import POLICE, World, build_world

__all__ = ["CANARIES", "FIRST_NIGHT", "HARD_CASES", "NASTY_CASES", "Canary", "generate"]

FIRST_NIGHT = date(2026, 1, 1)

# Everything nasty that the sample does, in the order in which it is told. From 1000 residents and three nights on each
# case occurs at least once whatever the seed.
NASTY_CASES: tuple[str, ...] = (
    "missing_id", "mistyped_id_digit", "mistyped_id_swap", "id_15_digits", "lower_case_x", "full_width_id",
    "spaced_id", "scientific_id_text", "scientific_id_number", "relative_id", "stranger_id", "sex_disagrees_with_id",
    "twins", "namesakes", "shared_phone", "former_name", "former_name_used", "dot_variant", "rare_character",
    "unencodable_name", "spaced_name", "date_unpadded", "date_compact", "date_chinese", "date_serial", "date_excel",
    "date_impossible", "phone_prefix", "phone_dashes", "phone_spaces", "phone_landline", "number_for_text",
    "yes_no_marks", "yes_no_letters", "yes_no_digits", "unknown_code", "community_name", "division_full_name",
    "division_short_name", "division_county_name", "division_former_name", "division_9_digits", "birth", "death",
    "death_in_police_only", "death_in_health_only", "death_in_social_security_only", "marriage", "move",
    "head_changed", "lives_elsewhere", "number_of_other_system", "status_in_two_systems", "address_full",
    "address_no_province", "address_street", "address_dong", "address_hao_lou", "address_numeral", "address_dashes",
    "address_compound", "block_variant", "area_with_unit", "dwelling_split", "dwelling_merged", "organisation_owner",
    "tenant_left", "organisation_renamed", "employer_former_name", "bracket_variant", "organisation_closed",
    "credit_code_mistyped", "credit_code_lower_case", "credit_code_full_width", "credit_code_spaced",
    "representative_without_id", "money_wan_yuan", "money_separators", "money_wan", "money_full_width",
    "money_unreadable", "withdrawn_row", "corrected_row", "duplicate_row", "key_conflict", "missing_key",
    "ragged_line", "quoted_newline", "blank_line", "bad_json_line", "title_row", "total_row", "signature_row",
    "corrupt_file", "file_twice", "late_file", "half_copied_file",
)  # fmt: skip


# Mistakes that are counted by the form in which they are made.
_OPENED = ("casual_address", "abbreviated_organisation")
# What a hard town has besides: in the people, and in the rows.
HARD_CASES: tuple[str, ...] = (
    "changed_phone", "moved", "hard_lives_elsewhere", "registered_elsewhere", "renamed", "alias", "shared_address",
    "dormitory", "branch", *(case for case in RECORD_RANGES if case not in (*NASTY_CASES, *_OPENED)), "old_division",
    *CASUAL_FORMS, *ABBREVIATIONS,
)  # fmt: skip


def generate(
    residents: int, seed: int, nights: int, out: Path, first_night: date = FIRST_NIGHT,
    on_progress: Callable[[str], None] = lambda message: None, hard: bool = False,
) -> list[tuple[str, int]]:  # fmt: skip
    """Write the sample town.

    Args:
        residents: how many live in the town on the first night, at least 10.
        seed: not negative; another seed gives other people.
        nights: how many nights to write, at least 1.
        out: a folder that is empty or not there yet.
        first_night: the date of the first night.
        on_progress: called with a line for each file written; it names systems and sizes, never people.
        hard: also make the mistakes of HARD_CASES, at rates that the seed draws for the town and for each system, and
            write those rates to `<out>/rates.csv`. Where one lies over a nasty case, both may be counted.

    Returns:
        Each nasty case with how often it occurs: people for those that lie in people (twins and namesakes: pairs; one
        phone: families; births, deaths, moves: residents; marriages: couples), files for files, else rows of exports.

    Raises:
        ValueError: too few residents or nights, or a negative seed.
        FileExistsError: `out` is not empty.
    """
    if nights < 1 or seed < 0:
        raise ValueError("A sample needs one night or more, and a seed that is not negative")
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty")
    with _without_collector():
        world = build_world(residents, seed, first_night)
        deposit = Deposit(out, on_progress)
        deposit.begin()
        if hard:
            harden_world(world, seed)
            deposit.note_rates(draw_rates(seed).rows())
        offices = Offices(world, seed)
        deposit.counts.update(world.cases)
        for number in range(nights):
            offices.work(first_night + timedelta(days=number), deposit, number)
    cases = (*NASTY_CASES, *HARD_CASES) if hard else NASTY_CASES
    return [(case, deposit.counts[case]) for case in cases]


@contextmanager
def _without_collector() -> Iterator[None]:
    """A town is millions of objects of which none can go before the end: to look through them again and again is an eighth
    of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Offices:
    """The offices of the town with their lists, and what is true of the town."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.seed = world, seed
        self.organisations = build_organisations(world, seed)
        harden_organisations(world, self.organisations, seed)
        self.estate = build_estate(world, self.organisations, seed)
        self.register, self.roll = Register(world, seed), Roll(world, seed)
        self.ledger = Ledger(world, seed, self.roll.welfare())
        self.clinic = Clinic(world, seed)
        self.insured = Insured(world, self.organisations, seed)
        self.housing = Housing(world, self.organisations, self.estate, seed)
        self.occupancy = Occupancy(world, self.organisations, self.estate, seed)
        self.enterprises = Enterprises(world, self.organisations, seed)

    def work(self, night: date, deposit: Deposit, number: int) -> None:
        """Live through the day before the `number`-th night, and write what each office exports that night."""
        world, seed = self.world, self.seed
        events = pass_day(world, night, seed, number)
        opened = self._catch_up(events, night, deposit, number) if number else None
        _count_events(deposit, world, events, number)
        self.register.export(world, night, deposit, seed, number)
        self.roll.export(world, night, deposit)
        export_walk_in(world, night, deposit, seed, number)
        self.ledger.export(world, events, night, deposit, seed, number)
        self.clinic.export(world, night, deposit, seed, number, opened)
        self.insured.export(world, self.organisations, night, deposit, seed, number)
        self.housing.export(world, self.organisations, self.estate, night, deposit, seed, number)
        self.occupancy.export(world, self.organisations, night, deposit, seed, number)
        self.enterprises.export(world, self.organisations, night, deposit, seed, number)

    def _catch_up(self, events: Events, night: date, deposit: Deposit, number: int) -> list[int]:
        """Bring all lists to the night; returns whose health files were opened."""
        world, seed, organisations = self.world, self.seed, self.organisations
        moves = pass_dwelling_day(world, self.estate, events, night.isoformat(), seed, number)
        changes = pass_organisation_day(world, organisations, night.isoformat(), seed, number)
        self.register.update(world, events, deposit, seed, number)
        self.roll.update(world, events, deposit, night, seed, number)
        self.insured.update(world, organisations, events, night, deposit, seed, number)
        self.housing.update(world, organisations, self.estate, moves, deposit, seed, number)
        self.occupancy.update(moves, deposit)
        self.enterprises.update(world, organisations, changes, deposit, seed, number)
        return self.clinic.update(world, events, night, deposit, seed, number)


def _count_events(deposit: Deposit, world: World, events: Events, number: int) -> None:
    dead = np.isfinite(world.death)
    died = events.died if number else np.flatnonzero(dead).tolist()
    deposit.counts.update({
        "birth": len(events.born), "death": len(died), "marriage": len(events.married) // 2,
        "move": len(events.moved), "head_changed": len(events.headed) // 2,
        "death_in_police_only": sum(int(world.death_known[resident]) == POLICE for resident in died),
    })  # fmt: skip
