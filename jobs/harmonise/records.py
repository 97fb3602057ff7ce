"""From raw text to the fields of a record, with a code for every value that could not be understood."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.contracts.sources import Column as ContractColumn
from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.keyed_rows import cell_error, fed_fields, is_null_word, null_words
from jobs.common.lake.engine import session
from jobs.common.model.plain_text import strip_text
from jobs.common.model.records import ModelField, Record
from jobs.common.model.types import TYPE_OF
from jobs.common.model.types.semantic_type import Implied
from jobs.common.run.conf import Conf
from jobs.harmonise.clean import clean_fields, column_name

# Several records are worked on at a time, and the words of divisions are many: the first to ask lists them for all.
_LISTING = Lock()
# What somebody or something is recognised by: a word that stands for nothing is told there, as in required columns.
RECOGNISED_BY = {
    "resident": ("name", "id_number", "birth_date", "phone"),
    "household": ("number",),
    "dwelling": ("house_number", "address"),
    "organisation": ("name", "credit_code"),
}
_POSITION = ["system", "object", "sheet", "source_key", "role", "file_id", "row_number", "row_hash"]


def record_texts(rows: DataFrame, record: Record, obj: SourceObject, role: str) -> DataFrame:
    """One row per row in: position, `<field>__text` of every field (null if the object feeds none, or for a word that
    stands for nothing), `<field>__word` (that word, if it is an issue), and what its contract says of them: `timezone`,
    `<field>__<parameter>`, and `required`, the fields that must not be empty, between bars.
    """
    columns = {column.name: column for column in obj.columns}
    fed = {field: columns[name] for field, name in fed_fields(obj, record.name, role).items()}
    required = [field for field, column in fed.items() if column.required]
    telling = {*required, *RECOGNISED_BY.get(record.name, ())}
    words = null_words(obj, record.name, role)
    texts: list[Column] = []
    parameters: list[Column] = []
    for field in record.fields:
        texts += _text_and_word(field.name, words.get(field.name), field.name in telling)
        parameters += _parameters_of(field, fed.get(field.name))
    return rows.select(
        *_POSITION,
        *texts,
        *parameters,
        F.lit(obj.timezone).alias("timezone"),
        F.lit(f"|{'|'.join(required)}|").alias("required"),
    )


def _text_and_word(field: str, words: Sequence[str] | None, is_telling: bool) -> tuple[Column, Column]:
    """The columns `<field>__text` and `<field>__word`; `words` stand for nothing (None: no column feeds the field)."""
    text = word = F.lit(None).cast("string")
    if words is not None:
        cell = F.col(field)
        text = F.when(~is_null_word(cell, words), cell)
        word = F.when(is_null_word(cell, words), cell) if is_telling else word
    return text.alias(f"{field}__text"), word.alias(f"{field}__word")


def _parameters_of(field: ModelField, column: ContractColumn | None) -> list[Column]:
    """What the contract says of how the field is read, or the defaults if no column feeds it."""
    found = []
    for parameter in field.semantic.parameters:
        value = parameter.values[0] if column is None else column.parameter(parameter)
        found.append(F.lit(value).alias(column_name(field.name, parameter.name)))
    return found


def clean_records(texts: DataFrame, record: Record, conf: Conf) -> DataFrame:
    """One row per row in: position, every field cleaned, its text in `<field>__text`, its doubt in `<field>__code`.

    Fields that no column feeds are read from one that completes them: the parts of an address. The address is never made
    up of its parts. Raises nothing for bad values: they are null with a code.
    """
    cleaned = clean_fields(texts, record.fields)
    # Before anything is joined, because the rows are computed twice for it.
    cleaned = _complete_fields(cleaned, record, conf)
    for field in record.fields:
        if field.semantic.lookup is not None:
            cleaned = decode_field(cleaned, field, code_values(conf, field))
    issues = {}
    for field in record.fields:
        issues[f"{field.name}__code"] = _issue_code(field.name)
        issues[f"{field.name}__text"] = F.coalesce(f"{field.name}__word", f"{field.name}__text")
    return cleaned.withColumns(issues).drop("timezone", "required", *_given_columns(record))


def _complete_fields(cleaned: DataFrame, record: Record, conf: Conf) -> DataFrame:
    names = {field.name for field in record.fields}
    for field in record.fields:
        completes = field.semantic.completes
        if completes is not None and names.issuperset(completes.fields):
            lists = [conf.path(f"codes/{name}.csv") for name in completes.lists]
            return completes.rule(cleaned, field.name, lists)
    return cleaned


def _issue_code(field: str) -> Column:
    """The issue of a cell, first of all that nothing usable stands in it; null if there is none."""
    word, text = F.col(f"{field}__word"), F.col(f"{field}__text")
    is_missing = F.col("required").contains(f"|{field}|") & strip_text(text).isNull()
    doubt = F.coalesce(cell_error(text), F.col(f"{field}__code"))
    return F.when(word.isNotNull(), F.lit("null_word")).when(is_missing, F.lit("required_empty")).otherwise(doubt)


def _given_columns(record: Record) -> list[str]:
    """Columns that only cleaning needs: words that stand for nothing, and parameters of types."""
    words = [f"{field.name}__word" for field in record.fields]
    return words + [
        column_name(field.name, parameter.name) for field in record.fields for parameter in field.semantic.parameters
    ]


def decode_field(rows: DataFrame, field: ModelField, values: DataFrame) -> DataFrame:
    """Adds `<field>` and `<field>__code` by joining the list of values (unique by `value`); keeps every row.

    Args:
        rows: with `<field>__plain`, which is dropped.
        field: one that is looked up.
        values: from `code_values`.
    """
    plain, lookup = f"{field.name}__plain", field.semantic.lookup
    assert lookup is not None, f"{field.name} is not looked up"
    listed = values.select(
        F.col("value").alias(plain),
        F.col("code").alias(field.name),
        # Told apart from no match at all: a word of the list can stand for several codes.
        F.coalesce("issue", F.lit("")).alias("_issue"),
    )
    joined = rows.join(F.broadcast(listed), plain, "left")
    is_listed, is_written = F.col("_issue").isNotNull(), F.col(plain).isNotNull()
    doubt = F.when(is_listed, F.nullif(F.col("_issue"), F.lit(""))).when(is_written, F.lit(lookup.unknown))
    return joined.withColumn(f"{field.name}__code", doubt).drop(plain, "_issue")


def code_values(conf: Conf, field: ModelField) -> DataFrame:
    """What stands for which code, and the issue if it is one: one row per value, as `plain_text.code_key` writes it."""
    files = [conf.path(f"codes/{name}.csv") for name in field.code_lists]
    with _LISTING:
        values = _listed_values(field.type, *((file, file.read_bytes()) for file in files))
    return session().createDataFrame(values)


@lru_cache(maxsize=64)
def _listed_values(type: str, *files: tuple[Path, bytes]) -> pa.Table:
    """`code_values` of a type; the files come with their content, which decides whether they are listed anew."""
    lookup = TYPE_OF[type].lookup
    assert lookup is not None, f"{type} is not looked up"
    listed = {}
    for word, code, issue in lookup.words([path for path, _ in files]):
        listed["".join(word.upper().split())] = (code, issue)
    columns = {
        "value": listed,
        "code": (code for code, _ in listed.values()),
        "issue": (issue for _, issue in listed.values()),
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def list_issues(cleaned: DataFrame, record: Record) -> DataFrame:
    """One row per doubtful value: position, record, role, field, code, raw text."""
    implied = {f"_implied_{other.field}": (name, _differs(name, other)) for name, other in record.implied_fields()}
    checked = cleaned.select("*", *[code.alias(column) for column, (_, code) in implied.items()])
    code_columns = {f"{field.name}__code": field.name for field in record.fields}
    code_columns |= {column: name for column, (name, _) in implied.items()}
    # Few rows have any: the others are left out before each row becomes as many as it has fields.
    doubtful = checked.where(F.coalesce(*code_columns).isNotNull())
    found = [_issue(name, F.col(column), F.col(f"{name}__text")) for column, name in code_columns.items()]
    position = ["system", "object", "sheet", "file_id", "row_number", "role"]
    issues = doubtful.select(*position, F.explode(F.array(*found)).alias("issue")).where("issue.code is not null")
    return issues.select(
        *position[:-1],
        F.lit(record.name).alias("record"),
        "role",
        *[F.col(f"issue.{part}").alias(part) for part in ("field", "code", "raw")],
    )


def _differs(field: str, implied: Implied) -> Column:
    """The issue of a value that says something else than the field of which it speaks."""
    recorded = F.col(implied.field)
    differs = implied.read(F.col(field)) != recorded
    if implied.known:
        differs = recorded.isin(*implied.known) & differs
    return F.when(differs, F.lit(implied.doubt))


def _issue(field: str, code: Column, text: Column) -> Column:
    return F.struct(F.lit(field).alias("field"), code.alias("code"), text.alias("raw"))
