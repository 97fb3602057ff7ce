"""People who stand in every fuzzed export, and whether a message gives one of them away."""

import random
from dataclasses import dataclass

_NAME, _NUMBER = 3, 8  # characters of a name or number that give a person away


@dataclass(frozen=True)
class Person:
    """A person who does not exist."""

    name: str
    id_number: str
    phone: str
    address: str


PEOPLE = (
    Person("欧阳慧敏", "320102199003078515", "13800138765", "板仓街槐荫里八十八号"),
    Person("司徒婉清", "320106198711232046", "15951877046", "丹凤街鸿雁阁六十六号"),
    Person("买买提江·艾力", "650102197605214511", "18699154511", "天山区葡萄巷十七号"),
    Person("诸葛明远", "320105196809153238", "13913953238", "莫愁路梧桐院九号"),
)


def _shingles() -> frozenset[str]:
    found = set()
    for person in PEOPLE:
        for text, length in (
            (person.name, _NAME),
            (person.address, _NAME + 2),
            (person.id_number, _NUMBER),
            (person.phone, _NUMBER),
        ):
            found |= {text[at : at + length] for at in range(len(text) - length + 1)}
    return frozenset(found)


_SHINGLES = _shingles()


def shown_in(text: str) -> list[str]:
    """Pieces of the people's names, addresses and numbers that a text holds."""
    return sorted(piece for piece in _SHINGLES if piece in text)


def draw_person(draw: random.Random) -> Person:
    return draw.choice(PEOPLE)
