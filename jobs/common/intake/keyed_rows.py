"""Raw rows with their keys: which row of an export speaks for a key, and which columns feed which record.

Shared by harmonise, which works on the rows, and by the books, which count them.
"""

import re
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.contracts.house_rules import BLANKS
from jobs.common.contracts.null_words import first_characters
from jobs.common.contracts.sources import Feed, SourceObject, default_role
from jobs.common.intake.cell_errors import ERRORS, NO_VALUE
from jobs.common.intake.deliveries import ActiveFile
from jobs.common.lake.engine import session
from jobs.common.lake.tables import Lake, row_hash
from jobs.common.model.plain_text import PLAIN, WIDE, strip_text

# Before the name of a raw column in keyed rows, as a contract may call its columns what keyed rows call theirs.
CELL = "cell__"
RECORD_KEY = ["system", "object", "source_key", "role"]
# Not $, as the text may end with a line end.
_ERROR = f"^ *({'|'.join(map(re.escape, ERRORS))}) *\\z"


def is_null_word(text: Column, words: Sequence[str]) -> Column:
    """Whether a text is one of `words` (from `null_words.word_key`) in any case and width; null for null."""
    if not words:
        return F.lit(False)
    # As few expressions as can be, for planning: lists are texts. No key holds a line end, as blanks are taken out of it.
    first = "".join(f"\\x{{{ord(character):X}}}" for character in sorted(first_characters(words)))
    key = F.concat(F.lit("\n"), F.upper(F.translate(text, WIDE + BLANKS, PLAIN)), F.lit("\n"))
    # Few texts begin as one of the words does: asking that first takes less than half the time.
    return text.rlike(f"^[{first}]") & F.lit("\n".join(["", *sorted(words), ""])).contains(key)


def cell_error(text: Column) -> Column:
    """The issue of a cell that holds an error of a spreadsheet in place of a value, else null."""
    no_value = F.trim(text) == NO_VALUE
    return F.when(no_value, F.lit("formula_without_value")).when(text.rlike(_ERROR), F.lit("cell_error"))


def without_error(text: Column) -> Column:
    """Text of a cell; null where it holds an error of a spreadsheet."""
    return F.when(cell_error(text).isNull(), text)


def keyed_rows(lake: Lake, obj: SourceObject, files: Sequence[ActiveFile], only: DataFrame | None = None) -> DataFrame:
    """Rows of the given files with `as_of`, `late`, `source_key`, `state` and their cells; one row per raw row.

    `state` is chosen (speaks for its key), duplicate (the same row again), key_conflict (another row with the key;
    the first one stays), key_missing, or late (its file is late, or a newer export of the night has the key).
    Without a primary key the key is the hash of the row and its occurrence number. `only` (`file_id`, `row_number`)
    leaves other rows out of sight.
    """
    raw = lake.read(obj.raw_table).where(F.col("file_id").isin([file.file_id for file in files]))
    if only is not None:
        raw = raw.join(only, ["file_id", "row_number"], "left_semi")
    cells = {column.name: f"{CELL}{column.name}" for column in obj.columns}
    raw = raw.select("file_id", "row_number", *(F.col(name).alias(cell) for name, cell in cells.items()))
    rows = raw.join(F.broadcast(_ranked(files)), "file_id")
    rows = rows.withColumn("content_hash", row_hash(list(cells.values())))
    rows = _judge_keys(rows, _source_key(obj)) if obj.key_columns else _number_contents(rows)
    return rows.drop("file_rank", "content_hash")


def _ranked(files: Sequence[ActiveFile]) -> DataFrame:
    """One row per file, with its place in the order in which rows count."""
    rows = [(file.file_id, file.as_of, file.late, rank) for rank, file in enumerate(files)]
    return session().createDataFrame(rows, "file_id string, as_of date, late boolean, file_rank int")


def _source_key(obj: SourceObject) -> Column:
    """The key of a raw row by the cells of its key columns; null if one of them holds nothing."""
    parts: list[Column] = []
    for column in obj.columns:
        if column.primary_key:
            parts += [F.lit("|"), _key_part(F.col(f"{CELL}{column.name}"), column.null_words)]
    # concat is null where one of its parts is.
    return F.concat(*parts[1:])


def _key_part(cell: Column, null_words: Sequence[str]) -> Column:
    """One column's part of a key; null if nothing is in it, or a word that stands for nothing."""
    return F.when(~is_null_word(cell, null_words), strip_text(without_error(cell)))


def _judge_keys(rows: DataFrame, key: Column) -> DataFrame:
    """Adds `source_key` and `state` of rows with a primary key."""
    rows = rows.withColumn("source_key", key)
    once, repeated = _split_repeated(rows, ["late", "source_key"])
    late, missing = (F.col("late"), F.lit("late")), (F.col("source_key").isNull(), F.lit("key_missing"))
    once = once.withColumn("state", F.when(*late).when(*missing).otherwise(F.lit("chosen")))
    by_key = Window.partitionBy("late", "source_key").orderBy(F.col("as_of").desc(), "file_rank", "row_number")
    repeated = (
        repeated.withColumn("_rank", F.row_number().over(by_key))
        .withColumn("_first_hash", F.first("content_hash").over(by_key))
        .withColumn("_first_day", F.first("as_of").over(by_key))
    )
    state = (
        F.when(*late)
        .when(F.col("_rank") == 1, F.lit("chosen"))
        .when(F.col("as_of") < F.col("_first_day"), F.lit("late"))
        .when(F.col("content_hash") == F.col("_first_hash"), F.lit("duplicate"))
        .otherwise(F.lit("key_conflict"))
    )
    repeated = repeated.withColumn("state", state).drop("_rank", "_first_hash", "_first_day")
    return once.unionByName(repeated)


