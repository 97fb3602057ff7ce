"""Organisations of a hard town: branches, long legal forms, and the names that offices write for short.

Reads: nothing. Writes: nothing (changes the organisations it is given). Refuses: nothing.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from jobs.sample import ids, places
from jobs.sample.canaries import CANARIES
from jobs.sample.hard.people import Change, draw_cases
from jobs.sample.organisations import PUBLIC_BODIES, Organisation, Organisations
from jobs.sample.world import NOBODY, World, floored, without_canaries

_SHORT, _LONG = "有限公司", "有限责任公司"
_BRANCHES = ("玄武分公司", "第一分公司", "第二分公司", "新街口分公司", "孝陵卫分公司")
_CITY = "南京"
# Province, city and district, brand and trade, legal form, branch.
_PARTS = re.compile(f"^(南京市玄武区|南京|玄武区)?(.+?)({_LONG}|{_SHORT})?((?:{'|'.join(_BRANCHES)})?)$")
_BRACKETED = "（南京）"


def harden_organisations(world: World, found: Organisations, seed: int) -> None:
    """Give some companies the long legal form, and some a branch, which is an organisation of its own."""
    if world.hard is None:
        return
    rng, rates = np.random.default_rng([seed, 52]), world.hard.rates.town
    first = len(PUBLIC_BODIES) + len(CANARIES)
    companies = [place for place in range(first, len(found)) if found[place].name.endswith(_SHORT)]
    order = rng.permutation(np.array(companies, dtype=np.int64)).tolist()
    for place in order[: floored(len(companies), rates["long_form"])]:
        _lengthen(found, place)
    mothers = rng.permutation(np.array(companies, dtype=np.int64))[: floored(len(companies), rates["branch"])]
    _found_branches(world, rng, found, np.sort(mothers).tolist())
    world.cases["branch"] = len(mothers)


def _lengthen(found: Organisations, place: int) -> None:
    name = found[place].name.replace(_SHORT, _LONG)
    found.taken_names.add(name)
    found[place].name = name


def _found_branches(world: World, rng: np.random.Generator, found: Organisations, mothers: list[int]) -> None:
    """A branch has a credit code, an address and a head of its own."""
    adults = without_canaries(np.flatnonzero(world.relation == 0))
    heads = rng.choice(adults, len(mothers)).tolist()
    codes = ids.draw_credit_codes(rng, [f"91{places.DISTRICT_CODE}"] * len(mothers), found.taken_codes)
    homes = places.draw_homes(rng, len(mothers), len(world.homes), houses=0.5)
    kinds = rng.integers(0, len(_BRANCHES), len(mothers)).tolist()
    for mother, head, code, home, kind in zip(mothers, heads, codes, homes, kinds, strict=True):
        name = f"{found[mother].name}{_BRANCHES[kind]}"
        own = {"name": name, "credit_code": code, "home": home, "representative": head}
        found.append(replace(found[mother], **own, signboard="", former_name=""))


def _parts(name: str) -> tuple[str, str, str, str]:
    """Region, core, legal form and branch of a name; each may be empty but the core."""
    region, core, form, branch = _PARTS.fullmatch(name).groups(default="")  # type: ignore[union-attr]
    return region, core, form, branch


def _without_region(name: str) -> str:
    _, core, form, branch = _parts(name)
    return f"{core.replace(_BRACKETED, '')}{form}{branch}"


def _with_shi(name: str) -> str:
    region, core, form, branch = _parts(name)
    return f"{_CITY}市{core}{form}{branch}" if region == _CITY else name.replace(_BRACKETED, "（南京市）")


def _with_province(name: str) -> str:
    region, core, form, branch = _parts(name)
    starts = {_CITY: "江苏省南京市", "玄武区": "南京市玄武区", "南京市玄武区": "江苏省南京市玄武区"}
    return f"{starts.get(region, region)}{core}{form}{branch}"


def _without_city(name: str) -> str:
    return name.removeprefix("南京市")


def _in_short_form(name: str) -> str:
    return name.replace(_LONG, _SHORT)


def _without_form(name: str) -> str:
    region, core, _, branch = _parts(name)
    return f"{region}{core}{branch}"


def _with_half_brackets(name: str) -> str:
    return name.replace("（", "(").replace("）", ")")


def _with_city_in_front(name: str) -> str:
    """南京金华科技有限公司 for 金华（南京）科技有限公司."""
    return f"{_CITY}{name.replace(_BRACKETED, '')}" if _BRACKETED in name else name


def _drop_character(rng: np.random.Generator, name: str) -> str:
    region, core, form, branch = _parts(name)
    if len(core) < 4 or _BRACKETED in core:
        return name
    place = int(rng.integers(len(core)))
    return f"{region}{core[:place]}{core[place + 1 :]}{form}{branch}"


# What an office writes for a name; a form that changes nothing is not drawn.
ABBREVIATIONS: dict[str, Callable[[np.random.Generator, Organisation], str]] = {
    "organisation_no_region": lambda rng, one: _without_region(one.name),
    "organisation_no_city": lambda rng, one: _without_city(one.name),
    "organisation_with_shi": lambda rng, one: _with_shi(one.name),
    "organisation_with_province": lambda rng, one: _with_province(one.name),
    "organisation_short_form": lambda rng, one: _in_short_form(one.name),
    "organisation_no_form": lambda rng, one: _without_form(one.name),
    "organisation_core_only": lambda rng, one: _without_form(_without_region(one.name)),
    "organisation_signboard": lambda rng, one: one.signboard or one.name,
    "organisation_half_brackets": lambda rng, one: _with_half_brackets(one.name),
    "organisation_city_in_front": lambda rng, one: _with_city_in_front(one.name),
    "organisation_dropped_character": lambda rng, one: _drop_character(rng, one.name),
}


def draw_title_changes(
    world: World, rng: np.random.Generator, system: str, found: Organisations, named: Sequence[int], allowed: np.ndarray
) -> Iterator[Change]:
    """The names and codes that an office writes otherwise in new rows that name organisations (-1: none).

    Parts: `organisation_name`, `credit_code`. None in an easy town.
    """
    if world.hard is None or not len(named):
        return
    rates = world.hard.rates.systems[system]
    speaks = allowed & (np.array(named, dtype=np.int64) != NOBODY)
    drawn = draw_cases(rng, rates, ["abbreviated_organisation"], speaks, {})["abbreviated_organisation"]
    yield from _abbreviate(rng, drawn, [found[named[place]] for place in drawn])
    missing = draw_cases(rng, rates, ["missing_credit_code"], speaks, {})["missing_credit_code"]
    yield Change("missing_credit_code", "credit_code", missing, [""] * len(missing))


def _abbreviate(rng: np.random.Generator, places: list[int], named: list[Organisation]) -> Iterator[Change]:
    """Each name in one of the forms that differ from it, form by form."""
    found: dict[str, tuple[list[int], list[str]]] = {case: ([], []) for case in ABBREVIATIONS}
    for place, organisation in zip(places, named, strict=True):
        written = {case: shorten(rng, organisation) for case, shorten in ABBREVIATIONS.items()}
        other = [case for case, name in written.items() if name != organisation.name]
        case = other[int(rng.integers(len(other)))]
        found[case][0].append(place)
        found[case][1].append(written[case])
    for case, (own_places, cells) in found.items():
        yield Change(case, "organisation_name", own_places, cells)
