"""`jiceng sql`: a query over the released tables by their bare names, or over the whole lake by `layer.table`."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from jobs.common.base.errors import Fault, UserError
from jobs.common.base.workspace import Workspace
from jobs.common.lake.delta_files import why_unreadable
from jobs.common.lake.engine import session
from jobs.common.lake.faults import explain, is_of_files
from jobs.common.lake.schemas import LAYERS
from jobs.common.lake.tables import Lake
from jobs.common.releases.releases import find_release
from jobs.common.run.stage import open_lake

_TELLING = ("show",)
# A table named by its path would be read unaudited, and may be anywhere.
_PATH = re.compile(r"[a-z]+[ \t\r\n]*\.[ \t\r\n]*`[^`]*/", re.IGNORECASE)
_QUERY = ("select", "with", "values", "table", "from")


def run_query(
    workspace: Workspace, query: str, release_id: str | None, all_layers: bool
) -> tuple[list[str], list[dict[str, Any]]]:
    """Column names and rows of one query; raises UserError as `open_query` does."""
    with open_query(workspace, query, release_id, all_layers) as frame:
        found = frame.toArrow()
    return found.column_names, found.to_pylist()


@contextmanager
def open_query(workspace: Workspace, query: str, release_id: str | None, all_layers: bool) -> Iterator[DataFrame]:
    """One query as a frame, not yet computed; what the engine says of it inside becomes a UserError.

    Released tables are pinned to the versions of their release; other layers are read as they are now.

    Raises:
        UserError: no such release, no query, one that the engine does not accept, or that gives a name twice.
    """
    query = query.strip().rstrip(";").rstrip()
    _check_words(query)
    spark = session()
    known = _name_tables(spark, open_lake(workspace), release_id, all_layers)
    try:
        frame = _plan(spark, query)
        names = frame.columns
    except Exception as error:
        raise _refusal(workspace, error, known) from error
    repeated = [name for name, count in sorted(Counter(names).items()) if count > 1]
    if repeated:
        raise UserError(f"the query gives more than one column {', '.join(repeated)}; name them apart with `as`")
    try:
        yield frame
    except PySparkException as error:
        raise _refusal(workspace, error, known) from error


def _check_words(query: str) -> None:
    """Raise UserError for what begins otherwise than a query, or reads a table by its path."""
    word = _first_word(query)
    if word not in _TELLING + _QUERY:
        raise UserError(f"`{word}` begins no query; `jiceng sql` only reads: {', '.join(_QUERY[:2] + _TELLING)}")
    if found_path := _PATH.search(query):
        raise UserError(f"{found_path[0]}… names a path; name tables, with --all-layers as layer.table")


def _plan(spark: SparkSession, query: str) -> DataFrame:
    """The query as the engine understands it."""
    if _first_word(query) not in _TELLING:
        # The engine would delete and create as readily. Only what can stand in brackets is a query and nothing else.
        _ = spark.sql(f"select * from (\n{query}\n) as query").schema
    return spark.sql(query)


def _refusal(workspace: Workspace, error: Exception, known: Sequence[str]) -> UserError:
    """What a query failed of: a damaged table, or the query itself."""
    told = explain(workspace, error) if is_of_files(error) else None
    return Fault(told) if told else UserError(_explain_error(str(error), known))


def _first_word(query: str) -> str:
    """The first word, after comments and brackets."""
    bare = re.sub(r"/\*.*?\*/|--[^\n]*", " ", query, flags=re.DOTALL)
    found = re.search(r"[^ \t\r\n(]+", bare)
    return found[0].lower() if found else ""


def _name_tables(spark: SparkSession, lake: Lake, release_id: str | None, all_layers: bool) -> list[str]:
    """Make the tables known to the engine by their names, and return these."""
    known = _name_layers(spark, lake) if all_layers else []
    try:
        release = find_release(lake, release_id)
    except UserError:
        if release_id is not None or not all_layers:
            raise
        return known
    for name, entry in release.tables.items():
        if why := why_unreadable(lake, f"refined.{name}", entry["version"]):
            raise Fault(f"release {release.release_id} cannot be read: {why}; `jiceng release list` shows the others")
        frame: DataFrame = lake.read(f"refined.{name}", entry["version"])
        frame.createOrReplaceTempView(name)
    return [*release.tables, *known]


def _name_layers(spark: SparkSession, lake: Lake) -> list[str]:
    """Make all tables of the lake known as `layer.table`, and return these names."""
    for layer in LAYERS:
        spark.sql(f"create database if not exists {layer}")
    names = lake.existing()
    for name in names:
        spark.sql(f"create table if not exists {name} using delta location '{lake.path(name)}'")
    return names


def _explain_error(error: str, known: Sequence[str]) -> str:
    """The engine's complaint in one line, with the names that there are."""
    told = next((line for line in error.splitlines() if line.strip()), "no reason given")
    told = re.sub(r"attribute ObjectName\(\[(.*?)\]\) is missing.*", _name_column, told)
    told = re.sub(r"^.*Table or view not found: (\S+).*$", r"there is no table \1", told)
    told = re.sub(r"^invalid argument: found (.*?) at [0-9:]+ expected .*$", r"its syntax breaks off at `\1`", told)
    if "no table" in told:
        told += f"; there are {', '.join(known)}"
        if not any("." in name for name in known):
            told += "; `--all-layers` shows the others"
    return f"the query cannot be run: {told}"


def _name_column(match: re.Match[str]) -> str:
    return "there is no column " + ".".join(re.findall(r'Identifier\("(.*?)"\)', match[1]))
