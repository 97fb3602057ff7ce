"""All matchers: a module of this folder is one, by being there."""

import pkgutil
from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from importlib import import_module

from jobs.match.matcher import Matcher


def in_order(matchers: Iterable[Matcher]) -> tuple[Matcher, ...]:
    """Matchers after those whose decisions they build on, otherwise by name.

    Raises:
        ValueError: two have one name, or one comes after a matcher that its kind does not have.
        graphlib.CycleError: two come after each other.
    """
    ordered = sorted(matchers, key=lambda matcher: matcher.name)
    by_name = {matcher.name: matcher for matcher in ordered}
    if len(by_name) < len(ordered):
        raise ValueError("two matchers have the same name")
    for matcher in ordered:
        _check_after(matcher, by_name)
    names = TopologicalSorter({matcher.name: sorted(matcher.after) for matcher in ordered}).static_order()
    return tuple(by_name[name] for name in names)


def _check_after(matcher: Matcher, by_name: Mapping[str, Matcher]) -> None:
    """Raise ValueError if it comes after one that its kind does not have."""
    of_kind = {name for name, other in by_name.items() if other.kind == matcher.kind}
    if unknown := sorted(set(matcher.after) - of_kind):
        raise ValueError(f"{matcher.name} comes after {unknown[0]}, which is no matcher of {matcher.kind}")


def builds_on(matcher: Matcher, matchers: Iterable[Matcher]) -> list[str]:
    """Names of the matchers that one comes after, directly or over others, sorted."""
    after = {other.name: other.after for other in matchers}
    found: set[str] = set()
    waiting = list(matcher.after)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += after[name]
    return sorted(found)


def blocking_keys(kind: str) -> list[str]:
    """Columns of evidence over which mentions of a kind may meet: all `block_on` of its matchers."""
    return sorted({key for matcher in MATCHERS if matcher.kind == kind for key in matcher.block_on})


_MODULES = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
MATCHERS = in_order(module.MATCHER for module in _MODULES)
