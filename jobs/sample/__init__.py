"""The sample town: what four systems of an invented sub-district export night by night, and the truth about each row.

Reads: nothing. Writes: `<out>/<night>/<system>/<file>` and `<out>/truth.csv`.
Refuses: a town too small for families, no nights, a folder that holds something already.

The same arguments give the same bytes, and the first nights of a longer sample are those of a shorter one.
Rows that name a person have a line in the truth even where they are ragged, without a key or broken; files that nobody
can or may read (cut short, `.part`) have none.
"""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from jobs.sample.canaries import CANARIES, Canary
from jobs.sample.civil_affairs import Roll
from jobs.sample.deposit import Deposit
from jobs.sample.events import Events, pass_day
from jobs.sample.grid import Ledger
from jobs.sample.police import Register
from jobs.sample.walk_in import export_walk_in
from jobs.sample.world import World, build_world

__all__ = ["CANARIES", "FIRST_NIGHT", "NASTY_CASES", "Canary", "generate"]

FIRST_NIGHT = date(2026, 1, 1)

# Everything nasty that the sample does, in the order in which it is told. From 1000 residents and three nights on each
# case occurs at least once whatever the seed.
NASTY_CASES: tuple[str, ...] = (
    "missing_id", "mistyped_id_digit", "mistyped_id_swap", "id_15_digits", "lower_case_x", "full_width_id", "spaced_id",
    "scientific_id_text", "scientific_id_number", "relative_id", "stranger_id", "sex_disagrees_with_id",
    "twins", "namesakes", "shared_phone", "former_name", "former_name_used", "dot_variant", "rare_character",
    "spaced_name", "date_unpadded", "date_compact", "date_chinese", "date_serial", "date_excel", "date_impossible",
    "phone_prefix", "phone_dashes", "phone_spaces", "phone_landline", "number_for_text", "unknown_code",
    "community_name", "birth", "death", "marriage", "move", "withdrawn_row", "corrected_row",
    "duplicate_row", "key_conflict", "missing_key", "ragged_line", "quoted_newline", "blank_line", "bad_json_line",
    "title_row", "total_row", "signature_row",
    "corrupt_file", "file_twice", "late_file", "half_copied_file",
)  # fmt: skip


def generate(
    residents: int, seed: int, nights: int, out: Path, first_night: date = FIRST_NIGHT,
    on_progress: Callable[[str], None] = lambda message: None,
) -> list[tuple[str, int]]:  # fmt: skip
    """Write the sample town.

    Args:
        residents: how many live in the town on the first night, at least 10.
        seed: not negative; another seed gives other people.
        nights: how many nights to write, at least 1.
        out: a folder that is empty or not there yet.
        first_night: the date of the first night.
        on_progress: called with a line for each file written; it names systems and sizes, never people.

    Returns:
        Each nasty case with how often it occurs: people for those that lie in people (twins and namesakes: pairs; one
        phone: families; births, deaths, moves: residents; marriages: couples), files for files, else rows of exports.

    Raises:
        ValueError: too few residents or nights, or a negative seed.
        FileExistsError: `out` is not empty.
    """
    if nights < 1 or seed < 0:
        raise ValueError("A sample needs one night or more, and a seed that is not negative")
    world = build_world(residents, seed, first_night)
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty")
    out.mkdir(parents=True, exist_ok=True)
    deposit = Deposit(out, on_progress)
    deposit.counts.update(world.cases)
    register, roll, ledger = Register(world, seed), Roll(world, seed), Ledger(world, seed)
    for number in range(nights):
        night = first_night + timedelta(days=number)
        events = pass_day(world, night, seed, number)
        _count_events(deposit, world, events, number)
        if number:
            register.update(world, events, deposit, seed, number)
            roll.update(world, events, deposit, night, seed, number)
        register.export(night, deposit, seed, number)
        roll.export(night, deposit)
        export_walk_in(world, night, deposit, seed, number)
        ledger.export(world, events, night, deposit, seed, number)
    deposit.write_truth()
    return [(case, deposit.counts[case]) for case in NASTY_CASES]


def _count_events(deposit: Deposit, world: World, events: Events, number: int) -> None:
    died_before = int(np.isfinite(world.death).sum()) if number == 0 else 0
    deposit.counts.update({
        "birth": len(events.born), "death": len(events.died) + died_before, "marriage": len(events.married) // 2,
        "move": len(events.moved),
    })  # fmt: skip
