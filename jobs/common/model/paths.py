"""The shortest way from one thing to another over pairs that connect them."""

from collections import defaultdict, deque
from collections.abc import Iterable

Pair = tuple[str, str]


def shortest_path(pairs: Iterable[Pair], start: str, goal: str) -> list[str] | None:
    """The things on the way, both ends among them; of several ways that with the least names. None if there is no way."""
    beside: dict[str, set[str]] = defaultdict(set)
    for one, other in pairs:
        beside[one].add(other)
        beside[other].add(one)
    came_from = {start: start}
    waiting = deque([start])
    while waiting and goal not in came_from:
        here = waiting.popleft()
        for there in sorted(beside[here] - came_from.keys()):
            came_from[there] = here
            waiting.append(there)
    return _way_back(came_from, start, goal) if goal in came_from else None


def _way_back(came_from: dict[str, str], start: str, goal: str) -> list[str]:
    way = [goal]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]
