"""Names of the columns that the audit adds to a candidate, so that a suite can be judged before there is a candidate.

Reads: `conf/codes/`. Writes: nothing. Refuses: what the readers of the lists refuse.
"""

from functools import lru_cache
from pathlib import Path

from jobs.common.model.codes import load_codes
from jobs.common.model.divisions import list_names, load_divisions
from jobs.common.model.model_table import ModelTable
from jobs.common.run.conf import Conf

MANY = 200  # codes from which on a list is no set of values to Great Expectations, and shares of its codes say little


def code_lists(conf: Conf) -> list[str]:
    """Names of the lists of conf/codes that hold codes."""
    return sorted(["divisions", *list_names(conf.below("codes", ".csv"))])


def code_set(conf: Conf, name: str) -> tuple[str, ...]:
    """The codes of a list of conf/codes, unique."""
    return _code_set(conf.path(f"codes/{name}.csv"), conf.hash)


@lru_cache(maxsize=256)
def _code_set(path: Path, config_hash: str) -> tuple[str, ...]:
    """`code_set` of a file; an audit asks for each list many times, and the hash tells whether it is still the same."""
    if path.stem == "divisions":
        return tuple(sorted({division.code for division in load_divisions(path)}))
    return tuple(code for code, _, _ in load_codes(path))


def flag_names(table: ModelTable, conf: Conf) -> list[str]:
    """The columns that `add_flags` of the audit adds."""
    names = [f"{name}_exists" for name in (*references(table), *table_references(table))]
    names += [f"{field.name}_is_valid" for field in table.columns if field.semantic.is_valid]
    names += [f"{name}_is_known" for name in long_lists(table, conf)]
    return names + (["has_two_ends", "member_id"] if table.has_pairs else [])


def references(table: ModelTable) -> dict[str, str | None]:
    """Columns that hold the id of an entity, with its kind; null if the column `<end>_kind` tells it."""
    of_kinds = [field for field in table.columns if field.refers and "." not in field.refers]
    named: dict[str, str | None] = {field.name: field.refers for field in of_kinds}
    return named | (dict.fromkeys(("from_id", "to_id")) if table.has_pairs else {})


def table_references(table: ModelTable) -> dict[str, str]:
    """Columns of a product whose values are those of a column of another table, or of its own, as `table.column`."""
    return {field.name: field.refers for field in table.columns if field.refers and "." in field.refers}


def long_lists(table: ModelTable, conf: Conf) -> dict[str, tuple[str, ...]]:
    """Fields of divisions, and of lists of many codes, with their codes."""
    found = {}
    for field in table.columns:
        for name in field.code_lists[:1]:
            codes = code_set(conf, name)
            if name == "divisions" or len(codes) > MANY:
                found[field.name] = codes
    return found
