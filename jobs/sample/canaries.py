"""Three residents who live in every sample town, in the export of every system, under names, id numbers and phones that
nobody else has: whoever finds one of them in a log, a report or a commit message has found leaked personal data.

Their rows are never spoiled. Besides, the second has the other row of a key conflict in the population register, and
the third a broken copy of the line in the grid's ledger, because what is refused is what messages like to quote.

Reads: nothing. Writes: nothing. Refuses: nothing.
"""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Canary:
    """A resident to look for."""

    name: str
    id_number: str
    phone: str
    birth_date: date
    sex: int  # 1 male, 2 female


CANARIES: tuple[Canary, ...] = (
    Canary("欧阳金丝雀", "320102196107148815", "19900010001", date(1961, 7, 14), 1),
    Canary("司徒白玉鸟", "320102197402288823", "19900020002", date(1974, 2, 28), 2),
    Canary("上官黄鹂儿", "320102198808088834", "19900030003", date(1988, 8, 8), 1),
)
