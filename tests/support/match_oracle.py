"""Who is who, decided in plain Python: what the match stage must agree with. Slow, and not a word of its code."""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import date
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


def spoken(name: str | None) -> str | None:
    """A name as it is compared; the few characters of the tests that have a simplified form are put into it."""
    if name is None:
        return None
    kept = "".join(character for character in name if character not in "·•・.．‧･∙● '-")
    return kept.translate(str.maketrans("張偉買", "张伟买")).upper()


def former_of(mention: Mention) -> str | None:
    """The former name, if it is another than the name."""
    former = spoken(mention.get("former_name"))
    return former if former != spoken(mention["name"]) else None


def day_of(mention: Mention) -> str | None:
    return f"{mention['birth_date']:%Y%m%d}" if mention["birth_date"] else None


def contacts_of(mention: Mention) -> set[tuple]:
    """Phone, and what the mention has of `contacts`: dwelling and household of its row."""
    phone = {("phone", mention["phone"])} if mention["phone"] else set()
    return phone | set(mention.get("contacts") or ())


def persons_of(mention: Mention) -> set[tuple]:
    """Name, birth date and each contact."""
    name, day = spoken(mention["name"]), day_of(mention)
    return {(name, day, contact) for contact in contacts_of(mention)} if name and day else set()


def hold_ids(mentions: list[Mention]) -> tuple[dict[Any, Any], set[Any]]:
    """The root of each mention by id numbers alone, and the mentions whose number belongs to another."""
    with_id = by_value(mentions, lambda mention: mention["id_number"])
    fitting: dict[tuple, set[str]] = defaultdict(set)
    for number, own in with_id.items():
        for mention in filter(agrees, own):
            for person in persons_of(mention):
                fitting[person].add(number)
    root = {mention["mention_id"]: mention["mention_id"] for mention in mentions}
    copied: set[Any] = set()
    for own in with_id.values():
        groups, twins = split_number(own, fitting)

        def rank(group: list[Mention], twins: set[Any] = twins) -> tuple:
            least = min(mention["mention_id"] for mention in group)
            return -max(map(agrees, group)), -len(group), all(m["mention_id"] in twins for m in group), least

        holders = min(groups, key=rank)
        for group in groups:
            for mention in group:
                if group is holders:
                    root[mention["mention_id"]] = min(m["mention_id"] for m in group)
                else:
                    copied.add(mention["mention_id"])
    return root, copied


def split_number(own: list[Mention], fitting: dict[tuple, set[str]]) -> tuple[list[list[Mention]], set[Any]]:
    """The people who have one number, and the mentions of twins among them."""
    if len({spoken(mention["name"]) for mention in own}) == 1 and own[0]["name"] is not None:
        return [own], set()
    twins = {m["mention_id"] for m in own if any(len(fitting[person]) > 1 for person in persons_of(m))}
    present: dict[Any, set[Any]] = defaultdict(set)
    for mention in own:
        if former_of(mention) and mention["name"]:
            present[former_of(mention)].add(spoken(mention["name"]))
    called = {former: min(names) for former, names in present.items() if len(names) == 1}
    within = Sets(mention["mention_id"] for mention in own)
    born = [mention for mention in own if mention["mention_id"] not in twins]
    names = by_value(own, lambda m: m["name"] and called.get(spoken(m["name"]), spoken(m["name"])))
    for same in [*names.values(), *by_value(born, lambda m: m["birth_date"]).values()]:
        for mention in same:
            within.join(same[0]["mention_id"], mention["mention_id"])
    return list(by_value(own, lambda mention: within.find(mention["mention_id"])).values()), twins


Keys = dict[Any, set[Any]]  # cluster -> its keys


def settle(keys: Keys, named: set[Any]) -> tuple[dict[Any, Any], Pairs]:
    """Where each loose cluster belongs, and pairs for review: along keys, never over a named cluster."""
    holders: dict[Any, set[Any]] = defaultdict(set)
    for cluster, own in keys.items():
        for key in own:
            holders[key].add(cluster)
    accepted: dict[Any, Any] = {}
    review: Pairs = set()
    waiting = set(keys) - named
    while waiting:
        flock, edge = set(), {waiting.pop()}
        touched: set[Any] = set()
        while edge:
            flock |= edge
            met = {other for cluster in edge for key in keys[cluster] for other in holders[key]}
            touched |= met & named
            edge = met - named - flock
        waiting -= flock
        if len(touched) <= 1:
            target = min(touched | flock) if not touched else next(iter(touched))
            accepted |= dict.fromkeys(flock - {target}, target)
            continue
        for cluster in flock:
            direct = {other for key in keys[cluster] for other in holders[key]} & named
            if len(direct) == 1:
                accepted[cluster] = next(iter(direct))
            else:
                review |= {(cluster, other) for other in direct or touched}
    return accepted, review


