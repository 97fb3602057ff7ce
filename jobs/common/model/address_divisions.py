"""Names of divisions at the head of an address, found by the lists of conf/codes and taken away.

江苏省南京市玄武区珠江路, 南京-玄武-珠江路 and 南京珠江路 all leave 珠江路. A name without its ending can as well be the beginning
of a road's name: 北京东路 and 玄武湖路 stay whole. So one such name alone is taken away only before a whole road or township.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jobs.common.model.divisions import Division, division_names, load_divisions

# What stands between names and before them, and says nothing; NULL is what a system wrote for an empty column.
_JUNK = re.compile(r"(?:[-—–―～~_|,，、;；:：/\\. ·]|(?i:null)|中国|[其它他]{2}区|市辖区)+")
# The name of a road behind a name of a division: what comes before 路 must be a name by itself, and not only 东 or 一.
_ROAD = re.compile("([^-0-9A-Z,()路街巷道弄]{1,12}?)(?:大道|大街|公路|胡同|路|街|巷|弄|道)")
_ONLY_DIRECTION = re.compile("[东南西北中上下内外前后新老一二三四五六七八九十环大]*")
_TOWNSHIP = re.compile("[^-0-9A-Z,()路街巷道弄]{2,5}?(?:镇|乡|街道|村|社区)")
_REST_OF_ROAD = re.compile("[东南西北中内外一二三四五六七八九十大]*(?:路|街|巷|道|弄|胡同|公路|[口桥]$)")
# Behind a name without its ending these make it another name: 龙港 of 龙港镇.
_REST_OF_NAME = re.compile("[省市区县旗州镇乡村]|街道|社区|大学|学院|医院")
# Prefectures whose names are also those of a person, a mountain or a wish: roads are named after these everywhere.
_ALSO_WORDS = frozenset(
    ("中山", "黄山", "东方", "长治", "四平", "三明", "平安", "吉安", "海口", "文昌", "延安", "井冈山")
)
# What a compound is called, behind two names of divisions without their endings.
_COMPOUND = re.compile("[^-0-9A-Z,()]{2,8}(?:小区|花园|花苑|新村|新寓|公寓|家园|苑|广场|大厦|中心|市场|城)")
_LEAST = 2  # characters of a name
_NEVER_ALONE = 2  # a name of so many characters with its ending, as 城区 or 赵县, is none without the one above it
_PREFECTURE, _COUNTY = 2, 3


@dataclass(frozen=True)
class _Step:
    """A name that was found: the division, where the name ends, and whether it was written with its ending."""

    code: str
    end: int
    is_whole: bool


@dataclass(frozen=True)
class DivisionHeads:
    """All names of divisions, by which the heads of addresses are read.

    Attributes:
        words: name -> codes of the divisions that it stands for.
        whole: those of the names that have their ending.
        levels: code -> level.
        above: code -> codes of all divisions above.
        own: the first six digits of the office's own counties.
        longest: characters of the longest name, by the two that it begins with.
    """

    words: dict[str, list[str]]
    whole: frozenset[str]
    levels: dict[str, int]
    above: dict[str, frozenset[str]]
    own: frozenset[str]
    longest: dict[str, int]

    def without(self, head: str) -> str:
        """The head without the names of divisions, and what separates them, at its beginning."""
        start = _behind_junk(head, 0)
        steps = list(self._steps(head, start))
        taken = start if start and steps else 0
        for count in range(len(steps), 0, -1):
            rest = head[_behind_junk(head, steps[count - 1].end) :]
            if self._may_be_taken(steps[:count], rest):
                return rest
        return head[taken:]

    def _steps(self, head: str, start: int) -> Iterator[_Step]:
        """The names that stand one behind the other, each the longest; those in the middle may begin a second address."""
        before: _Step | None = None
        place = start
        while place < len(head):
            found = self._name_at(head, place, before)
            if found is None:
                return
            yield found
            before, place = found, _behind_junk(head, found.end)

    def _name_at(self, head: str, place: int, before: _Step | None) -> _Step | None:
        begins_with = head[place : place + _LEAST]
        longest = min(self.longest.get(begins_with, 0), len(head) - place)
        for length in range(longest, _LEAST - 1, -1):
            word = head[place : place + length]
            code = self._meaning(word, before)
            if code is not None:
                return _Step(code, place + length, word in self.whole)
        return None

    def _meaning(self, word: str, before: _Step | None) -> str | None:
        """The division that a name stands for here; None if it is no name of one here."""
        codes = self.words.get(word, [])
        related = [code for code in codes if before and self._are_related(code, before.code)]
        if related:
            return related[0]
        if word in self.whole:
            return codes[0] if codes and len(word) > _NEVER_ALONE else None
        begins = [code for code in codes if before is None and self._may_begin(code, word)]
        return begins[0] if begins else None

    def _are_related(self, code: str, other: str) -> bool:
        """Whether they are one division, or one lies in the other."""
        return code == other or other in self.above[code] or code in self.above[other]

    def _may_begin(self, code: str, word: str) -> bool:
        """Whether an address may begin with the name without its ending."""
        if code[:6] in self.own:
            return True
        return self.levels[code] <= _PREFECTURE and word not in _ALSO_WORDS

    @staticmethod
    def _may_be_taken(steps: Sequence[_Step], rest: str) -> bool:
        """Whether the names are divisions, and not the beginning of the name that follows."""
        is_whole = steps[-1].is_whole
        if not rest:
            return is_whole
        if _REST_OF_ROAD.match(rest) or (not is_whole and _REST_OF_NAME.match(rest)):
            return False
        if is_whole or _begins_with_road(rest):
            return True
        return len(steps) > 1 and _COMPOUND.match(rest) is not None


def _begins_with_road(rest: str) -> bool:
    """Whether the text begins with the name of a road, or of a township."""
    if _TOWNSHIP.match(rest):
        return True
    road = _ROAD.match(rest)
    if road is None:
        return False
    stem = road[1]
    return len(stem) >= _LEAST and not _ONLY_DIRECTION.fullmatch(stem)


def _behind_junk(head: str, place: int) -> int:
    junk = _JUNK.match(head, place)
    return junk.end() if junk else place


def division_heads(files: Sequence[Path]) -> DivisionHeads:
    """The names in the lists of divisions: `divisions.LISTS`, in this order."""
    return _read_heads(*((file, file.read_bytes()) for file in files))


@lru_cache(maxsize=8)
def _read_heads(*files: tuple[Path, bytes]) -> DivisionHeads:
    """`division_heads`; the files come with their content, which decides whether they are read anew."""
    paths = [path for path, _ in files]
    divisions = {division.code: division for division in load_divisions(paths[0])}
    words: dict[str, list[str]] = defaultdict(list)
    whole: set[str] = set()
    for code, names in division_names(*paths).items():
        for name in filter(_is_long, names):
            words[name].append(code)
        whole.update(name for name in names if not _is_shortened(name, names))
    above = {code: frozenset(_above(code, divisions)) for code in divisions}
    levels = {code: division.level for code, division in divisions.items()}
    own = frozenset(code[:6] for code, level in levels.items() if level > _COUNTY)
    return DivisionHeads(dict(words), frozenset(whole), levels, above, own, _longest(words))


def _longest(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for name in names:
        begins_with = name[:_LEAST]
        found[begins_with] = max(found[begins_with], len(name))
    return dict(found)


def _is_long(name: str) -> bool:
    return len(name) >= _LEAST


def _is_shortened(name: str, names: Sequence[str]) -> bool:
    """Whether a name is another one of the division without its ending."""
    return any(other.startswith(name) for other in names if other != name)


def _above(code: str, divisions: dict[str, Division]) -> Iterator[str]:
    parent = divisions[code].parent
    while parent in divisions:
        yield parent
        parent = divisions[parent].parent
