"""The one place that reads and writes Delta tables and knows their paths.

A table is created with its declared schema, never by a first write; every write is compared with it by column name and
type. Each write is one commit and harmless to repeat; where there is nothing to write there is no commit.
Large frames go through the engine, small ones (`pa.Table`) through delta-rs, so that a stage without a frame starts none.
"""

import fcntl
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs
from deltalake import ColumnProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import DeltaError
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace
from jobs.common.lake.delta_ddl import bring_up, create_table, is_outgrown
from jobs.common.lake.delta_log import check_log, last_commit
from jobs.common.lake.engine import session
from jobs.common.lake.predicates import as_filter, as_predicate
from jobs.common.lake.schemas import LAYERS, Table

_ARROW = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "boolean": pa.bool_(),
    "decimal(18,2)": pa.decimal128(18, 2),
}
# To list the distinct values of a column is more than half of what a write costs, and of raw text most are there once.
_WRITTEN = WriterProperties(
    compression="ZSTD",
    compression_level=1,
    statistics_truncate_length=64,  # as by default; without it whole values stand in the log
    default_column_properties=ColumnProperties(dictionary_enabled=False, statistics_enabled="CHUNK"),
)
# What lives for minutes is not worth the time to make it small: half of what a write costs. Spark knows the first alone.
_SCRATCH_OPTIONS = {"compression": "lz4_raw", "statistics_enabled": "none"}
# Operations of commits that change no row.
_HOUSEKEEPING = ("OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES")


