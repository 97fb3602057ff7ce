"""Products: tables that are computed from others, read from `conf/products/<product>.yml`.

A file says what the table is (title, grain, key, columns) and which equation it closes in the books. How it is computed
stands in `jobs/analyse/products/<product>.py`.

Refuses: a file that its schema does not accept, the name of a record, a column given twice, a key without a column, an
unknown type, and books that could not fail.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.common.base.document import ConfError, Document, Finding, Place, load_document
from jobs.common.base.document_schema import check_schema
from jobs.common.base.suggestions import cut_short, suggest
from jobs.common.model.model_table import ModelTable
from jobs.common.model.records import ModelField
from jobs.common.model.types import TYPE_OF

ROWS = "candidate"  # the term that every product has: the rows of its table
_TEXT = {"type": "string", "minLength": 1}
_NAME = {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"}
_TERM = {"type": "string", "pattern": "^[a-z_]+$"}
_TERM_IN_EQUATION = "[a-z_]+"
_WAYS_TO_COUNT = ({"sql"}, {"lines_of", "header"})


def _block(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """A block of these keys and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


_MEANING = _block({"zh": _TEXT, "en": _TEXT})
_COLUMN = _block(
    {"name": _NAME, "type": _TEXT, "level": {"enum": [1, 2, 3, 4]}, "zh": _TEXT, "en": _TEXT},
    {"codes": _TEXT, "refers": _TEXT, "required": {"type": "boolean"}},
)
_COUNT = _block({}, {"sql": _TEXT, "lines_of": _TEXT, "header": _TEXT})
SCHEMA = _block(
    {
        "product": _NAME,
        "title": _MEANING,
        "grain": _MEANING,
        "key": {"type": "array", "items": _TEXT, "minItems": 1, "uniqueItems": True},
        "columns": {"type": "array", "items": _COLUMN, "minItems": 1},
        "books": _block(
            {
                "equation": {"type": "string", "pattern": "^[a-z_]+ = [a-z_]+( [+] [a-z_]+)*$"},
                "terms": {
                    "type": "object",
                    "propertyNames": _TERM,
                    "additionalProperties": _COUNT,
                    "minProperties": 1,
                },
            }
        ),
    }
)


@dataclass(frozen=True)
class Count:
    """How a term is counted: by a query that gives one number, or as the lines below `header` of files of `conf/`."""

    sql: str | None = None
    lines_of: str | None = None
    header: str | None = None


@dataclass(frozen=True)
class Product:
    """A released table that is computed, and the equation that it closes; `terms` are those beside `candidate`."""

    table: ModelTable
    equation: str
    terms: dict[str, Count]


def load_products(files: Mapping[str, Path], shown: Mapping[Path, str], taken: Iterable[str]) -> dict[str, Product]:
    """Products by name; raises ConfError.

    Args:
        files: file name -> path.
        shown: what messages call a path.
        taken: names of tables that there are already.
    """
    products = {}
    for _, path in sorted(files.items()):
        document = load_document(path, shown.get(path, str(path)))
        findings = check_schema(document, SCHEMA) or list(_faults(document, path.stem, set(taken)))
        if findings:
            raise ConfError(findings)
        products[path.stem] = _read(document.content)
    return products


def _read(content: dict[str, Any]) -> Product:
    table = ModelTable(
        name=content["product"],
        key=tuple(content["key"]),
        columns=tuple(ModelField(**column) for column in content["columns"]),
        title=content["title"]["en"],
        title_zh=content["title"]["zh"],
        grain=content["grain"]["en"],
        grain_zh=content["grain"]["zh"],
    )
    terms = {name: Count(**count) for name, count in content["books"]["terms"].items()}
    return Product(table, content["books"]["equation"], terms)


def terms_of(equation: str) -> list[str]:
    """The terms of an equation such as `listed = labelled + unlabelled`, the one on the left first."""
    return re.findall(_TERM_IN_EQUATION, equation)


def _faults(document: Document, stem: str, taken: set[str]) -> Iterator[Finding]:
    """What the schema cannot say."""
    content = document.content
    if content["product"] != stem:
        yield document.finding(("product",), f"The file is named {stem}.", f"Write {stem}, or rename the file.")
    if stem in taken:
        yield document.finding(("product",), "A record has this name.", "Choose another one.")
    names = [column["name"] for column in content["columns"]]
    for index, column in enumerate(content["columns"]):
        yield from _column_faults(document, ("columns", index), column, names)
    for index, part in enumerate(content["key"]):
        if part not in names:
            yield document.finding(("key", index), f"{cut_short(part)} is no column.", suggest(part, names))
    yield from _book_faults(document, content["books"], stem)


def _column_faults(document: Document, place: Place, column: dict[str, Any], names: list[str]) -> Iterator[Finding]:
    if names.count(column["name"]) > 1:
        yield document.finding((*place, "name"), "The name is given twice.", "Name each column once.")
    if column["type"] not in TYPE_OF:
        message = f"There is no type {cut_short(column['type'])}."
        yield document.finding((*place, "type"), message, suggest(column["type"], TYPE_OF))
    if (column["type"] == "code") != ("codes" in column):
        message = "A column of the type code names its list as `codes`, and no other does."
        yield document.finding(place, message, "Add or remove `codes`.")


def _book_faults(document: Document, books: dict[str, Any], product: str) -> Iterator[Finding]:
    """Books must be able to fail: one term counts the product, another one does not, and none is left over."""
    used, counts = terms_of(books["equation"]), books["terms"]
    for term in sorted({*used, *counts} - {ROWS}):
        if term not in counts:
            yield document.finding(
                ("books", "equation"), f"{term} is not counted.", f"Add it to `terms`, or use {ROWS}."
            )
        elif term not in used:
            yield document.finding(("books", "terms", term), "The equation has no such term.", "Use it or remove it.")
    wrongly_counted = [term for term, count in counts.items() if set(count) not in _WAYS_TO_COUNT]
    for term in wrongly_counted:
        message = "It is counted by `sql`, or by `lines_of` and `header`."
        yield document.finding(("books", "terms", term), message, "Give one of them.")
    queries = {term: count.get("sql", "") for term, count in counts.items()}
    counting = {term == ROWS or f"{ROWS}.{product}" in queries.get(term, "") for term in used}
    if counting != {True, False}:
        message = f"One side must count {ROWS}.{product} and another term what it is made of."
        yield document.finding(("books", "equation"), message, "Otherwise the books could not fail.")