def doubt_lists(accepted: dict[Any, Any], named: set[Any], lists: dict[Any, set[Any]]) -> tuple[dict[Any, Any], Pairs]:
    """What may stay of `accepted` where no list may name a resident twice, and what is for review instead."""
    together: dict[Any, list[Any]] = defaultdict(list)
    for cluster in {*accepted, *accepted.values()}:
        together[accepted.get(cluster, cluster)].append(cluster)
    doubtful: set[Any] = set()
    for target, clusters in together.items():
        for listed in {listed for cluster in clusters for listed in lists[cluster]}:
            inside = [cluster for cluster in clusters if listed in lists[cluster]]
            if len(inside) > 1:
                doubtful |= set(inside if target in named else clusters)
    kept = {cluster: target for cluster, target in accepted.items() if cluster not in doubtful}
    return kept, {(cluster, target) for cluster, target in accepted.items() if cluster in doubtful}


def are_near(one: str, other: str) -> bool:
    """Whether two different birth dates can be one, typed otherwise."""
    first, second = (date(int(day[:4]), int(day[4:6]), int(day[6:])) for day in (one, other))
    apart = abs((first - second).days)
    return apart > 0 and (
        (first.year, first.month, first.day) == (second.year, second.day, second.month)
        or sum(left != right for left, right in zip(one, other, strict=True)) == 1
        or apart in (1, 10, 365, 366)
        or 15 <= apart <= 56
        or (first.year == second.year and "0101" in (one[4:], other[4:]))
    )


def decide(
    mentions: list[Mention], lists: Iterable[Any] = (), is_well_known: bool = True
) -> tuple[Groups, set[Any], Pairs]:
    """Clusters of residents, mentions whose id number belongs to another, and pairs for review.

    Args:
        mentions: with `contacts` beside the fields, if dwelling or household of the row are known.
        lists: (system, object) whose keys tell people apart.
        is_well_known: whether a name and birth date may tell who somebody is.
    """
    root, rejected = hold_ids(mentions)
    copied = set(rejected)

    def clusters() -> dict[Any, list[Mention]]:
        return by_value(mentions, lambda mention: root[mention["mention_id"]])

    def owns(mention: Mention) -> bool:
        return bool(mention["id_number"]) and mention["mention_id"] not in copied

    def born(mention: Mention) -> str | None:
        return day_of(mention) or (mention["id_number"][6:14] if owns(mention) else None)

    def named() -> set[Any]:
        return {root[mention["mention_id"]] for mention in mentions if owns(mention)}

    def listed() -> dict[Any, set[Any]]:
        return {
            cluster: {
                (m["system"], m["object"])
                for m in own
                if m.get("role") == "person" and (m["system"], m["object"]) in set(lists)
            }
            for cluster, own in clusters().items()
        }

    def keys(of: Callable[[Mention], set[Any]]) -> Keys:
        return {cluster: set().union(*map(of, own)) for cluster, own in clusters().items()}

    def contradicted(accepted: dict[Any, Any]) -> dict[Any, Any]:
        """The pairs that bring a record with a copied id to who has another id."""
        of_other = {root[mention] for mention in copied}
        return {c: t for c, t in accepted.items() if c in of_other and t in named()}

    def settle_doubting(keys: Keys, known: set[Any], doubt: Callable[[dict], dict]) -> tuple[dict[Any, Any], Pairs]:
        """`settle`, with pairs in doubt for review."""
        accepted, more = settle(keys, known)
        uncertain = doubt(accepted)
        kept, doubted = doubt_lists({c: t for c, t in accepted.items() if c not in uncertain}, known, listed())
        return kept, more | doubted | set(uncertain.items())

    def follow(accepted: dict[Any, Any]) -> None:
        for mention in mentions:
            root[mention["mention_id"]] = accepted.get(root[mention["mention_id"]], root[mention["mention_id"]])

    def names_of(mention: Mention) -> set[str]:
        return {name for name in (spoken(mention["name"]), former_of(mention)) if name}

    def by_person(mention: Mention) -> set[Any]:
        return {(n, born(mention), c) for n in names_of(mention) for c in contacts_of(mention) if born(mention)}

    # A record with a copied id number goes home.
    persons, own = keys(by_person), clusters()
    fits = {c for c in named() if any(owns(m) and agrees(m) for m in own[c])}
    differs = {c for c in named() - fits if all(m["birth_date"] for m in own[c] if owns(m))}
    home = {stray: [other for other in fits if persons[stray] & persons[other]] for stray in differs}
    home = {stray: others[0] for stray, others in home.items() if len(others) == 1}
    copied |= {mention for mention, cluster in root.items() if cluster in home}
    follow(home)
    # Name, birth date and contact.
    persons = keys(by_person)
    accepted, review = settle(persons, named())
    follow(accepted)
    is_open = {cluster for cluster, _ in review}
    # Name and birth date alone.
    births = keys(lambda m: {(spoken(m["name"]), born(m))} if m["name"] and born(m) else set())
    births = {cluster: own for cluster, own in births.items() if cluster not in is_open}
    shared = {birth for birth, count in Counter(b for own in births.values() for b in own).items() if count > 1}
    silent = {c for c, own in births.items() if not is_well_known or any(b[1][4:] == "0101" for b in own & shared)}

    def doubt_births(accepted: dict[Any, Any]) -> dict[Any, Any]:
        return contradicted(accepted) | {c: t for c, t in accepted.items() if t not in named() or c in silent}

    kept, more = settle_doubting(births, named(), doubt_births)
    follow(kept)
    review |= more
    counts = Counter(cluster for cluster, _ in review)
    is_open = {cluster for cluster in counts if counts[cluster] > 1}
    # Near birth dates, then none.
    spoken_to = keys(lambda m: {(spoken(m["name"]), c) for c in contacts_of(m)} if m["name"] else set())
    days = keys(lambda m: {born(m)} - {None})
    crowd = Counter(
        key for cluster, own in spoken_to.items() if cluster not in is_open for key in own for _ in days[cluster]
    )
    pairs: Keys = defaultdict(set)
    for key, same in by_value(
        [{"cluster": c, "key": key} for c, own in spoken_to.items() for key in own], lambda row: row["key"]
    ).items():
        for one, other in combinations(sorted(row["cluster"] for row in same), 2):
            is_asked = not {one, other} & is_open and not {one, other} <= named() and crowd[key] <= 20
            if is_asked and any(are_near(a, b) for a in days[one] for b in days[other]):
                pairs[one].add((one, other))
                pairs[other].add((one, other))
    kept, more = settle_doubting(pairs, named(), contradicted)
    follow(kept)
    review |= more
    dated = {root[m["mention_id"]] for m in mentions if born(m)}
    spoken_to = keys(lambda m: {(spoken(m["name"]), c) for c in contacts_of(m)} if m["name"] else set())
    kept, more = settle_doubting(spoken_to, dated, contradicted)
    follow(kept)
    review |= more
    whole = Sets(root)
    for mention, cluster in root.items():
        whole.join(mention, cluster)
    return whole.groups(), rejected, review


