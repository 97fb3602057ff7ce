"""From raw text to the fields of a record, with a code for every value that could not be understood."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.codes import value_to_code
from jobs.common.conf import Conf
from jobs.common.contracts import SourceObject
from jobs.common.divisions import division_codes
from jobs.common.engine import session
from jobs.common.model import ModelField, Record
from jobs.common.resident_id import id_birth_date, id_sex_code
from jobs.common.rows import strip_text
from jobs.harmonise import clean

_POSITION = ["system", "object", "sheet", "source_key", "role", "file_id", "row_number", "row_hash"]


def record_texts(rows: DataFrame, record: Record, obj: SourceObject, role: str) -> DataFrame:
    """One row per row in: position, `<field>__text` of every field (null where the object feeds none), and what its
    contract says of them: `timezone`, and `required`, the fields that must not be empty, between bars.
    """
    feeds = [(feed, column) for column in obj.columns for feed in column.feeds]
    required = [f.field for f, column in feeds if column.required and (f.record, f.role) == (record.name, role)]
    texts = [
        (F.col(f.name) if f.name in rows.columns else F.lit(None).cast("string")).alias(f"{f.name}__text")
        for f in record.fields
    ]
    return rows.select(
        *_POSITION, *texts, F.lit(obj.timezone).alias("timezone"), F.lit(f"|{'|'.join(required)}|").alias("required")
    )


def clean_records(texts: DataFrame, record: Record, conf: Conf) -> DataFrame:
    """One row per row in: position, every field cleaned, its text in `<field>__text`, its doubt in `<field>__code`.

    Raises nothing for bad values: they are null with a code.
    """
    looked_up = [field for field in record.fields if field.type in ("code", "division")]
    cleaned = clean.clean_fields(texts, [field for field in record.fields if field not in looked_up])
    for field in looked_up:
        cleaned = decode_field(cleaned, field, code_values(conf, field))
    codes = {}
    for field in record.fields:
        missing = F.col("required").contains(f"|{field.name}|") & strip_text(F.col(f"{field.name}__text")).isNull()
        code = F.when(missing, F.lit("required_empty")).otherwise(F.col(f"{field.name}__code"))
        codes[f"{field.name}__code"] = code
    return cleaned.withColumns(codes).drop("timezone", "required")


def decode_field(rows: DataFrame, field: ModelField, values: DataFrame) -> DataFrame:
    """Adds `<field>` and `<field>__code` by joining the list of values (unique by `value`); keeps every row."""
    text = F.col(f"{field.name}__text")
    unknown = F.lit("unknown_division" if field.type == "division" else "unknown_code")
    joined = rows.withColumn("_value", clean.code_key(text)).join(
        F.broadcast(values.select(F.col("value").alias("_value"), F.col("code").alias(field.name))), "_value", "left"
    )
    doubt = F.when(F.col("_value").isNotNull() & F.col(field.name).isNull(), unknown)
    return joined.withColumn(f"{field.name}__code", doubt).drop("_value")


def code_values(conf: Conf, field: ModelField) -> DataFrame:
    """What stands for which code: one row per value, written as `clean.code_key` writes it."""
    if field.type == "division":
        pairs = division_codes(conf.path("codes/divisions.csv"))
    else:
        pairs = value_to_code(conf.path(f"codes/{field.codes}.csv"))
    listed = {"".join(value.upper().split()): code for value, code in pairs.items()}
    return session().createDataFrame(sorted(listed.items()), "value string, code string")


def list_issues(cleaned: DataFrame, record: Record) -> DataFrame:
    """One row per doubtful value: position, record, role, field, code, raw text."""
    found = [_issue(field.name, F.col(f"{field.name}__code"), F.col(f"{field.name}__text")) for field in record.fields]
    names = {field.name for field in record.fields}
    if {"id_number", "birth_date"} <= names:
        differs = id_birth_date(F.col("id_number")) != F.col("birth_date")
        found.append(_issue("id_number", F.when(differs, F.lit("id_birth_date_differs")), F.col("id_number__text")))
    if {"id_number", "sex_code"} <= names:
        # Only 1 and 2 speak of a sex; 0 and 9 say that it is not known.
        differs = F.col("sex_code").isin("1", "2") & (id_sex_code(F.col("id_number")) != F.col("sex_code"))
        found.append(_issue("id_number", F.when(differs, F.lit("id_sex_differs")), F.col("id_number__text")))
    return (
        cleaned.select(
            "system", "object", "sheet", "file_id", "row_number", "role", F.explode(F.array(*found)).alias("issue")
        )
        .select(
            "system",
            "object",
            "sheet",
            "file_id",
            "row_number",
            F.lit(record.name).alias("record"),
            "role",
            F.col("issue.field").alias("field"),
            F.col("issue.code").alias("code"),
            F.col("issue.raw").alias("raw"),
        )
        .where(F.col("code").isNotNull())
    )


def _issue(field: str, code: Column, text: Column) -> Column:
    return F.struct(F.lit(field).alias("field"), code.alias("code"), text.alias("raw"))
