"""Who is who, decided in plain Python: what the match stage must agree with. Slow, and not a word of its code."""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Any

Mention = dict[str, Any]  # mention_id and the harmonised fields
Pairs = set[tuple[Any, Any]]
Groups = set[frozenset[Any]]


class Sets:
    """Disjoint sets of mentions."""

    def __init__(self, ids: Iterable[Any]) -> None:
        self.parent = {mention: mention for mention in ids}

    def find(self, mention: Any) -> Any:
        while self.parent[mention] != mention:
            mention = self.parent[mention]
        return mention

    def join(self, one: Any, other: Any) -> None:
        first, second = sorted((self.find(one), self.find(other)))
        self.parent[second] = first  # the least is the root

    def groups(self) -> Groups:
        found: dict[Any, set[Any]] = defaultdict(set)
        for mention in self.parent:
            found[self.find(mention)].add(mention)
        return {frozenset(group) for group in found.values()}


def by_value(mentions: Iterable[Mention], key: Callable[[Mention], Any]) -> dict[Any, list[Mention]]:
    """Mentions by a value, without those that have none."""
    found: dict[Any, list[Mention]] = defaultdict(list)
    for mention in mentions:
        if key(mention) is not None:
            found[key(mention)].append(mention)
    return found


def agrees(mention: Mention) -> bool:
    """Whether the recorded birth date is the one inside the id number."""
    day = mention["birth_date"]
    return day is not None and f"{day:%Y%m%d}" == mention["id_number"][6:14]


def name_birth_phone(mention: Mention) -> tuple | None:
    values = (mention["name"], mention["birth_date"], mention["phone"])
    return None if None in values else values


def name_phone(mention: Mention) -> tuple | None:
    values = (mention["name"], mention["phone"])
    return None if None in values else values


def decide(mentions: list[Mention]) -> tuple[Groups, set[Any], Pairs]:
    """Clusters of residents, mentions whose id number belongs to another, and pairs for review."""
    ids = [mention["mention_id"] for mention in mentions]
    whole, within = Sets(ids), Sets(ids)
    fitting: dict[tuple, set[str]] = defaultdict(set)
    with_id = by_value(mentions, lambda mention: mention["id_number"])
    for number, own in with_id.items():
        for mention in own:
            if agrees(mention) and name_birth_phone(mention):
                fitting[name_birth_phone(mention)].add(number)
    rejected: set[str] = set()
    residents: dict[tuple, set[str]] = defaultdict(set)
    for own in with_id.values():
        one_name = len({mention["name"] for mention in own}) == 1 and own[0]["name"] is not None
        twins = {m["mention_id"] for m in own if not one_name and len(fitting.get(name_birth_phone(m), ())) > 1}
        born = [mention for mention in own if mention["mention_id"] not in twins]
        for same in [*by_value(own, lambda m: m["name"]).values(), *by_value(born, lambda m: m["birth_date"]).values()]:
            for mention in same:
                within.join(same[0]["mention_id"], mention["mention_id"])
        groups = by_value(own, lambda mention: within.find(mention["mention_id"]))
        holder = min(
            groups,
            key=lambda root: (
                -max(map(agrees, groups[root])),
                -len(groups[root]),
                all(mention["mention_id"] in twins for mention in groups[root]),
                root,
            ),
        )
        for root, group in groups.items():
            for mention in group:
                if root != holder:
                    rejected.add(mention["mention_id"])
                    continue
                whole.join(root, mention["mention_id"])
                if name_birth_phone(mention):
                    residents[name_birth_phone(mention)].add(holder)
    review = set()
    loose = [mention for mention in mentions if not mention["id_number"] or mention["mention_id"] in rejected]
    roots = {m["mention_id"]: m["mention_id"] for m in mentions}
    for values, same in by_value(loose, name_birth_phone).items():
        named = residents[values]
        for mention in same:
            if len(named) > 1:
                review |= {(mention["mention_id"], root) for root in named}
            else:
                roots[mention["mention_id"]] = min(named, default=min(m["mention_id"] for m in same))
    undated = [mention for mention in loose if mention["birth_date"] is None]
    for held in set(roots) - {mention["mention_id"] for mention in loose}:
        roots[held] = within.find(held)
    apart = {mention["mention_id"] for mention in undated}
    known = by_value((mention for mention in mentions if mention["mention_id"] not in apart), name_phone)
    for values, same in by_value(undated, name_phone).items():
        named = {roots[mention["mention_id"]] for mention in known[values]}
        for mention in same:
            if len(named) > 1:
                review |= {(mention["mention_id"], root) for root in named}
            else:
                roots[mention["mention_id"]] = min(named, default=min(m["mention_id"] for m in same))
    for mention, root in roots.items():
        whole.join(root, mention)
    return whole.groups(), rejected, review


