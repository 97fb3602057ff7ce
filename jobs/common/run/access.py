"""Who was shown personal values, and why: one row of `ops.access` each time, written before anything is shown.

Writes: `ops.access`. Refuses: a showing without a reason.
"""

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from jobs.common.base.errors import UserError
from jobs.common.base.masks import mask_numbers
from jobs.common.lake.tables import Lake

TABLE = "ops.access"
MOST_CHARACTERS = 500  # of a reason


@dataclass(frozen=True)
class Access:
    """What is about to be shown, and why."""

    what: str
    tables: Sequence[str]
    columns: Sequence[str]
    because: str


def asked_reason(show_personal: bool, because: str | None) -> str | None:
    """The reason for which values are to be shown in clear; None if they are to be masked.

    Raises:
        UserError: one of the two options without the other.
    """
    if not show_personal and because is None:
        return None
    if not show_personal:
        raise UserError("--because says why values are shown; give --show-personal as well, or leave it out")
    return check_reason(because, "--show-personal shows personal data")


def check_reason(because: str | None, what: str) -> str:
    """A reason as it is kept: one line, without numbers of people.

    Args:
        because: as it was given.
        what: needs the reason, for the message.

    Raises:
        UserError: there is none, or it is very long.
    """
    told = " ".join((because or "").split())
    if not told:
        raise UserError(f'{what}, so say why with --because "…"')
    if len(told) > MOST_CHARACTERS:
        raise UserError(f"the reason has {len(told):,} characters; {MOST_CHARACTERS} are enough")
    return mask_numbers(told)


def record_access(lake: Lake, access: Access) -> None:
    """Write who is shown what, and why."""
    row = {
        "at": datetime.now(UTC),
        "who": getpass.getuser(),
        "what": access.what,
        "tables": ",".join(access.tables),
        "columns": ",".join(access.columns),
        "because": access.because,
        "prev_hash": None,
    }
    lake.upsert(TABLE, lake.table_of(TABLE, [row]))
