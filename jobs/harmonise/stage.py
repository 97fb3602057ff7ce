"""Harmonise: names, types, formats and codes of the model, each row's versions by night.

Reads: `raw.*`, conf. Writes: `harmonised.<record>`, `ops.issue`, `ops.quarantine` (rows without a usable key), `ops.rules`.
Refuses nothing: a value that could not be understood is null and an issue.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.file_decisions import files_read_anew, mark_worked_out, withdrawn_files
from jobs.common.intake.keyed_rows import RECORD_KEY, fed_records, record_rows
from jobs.common.lake.engine import run_concurrently
from jobs.common.lake.tables import row_hash
from jobs.common.lake.versions import compare_states, state_before, union_all, version_changes
from jobs.common.model.records import Record
from jobs.common.run.stage import Context
from jobs.common.run.workload import spare_memory_if_large
from jobs.harmonise.cleaning_rules import RuleState, rule_states, write_rules
from jobs.harmonise.object_batches import ObjectBatch, batches_of_night
from jobs.harmonise.records import clean_records, list_issues, record_texts

_ISSUE_KEY = ["system", "object", "file_id", "row_number", "record", "role", "field", "code"]
_PLACE = ["system", "object", "file_id", "row_number", "role"]
_OBJECT = ("system", "object")


@dataclass(frozen=True)
class View:
    """An object's rows as a record sees them in one role: `record_rows`."""

    obj: SourceObject
    role: str
    rows: DataFrame


@dataclass(frozen=True)
class Findings:
    """What a night finds of one record: cleaned rows by `state`, and the keys whose version ends.

    `state` is new, changed or, where the rules have changed and the row came out as it was, same.
    """

    record: Record
    cleaned: DataFrame
    closed: DataFrame
    under_new_rules: bool


def run(context: Context) -> None:
    """Key the rows of the night, set aside those without a usable key, clean what is new, changed or under new rules."""
    if context.plan["nothing_new"]:
        return
    spare_memory_if_large(context)
    lake, run_id, night = context.lake, context.run.run_id, context.run.night
    rules = rule_states(lake, context.conf, night)
    batches = batches_of_night(context, rules)

    def harmonise(record: Record) -> DataFrame | None:
        own = [rule for rule in rules if rule.record == record.name]
        feeding = batches_of_record(batches, own)
        return harmonise_record(context, record, feeding, own) if feeding else None

    found = run_concurrently(harmonise, context.conf.records.values())
    issues = [changes for changes in found if changes is not None]
    if issues:
        lake.merge("ops.issue", union_all(issues), run_id, is_computed=True)
    write_rules(lake, rules, night, {batch.place: batch.standing for batch in batches})
    mark_worked_out(lake, night, context.conf.sources)


def batches_of_record(batches: Sequence[ObjectBatch], rules: Sequence[RuleState]) -> list[ObjectBatch]:
    """The batches of objects that feed the record of the rules, or have fed it."""
    places = {rule.place for rule in rules}
    return [batch for batch in batches if batch.place in places]


def harmonise_record(
    context: Context, record: Record, batches: list[ObjectBatch], rules: Sequence[RuleState]
) -> DataFrame:
    """Bring one record's table to the state of the night in one commit; returns what changes of its issues."""
    lake, run_id, night = context.lake, context.run.run_id, context.run.night
    name = f"harmonised.{record.name}"
    scope = _in_scope(batch.place for batch in batches)
    is_first = lake.is_empty(name)
    before = state_before(lake.read(name).where(scope), night)
    found = find_first(context, record, batches) if is_first else find_changed(context, record, batches, rules, before)
    if is_first and lake.is_empty("ops.issue"):
        issues = first_issues(found, night)
    else:
        issues = issue_changes(context, found, before, scope)
    issues = lake.scratch(run_id, f"issues-{record.name}", issues)
    dates = {"valid_from": F.lit(night), "valid_to": F.lit(None).cast("date")}
    opened = found.cleaned.where(F.col("state") != "same").withColumns(dates).select(*lake.declared[name].names)
    if is_first:
        changes = opened.withColumn("_op", F.lit("upsert"))
    else:
        changes = version_changes(lake.read(name).where(scope), opened, found.closed, RECORD_KEY, night)
    count = lake.merge(name, changes, run_id, is_computed=is_first)
    context.log("harmonise", record.name, rows_written=count)
    return issues


