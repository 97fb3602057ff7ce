"""Declared schemas of every table of the lake: name, type, level and meaning of each column.

Tables of raw, harmonised, candidate and refined follow from contracts and model; those of ops and links are written here.
Levels: 1 open, 2 internal, 3 personal, 4 sensitive personal. Only levels 1 and 2 enter Delta's column statistics.
"""

from dataclasses import dataclass

from jobs.common.contracts.sources import Source, SourceObject
from jobs.common.model.model_table import ModelTable
from jobs.common.model.records import ModelField, Record

LAYERS = ("raw", "harmonised", "links", "candidate", "refined", "ops")


@dataclass(frozen=True)
class Column:
    """A declared column; `volatile` ones (Delta versions, wall-clock) are no part of a fingerprint."""

    name: str
    type: str
    comment: str
    level: int = 1
    required: bool = False
    volatile: bool = False


@dataclass(frozen=True)
class Table:
    """A declared table, named `layer.table`; `key` is unique (an empty key promises nothing)."""

    name: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


def _key(name: str, comment: str, type: str = "string") -> Column:
    return Column(name, type, comment, level=1, required=True)


_ROW = (
    _key("system", "system that exported the row"),
    _key("object", "object of the system's contract"),
    _key("sheet", "sheet of the workbook, empty for other files"),
    _key("file_id", "sha256 of the file's bytes"),
    _key("row_number", "line or sheet row where the record starts, 1-based, headers counted", "bigint"),
)
_RAW_TEXT = Column("raw", "string", "the row or value as received", level=4)

