"""How names are written otherwise: by ear, by eye, in other characters, in another order, with a character less.

Reads: nothing. Writes: nothing. Refuses: nothing.
"""

from collections.abc import Callable, Collection, Mapping

import numpy as np

from jobs.sample.hard.characters import HOMOPHONES, LOOK_ALIKES, TRADITIONAL
from jobs.sample.names import DOT

_COMPOUND_SURNAMES = ("欧阳", "上官", "司马", "诸葛", "夏侯", "司徒")
_NO_NAMES = ("无名氏", "未知", "不详", "测试", "待核实")
_JOINTS = ("", " ", ".")  # what some write for the dot in a name


def surname_of(name: str) -> str:
    """The first one or two characters of a Han name."""
    return name[:2] if name.startswith(_COMPOUND_SURNAMES) else name[:1]


def _replace_one(rng: np.random.Generator, name: str, table: Mapping[str, str]) -> str:
    """One character of the name becomes one that the table has for it."""
    known = [place for place, character in enumerate(name) if character in table]
    place = known[int(rng.integers(len(known)))]
    others = table[name[place]]
    return name[:place] + others[int(rng.integers(len(others)))] + name[place + 1 :]


def _drop_one(rng: np.random.Generator, name: str) -> str:
    """A character of the given name is missing."""
    place = int(rng.integers(len(surname_of(name)), len(name)))
    return name[:place] + name[place + 1 :]


def _swap_given(name: str) -> str:
    return name[:-2] + name[-1] + name[-2]


MISSPELLINGS: dict[str, Callable[[np.random.Generator, str], str]] = {
    "homophone": lambda rng, name: _replace_one(rng, name, HOMOPHONES),
    "look_alike": lambda rng, name: _replace_one(rng, name, LOOK_ALIKES),
    "traditional": lambda rng, name: "".join(TRADITIONAL.get(character, character) for character in name),
    "swapped_name": lambda rng, name: _swap_given(name),
    "dropped_character": _drop_one,
    "dots_left_out": lambda rng, name: name.replace(DOT, _JOINTS[int(rng.integers(len(_JOINTS)))]),
    "parts_swapped": lambda rng, name: DOT.join(reversed(name.split(DOT))),
    "first_part_only": lambda rng, name: name.partition(DOT)[0],
    "placeholder_name": lambda rng, name: _NO_NAMES[int(rng.integers(len(_NO_NAMES)))],
}


def _has_any(name: str, characters: Collection[str]) -> bool:
    return any(character in characters for character in name)


def _is_long_han(name: str) -> bool:
    """Whether a surname and a given name of two characters or more stand there."""
    return DOT not in name and len(name) - len(surname_of(name)) >= 2


# Which names a misspelling can befall; the others can befall all.
_FITS: dict[str, Callable[[str], bool]] = {
    "homophone": lambda name: _has_any(name, HOMOPHONES),
    "look_alike": lambda name: _has_any(name, LOOK_ALIKES),
    "traditional": lambda name: _has_any(name, TRADITIONAL),
    "swapped_name": lambda name: _is_long_han(name) and name[-1] != name[-2],
    "dropped_character": _is_long_han,
    "dots_left_out": lambda name: DOT in name,
    "parts_swapped": lambda name: DOT in name and _swappable(name),
    "first_part_only": lambda name: DOT in name,
}


def _swappable(name: str) -> bool:
    parts = name.split(DOT)
    return parts != parts[::-1]


def fitting_names(names: list[str]) -> dict[str, np.ndarray]:
    """For each misspelling that cannot befall every name: which names it can."""
    return {case: np.fromiter(map(fits, names), dtype=bool, count=len(names)) for case, fits in _FITS.items()}
