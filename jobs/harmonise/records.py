"""From raw text to the fields of a record, with a code for every value that could not be understood."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from threading import Lock

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.contracts.sources import UNITS, SourceObject
from jobs.common.intake.keyed_rows import cell_error, fed_fields, is_null_word, null_words, strip_text, without_error
from jobs.common.lake.engine import session
from jobs.common.model.codes import value_to_code
from jobs.common.model.divisions import LISTS as DIVISION_LISTS
from jobs.common.model.divisions import division_words
from jobs.common.model.records import ModelField, Record
from jobs.common.model.resident_id import id_birth_date, id_sex_code
from jobs.common.run.conf import Conf
from jobs.harmonise import clean
from jobs.harmonise.address import PARTS, complete_parts

# Several records with a division are worked on at a time, and the words are many: the first to ask lists them for all.
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
    `<field>__unit` of money, and `required`, the fields that must not be empty, between bars.
    """
    columns = {column.name: column for column in obj.columns}
    fed = {field: columns[name] for field, name in fed_fields(obj, record.name, role).items()}
    required = [field for field, column in fed.items() if column.required]
    # A record can have money that this object does not feed.
    units = {f.name: fed[f.name].unit if f.name in fed else UNITS[0] for f in record.fields if f.type == "money"}
    words = null_words(obj, record.name, role)
    telling = {*required, *RECOGNISED_BY.get(record.name, ())}
    texts = []
    for field in record.fields:
        text, word = F.lit(None).cast("string"), F.lit(None).cast("string")
        if field.name in fed:
            cell, own = F.col(field.name), words[field.name]
            text = F.when(~is_null_word(cell, own), cell)
            word = F.when(is_null_word(cell, own), cell) if field.name in telling else word
        texts += [text.alias(f"{field.name}__text"), word.alias(f"{field.name}__word")]
    return rows.select(
        *_POSITION,
        *texts,
        *[F.lit(unit).alias(f"{name}__unit") for name, unit in units.items()],
        F.lit(obj.timezone).alias("timezone"),
        F.lit(f"|{'|'.join(required)}|").alias("required"),
    )


def clean_records(texts: DataFrame, record: Record, conf: Conf) -> DataFrame:
    """One row per row in: position, every field cleaned, its text in `<field>__text`, its doubt in `<field>__code`.

    The parts of an address that no column feeds are read from it; the address is never made up of its parts.
    Raises nothing for bad values: they are null with a code.
    """
    looked_up = [field for field in record.fields if field.type in ("code", "division")]
    cleaned = clean.clean_fields(texts, [field for field in record.fields if field not in looked_up])
    # Before anything is joined, as what the rows are made of is worked out twice for it.
    if {"address", *PARTS} <= {field.name for field in record.fields}:
        cleaned = complete_parts(cleaned)
    for field in looked_up:
        cleaned = decode_field(cleaned, field, code_values(conf, field))
    codes, words = {}, []
    for field in record.fields:
        word, text = F.col(f"{field.name}__word"), F.col(f"{field.name}__text")
        missing = F.col("required").contains(f"|{field.name}|") & strip_text(text).isNull()
        doubt = F.coalesce(cell_error(text), F.col(f"{field.name}__code"))
        code = F.when(word.isNotNull(), F.lit("null_word")).when(missing, F.lit("required_empty")).otherwise(doubt)
        codes[f"{field.name}__code"] = code
        codes[f"{field.name}__text"] = F.coalesce(word, text)
        words.append(f"{field.name}__word")
    units = [f"{field.name}__unit" for field in record.fields if field.type == "money"]
    return cleaned.withColumns(codes).drop("timezone", "required", *units, *words)