# fmt: off
_STATIC = (
    Table("ops.run", "One row per run.", ("run_id",), (
        _key("run_id", "night and number of the run within it"),
        _key("night", "night the run belongs to", "date"),
        _key("driver", "jiceng run, or airflow"),
        Column("started_at", "timestamp", "when it was opened (UTC)", volatile=True),
        Column("ended_at", "timestamp", "when it was closed (UTC); null while open", volatile=True),
        Column("verdict", "string", "complete, incomplete, refused, crashed or abandoned"),
        Column("engine", "string", "engine and version", volatile=True),
        Column("code_version", "string", "version of the code, and a hash of its files"),
        Column("config_hash", "string", "configuration snapshot in archive/conf/"),
    )),
    Table("ops.delivery", "One row per file handed over in a run, also of bytes seen before.",
          ("run_id", "system", "object", "sheet", "name"), (
        _key("run_id", "run that works on the file"),
        _key("night", "night it was taken", "date"),
        _key("system", "folder of the inbox it came from"),
        _key("object", "object of the contract; empty when no path fits"),
        _key("sheet", "sheet of the workbook, empty for other files"),
        Column("name", "string", "path below inbox/<system>/; it may name people", level=3, required=True),
        _key("file_id", "sha256 of the bytes"),
        Column("as_of", "date", "day the export speaks of"),
    )),
    Table("ops.file", "One row per system, object, sheet and content.", ("system", "object", "sheet", "file_id"), (
        _key("file_id", "sha256 of the bytes"),
        _key("system", "folder of the inbox it came from"),
        _key("object", "object of the contract; empty when no path fits"),
        _key("sheet", "sheet of the workbook, empty for other files"),
        Column("name", "string", "path below inbox/<system>/ when first taken; it may name people", level=3, required=True),
        _key("night", "night it was first taken", "date"),
        Column("as_of", "date", "day the export speaks of"),
        _key("status", "waiting (to be landed), accepted, refused, late, held or withdrawn"),
        Column("reason", "string", "code of conf/reasons.yml, where refused, late, held or withdrawn"),
        Column("detail", "string", "headers, sheets or encodings concerned; never a cell's value"),
        Column("rows_read", "bigint", "rows the parser counted, headers and blanks included"),
        Column("read_in", "string", "run under whose contract its rows were read", volatile=True),
        Column("refused_in", "string", "run whose contract refuses it although an earlier one read it", volatile=True),
    )),
    Table("ops.decision", "One row per file that a person's decision or a mended contract takes out, lets in or reads anew.",
          ("system", "object", "sheet", "file_id", "decision"), (
        _key("decision", "withdraw, accept, or read (anew, under another contract)"),
        _key("file_id", "sha256 of the bytes"), _key("system", "system of the file"), _key("object", "object of the file"),
        _key("sheet", "sheet of the file"),
        _key("after_run", "last run before the decision; of read the run that has read it"),
        Column("night", "date", "night in which it took effect; null until then"),
        Column("approved_by", "string", "who decided", level=2), Column("because", "string", "why", level=2),
    )),
    Table("ops.quarantine", "Rows set aside with a reason.", (), (
        *_ROW, _key("stage", "stage that set it aside"), _key("reason", "code of conf/reasons.yml"), _RAW_TEXT,
    )),
    Table("ops.skipped", "Rows that hold no record: headers, titles, blanks, totals, signatures.", (), (
        *_ROW, _key("stage", "stage that skipped it"), _key("reason", "code of conf/reasons.yml"), _RAW_TEXT,
    )),
    Table("ops.issue", "Doubts about single values; closed when the row version they belong to is.",
          ("system", "object", "file_id", "row_number", "record", "role", "field", "code", "opened"), (
        *_ROW,
        _key("record", "record of the model; empty for an issue of the file's own"),
        _key("role", "whom the columns speak of; empty for an issue of the file's own"),
        _key("field", "field of the record, or letter of the column without a header"),
        _key("code", "code of conf/reasons.yml"), _RAW_TEXT,
        _key("opened", "night it was found", "date"), Column("closed", "date", "night its row version ended; null while open"),
    )),
    Table("ops.ledger", "The books: one row per run, file or record, and term.",
          ("run_id", "file_id", "system", "object", "sheet", "record", "term"), (
        _key("run_id", "run that wrote it"), _key("night", "night of the run", "date"),
        Column("file_id", "string", "file of the term; null for totals of a record or kind"),
        Column("system", "string", "system of the file"), Column("object", "string", "object of the file"),
        Column("sheet", "string", "sheet of the file"),
        Column("record", "string", "record (with @role where it is not the person); null for a file's own terms"),
        _key("term", "term of the books"), _key("rows", "count", "bigint"),
        # Nothing that the key does not tell; left out, so that books of before have the fingerprint that they had.
        Column("equation", "string", "of a product's term: the equation it stands in", volatile=True),
    )),
    Table("ops.profile", "How the columns of the candidates are filled; counts only.",
          ("run_id", "table_name", "field", "code"), (
        _key("run_id", "run that audited"), _key("night", "night of the run", "date"),
        _key("table_name", "table without its layer"),
        Column("field", "string", "field that may be empty; null for the table's rows"),
        Column("code", "string", "one of its codes; null for its rows with a value"), _key("rows", "count", "bigint"),
    )),
    Table("ops.rules", "What decides how an object's rows become a record, from which night on.",
          ("night", "system", "object", "record", "role"), (
        _key("night", "first night of the rules", "date"), _key("system", "system of the object"),
        _key("object", "object of the system's contract"), _key("record", "record of the model"),
        _key("role", "whom the columns speak of"),
        Column("rules_hash", "string", "hash of contract, model, code lists and cleaning code; null: fed no longer",
               volatile=True),
        Column("standing", "bigint", "rows that stood from earlier nights and were cleaned anew; null: none was asked for"),
    )),
    Table("ops.audit", "Verdict of each rule on an exact table version.", ("run_id", "table_name", "rule"), (
        _key("run_id", "run that audited"), _key("table_name", "table without its layer"),
        Column("version", "bigint", "Delta version that was audited", volatile=True),
        Column("fingerprint", "string", "fingerprint of that version"),
        _key("rule", "expectation and its column, or name of a check of the books"),
        _key("severity", "critical, warning or info"),
        Column("overridable", "boolean", "whether a person may release although it fails"),
        _key("success", "whether it holds", "boolean"),
        Column("observed", "string", "counts only"), Column("unexpected_rows", "bigint", "rows that break the rule"),
    )),
    Table("ops.release", "One row per release, and per hold; of those in state released the last is what readers see.",
          ("release_id",), (
        _key("release_id", "run_id of the run that published it; with +n where it was returned to"),
        _key("sequence", "order of releases", "bigint"), _key("run_id", "run whose candidates it is made of"),
        _key("night", "night of the run", "date"),
        Column("released_at", "timestamp", "when it became visible (UTC)", volatile=True),
        _key("state", "intent, released, or pruned once its versions are let go; hold, or resumed once it is lifted"),
        Column("tables", "string", "JSON: per table rows, fingerprint, versions of candidate and release", volatile=True),
        Column("approved_by", "string", "who decided, where a person did", level=2),
        Column("because", "string", "why", level=2),
    )),
    Table("ops.access", "One row per time that personal values were shown: to whom, and why.", ("at", "who", "what"), (
        _key("at", "when (UTC)", "timestamp"), Column("who", "string", "who asked", level=2, required=True),
        _key("what", "command that showed them"),
        Column("tables", "string", "tables the values are of, with a comma between"),
        Column("columns", "string", "columns that were shown, with a comma between"),
        Column("because", "string", "why", level=2, required=True),
        Column("prev_hash", "string", "hash of the row before; null: rows are not chained yet"),
    )),
    Table("links.mention", "Current mentions: who the records speak of.", ("mention_id",), (
        _key("mention_id", "hash of kind, system, object, source_key and role"), _key("kind", "kind of entity"),
        _key("entity_id", "entity it is part of"), _key("system", "system of the record"),
        _key("object", "object of the record"), Column("source_key", "string", "primary key in the source", 3, True),
        _key("role", "person, spouse, ..."), _key("file_id", "file of the row version"),
        _key("row_number", "row of the file", "bigint"),
    )),
    Table("links.assignment", "The identity ledger: which entity a mention belonged to, by night.",
          ("mention_id", "valid_from"), (
        _key("mention_id", "mention"), _key("kind", "kind of entity"), _key("entity_id", "entity"),
        _key("valid_from", "first night", "date"),
        Column("valid_to", "date", "first night it was no longer so; null while it is"),
    )),
    Table("links.edge", "Decisions of matchers on pairs of mentions, each with its reason.",
          ("mention_id", "other_id", "reason", "matcher"), (
        _key("kind", "kind of entity"), _key("mention_id", "mention"), _key("other_id", "mention it is compared with"),
        _key("decision", "accept, review or reject"), _key("reason", "code of conf/reasons.yml"),
        _key("weight", "evidence in millionths", "bigint"),
        Column("matcher", "string", "module of jobs/match/matchers/ that decided; null: before matchers had names"),
    )),
    Table("links.judgement", "What people decided on pairs of mentions; it wins over all matchers.",
          ("mention_id", "other_id", "night", "number"), (
        _key("kind", "kind of entity"), _key("mention_id", "mention"), _key("other_id", "mention it is compared with"),
        _key("decision", "same, different or unsure"),
        Column("who", "string", "who decided", level=2), Column("because", "string", "why", level=2),
        _key("night", "first night it holds for", "date"), _key("state", "standing or revoked"),
        Column("number", "bigint", "order of the decisions, 1-based; null: none of its night came after"),
        Column("after_run", "string", "last run before the decision"),
    )),
    Table("links.identity_event", "Births, merges, splits, ends and reopenings of entities.",
          ("night", "kind", "entity_id", "event", "other_id"), (
        _key("night", "night of the event", "date"), _key("kind", "kind of entity"), _key("entity_id", "entity concerned"),
        _key("event", "birth, merge, split, end or reopen"),
        Column("other_id", "string", "merge: the id that goes on; split: the id of the part that left"),
        Column("cause", "string", "what brought it about"),
        Column("mention_id", "string", "birth: the mention that gave birth to the entity"),
    )),
)
# fmt: on