def find_first(context: Context, record: Record, batches: list[ObjectBatch]) -> Findings:
    """All rows are new if the table is empty: the same as `find_changed`, which would compare them with nothing."""
    texts = _texts_of(record, _applying(_views(record, batches)))
    cleaned = clean_records(union_all(texts).withColumn("state", F.lit("new")), record, context.conf)
    cleaned = context.lake.scratch(context.run.run_id, f"cleaned-{record.name}", cleaned)
    return Findings(record, cleaned, cleaned.where(F.lit(False)).select(*RECORD_KEY), False)


def find_changed(
    context: Context, record: Record, batches: list[ObjectBatch], rules: Sequence[RuleState], before: DataFrame
) -> Findings:
    """Compare the rows with the state before the night and clean those that are new, changed or under new rules."""
    lake, run_id = context.lake, context.run.run_id
    views = _views(record, batches)
    applying = _applying(views)
    changed = [rule for rule in rules if rule.has_changed]
    states = compare_rows(before, applying, changed)
    states = lake.scratch(run_id, f"states-{record.name}", states)
    closed = ended_keys(states, before, views, batches)
    texts = _texts_of(record, applying)
    if not texts:  # an object has ceased to feed the record, and no other has anything tonight
        return Findings(record, _no_rows(record, before), closed, False)
    worked = union_all(texts).join(states.where(F.col("state") != "absent"), RECORD_KEY)
    worked = lake.scratch(run_id, f"texts-{record.name}", worked)
    cleaned = lake.scratch(run_id, f"cleaned-{record.name}", clean_records(worked, record, context.conf))
    if changed:
        settled = settle_same(cleaned, record, before, *_no_longer_placed(context, batches))
        cleaned = lake.scratch(run_id, f"settled-{record.name}", settled)
    closed = closed.unionByName(cleaned.where(F.col("state") == "changed").select(*RECORD_KEY))
    # Computed once: what follows reads it several times, and a deep plan would be planned as often.
    closed = lake.scratch(run_id, f"closed-{record.name}", closed)
    return Findings(record, cleaned, closed, bool(changed))


def compare_rows(before: DataFrame, views: Sequence[View], changed: Sequence[RuleState]) -> DataFrame:
    """`RECORD_KEY` and `state` of each row that is new, changed, absent, or under changed rules."""
    now = _hashes(before, [view.rows for view in views])
    under_new_rules = _in_scope(((*rule.place, rule.role) for rule in changed), (*_OBJECT, "role"))
    states = compare_states(before, now, RECORD_KEY, "row_hash")
    return states.where((F.col("state") != "unchanged") | under_new_rules)


def ended_keys(
    states: DataFrame, before: DataFrame, views: Sequence[View], batches: Sequence[ObjectBatch]
) -> DataFrame:
    """`RECORD_KEY` of the versions that end by absence.

    A row that came and says nothing of the record any longer ends it, whatever the export's mode.
    """
    absent = states.where(F.col("state") == "absent")
    silent = _hashes(before, [view.rows.where("not applies") for view in views])
    is_whole = _in_scope(batch.place for batch in batches if batch.ends_absent)
    fallen_silent = absent.where(~is_whole).join(silent, RECORD_KEY, "left_semi")
    return absent.where(is_whole).unionByName(fallen_silent).select(*RECORD_KEY)


def _hashes(before: DataFrame, frames: Sequence[DataFrame]) -> DataFrame:
    """Key and hash of all rows; of none with the columns of `before`."""
    hashed = [*RECORD_KEY, "row_hash"]
    nothing = before.where(F.lit(False)).select(*hashed)
    return union_all([nothing, *(frame.select(*hashed) for frame in frames)])


def _no_rows(record: Record, before: DataFrame) -> DataFrame:
    """What cleaning gives, without a row."""
    nothing = {"state": F.lit("new")}
    for field in record.fields:
        nothing[f"{field.name}__text"] = F.lit(None).cast("string")
        nothing[f"{field.name}__code"] = F.lit(None).cast("string")
    return before.where(F.lit(False)).withColumns(nothing)


def _no_longer_placed(context: Context, batches: Sequence[ObjectBatch]) -> tuple[set[str], Column]:
    """Files that were withdrawn, and whether a row is of an object whose files were read anew."""
    withdrawn = withdrawn_files(context.lake)
    read_anew = files_read_anew(context.lake, context.run.night)
    gone = {file_id for batch in batches for file_id in withdrawn[batch.place]}
    return gone, _in_scope(batch.place for batch in batches if read_anew[batch.place])


