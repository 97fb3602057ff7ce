"""Which entities a night's merge has to work out: those of mentions whose record, entity or id number is not what it was.

All others are in their candidate as they should be, if a merge of an earlier night has left it so under the same rules.
Whether one has, its record tells (`runs/<run_id>/merged.json`); where there is any doubt everything is worked out, which
gives the same tables.

Reads: `harmonised.*`, `links.*`, `ops.run`, what earlier runs recorded. Writes: the record of this run. Refuses: nothing.
"""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.engine import session
from jobs.common.relations import SOURCE_ROW
from jobs.common.rows import RECORD_KEY
from jobs.common.runs import all_runs
from jobs.common.stage import Context
from jobs.common.versions import union_all

_RECORD, _TRIED = "merged.json", "merging"
_HERE = Path(__file__).parent
# The code that decides what a candidate is.
_CODE = sorted(_HERE.glob("[a-z]*.py")) + [
    _HERE.parent / "common" / name
    for name in ("authority.py", "contract_rules.py", "model.py", "relations.py", "resident_id.py", "rows.py")
]
# Kinds whose entities are told the dwelling that the row of their address names.
_DWELLERS = ("resident", "household")


def last_record(context: Context) -> dict[str, Any] | None:
    """What the last merge recorded, where all that has changed since bears the mark of tonight; else None.

    It must be of an earlier night, of the last run that changed anything, and of the same rules; the candidates must be as it
    left them; and no earlier try of this run may have begun to write.
    """
    directory = context.workspace.run_dir
    if (directory(context.run.run_id) / _TRIED).exists():
        return None
    before = [
        run for run in all_runs(context.lake) if (run.night, run.number) < (context.run.night, context.run.number)
    ]
    for run in reversed(before):
        plan = directory(run.run_id) / "plan.json"
        if plan.exists() and json.loads(plan.read_text(encoding="utf-8"))["nothing_new"]:
            continue
        path = directory(run.run_id) / _RECORD
        record: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        same = record is not None and run.night < context.run.night and record["rules"] == _rules(context)
        return record if same and record is not None and record["candidates"] == _versions(context) else None
    return None


def begin(context: Context) -> None:
    """Note that this run has begun to write candidates."""
    (context.workspace.run_dir(context.run.run_id) / _TRIED).touch()


def keep_record(context: Context, copied: set[str]) -> None:
    """Record what the candidates have been made with; `copied` as `copied_mentions` found them."""
    record = {"rules": _rules(context), "candidates": _versions(context), "copied": sorted(copied)}
    path = context.workspace.run_dir(context.run.run_id) / _RECORD
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(record), encoding="utf-8")
    partial.rename(path)


def copied_mentions(context: Context) -> set[str]:
    """Mentions whose id number belongs to another."""
    rejected = {"decision": "reject", "reason": "id_held_by_another"}
    found = context.lake.rows("links.edge", rejected, ["mention_id"])
    return set(found.column("mention_id").to_pylist())


def touched_entities(context: Context, copied: set[str], households: DataFrame) -> DataFrame:
    """`kind`, `entity_id`, distinct: entities of tonight or before that may not be what they were.

    Args:
        context: whose tables are asked.
        copied: mentions whose id number was or is another's, and is so no longer or now.
        households: `entity_id` of households whose members are not who they were.
    """
    lake = context.lake
    night = F.lit(context.run.night)
    tonight = (F.col("valid_from") == night) | (F.col("valid_to") == night)
    kinds = [record.name for record in context.conf.model.values() if record.kind]
    mentions = lake.read("links.mention")
    changed = union_all(
        [
            lake.read(f"harmonised.{kind}").where(tonight).select(F.lit(kind).alias("kind"), *RECORD_KEY)
            for kind in kinds
        ]
    )
    changed = lake.scratch(context.run.run_id, "merge-changed", changed)
    moved = lake.read("links.assignment").where(tonight).select("mention_id", "kind", "entity_id")
    moved = lake.scratch(context.run.run_id, "merge-moved", moved)
    numbered = session().createDataFrame([(mention,) for mention in sorted(copied)], "mention_id string")
    other_home = mentions.join(moved.where(F.col("kind") == "dwelling").select("mention_id"), "mention_id", "left_semi")
    rows = changed.where(F.col("kind") == "dwelling").select(*SOURCE_ROW).unionByName(other_home.select(*SOURCE_ROW))
    dwellers = mentions.where(F.col("kind").isin(*_DWELLERS)).join(rows.distinct(), SOURCE_ROW, "left_semi")
    found = [
        moved,
        mentions.join(changed, ["kind", *RECORD_KEY], "left_semi"),
        mentions.join(numbered, "mention_id", "left_semi"),
        dwellers,
        households.withColumn("kind", F.lit("household")),
    ]
    return union_all([frame.select("kind", "entity_id") for frame in found]).distinct()


def other_households(households: DataFrame, heads: DataFrame) -> DataFrame:
    """`entity_id` of households whose head or number of members is not what their candidate says; unique.

    Args:
        households: the candidate.
        heads: `to_id`, `head_id`, `member_count`, unique by household.
    """
    now = heads.select(
        F.col("to_id").alias("entity_id"), F.col("head_id").alias("_head"), F.col("member_count").alias("_n")
    )
    both = households.select("entity_id", "head_id", "member_count").join(now, "entity_id", "left")
    same = F.col("head_id").eqNullSafe(F.col("_head")) & (F.col("member_count") == F.coalesce(F.col("_n"), F.lit(0)))
    return both.where(~same).select("entity_id")


def _versions(context: Context) -> dict[str, int]:
    return {name: context.lake.version(f"candidate.{name}") for name in context.conf.model}


def _rules(context: Context) -> str:
    """Hash of the configuration and of the code that merges: whoever changes it may have changed any candidate."""
    return hashlib.sha256(f"{context.conf.hash} {_code_hash()}".encode()).hexdigest()[:16]


@cache
def _code_hash() -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in _CODE)).hexdigest()
