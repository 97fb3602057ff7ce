"""Rows that stand from earlier nights, for nights whose rules have changed: harmonise cleans them anew, the books count them.

Reads: `raw.*`, `harmonised.*`, `ops.file`. Writes nothing but scratch. Refuses: to work without raw rows that stand.
"""

from collections.abc import Iterable
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.base.errors import UserError
from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import ActiveFile
from jobs.common.intake.file_decisions import is_shaken, remaining_nights
from jobs.common.intake.keyed_rows import keyed_rows
from jobs.common.intake.received_files import received_files
from jobs.common.lake.tables import Lake
from jobs.common.lake.versions import state_before, union_all

_POSITION = ["file_id", "row_number"]


def rows_to_reprocess(
    lake: Lake, run_id: str, obj: SourceObject, records: Iterable[str], night: date, tonight: DataFrame | None
) -> tuple[DataFrame, list[str]] | None:
    """Raw rows of the versions current before `night`, keyed under its contract, and the files they are of; where a file of
    the object was withdrawn, those that are current without it.

    Args:
        records: all that the object feeds or has fed.
        tonight: keyed rows of the night's files; keys that they hold are left out.

    Returns:
        None where nothing stands.

    Raises:
        UserError: raw rows of such versions are gone.
    """
    if is_shaken(lake, obj, night):
        return remaining_rows(lake, run_id, obj, night, tonight)
    own = (F.col("system") == obj.system) & (F.col("object") == obj.name)
    versions = [state_before(lake.read(f"harmonised.{name}").where(own), night) for name in sorted(set(records))]
    places = union_all([frame.select(*_POSITION) for frame in versions]).distinct()
    places = lake.scratch(run_id, f"places-{obj.raw_table}", places)
    ids = {row["file_id"] for row in places.select("file_id").distinct().toArrow().to_pylist()}
    if not ids:
        return None
    known = received_files(lake, {"system": obj.system, "object": obj.name, "file_id": sorted(ids)})
    files = [ActiveFile(file.file_id, file.name, file.as_of, False) for file in known]
    files.sort(key=lambda file: (file.as_of, file.name, file.file_id))
    rows = lake.scratch(run_id, f"standing-{obj.raw_table}", keyed_rows(lake, obj, files, places))
    if rows.count() < places.count():
        raise UserError(
            f"{obj.raw_table}: rows that stand are gone from it, so the changed rules cannot be applied to them; "
            "restore the table from a backup, or take the change back and hand in a whole export with it"
        )
    return _without(rows, tonight), sorted(ids)


def remaining_rows(
    lake: Lake, run_id: str, obj: SourceObject, night: date, tonight: DataFrame | None
) -> tuple[DataFrame, list[str]]:
    """As `rows_to_reprocess`, of an object of which a file was withdrawn: the row that speaks for each key without it."""
    nights = remaining_nights(lake, obj, night)
    if not nights:
        nothing = keyed_rows(lake, obj, [])
        return lake.scratch(run_id, f"standing-{obj.raw_table}", nothing), []
    frames = [keyed_rows(lake, obj, known.files).withColumn("_age", F.lit(age)) for age, known in enumerate(nights)]
    rows = union_all(frames).where(F.col("state") == "chosen")
    latest = rows.groupBy("source_key").agg(F.min("_age").alias("_age"))
    rows = rows.join(latest, ["source_key", "_age"], "left_semi").drop("_age")
    files = sorted({file.file_id for known in nights for file in known.files})
    return _without(lake.scratch(run_id, f"standing-{obj.raw_table}", rows), tonight), files


def _without(rows: DataFrame, tonight: DataFrame | None) -> DataFrame:
    """The rows whose keys have not come tonight."""
    if tonight is None:
        return rows
    came = tonight.where(F.col("state") == "chosen").select("source_key")
    return rows.join(came, "source_key", "left_anti").select(*tonight.columns)