def settle_same(
    cleaned: DataFrame, record: Record, before: DataFrame, withdrawn: Collection[str] = (), moved: Column | None = None
) -> DataFrame:
    """Rows whose text is unchanged are `same` where their values are, and keep the place of their version; else changed.

    A version of a file that was withdrawn is never kept. Nor is one of the objects `moved`, whose files were read anew, unless
    the row stands where it stood: nobody can tell what stands there now. One row per row in: a key has one version before the
    night.
    """
    names = [field.name for field in record.fields]
    old = before.select(
        *RECORD_KEY,
        row_hash(names).alias("_values"),
        F.col("sheet").alias("_sheet"),
        F.col("file_id").alias("_file_id"),
        F.col("row_number").alias("_row_number"),
    )
    joined = cleaned.join(old, RECORD_KEY, "left")
    unchanged = F.col("state") == "unchanged"
    same = unchanged & (F.col("_values") == row_hash(names))
    if withdrawn:
        same = same & ~F.col("_file_id").isin(sorted(withdrawn))
    if moved is not None:
        stands = [F.col(f"_{name}") == F.col(name) for name in ("sheet", "file_id", "row_number")]
        same = same & (~moved | (stands[0] & stands[1] & stands[2]))
    settled = {
        "state": F.when(same, F.lit("same")).when(unchanged, F.lit("changed")).otherwise(F.col("state")),
        "file_id": F.when(same, F.col("_file_id")).otherwise(F.col("file_id")),
        "row_number": F.when(same, F.col("_row_number")).otherwise(F.col("row_number")),
    }
    return joined.select(*[settled.get(name, F.col(name)).alias(name) for name in cleaned.columns])


def first_issues(found: Findings, night: date) -> DataFrame:
    """The same as `issue_changes` where there is no issue yet: all that are found open with their row."""
    dates = {"opened": F.lit(night), "closed": F.lit(None).cast("date")}
    return list_issues(found.cleaned, found.record).withColumns({**dates, "_op": F.lit("upsert")})


def issue_changes(context: Context, found: Findings, before: DataFrame, scope: Column) -> DataFrame:
    """Rows for `ops.issue` with `_op`: issues open with their row version and close with it.

    A row cleaned anew that came out as it was keeps its issues, but for those that the new rules find or no longer find.
    """
    lake, run_id, night, record = context.lake, context.run.run_id, context.run.night, found.record
    issues = lake.read("ops.issue").where((F.col("record") == record.name) & scope)
    issues = issues.withColumnsRenamed({"opened": "valid_from", "closed": "valid_to"})
    standing = state_before(issues, night)
    opened = list_issues(found.cleaned.where(F.col("state") != "same"), record)
    ended = before.join(found.closed, RECORD_KEY, "left_semi").select(*_PLACE)
    closed = standing.join(ended, _PLACE, "left_semi").select(*_ISSUE_KEY)
    if found.under_new_rules:
        same = found.cleaned.where(F.col("state") == "same")
        still = list_issues(same, record)
        opened = opened.unionByName(still.join(standing, _ISSUE_KEY, "left_anti"))
        gone = standing.join(same.select(*_PLACE), _PLACE, "left_semi").join(still, _ISSUE_KEY, "left_anti")
        closed = closed.unionByName(gone.select(*_ISSUE_KEY))
    opened = opened.withColumns({"valid_from": F.lit(night), "valid_to": F.lit(None).cast("date")})
    opened = lake.scratch(run_id, f"issues-opened-{record.name}", opened)
    closed = lake.scratch(run_id, f"issues-closed-{record.name}", closed)
    changes = version_changes(issues, opened, closed, _ISSUE_KEY, night)
    return changes.withColumnsRenamed({"valid_from": "opened", "valid_to": "closed"})


def _views(record: Record, batches: list[ObjectBatch]) -> list[View]:
    """Rows that speak for their key, for each object and role that feeds the record."""
    found = []
    for batch in batches:
        roles = [role for fed, role in fed_records(batch.obj) if fed == record.name]
        for role in roles:
            rows = record_rows(batch.rows, batch.obj, record.name, role)
            found.append(View(batch.obj, role, rows.where(F.col("state") == "chosen")))
    return found


def _applying(views: Sequence[View]) -> list[View]:
    """Those rows that say something of the record."""
    return [replace(view, rows=view.rows.where("applies")) for view in views]


def _texts_of(record: Record, views: Sequence[View]) -> list[DataFrame]:
    return [record_texts(view.rows, record, view.obj, view.role) for view in views]


def _in_scope(places: Iterable[tuple[str, ...]], columns: Sequence[str] = _OBJECT) -> Column:
    scope = F.lit(False)
    for place in places:
        test = F.lit(True)
        for column, value in zip(columns, place, strict=True):
            test = test & (F.col(column) == value)
        scope = scope | test
    return scope
