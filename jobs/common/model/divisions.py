"""Administrative divisions and all that stands for them.

Reads three lists of conf/codes: `divisions.csv` (code, name, level, parent_code), `division_endings.csv` (level, endings
that stand for one another: 社区居委会, 社区, nothing) and `division_names.csv` (value, code, kind, until: what else
stands for a division, and what stood for it until some year). Refuses: a code given twice, an unknown kind or level, a
division below itself, another header, a ragged row. A name of a division that the first list does not have is left out:
an office may have a list of its own.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from jobs.common.base.csv_file import read_rows
from jobs.common.base.errors import UserError

LISTS = ("divisions", "division_endings", "division_names")
# Files of conf/codes that hold no codes.
_NO_CODES = frozenset((*LISTS, "road_names"))
KINDS = ("short", "alias", "former_name", "former_code")
FORMER = "division_former"
AMBIGUOUS = "ambiguous_division"
# Steps of the tree that are no places: paths leave them out, and nobody is understood who writes them.
_NO_PLACES = ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划")
_LEAST = 2  # characters of a name without its ending: 赵县 is not understood as 赵
_COUNTY, _TOWNSHIP = 3, 4
_LEVELS = tuple("123456789")
# Endings that stand for one another, by level.
Endings = dict[int, list[list[str]]]
Words = dict[str, set[str]]  # word -> codes of the divisions that it stands for


@dataclass(frozen=True)
class Division:
    """One division; level 1 province, 2 prefecture, 3 county, 4 township, 5 community or village."""

    code: str
    name: str
    level: int
    parent: str


@dataclass(frozen=True)
class Meaning:
    """What a word stands for: a code, or none where it stands for several; and the issue it is, if it is one."""

    code: str | None
    issue: str | None  # a code of conf/reasons.yml


def list_names(files: Iterable[str]) -> list[str]:
    """Names of the code lists among the files of conf/codes; lists of names have another form."""
    return sorted({file.removesuffix(".csv") for file in files} - _NO_CODES)


def load_divisions(path: Path) -> list[Division]:
    """The tree, in the order of the file.

    Raises:
        UserError: the header is another one, a code is given twice, or the rows are no tree.
    """
    rows = _parse(path, ["code", "name", "level", "parent_code"])
    counts = Counter(row["code"] for row in rows)
    repeated = [code for code, count in counts.items() if count > 1]
    if repeated:
        raise UserError(f"{path}: code {repeated[0]} is given twice; keep one of the rows")
    divisions = [Division(row["code"], row["name"], _level(path, row), row["parent_code"]) for row in rows]
    for division in divisions:
        if not division.code or not division.name:
            raise UserError(f"{path}: division {division.code or division.name} lacks its code or name; fill it in")
    _check_tree(path, {division.code: division.parent for division in divisions})
    return divisions


def _check_tree(path: Path, parents: dict[str, str]) -> None:
    """Refuse a division below itself, or below more others than there are levels."""
    for code in parents:
        above, steps = parents[code], 0
        while above in parents:
            above, steps = parents[above], steps + 1
            if steps > len(_LEVELS):
                raise UserError(f"{path}: division {code} lies below itself or too deep; correct its parent_code")


def _level(path: Path, row: dict[str, str]) -> int:
    if row["level"] not in _LEVELS:
        raise UserError(f"{path}: level {row['level'][:20]!r} is none of {', '.join(_LEVELS)}; correct it")
    return int(row["level"])


def check_lists(divisions_csv: Path, endings_csv: Path, names_csv: Path) -> None:
    """Raise UserError if `division_words` would, in a tenth of its time."""
    load_divisions(divisions_csv)
    _read_endings(endings_csv)
    _read_names(names_csv)


def division_names(divisions_csv: Path, endings_csv: Path, names_csv: Path) -> dict[str, list[str]]:
    """By code, the names of the divisions that are places: with and without their ending, those of now before earlier ones."""
    tree = {row.code: row for row in load_divisions(divisions_csv)}
    named = _names_of(tree, _read_endings(endings_csv), _read_names(names_csv))
    return {code: list(dict.fromkeys((*forms, *named.earlier.get(code, ())))) for code, forms in named.now.items()}


def division_words(divisions_csv: Path, endings_csv: Path, names_csv: Path) -> dict[str, Meaning]:
    """Everything that stands for a division, with its meaning.

    These are codes of 12, 9 and 6 digits (without the zeros of the levels below); names, with and without their ending;
    the same behind the names of the divisions above, as in 江苏省南京市玄武区; other names; former names and codes.
    A word that stands for several divisions means the one inside the office's own counties, if there is just one; an
    office's own counties are those whose townships the list has.
    """
    tree = {row.code: row for row in load_divisions(divisions_csv)}
    named = _names_of(tree, _read_endings(endings_csv), _read_names(names_csv))
    present: Words = defaultdict(set)
    for alias, code in named.aliases:
        present[alias].add(code)
    for code in tree:
        _add(present, code, _short_codes(code))
    former: Words = defaultdict(set)
    for value, code in named.former_codes:
        _add(former, code, _short_codes(value.ljust(12, "0")))
    for code, forms in named.now.items():
        paths = ["", *_paths(tree[code], tree, named.now)]
        _add(present, code, _behind(paths, forms))
        _add(former, code, _behind(paths, named.earlier[code]))
    own = {row.code[:6] for row in tree.values() if row.level >= _TOWNSHIP}
    return {word: _meaning(word, present, former, own) for word in {**present, **former}}


@dataclass(frozen=True)
class _Names:
    """Names of divisions: the forms of those of now and of earlier, by code, and what is no part of a path, as (word, code)."""

    now: dict[str, list[str]]
    earlier: dict[str, list[str]]
    aliases: list[tuple[str, str]]
    former_codes: list[tuple[str, str]]


def _names_of(tree: dict[str, Division], endings: Endings, listed: list[tuple[str, str, str]]) -> _Names:
    """All names of the divisions that are places; those listed for others are left out."""
    places = [row for row in tree.values() if row.name not in _NO_PLACES]
    found = _Names({row.code: _forms(row.name, endings[row.level]) for row in places}, defaultdict(list), [], [])
    for value, code, kind in listed:
        if code not in found.now:
            continue
        if kind == "short":
            found.now[code].append(value)
        elif kind == "alias":
            found.aliases.append((value, code))
        elif kind == "former_name":
            found.earlier[code] += _forms(value, endings[tree[code].level])
        else:
            found.former_codes.append((value, code))
    return found


def _add(found: Words, code: str, words: Iterable[str]) -> None:
    """Add the words that stand for a division."""
    for word in words:
        found[word].add(code)


def _behind(paths: Sequence[str], forms: Sequence[str]) -> Iterator[str]:
    """Each form of a name behind each path."""
    return (path + form for form, path in product(forms, paths))


def _read_endings(path: Path) -> Endings:
    """Endings that stand for one another, by level."""
    endings: Endings = defaultdict(list)
    for row in _parse(path, ["level", "endings"]):
        endings[_level(path, row)].append(row["endings"].split("|"))
    return endings


def _read_names(path: Path) -> list[tuple[str, str, str]]:
    """Value, code and kind of each row."""
    rows = _parse(path, ["value", "code", "kind", "until"])
    for row in rows:
        if row["kind"] not in KINDS:
            raise UserError(f"{path}: {row['kind'][:20]} is no kind of a name; known: {', '.join(KINDS)}")
        if not row["value"]:
            raise UserError(f"{path}: a name of {row['code'][:20]} is empty; fill it in or remove the row")
    return [(row["value"], row["code"], row["kind"]) for row in rows]


def _meaning(word: str, present: Words, former: Words, own: set[str]) -> Meaning:
    now = present.get(word, set())
    # A code that is given anew means what it means now; a name may well be written by one who knows the old one.
    codes = now if now and word.isdigit() else now | former.get(word, set())
    if len(codes) > 1:
        codes = {code for code in codes if code[:6] in own}
    if len(codes) != 1:
        return Meaning(None, AMBIGUOUS)
    code = next(iter(codes))
    return Meaning(code, None if code in now else FORMER)


def _short_codes(code: str) -> Iterator[str]:
    yield code
    for digits in (6, 9):
        if set(code[digits:]) == {"0"}:
            yield code[:digits]


def _forms(name: str, endings: Sequence[Sequence[str]]) -> list[str]:
    """The name, and what else it is called by the endings that stand for its own, the longest that fits."""
    known = [(ending, group) for group in endings for ending in group]
    fitting = [(ending, group) for ending, group in known if name.endswith(ending)]
    ending, group = max(fitting, key=lambda pair: len(pair[0]), default=("", []))
    stem = name.removesuffix(ending)
    if not ending or len(stem) < _LEAST:
        return [name]
    return [name, *(stem + other for other in group if other != ending)]


def _paths(division: Division, divisions: dict[str, Division], names: dict[str, list[str]]) -> Iterator[str]:
    """What may stand before a division's name: names of divisions above it, all from one on or without the nearest."""
    above: list[str] = []
    parent = divisions.get(division.parent)
    while parent:
        if parent.code in names:
            above.insert(0, parent.code)
        parent = divisions.get(parent.parent)
    whole = [names[code][0] for code in above]
    if division.level <= _COUNTY:
        brief = [names[code][-1] for code in above]
        chains = [*_ends_of(whole), *_ends_of(brief), whole[:1]]
    else:
        chains = [*_ends_of(whole), *_ends_of(whole[:-1])]
    yield from dict.fromkeys(map("".join, chains))


def _ends_of(names: list[str]) -> list[list[str]]:
    """The names from each one on."""
    return [names[start:] for start in range(len(names))]


def _parse(path: Path, header: list[str]) -> list[dict[str, str]]:
    rows = []
    for line, cells in read_rows(path, header):
        if len(cells) != len(header):
            raise UserError(f"{path}:{line}: the row has {len(cells)} cells instead of {len(header)}; correct it")
        rows.append(dict(zip(header, cells, strict=True)))
    return rows
