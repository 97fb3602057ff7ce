"""`jiceng sources try`: what the pipeline would say of an export, before it is handed in.

The stages themselves work on it, up to harmonise, in a workspace of its own that is removed again; what they find is read
from their tables. Refuses: a file of which nobody can tell whose it is.
"""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from io import StringIO
from itertools import groupby
from operator import itemgetter
from pathlib import Path, PurePath
from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from rich.text import Text

from jobs import extract, harmonise, land, start
from jobs.common.base.errors import UserError
from jobs.common.base.file_names import read_name, shown, spell_name
from jobs.common.base.suggestions import nearest_word
from jobs.common.base.workspace import Workspace, init_workspace
from jobs.common.contracts.sources import Source, SourceObject
from jobs.common.intake.deliveries import ActiveFile
from jobs.common.intake.inbox import explain_waiting, give, is_unfinished, left_behind, waiting_files
from jobs.common.intake.keyed_rows import keyed_rows
from jobs.common.intake.received_files import FileStatus, ReceivedFile, received_files
from jobs.common.lake.engine import session
from jobs.common.run.conf import Conf
from jobs.common.run.runs import CLI
from jobs.common.run.stage import Context
from jobs.read.output import print_table, print_text

COLUMNS = [
    "system", "object", "sheet", "file", "what", "column", "reason", "rows", "share", "zh", "en", "examples", "detail",
]  # fmt: skip
ACCEPTED = FileStatus.ACCEPTED.value
_UNFINISHED = "its name says that it is still being copied; try it under its final name"
_EXAMPLES = 5
_TERMS = {
    "read": {"zh": "文件的行数，含表头和空行", "en": "rows of the file, headers and blank rows included"},
    "landed": {"zh": "作为记录接收的行数", "en": "rows taken as records"},
    "quarantined": {"zh": "被搁置的行数", "en": "rows set aside, for the reasons below"},
    "skipped": {"zh": "不含记录的行数", "en": "rows that hold no record"},
}
_SENTENCES = {
    ACCEPTED: {"zh": "文件可以接收", "en": "The file would be accepted"},
    "duplicate": {"zh": "与前面的行完全相同，只算一次", "en": "The same row as an earlier one; it counts once"},
}


@dataclass(frozen=True)
class Export:
    """A file, whose it is, and the name below `inbox/<system>/` under which it is tried.

    `fits` tells that this is the name it has; otherwise it would be refused as it is called.
    """

    path: Path
    system: str
    name: str
    fits: bool


def try_file(
    path: Path,
    conf: Conf,
    night: date,
    system: str | None = None,
    object: str | None = None,
    on_step: Callable[[str], None] = lambda told: None,
) -> list[dict[str, Any]]:
    """What would become of a file handed in on `night`: of each object its verdict, its rows, and the doubts by column.

    Examples are row numbers; no value is shown. Nothing is kept.

    Args:
        path: the file.
        conf: the configuration to go by.
        night: when it would be handed in; a day in the file's name must not lie after it.
        system: whose file it is, where paths and folder do not tell.
        object: only this object of the contract; then a file of any name is looked into.
        on_step: called with a line before each step that may take long.

    Raises:
        UserError: no such file, or nobody can tell whose it is.
    """
    _check_readable(path)
    export = find_contract(path, conf, system, object)
    with _scratch_workspace() as workspace:
        on_step(f"reading {shown(path.name)}")
        context = land_export(workspace, conf, night, export)
        files = _taken_files(context, conf, path)
        files = [file for file in files if file.object == object] or files
        _harmonise_landed(context, files, on_step)
        return [row for file in files for row in describe_file(context, export, file)]


def _check_readable(path: Path) -> None:
    """Raise UserError if there is no such file or this user may not read it."""
    if not path.is_file():
        raise UserError(f"there is no file {shown(str(path))}")
    if not os.access(path, os.R_OK):
        raise UserError(f"this user may not read {shown(str(path))}; change its mode")


def _taken_files(context: Context, conf: Conf, path: Path) -> list[ReceivedFile]:
    """The file as each object of its contract has received it; raises UserError if none has."""
    files = received_files(context.lake)
    if files:
        return files
    left = waiting_files(context.workspace, conf.sources, left_behind(context.workspace, context.run.run_id))
    why = "".join(f": {told}" for told in explain_waiting(left, conf).values())
    state = "while it is written to" if "being_written" in left.values() else "as it is called"
    raise UserError(f"no run would take {shown(path.name)} {state}{why}")