class Lake:
    """The Delta tables of one workspace, by their names `layer.table`."""

    def __init__(self, workspace: Workspace, declared: dict[str, Table]):
        self._workspace = workspace
        self.declared = declared
        self._as_declared: set[str] = set()  # tables found to be so, which costs reading their log
        self._opened: dict[str, _Opened] = {}  # as they were after their last commit

    # --- what there is -------------------------------------------------------------------------------------------

    def path(self, name: str) -> Path:
        layer, _, table = name.partition(".")
        return self._workspace.lake / layer / table

    def exists(self, name: str) -> bool:
        return (self.path(name) / "_delta_log").is_dir() and DeltaTable.is_deltatable(str(self.path(name)))

    def existing(self) -> list[str]:
        """Names of all tables in the lake, declared or not, in the order of the layers."""
        names = []
        for layer in LAYERS:
            places = sorted((self._workspace.lake / layer).glob("*"))
            names += [f"{layer}.{place.name}" for place in places]
        return list(filter(self.exists, names))

    def is_empty(self, name: str) -> bool:
        return not self._latest(name).table.file_uris()

    def version(self, name: str) -> int:
        return self._latest(name).table.version()

    def has_rows_of(self, name: str, version: int) -> bool:
        """Whether no row has changed since a version: all commits after it kept house, and the log tells of each."""
        table = self._latest(name).table
        since = table.version() - version
        if since <= 0:
            return since == 0
        later = table.history(limit=since)
        return len(later) == since and all(commit.get("operation") in _HOUSEKEEPING for commit in later)

    # --- reading -------------------------------------------------------------------------------------------------

    def read(self, name: str, version: int | None = None) -> DataFrame:
        """The table as a frame of the engine, latest or at a version."""
        reader = session().read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(str(self._ensure(name)))

    def rows(self, name: str, where: dict[str, Any] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Rows equal to `where` without the engine; for tables and parts that fit in memory."""
        return self.arrow(name, where=where, columns=columns)

    def arrow(
        self,
        name: str,
        version: int | None = None,
        where: dict[str, Any] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """The table as Arrow, latest or at a version, columns as declared."""
        dataset = self.dataset(name, version)
        there = dataset.schema.names
        is_declared = name in self.declared
        names = list(columns or (self.declared[name].names if is_declared else there))
        condition = as_filter(where or {}, dataset.schema)
        found = dataset.to_table(filter=condition, columns=[column for column in names if column in there])
        if not is_declared:
            return found
        for column in names:
            if column not in there:  # declared after the version was written
                found = found.append_column(column, pa.nulls(found.num_rows))
        schema = self._arrow_schema(name)
        return found.select(names).cast(pa.schema(map(schema.field, names)))

    def dataset(self, name: str, version: int | None = None) -> ds.Dataset:
        if version is None:
            return self._latest(name).dataset
        path = self._ensure(name)
        return _Opened(path, DeltaTable(str(path), version=version)).dataset

    def empty(self, name: str) -> pa.Table:
        return self._arrow_schema(name).empty_table()

    def table_of(self, name: str, rows: list[dict[str, Any]]) -> pa.Table:
        """Rows given as dicts, in the declared schema; a missing or extra key is refused by name."""
        for row in rows:
            _compare(name, set(row), set(self.declared[name].names))
        return pa.Table.from_pylist(rows, schema=self._arrow_schema(name))

    def scratch(self, run_id: str, label: str, frame: DataFrame) -> DataFrame:
        """`frame` computed once into `runs/<run_id>/scratch/`: neither engine keeps a persisted frame."""
        path = str(self._workspace.scratch_dir(run_id) / label)
        frame.write.mode("overwrite").options(**_SCRATCH_OPTIONS).parquet(path)
        written = self.computed(run_id, label)  # to ask a frame for its schema has it planned once more
        return session().read.schema(frame.schema).parquet(path) if written is None else written

    def computed(self, run_id: str, label: str) -> DataFrame | None:
        """What `scratch` has kept under this label in the run; None where there is nothing."""
        path = self._workspace.scratch_dir(run_id) / label
        return session().read.parquet(str(path)) if any(path.glob("*.parquet")) else None

    def count_rows(self, name: str, version: int | None = None) -> int:
        """Rows of the table, latest or at a version, as its files tell; without the engine."""
        return int(self.dataset(name, version).count_rows())

    # --- writing -------------------------------------------------------------------------------------------------

    def replace_part(self, name: str, rows: pa.Table | pa.RecordBatchReader, where: dict[str, Any]) -> bool:
        """The rows equal to `where` become `rows`, in one commit; none where they are so already.

        A `RecordBatchReader` is streamed and therefore always written. Returns whether there was a commit.
        """
        self._check(name, rows.schema)
        if isinstance(rows, pa.Table):
            rows = rows.select(self.declared[name].names).cast(self._arrow_schema(name))
            known = self.rows(name, where)
            if known.num_rows == rows.num_rows and _same_rows(known, rows):
                return False
        with self._writing(name):
            self._overwrite(name, rows, as_predicate(where))
        return True

    def upsert(self, name: str, rows: pa.Table) -> bool:
        """Update or insert rows by the table's key in one commit; none if nothing differs.

        For tables that fit in memory: the table is written anew, because the MERGE of delta-rs leaves string views in
        its files, which the embedded engine does not always read.
        """
        self._check(name, rows.schema)
        key = self.declared[name].key
        self._ensure(name)
        with self._lock(name):  # reading as well: tasks of several sources record their files at the same time
            known = _rows_by_key(self.rows(name), key)
            wanted = known | _rows_by_key(rows, key)
            if wanted == known:
                return False
            self._overwrite(name, self.table_of(name, list(wanted.values())))
        committed(name)
        return True

    def merge(
        self, name: str, changes: DataFrame, run_id: str, is_computed: bool = False, are_new: bool = False
    ) -> int:
        """Apply `changes` (declared columns and `_op` = upsert or delete) by the table's key in one commit, if there are any.

        `is_computed` tells that they are read from scratch tables, so that reading them twice is cheap, `are_new` that the
        table has none of their keys. Returns the number of changed rows.
        """
        if is_computed:
            return self._apply(name, changes, are_new)
        label = f"merge-{name}"
        try:
            return self._apply(name, self.scratch(run_id, label, changes), are_new)
        finally:  # no end of a run comes by where a decision is carried out, and it holds what the table holds
            shutil.rmtree(self._workspace.scratch_dir(run_id) / label, ignore_errors=True)

    def _apply(self, name: str, changes: DataFrame, are_new: bool) -> int:
        """`merge` of changes that are cheap to read twice."""
        self._check(name, changes.drop("_op").schema)
        table, path = self.declared[name], self._ensure(name)
        changes = changes.select(*table.names, "_op")
        fresh = changes.where(F.col("_op") == "upsert").drop("_op")
        if are_new or self.is_empty(name):
            before = self.count_rows(name)
            if fresh.limit(1).count() > 0:
                with self._writing(name):
                    fresh.write.format("delta").mode("append").save(str(path))
            return self.count_rows(name) - before
        if (count := changes.count()) == 0:
            return 0
        # Changed keys lie scattered over all files, so that MERGE would rewrite them as well, at twice the cost.
        names = [column for column in table.names if column in table.key]
        keys = changes.select(*[F.col(column).alias(f"_{column}") for column in names])
        same = [F.col(column).eqNullSafe(F.col(f"_{column}")) for column in names]
        kept = self.read(name).select(*table.names).join(keys, same, "left_anti")
        with self._writing(name):
            kept.unionByName(fresh).write.format("delta").mode("overwrite").save(str(path))
        return count

    # --- fingerprints --------------------------------------------------------------------------------------------

    def fingerprint(self, name: str, version: int | None = None) -> tuple[int, str]:
        """Rows, and `rows-sum of row hashes` over all columns but volatile ones; equal on both engines."""
        return self.fingerprints({name: version})[name]

    def fingerprints(
        self, versions: Mapping[str, int | None], since: Mapping[str, tuple[int, str]] | None = None
    ) -> dict[str, tuple[int, str]]:
        """`fingerprint` of several tables, each latest or at a version; one action of the engine for all of them.

        `since` tells of tables an earlier version and its fingerprint: where files have only been added, these are read.
        """
        found: dict[str, tuple[int, str]] = {}
        parts = []
        for name, version in versions.items():
            if self._has_no_files(name, version):
                found[name] = 0, "0-0"
            else:
                parts.append(self._part_to_hash(name, version, (since or {}).get(name)))
        before = {part.name: part for part in parts}
        counted = reduce(DataFrame.unionByName, [part.counted for part in parts]).collect() if parts else []
        for row in counted:
            part = before[row["name"]]
            rows = part.rows_before + row["n"]
            found[part.name] = rows, f"{rows}-{part.sum_before + int(row['h'] or 0)}"
        return found

    def _has_no_files(self, name: str, version: int | None) -> bool:
        """Whether the version is the latest and has no rows; of others this is not known without reading them."""
        latest = self._latest(name).table
        return version in (None, latest.version()) and not latest.file_uris()

    def _part_to_hash(self, name: str, version: int | None, since: tuple[int, str] | None) -> "_Part":
        """What is to be read of a table for its fingerprint: all of a version, or the files added `since` a version."""
        frame = self.read(name, version)
        rows_before, sum_before = 0, 0
        added = self._added_files(name, since[0], version) if since else []
        if since and added:
            rows_before, sum_before = map(int, since[1].split("-", 1))
            frame = session().read.schema(frame.schema).parquet(*added)
        columns = self._hashed_columns(name, frame.columns)
        sum_of_hashes = F.sum(row_hash(columns).cast("decimal(38,0)"))
        counted = frame.agg(F.count(F.lit(1)).alias("n"), sum_of_hashes.alias("h"))
        return _Part(name, counted.select(F.lit(name).alias("name"), "n", "h"), rows_before, sum_before)

    def _hashed_columns(self, name: str, present: Sequence[str]) -> list[str]:
        """Those of the columns that a fingerprint is over, in the declared order: all but volatile ones."""
        declared = self.declared.get(name)
        if declared is None:
            return list(present)
        return [column.name for column in declared.columns if column.name in present and not column.volatile]

    def _added_files(self, name: str, since: int, version: int | None) -> list[str]:
        """Files of a version that an earlier one lacks; empty where that has a file or lacks a column more."""
        try:
            earlier, later = (DeltaTable(str(self._ensure(name)), version=v) for v in (since, version))
        except DeltaError:  # the log tells of the earlier one no longer
            return []
        before, now = set(earlier.file_uris()), set(later.file_uris())
        return sorted(now - before) if before <= now and earlier.schema() == later.schema() else []

    # --- inside --------------------------------------------------------------------------------------------------

    def _latest(self, name: str) -> "_Opened":
        """The table after its last commit, opened anew where there has been another one: opening reads the whole log."""
        return self._open(name, self._ensure(name))

    def _open(self, name: str, path: Path) -> "_Opened":
        commit = last_commit(path)
        known = self._opened.get(name)
        if known is None or commit is None or known.commit != commit:
            known = self._opened[name] = _Opened(path, DeltaTable(str(path)), commit)
        return known

    def _ensure(self, name: str) -> Path:
        """Create the table with its declared schema, or bring it up to what the declaration has gained."""
        path = self.path(name)
        if name in self._as_declared:
            return path
        check_log(self._workspace, name)
        table = self.declared.get(name)
        if not self.exists(name):
            if table is None:
                raise UserError(f"there is no table {name}; known: {', '.join(self.existing())}")
            with self._lock(name):
                if not self.exists(name):
                    create_table(path, table)
                    committed(name)
        elif table is not None and is_outgrown(self._open(name, path).table, table):
            with self._lock(name):
                bring_up(DeltaTable(str(path)), table)
        self._as_declared.add(name)
        return path

    def _check(self, name: str, schema: Any) -> None:
        """Raise UserError where a frame's columns or types are not the declared ones."""
        table = self.declared[name]
        if isinstance(schema, pa.Schema):
            given = {field.name: _type_name(field.type) for field in schema}
        else:
            given = {field.name: field.dataType.simpleString() for field in schema.fields}
        _compare(name, set(given), set(table.names))
        for column in table.columns:
            if given[column.name] not in (column.type, "null"):
                raise UserError(f"{name}: column {column.name} is {given[column.name]}, declared {column.type}")

    def _arrow_schema(self, name: str) -> pa.Schema:
        return pa.schema([(c.name, _ARROW[c.type]) for c in self.declared[name].columns])

    def _overwrite(self, name: str, rows: pa.Table | pa.RecordBatchReader, predicate: str | None = None) -> None:
        """Replace all rows, or those of a predicate; the table stays opened, as it is after this commit.

        A column that is declared no longer stays in the table, and is null in these rows.
        """
        path, table = self.path(name), self._latest(name).table
        has_more = any(field.name not in rows.schema.names for field in table.schema().fields)
        told: dict[str, Any] = {"schema_mode": "merge"} if predicate and has_more else {}
        try:
            write_deltalake(table, rows, mode="overwrite", predicate=predicate, writer_properties=_WRITTEN, **told)
        except DeltaError as error:
            # Its message may show the rows at fault, and no message of ours may.
            raise RuntimeError(f"{name}: the rows could not be written ({type(error).__name__})") from None
        self._opened[name] = _Opened(path, table, last_commit(path))

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        """Every commit passes here, one at a time for each table."""
        self._ensure(name)
        with self._lock(name):
            yield
        committed(name)

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        self._workspace.locks.mkdir(parents=True, exist_ok=True)
        with open(self._workspace.locks / f"{name}.lock", "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


@dataclass(frozen=True)
class _Opened:
    """A version of a table; `commit` tells its log's last file from any other, as `last_commit` does."""

    path: Path
    table: DeltaTable
    commit: tuple[str, int, int] | None = None

    @cached_property
    def dataset(self) -> ds.Dataset:
        files = pa.fs.SubTreeFileSystem(str(self.path), pa.fs.LocalFileSystem())
        # Not to_pyarrow_table(), which aborts the interpreter at exit now and then.
        return self.table.to_pyarrow_dataset(filesystem=files)


@dataclass(frozen=True)
class _Part:
    """One row `name`, `n`, `h` (rows and sum of row hashes) of what is read of a table, and what is known of the rest."""

    name: str
    counted: DataFrame
    rows_before: int
    sum_before: int


def committed(name: str) -> None:
    """Called after each commit; the kill test replaces it to stop the run at exactly that instant."""


def row_hash(columns: Sequence[str]) -> SparkColumn:
    """Hash of a row over `columns`: xxhash64 skips nulls, so each column's nullness is hashed too."""
    parts = [part for c in columns for part in (F.col(c), F.col(c).isNull())]
    return F.xxhash64(*parts)


def _compare(name: str, given: set[str], declared: set[str]) -> None:
    if extra := sorted(given - declared):
        raise UserError(f"{name}: undeclared column {', '.join(extra)}")
    if missing := sorted(declared - given):
        raise UserError(f"{name}: missing column {', '.join(missing)}")


def _type_name(type: pa.DataType) -> str:
    known = {str(arrow): name for name, arrow in _ARROW.items()} | {"large_string": "string", "string_view": "string"}
    return known.get(str(type), str(type))


def _same_rows(left: pa.Table, right: pa.Table) -> bool:
    return sorted(map(repr, left.to_pylist())) == sorted(map(repr, right.to_pylist()))


def _rows_by_key(rows: pa.Table, key: Sequence[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows by the values of their key, the last one of each."""
    return {tuple(row[column] for column in key): row for row in rows.to_pylist()}
