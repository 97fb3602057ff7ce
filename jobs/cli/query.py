"""`jiceng sql`: a query over the released tables by their bare names, or over the whole lake by `layer.table`."""

from typing import Any

from jobs.common.engine import session
from jobs.common.errors import UserError
from jobs.common.releases import find_release
from jobs.common.schemas import LAYERS
from jobs.common.stage import open_lake
from jobs.common.workspace import Workspace


def run_query(
    workspace: Workspace, query: str, release_id: str | None, all_layers: bool
) -> tuple[list[str], list[dict[str, Any]]]:
    """Column names and rows of one query.

    Released tables are pinned to the versions of their release; other layers are read as they are now.

    Raises:
        UserError: no such release, or the engine does not accept the query.
    """
    lake = open_lake(workspace)
    spark = session()
    if all_layers:
        for layer in LAYERS:
            spark.sql(f"create database if not exists {layer}")
        for name in lake.existing():
            spark.sql(f"create table if not exists {name} using delta location '{lake.path(name)}'")
    try:
        for name, entry in find_release(lake, release_id).tables.items():
            lake.read(f"refined.{name}", entry["version"]).createOrReplaceTempView(name)
    except UserError:
        if release_id is not None or not all_layers:
            raise
    try:
        found = spark.sql(query).toArrow()
    except Exception as error:
        raise UserError(f"the query cannot be run: {str(error).splitlines()[0]}") from error
    return found.column_names, found.to_pylist()