def _harmonise_landed(context: Context, files: Sequence[ReceivedFile], on_step: Callable[[str], None]) -> None:
    landed = [file.rows_read or 0 for file in files if file.status is FileStatus.ACCEPTED]
    if landed:
        on_step(f"checking {sum(landed):,} rows")
        with redirect_stderr(StringIO()):  # the stages write lines for the night's log
            harmonise.run(context)


# --- whose file it is -------------------------------------------------------------------------------------------------


def find_contract(path: Path, conf: Conf, system: str | None, object: str | None) -> Export:
    """Whose export a file is: by its folder, where that is a system whose paths fit; else by the paths that fit alone.

    Raises:
        UserError: none or several fit; no such system or object.
    """
    path = path.absolute()
    known = [*conf.sources, *conf.refused_contracts]
    if system is not None:
        _check_system(system, known)
    if is_unfinished(path.name):
        raise UserError(f"{shown(path.name)}: {_UNFINISHED}")
    named = [system] if system else known
    names = {name: fitting_name(path, conf.sources.get(name), name) for name in named}
    fitting = {name: found for name, found in names.items() if found}
    chosen = _choose_system(path, fitting, named) or system
    if chosen is None:
        paths = "; ".join(f"{obj.system} {obj.path}" for obj in conf.objects)
        raise UserError(f"no path fits {shown(path.name)}: {paths}. Name its system with --system, or rename it")
    if object is None and chosen in fitting:
        return Export(path, chosen, fitting[chosen], True)
    return _name_object(path, chosen, fitting.get(chosen), conf.sources.get(chosen), object)


def _check_system(system: str, known: Collection[str]) -> None:
    """Raise UserError if no contract declares the system."""
    if system in known:
        return
    near = nearest_word(system, known)
    hint = f"; did you mean {near}?" if near else ""
    raise UserError(f"no contract declares the system {system}{hint}")


def _choose_system(path: Path, fitting: Mapping[str, str], named: Collection[str]) -> str | None:
    """The system of the nearest folder among those whose paths fit; else the only one that fits; else that of a folder.

    Raises:
        UserError: the paths of several fit, and no folder tells which is meant.
    """
    folders = [part for part in reversed(path.parent.parts) if part in named]
    by_folder = [folder for folder in folders if folder in fitting]
    if by_folder:
        return by_folder[0]
    if len(fitting) > 1:
        raise UserError(f"the paths of {', '.join(fitting)} fit {shown(path.name)}; name one with --system")
    return next(iter([*fitting, *folders]), None)


def _name_object(path: Path, system: str, fitting: str | None, source: Source | None, object: str | None) -> Export:
    """The export as the object named; a file of another name is given one that fits the object's path."""
    if source is None or object is None:
        return Export(path, system, fitting or read_name(path.name), fitting is not None)
    obj = _find_object(source, system, object)
    if fitting is not None and fnmatchcase(fitting, obj.path):
        return Export(path, system, fitting, True)
    name = obj.path.replace("*", read_name(path.stem))
    if not fnmatchcase(name, obj.path):
        raise UserError(f"{shown(path.name)} does not fit the path {obj.path} of {system} {object}; rename it")
    return Export(path, system, name, False)


def _find_object(source: Source, system: str, name: str) -> SourceObject:
    """An object of a system by its name; raises UserError if it has none of that name."""
    by_name = {obj.name: obj for obj in source.objects}
    if name not in by_name:
        raise UserError(f"{system} has no object {name}; it has {', '.join(by_name)}")
    return by_name[name]


def fitting_name(path: PurePath, source: Source | None, system: str) -> str | None:
    """The file's path below the system's folder, or below any folder above it, that fits an object of the contract."""
    if source is None:
        return None
    parts = list(map(read_name, path.parts))
    below = [at + 1 for at, part in enumerate(parts[:-1]) if part == system]
    for begin in [*reversed(below), *range(len(parts) - 1, 0, -1)]:
        name = "/".join(parts[begin:])
        if any(fnmatchcase(name, obj.path) for obj in source.objects):
            return name
    return None


# --- the stages, on their own -----------------------------------------------------------------------------------------


