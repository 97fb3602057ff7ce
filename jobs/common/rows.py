"""Raw rows with their keys: which row of an export speaks for a key, and which columns feed which record.

Shared by harmonise, which works on the rows, and by the books, which count them.
"""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.contracts import DEFAULT_ROLE, SourceObject
from jobs.common.deliveries import ActiveFile
from jobs.common.engine import session
from jobs.common.tables import Lake, row_hash

RECORD_KEY = ["system", "object", "source_key", "role"]
# Spelled out: engines disagree on what \s is. Space, tab, line ends, no-break space, ideographic space, byte order mark.
WHITESPACE = "[ \\t\\r\\n\\x0B\\x0C\\x{A0}\\x{3000}\\x{FEFF}\\x{200B}]"


def strip_text(text: Column) -> Column:
    """Text without white space at its ends; null where nothing is left."""
    stripped = F.regexp_replace(text, f"^{WHITESPACE}+|{WHITESPACE}+$", "")
    return F.when(stripped != "", stripped)


def keyed_rows(lake: Lake, obj: SourceObject, files: Sequence[ActiveFile]) -> DataFrame:
    """Rows of the given files with `as_of`, `late`, `source_key` and `state`; one row per raw row.

    `state` is chosen (speaks for its key), duplicate (the same row again), key_conflict (another row with the key;
    the first one stays), key_missing, or late (its file is late, or a newer export of the night has the key).
    Without a primary key the key is the hash of the row and its occurrence number.
    """
    listed = session().createDataFrame(
        [(f.file_id, f.as_of, f.late, rank) for rank, f in enumerate(files)],
        "file_id string, as_of date, late boolean, file_rank int",
    )
    raw = lake.read(obj.raw_table).where(F.col("file_id").isin([f.file_id for f in files]))
    names = [column.name for column in obj.columns]
    rows = raw.join(F.broadcast(listed), "file_id").withColumn("content_hash", row_hash(names))
    order = [F.col("file_rank"), F.col("row_number")]
    keys = [strip_text(F.col(column.name)) for column in obj.columns if column.primary_key]
    if keys:
        # concat is null where one of its parts is.
        parts = [part for key in keys for part in (F.lit("|"), key)][1:]
        rows = rows.withColumn("source_key", F.concat(*parts))
    else:
        occurrence = F.row_number().over(Window.partitionBy("late", "content_hash").orderBy(*order))
        rows = rows.withColumn(
            "source_key", F.concat(F.col("content_hash").cast("string"), F.lit("#"), occurrence.cast("string"))
        )
    by_key = Window.partitionBy("late", "source_key").orderBy(F.col("as_of").desc(), *order)
    rows = (
        rows.withColumn("_rank", F.row_number().over(by_key))
        .withColumn("_first_hash", F.first("content_hash").over(by_key))
        .withColumn("_first_day", F.first("as_of").over(by_key))
    )
    state = (
        F.when(F.col("late"), F.lit("late"))
        .when(F.col("source_key").isNull(), F.lit("key_missing"))
        .when(F.col("_rank") == 1, F.lit("chosen"))
        .when(F.col("as_of") < F.col("_first_day"), F.lit("late"))
        .when(F.col("content_hash") == F.col("_first_hash"), F.lit("duplicate"))
        .otherwise(F.lit("key_conflict"))
    )
    return rows.withColumn("state", state).drop("_rank", "_first_hash", "_first_day", "file_rank", "content_hash")


def fed_records(obj: SourceObject) -> list[tuple[str, str]]:
    """(record, role) pairs that the object's columns feed."""
    return sorted({(feed.record, feed.role) for column in obj.columns for feed in column.feeds})


def fed_fields(obj: SourceObject, record: str, role: str) -> dict[str, str]:
    """Field of the record -> column of the object."""
    feeds = [(feed, column.name) for column in obj.columns for feed in column.feeds]
    return {feed.field: name for feed, name in feeds if (feed.record, feed.role) == (record, role)}


def record_rows(rows: DataFrame, obj: SourceObject, record: str, role: str) -> DataFrame:
    """Rows as one record sees them: key, position, state, `row_hash`, `applies`, and the raw text by field name.

    A row applies to a record if any column that feeds it, but its key, holds something.
    """
    fields = fed_fields(obj, record, role)
    key_columns = {column.name for column in obj.columns if column.primary_key}
    telling = [name for name in fields.values() if name not in key_columns] or list(fields.values())
    applies = F.lit(False)
    for name in telling:
        applies = applies | strip_text(F.col(name)).isNotNull()
    return rows.select(
        F.lit(obj.system).alias("system"),
        F.lit(obj.name).alias("object"),
        F.lit(obj.sheet).alias("sheet"),
        "source_key",
        F.lit(role).alias("role"),
        "file_id",
        "row_number",
        "state",
        row_hash(sorted(fields.values())).alias("row_hash"),
        applies.alias("applies"),
        *[F.col(column).alias(field) for field, column in fields.items()],
    )


def mention_id(kind: str) -> Column:
    """Id of the mention of a harmonised record: hash of kind, system, object, source_key and role."""
    return F.md5(F.concat_ws("|", F.lit(kind), "system", "object", "source_key", "role"))


def record_label(record: str, role: str) -> str:
    """Name of a record in the books: with its role where that is not the person."""
    return record if role == DEFAULT_ROLE else f"{record}@{role}"