def _number_contents(rows: DataFrame) -> DataFrame:
    """Adds `source_key`, hash of the content and its occurrence, and `state`, of rows without a primary key."""
    once, repeated = _split_repeated(rows, ["late", "content_hash"])
    order = Window.partitionBy("late", "content_hash").orderBy("file_rank", "row_number")
    once = once.withColumn("_occurrence", F.lit(1))
    numbered = once.unionByName(repeated.withColumn("_occurrence", F.row_number().over(order)))
    key = F.concat(F.col("content_hash").cast("string"), F.lit("#"), F.col("_occurrence").cast("string"))
    state = F.when(F.col("late"), F.lit("late")).otherwise(F.lit("chosen"))
    return numbered.withColumns({"source_key": key, "state": state}).drop("_occurrence")


def _split_repeated(rows: DataFrame, by: list[str]) -> tuple[DataFrame, DataFrame]:
    """Rows whose values of `by` occur once (or are null), and the others: only these few need a window over wide rows."""
    counted = rows.groupBy(*by).agg(F.count(F.lit(1)).alias("_rows")).where("_rows > 1")
    marked = rows.join(counted.select(*by, F.lit(True).alias("_repeated")), by, "left")
    once, repeated = marked.where(F.col("_repeated").isNull()), marked.where(F.col("_repeated"))
    return once.drop("_repeated"), repeated.drop("_repeated")


def fed_records(obj: SourceObject) -> list[tuple[str, str]]:
    """(record, role) pairs that the object's columns feed."""
    return sorted({(feed.record, feed.role) for column in obj.columns for feed in column.feeds})


def fed_fields(obj: SourceObject, record: str, role: str) -> dict[str, str]:
    """Field of the record -> column of the object."""
    return {feed.field: column for column, feed in _feeds_of(obj, record, role)}


def null_words(obj: SourceObject, record: str, role: str) -> dict[str, tuple[str, ...]]:
    """Field of the record -> the words that stand for nothing in it."""
    return {feed.field: feed.null_words for _, feed in _feeds_of(obj, record, role)}


def _feeds_of(obj: SourceObject, record: str, role: str) -> list[tuple[str, Feed]]:
    """The feeds of a record, each with the column of the object that it is of."""
    every = [(column.name, feed) for column in obj.columns for feed in column.feeds]
    return [(column, feed) for column, feed in every if (feed.record, feed.role) == (record, role)]


def record_rows(rows: DataFrame, obj: SourceObject, record: str, role: str) -> DataFrame:
    """Rows as one record sees them: key, position, state, `row_hash`, `applies`, and the raw text by field name.

    A row applies to a record if any column that feeds it, but its key, holds something; words that stand for nothing are
    nothing.
    """
    fields, words = fed_fields(obj, record, role), null_words(obj, record, role)
    telling = [field for field, name in fields.items() if name not in obj.key_columns] or list(fields)
    applies = F.lit(False)
    for field in telling:
        cell = F.col(f"{CELL}{fields[field]}")
        applies = applies | (strip_text(cell).isNotNull() & ~is_null_word(cell, words[field]))
    return rows.select(
        F.lit(obj.system).alias("system"),
        F.lit(obj.name).alias("object"),
        F.lit(obj.sheet).alias("sheet"),
        "source_key",
        F.lit(role).alias("role"),
        "file_id",
        "row_number",
        "state",
        row_hash([f"{CELL}{name}" for name in sorted(fields.values())]).alias("row_hash"),
        applies.alias("applies"),
        *[F.col(f"{CELL}{column}").alias(field) for field, column in fields.items()],
    )


def mention_id(kind: str, role: str | None = None) -> Column:
    """Id of the mention of a harmonised record: hash of kind, system, object, source_key and role.

    `role` asks for the mention of `kind` in another role of the same row, whether there is one or not.
    """
    return mention_id_of(source_row(), kind, F.lit(role) if role else F.col("role"))


def mention_id_of(row_text: Column, kind: str, role: Column | None = None) -> Column:
    """Id of the mention of `kind` that a source's row holds, in the kind's own role by default; null without a row.

    `row_text` names the row as `source_row` does.
    """
    role = F.lit(default_role(kind)) if role is None else role
    return F.md5(F.concat(F.lit(f"{kind}|"), row_text, F.lit("|"), role))


def source_row() -> Column:
    """The row of a source that a record or mention is of, as one text."""
    return F.concat_ws("|", "system", "object", "source_key")


def record_label(record: str, role: str) -> str:
    """Name of a record in the books: with its role where that is not the person."""
    return record if role == default_role(record) else f"{record}@{role}"