# --- dwellings ---------------------------------------------------------------------------------------------------------


def road_place(mention: Mention) -> tuple | None:
    street = mention["road"] or mention["compound"]
    parts = [street, *(mention[name] for name in ("road_number", "building", "unit", "room"))]
    return None if None in parts[:2] else tuple(parts)


def compound_place(mention: Mention) -> tuple | None:
    compound, building, unit, room = (mention[name] for name in ("compound", "building", "unit", "room"))
    if compound is None or building is room is None or (mention["road_number"] and not mention["road"]):
        return None
    return compound, building, unit, room


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


def add_contacts(mentions: dict[str, list[Mention]]) -> list[Mention]:
    """Residents with `contacts`: the dwelling and the household of their row of the source."""
    place = ("system", "object", "source_key")
    found: dict[tuple, set[tuple]] = defaultdict(set)
    for row in mentions["dwelling"]:
        for kind, where in (("road", road_place(row)), ("compound", compound_place(row))):
            if where and row["role"] == "dwelling":
                found[tuple(row[name] for name in place)].add((kind, where))
    for row in mentions["household"]:
        if row["number"] and row["role"] == "household":
            system = None if len(row["number"]) >= 6 else row["system"]
            found[tuple(row[name] for name in place)].add(("household", system, row["number"]))
    return [row | {"contacts": found[tuple(row[name] for name in place)]} for row in mentions["resident"]]


def decide_records(
    records: dict[str, list[Mention]],
    no_names: Iterable[str],
    lists: Iterable[Any] = (),
    is_well_known: bool = True,
) -> tuple[Groups, Pairs, set[Any]]:
    """Clusters, pairs for review and mentions of rejected pairs, from the current harmonised rows of each kind.

    A household's members and home are those of its row of the source; `lists` and `is_well_known` as for `decide`.
    """
    mentions = {kind: [row | {"mention_id": mention_of(kind, row)} for row in rows] for kind, rows in records.items()}
    residents, rejected, review = decide(add_contacts(mentions), lists, is_well_known)
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


def list_events(
    before: State, now: State, ever: set[str], given: Collection[str] = ()
) -> set[tuple[str, str, str | None]]:
    """(event, entity, other) of one night from the states around it.

    `ever`: all entities that were born before. `given`: mentions whose key was given to another person, who take nothing along.
    """
    found: set[tuple[str, str, str | None]] = set()
    old, new = set(before.values()), set(now.values())
    found |= {("birth", entity, None) for entity in new - ever}
    found |= {("reopen", entity, None) for entity in (new & ever) - old}
    stayed = {mention: was for mention, was in before.items() if mention in now and mention not in given}
    for entity in old:
        parts = Counter(now[mention] for mention, was in stayed.items() if was == entity)
        others = sorted((-count, other) for other, count in parts.items() if other != entity)
        if entity in new:
            found |= {("split", entity, other) for _, other in others}
        elif others:
            found.add(("merge", entity, others[0][1]))
        else:
            found.add(("end", entity, None))
    return found
