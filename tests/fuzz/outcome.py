"""What comes of a case."""

import traceback
from dataclasses import dataclass, field

from tests.fuzz.canaries import shown_in

CRASH, HANG, MEMORY, UNACCOUNTED, VALUE = "crash", "hang", "over 2 GB", "rows unaccounted for", "value in a message"
KINDS = (CRASH, HANG, MEMORY, UNACCOUNTED, VALUE)
Problem = tuple[str, str, str]  # kind, where, what


@dataclass(frozen=True)
class Outcome:
    """How many cases were tried, and what was wrong with them."""

    cases: int
    problems: list[Problem] = field(default_factory=list)


def look_for_values(text: str, where: str) -> list[Problem]:
    """Whether a message gives away one of the people, as a problem."""
    pieces = shown_in(text)
    return [(VALUE, where, ", ".join(pieces[:3]))] if pieces else []


def describe_crash(error: BaseException) -> tuple[str, str]:
    """Where an exception was raised, in our code if it passed there, and its type."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/jobs/" in frame.filename] or list(frames)
    place = f"{own[-1].filename.rpartition('/jobs/')[2]}:{own[-1].lineno}" if own else "?"
    return place, f"{type(error).__name__}: {str(error)[:200]}"