# --- dwellings ---------------------------------------------------------------------------------------------------------


def road_place(mention: Mention) -> tuple | None:
    parts = [mention[name] for name in ("road", "road_number", "building", "unit", "room")]
    return None if None in parts[:2] else tuple(parts)


def compound_place(mention: Mention) -> tuple | None:
    compound, building, unit, room = (mention[name] for name in ("compound", "building", "unit", "room"))
    return None if compound is None or building is room is None else (compound, building, unit, room)


def decide_dwellings(mentions: list[Mention]) -> tuple[Groups, Pairs]:
    """Clusters of dwellings, and pairs for review."""
    whole = Sets(mention["mention_id"] for mention in mentions)
    review: Pairs = set()
    located, lost = locate(mentions)
    for mention in lost:
        for place in (road_place, compound_place):
            rivals = by_value(
                located, lambda m, p=place: p(m) and m["division_code"] and (p(m), m["division_code"][:6])
            )
            review |= {
                (mention["mention_id"], min(m["mention_id"] for m in same))
                for (where, _), same in rivals.items()
                if where == place(mention)
            }
    settled: dict[Any, Any] = {}  # mention -> the least mention of its dwelling
    for same in by_value(located, lambda m: road_place(m) and (m["county"], road_place(m))).values():
        settled |= {m["mention_id"]: min(n["mention_id"] for n in same) for m in same}
    for same in by_value(located, lambda m: compound_place(m) and (m["county"], compound_place(m))).values():
        review |= settle_loose(same, settled, [m for m in same if not road_place(m)], lambda m: bool(road_place(m)))
    is_placed = {m["mention_id"] for m in located if road_place(m) or compound_place(m)}
    for same in by_value(mentions, lambda m: m["house_number"] and (m["system"], m["house_number"])).values():
        loose = [m for m in same if m["mention_id"] not in is_placed]
        review |= settle_loose(same, settled, loose, lambda m: m["mention_id"] in is_placed)
    for mention, root in settled.items():
        whole.join(mention, root)
    return whole.groups(), review


def locate(mentions: list[Mention]) -> tuple[list[Mention], list[Mention]]:
    """Mentions with their `county`, those of no county at all included; and those that may be in one of several."""
    counties: dict[tuple | None, set[str]] = defaultdict(set)
    for mention in mentions:
        if mention["division_code"]:
            for place in (road_place(mention), compound_place(mention)):
                counties[place].add(mention["division_code"][:6])
    located, lost = [], []
    for mention in mentions:
        choices = [counties[place] for place in (road_place(mention), compound_place(mention)) if place]
        single = [county for choice in choices for county in choice if len(choice) == 1]
        if mention["division_code"]:
            located.append(mention | {"county": mention["division_code"][:6]})
        elif single or not any(choices):
            located.append(mention | {"county": single[0] if single else None})
        else:
            lost.append(mention)
    return located, lost


def settle_loose(
    same: list[Mention], settled: dict[Any, Any], loose: list[Mention], names: Callable[[Mention], bool]
) -> Pairs:
    """Give the loose ones of a group the one entity that the others name, or each other; else pairs for review."""
    named = {settled.get(m["mention_id"], m["mention_id"]) for m in same if names(m)}
    if len(named) > 1:
        return {(mention["mention_id"], root) for mention in loose for root in named}
    for mention in loose:
        settled[mention["mention_id"]] = min(named) if named else min(m["mention_id"] for m in loose)
    return set()


