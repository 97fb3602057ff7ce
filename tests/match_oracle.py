"""Who is who, decided in plain Python: what the match stage must agree with. Slow, and not a word of its code."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

Mention = dict[str, Any]  # mention_id, name, birth_date, id_number, phone


class Sets:
    """Disjoint sets of mentions."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.parent = {mention: mention for mention in ids}

    def find(self, mention: str) -> str:
        while self.parent[mention] != mention:
            mention = self.parent[mention]
        return mention

    def join(self, one: str, other: str) -> None:
        first, second = sorted((self.find(one), self.find(other)))
        self.parent[second] = first  # the least is the root

    def groups(self) -> set[frozenset[str]]:
        found: dict[str, set[str]] = defaultdict(set)
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


def three(mention: Mention) -> tuple | None:
    values = (mention["name"], mention["birth_date"], mention["phone"])
    return None if None in values else values


def decide(mentions: list[Mention]) -> tuple[set[frozenset[str]], set[str], set[tuple[str, str]]]:
    """Clusters, mentions whose id number belongs to another, and pairs for review."""
    ids = [mention["mention_id"] for mention in mentions]
    whole, within = Sets(ids), Sets(ids)
    fitting: dict[tuple, set[str]] = defaultdict(set)
    with_id = by_value(mentions, lambda mention: mention["id_number"])
    for number, own in with_id.items():
        for mention in own:
            if agrees(mention) and three(mention):
                fitting[three(mention)].add(number)
    rejected: set[str] = set()
    residents: dict[tuple, set[str]] = defaultdict(set)
    for own in with_id.values():
        one_name = len({mention["name"] for mention in own}) == 1 and own[0]["name"] is not None
        twins = {m["mention_id"] for m in own if not one_name and len(fitting.get(three(m), ())) > 1}
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
                if three(mention):
                    residents[three(mention)].add(holder)
    review = set()
    loose = [mention for mention in mentions if not mention["id_number"] or mention["mention_id"] in rejected]
    for values, same in by_value(loose, three).items():
        named = residents[values]
        for mention in same:
            if len(named) > 1:
                review |= {(mention["mention_id"], root) for root in named}
            else:
                whole.join(next(iter(named), same[0]["mention_id"]), mention["mention_id"])
    return whole.groups(), rejected, review


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
