"""What people have decided, as it must hold together: A is B, B is C, and A is not C cannot all be true."""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from jobs.common.intake.judgements import Pair, pair_of
from jobs.common.model.links import Judgement
from jobs.common.model.paths import shortest_path

_NAMED = 4  # decisions of a contradiction that a message names


@dataclass
class Constraints:
    """Decisions that stand, each with what it is called in a message; grows by `add`."""

    decided: dict[Pair, tuple[Judgement, str]] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)  # mentions that are one, by each of them
    rivals: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, pair: Pair, decision: Judgement, name: str) -> None:
        """Let a decision stand; the caller has asked `why_not`."""
        self.decided[pair] = decision, name
        one, other = pair
        if decision is Judgement.DIFFERENT:
            self.rivals[one].add(other)
            self.rivals[other].add(one)
        if decision is Judgement.SAME:
            joined = self._group(one) | self._group(other)
            self.groups.update(dict.fromkeys(joined, joined))

    def knows(self, pair: Pair, decision: Judgement) -> bool:
        """Whether the same decision stands on the pair."""
        return pair in self.decided and self.decided[pair][0] is decision

    def why_not(self, pair: Pair, decision: Judgement) -> str | None:
        """What a decision contradicts; None if it may stand."""
        known = self.decided.get(pair)
        if known and known[0] is not Judgement.UNSURE:
            return known[1]
        if decision is Judgement.SAME:
            return self._told_apart(pair)
        if decision is Judgement.DIFFERENT:
            return self._told_one(pair)
        return None

    def _group(self, mention: str) -> set[str]:
        return self.groups.get(mention, {mention})

    def _told_apart(self, pair: Pair) -> str | None:
        """The decisions by which two are different."""
        one, other = pair
        beyond = self._group(other)
        for mention in sorted(self._group(one)):
            for rival in sorted(self.rivals[mention] & beyond):
                between = pair_of(mention, rival)
                ways = [*self._way(one, mention), between, *self._way(rival, other)]
                return self._name(ways)
        return None

    def _told_one(self, pair: Pair) -> str | None:
        """The decisions by which two are one."""
        one, other = pair
        return self._name(self._way(one, other)) if other in self._group(one) else None

    def _way(self, one: str, other: str) -> list[Pair]:
        """The pairs that lead from one mention to another of its group."""
        same = [pair for pair, (decision, _) in self.decided.items() if decision is Judgement.SAME]
        way = shortest_path(same, one, other) or []
        return [pair_of(*step) for step in pairwise(way)]

    def _name(self, pairs: list[Pair]) -> str:
        names = list(dict.fromkeys(self.decided[pair][1] for pair in pairs))
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return ", ".join(names[:_NAMED]) + more