# --- organisations -----------------------------------------------------------------------------------------------------


def plain(name: str | None, no_names: Iterable[str]) -> str | None:
    """A name without what forms and spreadsheets do to it."""
    text = unicodedata.normalize("NFKC", name or "").translate(str.maketrans("【】〔〕[]{}", "()()()()"))
    text = re.sub(r"\s", "", text).upper()
    return text if text and text not in no_names else None


def decide_organisations(mentions: list[Mention], no_names: Iterable[str] = ()) -> tuple[Groups, Pairs]:
    """Clusters of organisations, and pairs for review."""
    whole = Sets(mention["mention_id"] for mention in mentions)
    review: Pairs = set()
    owners: dict[str, set[Any]] = defaultdict(set)  # name -> organisations with a code that have or had it
    for same in by_value(mentions, lambda m: m["credit_code"]).values():
        root = min(m["mention_id"] for m in same)
        for mention in same:
            whole.join(root, mention["mention_id"])
            for name in {plain(mention["name"], no_names), plain(mention["former_name"], no_names)} - {None}:
                owners[str(name)].add(root)
    loose = [m for m in mentions if not m["credit_code"]]
    renamed = {
        (plain(m["name"], no_names), plain(m["former_name"], no_names))
        for m in loose
        if plain(m["name"], no_names) and plain(m["former_name"], no_names)
    }
    renamed = {(name, former) for name, former in renamed if name != former and name not in owners}
    now, then = Counter(name for name, _ in renamed), Counter(former for _, former in renamed)
    known_as = {n: f for n, f in renamed if now[n] == then[f] == 1}

    def called(mention: Mention) -> str | None:
        name = plain(mention["name"], no_names)
        return known_as.get(name, name) or plain(mention["former_name"], no_names)

    for name, same in by_value(loose, called).items():
        for mention in same:
            if len(owners[name]) > 1:
                review |= {(mention["mention_id"], root) for root in owners[name]}
            else:
                whole.join(min(owners[name], default=same[0]["mention_id"]), mention["mention_id"])
    return whole.groups(), review


# --- households --------------------------------------------------------------------------------------------------------


def decide_households(mentions: list[Mention]) -> tuple[Groups, Pairs, Pairs]:
    """Clusters of households, pairs for review and rejected pairs; both of least mentions of entries in a register.

    Beside the harmonised fields a mention has `member` and `home`: clusters, or None.
    """
    whole = Sets(mention["mention_id"] for mention in mentions)
    entries: list[list[Mention]] = list(
        by_value(mentions, lambda m: m["number"] and (m["system"], m["number"])).values()
    )
    entries += [[mention] for mention in mentions if not mention["number"]]
    for entry in entries:
        for mention in entry:
            whole.join(entry[0]["mention_id"], mention["mention_id"])

    def said(entry: list[Mention], name: str) -> set:
        return {m[name] for m in entry} - {None}

    def ends(one: list[Mention], other: list[Mention]) -> tuple[Any, Any]:
        least = sorted((min(m["mention_id"] for m in one), min(m["mention_id"] for m in other)))
        return least[1], least[0]

    agreeing, quiet, against = [], [], []
    for one, other in combinations(entries, 2):
        if one[0]["number"] and one[0]["number"] == other[0]["number"]:
            county = [
                next(iter(found)) if len(found) == 1 else None for found in (said(one, "county"), said(other, "county"))
            ]
            common = any(said(one, name) & said(other, name) for name in ("member", "home"))
            if None not in county and county[0] != county[1]:
                continue
            if common:
                agreeing.append((one, other))
            elif said(one, "home") and said(other, "home"):
                against.append((one, other))
            elif None not in county:
                quiet.append((one, other))
    numbers = Sets(whole.parent)
    for one, other in agreeing + quiet:
        numbers.join(*ends(one, other))
    torn = {numbers.find(ends(*pair)[0]) for pair in against if len({numbers.find(end) for end in ends(*pair)}) == 1}
    review = {ends(*pair) for pair in quiet if numbers.find(ends(*pair)[0]) in torn}
    for one, other in agreeing + quiet:
        if (one, other) in agreeing or ends(one, other) not in review:
            whole.join(*ends(one, other))

    entry_of = {mention["mention_id"]: entry for entry in entries for mention in entry}
    sharing = []
    at_home = [mention for mention in mentions if None not in (mention["member"], mention["home"])]
    for same in by_value(at_home, lambda m: (m["member"], m["home"])).values():
        inside = [entry_of[mention["mention_id"]] for mention in same]
        least = min(inside, key=lambda entry: min(m["mention_id"] for m in entry))
        sharing += [
            (entry, least)
            for entry in inside
            if whole.find(entry[0]["mention_id"]) != whole.find(least[0]["mention_id"])
        ]
    reached = Sets(whole.parent)
    for mention in whole.parent:
        reached.join(mention, whole.find(mention))
    for one, other in sharing:
        reached.join(*ends(one, other))
    registers: dict[Any, Counter] = defaultdict(Counter)
    for entry in entries:
        if entry[0]["number"]:
            registers[reached.find(entry[0]["mention_id"])][entry[0]["system"]] += 1
    for one, other in sharing:
        if max(registers[reached.find(one[0]["mention_id"])].values(), default=0) > 1:
            review.add(ends(one, other))
        else:
            whole.join(*ends(one, other))
    return whole.groups(), review, {ends(*pair) for pair in against}


