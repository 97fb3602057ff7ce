"""Verdicts of `ops.audit` in words: what a rule asks for, of which column, and why."""

from collections.abc import Mapping
from typing import Any

# What an expectation asks for, after `expect_` and `column_values_to_`.
_ASKS = {
    "not_be_null": ("不为空", "is never null"),
    "be_unique": ("不重复", "is unique"),
    "be_in_set": ("只取允许的值", "has an allowed value"),
    "be_between": ("在范围之内", "lies in its range"),
    "match_regex": ("符合格式", "has its form"),
    "compound_columns_to_be_unique": ("合起来不重复", "are unique together"),
    "column_pair_values_a_to_be_greater_than_b": ("前者不早于后者", "first is not below the second"),
    "table_row_count_to_be_between": ("行数与上次发布相近", "rows are near those of the last release"),
    "books_close": ("每一行都有去向", "every row is accounted for"),
    # Of residents.
    "residents_expected": ("居民人数不多于应有", "no more residents than expected"),
    "share_with_several": ("一人多值占比", "share of residents with several"),
    "largest_resident": ("最大一人的记录数", "records of the one with most"),
    # Of the comparison with earlier nights.
    "rows_landed": ("入库行数", "rows landed"),
    "share_quarantined": ("隔离行占比", "share of rows set aside"),
    "share_ended": ("终止记录占比", "share of records ended"),
    "share_new": ("新增记录占比", "share of records begun"),
    "share_empty": ("空值占比", "share of rows without a value"),
    "share_of_code": ("代码占比", "share of a code among the values"),
    "share_of_issues": ("疑点占比", "share of values in doubt"),
    "pairs_in_review": ("待核对的对数", "pairs in review"),
    "share_of_fragments": ("无证件号的孤立记录占比", "share of residents of one record without an id number"),
}
_HISTORY = "what is far from the last thirty nights is often a half export or a changed form"
_IDENTITY = "more residents than there are people are people in pieces; several id numbers are several people in one"
_BOOKS = "a row that nobody can account for may be lost"


def describe_rule(row: Mapping[str, Any], reasons: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A row of `ops.audit` with `of` (its columns or its object), `zh` and `en` (what is asked) and `because`.

    Args:
        row: of `ops.audit`.
        reasons: `because` by table and rule, as expectations/ has them now.
    """
    name, _, of = str(row["rule"]).partition("(")
    short = name.removeprefix("expect_").removeprefix("column_values_to_")
    zh, en = _ASKS.get(short, ("", short.replace("_", " ")))
    general = {"history": _HISTORY, "ledger": _BOOKS, "identity": _IDENTITY}.get(row["table_name"])
    because = reasons.get(row["table_name"], {}).get(row["rule"], general)
    return {**row, "of": of.removesuffix(")"), "zh": zh, "en": en, "because": because}