def declared_tables(sources: dict[str, Source], released: dict[str, ModelTable]) -> dict[str, Table]:
    """All tables of the lake by name."""
    tables = list(_STATIC)
    for source in sources.values():
        tables += map(_raw, source.objects)
    for table in released.values():
        if table.record:
            tables.append(_harmonised(table.record))
        tables += [_released("candidate", table), _released("refined", table)]
    return {table.name: table for table in tables}


def _raw(obj: SourceObject) -> Table:
    columns = [
        _key("file_id", "sha256 of the file's bytes"),
        _key("row_number", "row where the record starts", "bigint"),
    ]
    columns += [Column(c.name, "string", c.header, c.level) for c in obj.columns]
    return Table(
        obj.raw_table, f"Rows of {obj.system} {obj.name} as received.", ("file_id", "row_number"), tuple(columns)
    )


def _model_columns(fields: tuple[ModelField, ...]) -> tuple[Column, ...]:
    return tuple(Column(f.name, f.sql_type, f"{f.zh} / {f.en}", f.level) for f in fields)


def _harmonised(record: Record) -> Table:
    columns = (
        _key("system", "system of the row"),
        _key("object", "object of the row"),
        _key("sheet", "sheet of the row"),
        Column("source_key", "string", "primary key in the source", 3, True),
        _key("role", "whom the columns speak of"),
        *_model_columns(record.fields),
        _key("row_hash", "hash of the raw columns that feed the record", "bigint"),
        _key("file_id", "file the version came from"),
        _key("row_number", "row of the file", "bigint"),
        _key("valid_from", "first night of the version", "date"),
        Column("valid_to", "date", "first night the version was no longer current; null while it is"),
    )
    key = ("system", "object", "source_key", "role", "valid_from")
    return Table(f"harmonised.{record.name}", f"Versions of {record.name} by night.", key, columns)


def _released(layer: str, table: ModelTable) -> Table:
    columns = tuple(Column(f.name, f.sql_type, f"{f.zh} / {f.en}", f.level, f.required) for f in table.columns)
    description = f"{layer.capitalize()} {table.name}: {table.grain}."
    return Table(f"{layer}.{table.name}", description, table.key, columns)