@contextmanager
def _scratch_workspace() -> Iterator[Workspace]:
    """A workspace that is gone afterwards, also when the command is told to end: it holds personal data."""

    told_to_end = False

    def stop(*_: object) -> None:
        nonlocal told_to_end
        told_to_end = True
        sys.exit(128 + signal.SIGTERM)

    folder = Path(tempfile.mkdtemp(prefix="jiceng-"))
    before = signal.signal(signal.SIGTERM, stop)
    try:
        try:
            workspace = init_workspace(folder / "workspace")
        except UserError as error:
            raise UserError(f"no scratch tables can be kept below {folder.parent}; set TMPDIR: {error}") from error
        yield workspace
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        signal.signal(signal.SIGTERM, before)
    if told_to_end:  # while a destructor was running, where Python drops what is raised
        sys.exit(128 + signal.SIGTERM)


def land_export(workspace: Workspace, conf: Conf, night: date, export: Export) -> Context:
    """Hand the file in and land it; returns the context of the run."""
    place = workspace.inbox / export.system / spell_name(export.name)
    place.parent.mkdir(parents=True)
    give(export.path, place)
    if any(obj.ready == "done" for obj in _objects(conf, export.system)):
        place.with_name(place.name + ".done").touch()

    with redirect_stderr(StringIO()):
        context = start.run(workspace, night, CLI, conf)
        extract.run(context, export.system)
        land.run(context, export.system)
    return context


def _objects(conf: Conf, system: str) -> tuple[SourceObject, ...]:
    return conf.sources[system].objects if system in conf.sources else ()


# --- what they found --------------------------------------------------------------------------------------------------


def describe_file(context: Context, export: Export, file: ReceivedFile) -> list[dict[str, Any]]:
    """Everything said of one object of the file: verdict, rows, rows set aside or skipped, and doubts by column.

    Args:
        context: of the run that landed it.
        export: the file.
        file: as the run knows it.
    """
    found = [_verdict(context.conf, export, file)]
    if file.status is FileStatus.ACCEPTED:
        found += describe_rows(context, file)
    place = {"system": file.system, "object": file.object, "sheet": file.sheet, "file": shown(export.path.name)}
    return [{name: (place | row).get(name) for name in COLUMNS} for row in found]


def describe_rows(context: Context, file: ReceivedFile) -> list[dict[str, Any]]:
    """The terms of a file's rows, then what is doubtful of them, each reason with the share of rows that it concerns."""
    reasons = context.conf.reasons
    obj = next(obj for obj in context.conf.objects if obj.place == file.place)
    landed = context.lake.read(obj.raw_table)
    aside, skipped = (_of(context, name, obj) for name in ("ops.quarantine", "ops.skipped"))
    set_aside_later = aside.where("stage <> 'land'").select("row_number").distinct()
    taken = landed.join(set_aside_later, "row_number", "left_anti")
    read = file.rows_read or 0
    counts = {"read": read, "landed": taken.count(), "quarantined": aside.count(), "skipped": skipped.count()}
    found: list[dict[str, Any]] = [
        {"what": "rows", "reason": term, "rows": count, **_sentence(_TERMS, term)} for term, count in counts.items()
    ]
    rows_of_values = landed.count()
    found += _with_shares("set aside", aside, reasons["row"], read)
    found += _with_shares("skipped", skipped, reasons["skipped"], read)
    found += _with_shares("duplicate", _duplicates(context, obj, file), _SENTENCES, rows_of_values)
    found += _with_shares("value", _doubts(context, obj), reasons["issue"], rows_of_values)
    return found


def _with_shares(what: str, rows: DataFrame, listed: dict[str, dict[str, str]], total: int) -> list[dict[str, Any]]:
    """Rows by reason and column, with their share of `total` and the sentence of the reason."""
    found = []
    for row in count_places(rows):
        share = round(row["rows"] / total, 4)
        found.append({"what": what, **row, "share": share, **_sentence(listed, row["reason"])})
    return found


def _verdict(conf: Conf, export: Export, file: ReceivedFile) -> dict[str, Any]:
    reason, detail = file.reason or ACCEPTED, file.detail
    if reason == ACCEPTED and not export.fits:
        declared = [obj.path for obj in _objects(conf, export.system) if obj.name == file.object]
        reason, detail = "unknown_file", f"declared path: {', '.join(declared)}"
    if reason == ACCEPTED:
        return {"what": "file", "reason": reason, **_SENTENCES[reason]}
    told = filter(None, (detail, conf.reasons["file"][reason].get("mend")))
    return {"what": "file", "reason": reason, **_sentence(conf.reasons["file"], reason), "detail": "; ".join(told)}