def decode_field(rows: DataFrame, field: ModelField, values: DataFrame) -> DataFrame:
    """Adds `<field>` and `<field>__code` by joining the list of values (unique by `value`); keeps every row."""
    unknown = F.lit("unknown_division" if field.type == "division" else "unknown_code")
    listed = values.select(
        F.col("value").alias("_value"),
        F.col("code").alias(field.name),
        # Told apart from no match at all: a word of the list can stand for several codes.
        F.coalesce("issue", F.lit("")).alias("_issue"),
    )
    keyed = rows.withColumn("_value", clean.code_key(without_error(F.col(f"{field.name}__text"))))
    keyed = keyed.withColumn("_value", clean.whole_number(F.col("_value")))
    joined = keyed.join(F.broadcast(listed), "_value", "left")
    doubt = F.when(F.col("_issue").isNotNull(), F.nullif(F.col("_issue"), F.lit(""))).when(
        F.col("_value").isNotNull(), unknown
    )
    return joined.withColumn(f"{field.name}__code", doubt).drop("_value", "_issue")


def code_values(conf: Conf, field: ModelField) -> DataFrame:
    """What stands for which code, and the issue where it is one: one row per value, as `clean.code_key` writes it."""
    if field.type == "division":
        files = [conf.path(f"codes/{name}.csv") for name in DIVISION_LISTS]
        with _LISTING:
            values = _division_values(*((file, file.read_bytes()) for file in files))
    else:
        codes = value_to_code(conf.path(f"codes/{field.codes}.csv"))
        values = _value_table((value, code, None) for value, code in codes.items())
    return session().createDataFrame(values)


@lru_cache(maxsize=4)
def _division_values(*files: tuple[Path, bytes]) -> pa.Table:
    """`code_values` of divisions; the files come with their content, which decides whether they are listed anew."""
    words = division_words(*(path for path, _ in files))
    return _value_table((word, meaning.code, meaning.issue) for word, meaning in words.items())


def _value_table(rows: Iterable[tuple[str, str | None, str | None]]) -> pa.Table:
    listed = {"".join(value.upper().split()): (code, issue) for value, code, issue in rows}
    columns = {
        "value": listed,
        "code": (code for code, _ in listed.values()),
        "issue": (issue for _, issue in listed.values()),
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def list_issues(cleaned: DataFrame, record: Record) -> DataFrame:
    """One row per doubtful value: position, record, role, field, code, raw text."""
    codes = {f"{field.name}__code": (field.name, F.col(f"{field.name}__code")) for field in record.fields}
    names = {field.name for field in record.fields}
    if {"id_number", "birth_date"} <= names:
        differs = id_birth_date(F.col("id_number")) != F.col("birth_date")
        codes["_birth_date"] = ("id_number", F.when(differs, F.lit("id_birth_date_differs")))
    if {"id_number", "sex_code"} <= names:
        # Only 1 and 2 speak of a sex; 0 and 9 say that it is not known.
        differs = F.col("sex_code").isin("1", "2") & (id_sex_code(F.col("id_number")) != F.col("sex_code"))
        codes["_sex"] = ("id_number", F.when(differs, F.lit("id_sex_differs")))
    # Few rows have any: the others are left out before each row becomes as many as it has fields.
    doubtful = cleaned.select("*", *[code.alias(column) for column, (_, code) in codes.items() if column[0] == "_"])
    doubtful = doubtful.where(F.coalesce(*codes).isNotNull())
    found = [_issue(name, F.col(column), F.col(f"{name}__text")) for column, (name, _) in codes.items()]
    position = ["system", "object", "sheet", "file_id", "row_number", "role"]
    issues = doubtful.select(*position, F.explode(F.array(*found)).alias("issue")).where("issue.code is not null")
    return issues.select(
        *position[:-1],
        F.lit(record.name).alias("record"),
        "role",
        *[F.col(f"issue.{part}").alias(part) for part in ("field", "code", "raw")],
    )


def _issue(field: str, code: Column, text: Column) -> Column:
    return F.struct(F.lit(field).alias("field"), code.alias("code"), text.alias("raw"))
