"""Addresses as people write them: without 市, 区, 街道, 号 or 室, with dashes, by the compound alone.

Reads: nothing. Writes: nothing. Refuses: nothing.
"""

from collections.abc import Callable

import numpy as np

from jobs.sample.places import CITY, DISTRICT, Home

_CITY = CITY[3:-1]  # without province and 市
_DISTRICT = DISTRICT[:-1]


def _road(home: Home) -> str:
    """Road and number, without 号."""
    return home.road_and_number[:-1]


def _short_start(home: Home) -> str:
    """District and subdistrict without 区 and 街道."""
    return f"{_DISTRICT}{home.community.subdistrict.removesuffix('街道')}"


# Of a flat in the town.
_FLAT_FORMS: dict[str, Callable[[Home], str]] = {
    "address_no_city_words": lambda home: f"{_CITY}{_DISTRICT}{home.street}",
    "address_no_district": lambda home: f"{CITY[3:]}{home.street}",
    "address_short_start": lambda home: f"{_short_start(home)}{home.street}",
    "address_no_hao": lambda home: f"{_road(home)}-{home.block}-{home.unit}-{home.room}",
    "address_no_unit": lambda home: f"{_road(home)}-{home.block}-{home.room}",
    "address_no_room_word": lambda home: f"{home.house}{home.flat('栋').removesuffix('室')}",
    "address_compound_alone": lambda home: f"{home.compound}{home.flat('幢')}",
    "address_compound_dashes": lambda home: f"{home.compound}{home.block}-{home.unit}-{home.room}",
    "address_compound_short": lambda home: f"{home.compound}{home.block}栋{home.room}",
}
# Of a house without flats in the town.
_HOUSE_FORMS: dict[str, Callable[[Home], str]] = {
    "address_no_city_words": lambda home: f"{_CITY}{_DISTRICT}{home.street}",
    "address_no_district": lambda home: f"{CITY[3:]}{home.street}",
    "address_short_start": lambda home: f"{_short_start(home)}{home.street}",
    "address_no_hao": _road,
}
CASUAL_FORMS = tuple(_FLAT_FORMS)


def draw_casual(rng: np.random.Generator, home: Home) -> tuple[str, str]:
    """A form and the address in it; a home outside the town is written by its street alone."""
    if home.is_outside:
        return "address_no_district", home.street
    forms = _FLAT_FORMS if home.block else _HOUSE_FORMS
    form = list(forms)[int(rng.integers(len(forms)))]
    return form, forms[form](home)