def _sentence(listed: dict[str, dict[str, str]], reason: str) -> dict[str, str]:
    return {language: listed[reason][language] for language in ("zh", "en")}


def _of(context: Context, name: str, obj: SourceObject) -> DataFrame:
    """Rows of a table of operations about one object, with the column of the file they speak of where there is one."""
    own = (F.col("system") == obj.system) & (F.col("object") == obj.name)
    return context.lake.read(name).where(own).withColumn("column", F.lit(None).cast("string"))


def _duplicates(context: Context, obj: SourceObject, file: ReceivedFile) -> DataFrame:
    """Rows that are the same as an earlier one."""
    active = ActiveFile(file.file_id, file.name, file.as_of, False)
    keyed = keyed_rows(context.lake, obj, [active]).where("state = 'duplicate'")
    return keyed.select("row_number", F.lit(None).cast("string").alias("column"), F.col("state").alias("reason"))


def _doubts(context: Context, obj: SourceObject) -> DataFrame:
    """Doubtful values by the header of their column, which may feed several fields: one row per place, header and code."""
    headers = [(feed.record, feed.role, feed.field, column.header) for column in obj.columns for feed in column.feeds]
    fed = session().createDataFrame(headers, "record string, role string, field string, header string")
    issues = _of(context, "ops.issue", obj).drop("column").join(F.broadcast(fed), ["record", "role", "field"], "left")
    issues = issues.where("header is not null or record = ''")
    header = F.coalesce("header", F.concat(F.lit("column "), F.col("field")))  # one without a header feeds nothing
    return issues.select("row_number", header.alias("column"), F.col("code").alias("reason")).distinct()


def count_places(rows: DataFrame) -> list[dict[str, Any]]:
    """How many rows there are by column and reason, the most frequent first, with the first row numbers as examples."""
    by = ["column", "reason"]
    rank = F.row_number().over(Window.partitionBy(*by).orderBy("row_number"))
    ranked = rows.select(*by, "row_number").withColumn("_rank", rank)
    counted = ranked.groupBy(*by).agg(
        F.count(F.lit(1)).alias("rows"),
        F.sort_array(F.collect_list(F.when(F.col("_rank") <= _EXAMPLES, F.col("row_number")))).alias("examples"),
    )
    found = counted.toArrow().to_pylist()
    return sorted(found, key=lambda row: (-row["rows"], row["column"] or "", row["reason"]))


# --- for people -------------------------------------------------------------------------------------------------------


def print_findings(rows: list[dict[str, Any]]) -> None:
    """The findings for people: verdict and rows of each object, then what is to be looked at, as a table.

    Args:
        rows: from `try_file`; those of an object stand together, its verdict first.
    """
    for _, found in groupby(rows, itemgetter("system", "object", "sheet")):
        verdict, *others = found
        _print_verdict(verdict)
        terms = {row["reason"]: row["rows"] for row in others if row["what"] == "rows"}
        if terms:
            parts = " + ".join(f"{terms[term]:,} {term}" for term in ("landed", "quarantined", "skipped"))
            print_text(Text(f"  {terms['read']:,} read = {parts}"))
        doubts = [_shown(row) for row in others if row["what"] != "rows"]
        if doubts:
            print_table(doubts, list(doubts[0]))
        elif terms:
            print_text(Text("  no doubts"))


def _print_verdict(verdict: dict[str, Any]) -> None:
    """Whether an object's file would be accepted; if not, why, and what to do."""
    place = " ".join(filter(None, (verdict["system"], verdict["object"], verdict["sheet"])))
    is_accepted = verdict["reason"] == ACCEPTED
    state = ACCEPTED if is_accepted else f"refused ({verdict['reason']})"
    print_text(Text(f"{place}  {verdict['file']}: {state}", style="bold"))
    reasons = () if is_accepted else (verdict["zh"], verdict["en"], *verdict["detail"].split("; "))
    for line in reasons:
        print_text(Text(f"  {line}"))


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    places = ", ".join(map(str, row["examples"])) + (", …" if row["rows"] > len(row["examples"]) else "")
    return {
        "where": row["column"] or row["what"],
        "rows": row["rows"],
        "share": f"{row['share']:.1%}",
        "reason": row["reason"],
        "zh": row["zh"],
        "en": row["en"],
        "in row": places,
    }