# --- all of them -------------------------------------------------------------------------------------------------------


def mention_of(kind: str, row: Mention) -> str:
    parts = (kind, *(row[name] for name in ("system", "object", "source_key", "role")))
    return hashlib.md5("|".join(parts).encode()).hexdigest()


def decide_records(records: dict[str, list[Mention]], no_names: Iterable[str]) -> tuple[Groups, Pairs, set[Any]]:
    """Clusters, pairs for review and mentions of rejected pairs, from the current harmonised rows of each kind.

    A household's members and home are those of its row of the source.
    """
    mentions = {kind: [row | {"mention_id": mention_of(kind, row)} for row in rows] for kind, rows in records.items()}
    residents, rejected, review = decide(mentions["resident"])
    dwellings, other = decide_dwellings(mentions["dwelling"])
    organisations, more = decide_organisations(mentions["organisation"], no_names)
    cluster = {mention: group for group in residents | dwellings for mention in group}
    homes = {
        m["mention_id"]: bool(road_place(m) or compound_place(m) or m["house_number"]) for m in mentions["dwelling"]
    }
    households = []
    for row in mentions["household"]:
        member, home = (
            mention_of("resident", row | {"role": "person"}),
            mention_of("dwelling", row | {"role": "dwelling"}),
        )
        own = {"member": cluster.get(member, member), "home": cluster[home] if homes.get(home) else None}
        households.append(row | own | {"county": row["division_code"] and row["division_code"][:6]})
    groups, last, another = decide_households(households)
    whole = residents | dwellings | organisations | groups
    return whole, review | other | more | last, rejected | {mention for mention, _ in another}


# --- events ------------------------------------------------------------------------------------------------------------

State = dict[str, str]  # mention -> entity, of current mentions


def list_events(before: State, now: State, ever: set[str]) -> set[tuple[str, str, str | None]]:
    """(event, entity, other) of one night from the states around it; `ever`: all entities that were born before."""
    found: set[tuple[str, str, str | None]] = set()
    old, new = set(before.values()), set(now.values())
    found |= {("birth", entity, None) for entity in new - ever}
    found |= {("reopen", entity, None) for entity in (new & ever) - old}
    for entity in old:
        parts = Counter(now[mention] for mention, was in before.items() if was == entity and mention in now)
        others = sorted((-count, other) for other, count in parts.items() if other != entity)
        if entity in new:
            found |= {("split", entity, other) for _, other in others}
        elif others:
            found.add(("merge", entity, others[0][1]))
        else:
            found.add(("end", entity, None))
    return found
