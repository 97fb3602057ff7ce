"""The books of every night, recomputed from the tables and the received files without the pipeline's code.

    file:    read = landed + quarantined + skipped                  read by other parsers
    record:  landed = new + changed + unchanged + duplicate + quarantined + not_applicable + late
    record:  current = previous + new + reopened - ended            by keeping accounts from night to night
    kind:    mentions = links, entities = candidate = refined       from the versions that each night left
    pairs, statuses:                                                 the same

And the books can fail: whatever is taken out of a table or put into one before the audit opens a balance.
"""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import DataFrame

from jobs import audit, finish, release
from jobs.audit import checks, stage
from jobs.audit.books import books_of_night, file_terms
from jobs.audit.entity_books import entity_terms
from jobs.audit.row_books import count_terms
from jobs.audit.state_books import state_terms
from jobs.common.base.errors import Refusal
from jobs.common.contracts.sources import SourceObject
from jobs.common.releases.books import ENTITY_TERMS, open_balances
from jobs.common.run.stage import Context, open_context
from jobs.common.run.workload import spare_memory_if_large
from tests.support.file_books import check_file_terms
from tests.support.town import Town, jiceng

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

pytest_plugins = ["tests.support.town_fixtures"]
ROW_TERMS = ("new", "changed", "unchanged", "duplicate", "quarantined", "not_applicable", "late", "held")
KINDS = ("resident", "household", "dwelling", "organisation")
SPACE = " \t\r\n\x0b\x0c\xa0\u3000\ufeff\u200b"
# Terms that stand in no equation.
ALONE = ("review", "fragments")


def label_of(record: str, role: str) -> str:
    own = record if record in KINDS[1:] else "person"
    return record if role == own else f"{record}@{role}"


class Accounts:
    """Keeps each record's current rows from night to night, as a clerk would with the raw rows on the desk."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.current: dict[tuple[str, str], dict[tuple[str, str, str], tuple]] = defaultdict(dict)
        self.ever: dict[tuple[str, str], set[tuple[str, str, str]]] = defaultdict(set)
        self.file_status = {(f["object"], f["file_id"]): f for f in town.rows("ops.file")}

    def night(self, night: date) -> Counter[tuple]:
        """Terms of one night: (file_id, record, term) -> rows; a record's own terms have no file."""
        terms: Counter[tuple] = Counter()
        previous = {place: len(rows) for place, rows in self.current.items()}
        counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for source in self.town.conf.sources.values():
            for obj in source.objects:
                self._take(obj, night, terms, counts)
        for (record, role), rows in self.current.items():
            own = counts[record, role]
            label = label_of(record, role)
            terms[None, label, "previous"] = previous.get((record, role), 0)
            terms[None, label, "current"] = len(rows)
            for term in ("new", "reopened", "ended"):
                terms[None, label, term] = own[term]
        return terms

    def _take(self, obj: SourceObject, night: date, terms: Counter[tuple], counts: dict[tuple, Counter[str]]) -> None:
        handed = self.town.rows("ops.delivery", night=night, system=obj.system, object=obj.name)
        files = {
            row["file_id"]: (row["as_of"], row["name"]) for row in sorted(handed, key=lambda row: row["name"])[::-1]
        }
        status = {file_id: self.file_status[obj.name, file_id]["status"] for file_id in files}
        landed = [file_id for file_id in files if status[file_id] in ("accepted", "late")]
        rows = [row for file_id in landed for row in self.town.rows(obj.raw_table, file_id=file_id)]
        rows.sort(key=lambda row: (-files[row["file_id"]][0].toordinal(), files[row["file_id"]][1], row["row_number"]))
        keys = [column.name for column in obj.columns if column.primary_key]
        first: dict[str, dict[str, Any]] = {}
        whole = "refused" not in status.values()
        states = []
        for row in rows:
            key = "|".join((row[name] or "").strip(SPACE) for name in keys)
            content = tuple(row[column.name] for column in obj.columns)
            if status[row["file_id"]] == "late":
                state = "late"
            elif any(not (row[name] or "").strip(SPACE) for name in keys):
                state, whole = "quarantined", False
            elif key not in first:
                state, first[key] = "chosen", row
            elif files[row["file_id"]][0] < files[first[key]["file_id"]][0]:
                state = "late"
            else:
                same = content == tuple(first[key][column.name] for column in obj.columns)
                state = "duplicate" if same else "quarantined"
            states.append((row, key, state))
        # A row that landing set aside may be the one that seems absent.
        whole &= not any(
            row["file_id"] in landed and row["stage"] == "land"
            for row in self.town.rows("ops.quarantine", system=obj.system, object=obj.name)
        )
        for record, role in sorted({(feed.record, feed.role) for column in obj.columns for feed in column.feeds}):
            self._enter(obj, record, role, states, whole, terms, counts[record, role])

    def _enter(
        self, obj: SourceObject, record: str, role: str, states: list, whole: bool, terms: Counter, count: Counter[str]
    ) -> None:
        fed = [c for c in obj.columns if any((f.record, f.role) == (record, role) for f in c.feeds)]
        telling = [column for column in fed if not column.primary_key] or fed
        label = label_of(record, role)
        current, ever, seen = self.current[record, role], self.ever[record, role], set()
        for row, key, state in states:
            term, place = state, (obj.system, obj.name, key)
            applies = any((row[column.name] or "").strip(SPACE) for column in telling)
            if state in ("chosen", "duplicate") and not applies:
                term = "not_applicable"
                if state == "chosen" and current.pop(place, None):  # it says nothing of the record any longer
                    count["ended"] += 1
            elif state == "chosen":
                texts = tuple(row[column.name] for column in fed)
                term = "new" if place not in ever else "unchanged" if current.get(place) == texts else "changed"
                count["new"] += term == "new"
                count["reopened"] += place in ever and place not in current
                current[place] = texts
                ever.add(place)
                seen.add(place)
            terms[row["file_id"], label, term] += 1
        if obj.mode == "snapshot" and whole and states:
            absent = [place for place in current if place[:2] == (obj.system, obj.name) and place not in seen]
            count["ended"] += len(absent)
            for place in absent:
                del current[place]


def ledger_of(town: Town, night: date) -> list[dict[str, Any]]:
    return town.rows("ops.ledger", run_id=f"{night}.1")


def test_every_record_term_of_every_night_is_what_the_accounts_say(town: Town) -> None:
    accounts = Accounts(town)
    for night in town.nights:
        expected = accounts.night(night)
        given = Counter(
            {
                (row["file_id"], row["record"], row["term"]): row["rows"]
                for row in ledger_of(town, night)
                if row["record"] and row["term"] not in (*ENTITY_TERMS, *ALONE) and not row["equation"]
            }
        )
        assert +given == +expected
    seen = {term for row in town.rows("ops.ledger") for term in [row["term"]] if row["rows"]}
    assert seen >= {*ROW_TERMS, "previous", "ended", "current"} - {
        "held"
    }  # the town shows every term but this and reopened


def test_every_row_of_every_file_is_landed_quarantined_or_skipped(town: Town) -> None:
    assert check_file_terms(town) > 3 * 1000


def test_kinds_count_what_the_tables_of_their_night_hold(town: Town) -> None:
    for night in town.nights:
        versions = {name: entry["version"] for name, entry in town.summary(night)["tables"].items()}

        def rows(name: str, versions: dict[str, int] = versions) -> list[dict[str, Any]]:
            return town.lake.arrow(name, versions[name]).to_pylist()

        mentions = rows("links.mention")
        expected: dict[tuple[str, str], int] = {}
        for name in town.conf.records:
            current = [row for row in rows(f"harmonised.{name}") if row["valid_to"] is None]
            released = rows(f"refined.{name}")
            expected |= {(name, layer): len(rows(f"{layer}.{name}")) for layer in ("candidate", "refined")}
            if name in KINDS:
                own = [row["entity_id"] for row in mentions if row["kind"] == name]
                counts = {"mentions": len(current), "links": len(own), "entities": len(set(own))}
                open_pairs = [row for row in rows("links.edge") if (row["kind"], row["decision"]) == (name, "review")]
                counts["review"] = len(open_pairs)
            elif name == "relation":
                stated = [row for row in released if row["mention_count"]]
                counts = {"supporting": sum(row["mention_count"] for row in stated), "stated": len(stated)}
                counts |= {"derived": len(released) - len(stated)}
            else:
                counts = {"records": len(current)}
                counts |= {"repeated": len(current) - len(released)} if name == "resident_status" else {}
            expected |= {(name, term): count for term, count in counts.items()}
        homes = {row["from_id"]: row["to_id"] for row in rows("refined.relation") if row["relation_code"] == "member"}
        named: dict[tuple[str, ...], dict[tuple[str, str], str]] = defaultdict(dict)
        for row in mentions:
            named[row["system"], row["object"], row["source_key"]][row["kind"], row["role"]] = row["entity_id"]
        counts = Counter()
        for ends in named.values():
            for pair in town.conf.records["relation"].pairs:
                if pair.from_end in ends and pair.to_end in ends:
                    first, second = ends[pair.from_end], ends[pair.to_end]
                    counts["pairs"] += 1
                    counts["self"] += first == second
                    counts["other_household"] += pair.relation == "member" and homes[first] != second
        for name in town.conf.products:
            expected |= {(name, layer): len(rows(f"{layer}.{name}")) for layer in ("candidate", "refined")}
        expected |= {("relation", term): counts[term] for term in ("pairs", "self", "other_household")}
        given = {
            (row["record"], row["term"]): row["rows"]
            for row in ledger_of(town, night)
            if row["term"] in (*ENTITY_TERMS, *ALONE) and row["file_id"] is None
        }
        alone = [row for row in rows("refined.resident") if row["mention_count"] == 1 and row["id_number"] is None]
        expected["resident", "fragments"] = len(alone)
        assert given == expected
        assert counts["other_household"] > 0
        assert expected["resident_status", "repeated"] > 0


def test_the_equations_hold_literally(town: Town) -> None:
    for night in town.nights:
        files: dict[str, Counter[str]] = defaultdict(Counter)
        records: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        totals: dict[str, Counter[str]] = defaultdict(Counter)
        for row in ledger_of(town, night):
            if row["file_id"] is None:
                totals[row["record"]][row["term"]] = row["rows"]
            elif row["record"] is None:
                files[row["file_id"]][row["term"]] = row["rows"]
            else:
                records[row["file_id"], row["record"]][row["term"]] = row["rows"]
        assert {file_id for file_id, _ in records} == set(files)
        for terms in files.values():
            assert terms["read"] == terms["landed"] + terms["quarantined"] + terms["skipped"]
        for (file_id, _), terms in records.items():
            assert set(terms) <= set(ROW_TERMS)
            assert files[file_id]["landed"] == sum(terms.values())
        for record, terms in totals.items():
            assert terms["current"] == terms["previous"] + terms["new"] + terms["reopened"] - terms["ended"]
            assert terms["mentions"] == terms["links"]
            assert terms["candidate"] == terms["refined"]
            if record in KINDS:
                assert terms["entities"] == terms["candidate"] > 0
        relation, status = totals["relation"], totals["resident_status"]
        assert relation["pairs"] == relation["supporting"] + relation["self"] + relation["other_household"] > 0
        assert relation["candidate"] == relation["stated"] + relation["derived"] > relation["stated"]
        assert status["records"] == status["candidate"] + status["repeated"]
        assert town.summary(night)["books"]["closes"] is True


def test_previous_is_the_current_of_the_night_before(town: Town) -> None:
    known: dict[str, int] = {}
    for night in town.nights:
        totals = {(row["record"], row["term"]): row["rows"] for row in ledger_of(town, night) if row["file_id"] is None}
        for (record, term), rows in totals.items():
            if term == "previous":
                assert rows == known.get(record, 0)
                known[record] = totals[record, "current"]


def test_the_command_prints_every_equation(town: Town) -> None:
    answer = jiceng("books", "--home", town.home, "--format", "json")
    assert answer.code == 0
    rows = json.loads(answer.out)
    assert rows
    assert all(row["closes"] is True and row["left"] == row["right"] for row in rows)
    only = json.loads(jiceng("books", "--home", town.home, "--system", "grid", "--format", "json").out)
    assert {row["system"] for row in only} == {"grid"}


# --- the books can fail ---------------------------------------------------------------------------------------------------


def take_out(table: str, **where: Any) -> Callable[[Town], None]:
    """Delete one row of a table behind the pipeline's back."""

    def tamper(town: Town) -> None:
        path = str(town.lake.path(table))
        dataset = town.lake.dataset(table)
        rows = [row for row in dataset.to_table().to_pylist() if all(row[k] == v for k, v in where.items())]
        kept = [row for row in dataset.to_table().to_pylist() if row != rows[0]]
        write_deltalake(path, town.lake.table_of(table, kept), mode="overwrite")

    return tamper


def kind_terms(context: Context) -> list[dict[str, Any]]:
    _, records = state_terms(context, [])
    return entity_terms(context, records)


def put_in(table: str, **changed: Any) -> Callable[[Town], None]:
    """Add a row like one that is there."""

    def tamper(town: Town) -> None:
        row = town.rows(table)[0]
        write_deltalake(str(town.lake.path(table)), town.lake.table_of(table, [{**row, **changed}]), mode="append")

    return tamper


READ = "read = landed + quarantined + skipped"
LANDED = f"landed = {' + '.join(ROW_TERMS)}"
PAIRS = "pairs = supporting + self + other_household"
# What is done, the part of the books that must notice (the whole takes its time), and the equations that it opens.
TAMPERS = {
    "a raw row is lost": (take_out("raw.grid__ledger"), file_terms, {READ}),
    "a raw row is there twice": (put_in("raw.grid__ledger", row_number=10_000), file_terms, {READ}),
    "a quarantined row is lost in landing": (take_out("ops.quarantine", stage="land"), file_terms, {READ}),
    "a skipped row is lost": (take_out("ops.skipped"), file_terms, {READ}),
    "a quarantined row is lost after landing": (
        take_out("ops.quarantine", stage="harmonise"),
        books_of_night,
        {LANDED},
    ),
    "a harmonised row is lost": (take_out("harmonised.resident"), books_of_night, {LANDED, "mentions = links"}),
    "a mention is lost": (
        take_out("links.mention", kind="dwelling", system="walk_in"),
        kind_terms,
        {"mentions = links"},
    ),
    "a candidate too many": (put_in("candidate.resident", entity_id="R0"), kind_terms, {"entities = candidate"}),
    "a dwelling too few": (take_out("candidate.dwelling"), kind_terms, {"entities = candidate"}),
    "a status too few": (take_out("candidate.resident_status"), kind_terms, {"records = candidate + repeated"}),
    "an owner is lost": (take_out("candidate.relation", relation_code="owner"), kind_terms, {PAIRS}),
    "a parent is lost": (
        take_out("candidate.relation", relation_code="parent"),
        kind_terms,
        {"candidate = stated + derived"},
    ),
    "a relation nobody states": (
        put_in("candidate.relation", mention_count=1, to_id="R0"),
        kind_terms,
        {PAIRS},
    ),
}


def test_untouched_books_close(stopped: Town) -> None:
    assert open_balances(books_of_night(open_context(stopped.workspace, "2026-01-01.1"))) == []


def test_rows_counted_record_by_record_as_of_a_large_town_give_the_same_books(
    stopped: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = open_context(stopped.workspace, "2026-01-01.1")
    at_once = sorted(books_of_night(context), key=str)
    plans: list[DataFrame] = []
    monkeypatch.setattr("jobs.common.run.workload._VERSIONS_AT_ONCE", 0)
    monkeypatch.setattr("jobs.audit.row_books.count_terms", lambda rows: plans.append(rows) or count_terms(rows))
    assert sorted(books_of_night(context), key=str) == at_once
    assert len(plans) == len(
        {row["record"].split("@")[0] for row in at_once if row["record"] and row["term"] in ROW_TERMS}
    )


@pytest.mark.parametrize("limit", [("_VERSIONS_AT_ONCE", 0), ("_VERSIONS_PER_ROW", 4_000_000)])
def test_the_engine_spares_memory_where_much_stands_or_has_come(
    stopped: Town, limit: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = open_context(stopped.workspace, "2026-01-01.1")
    monkeypatch.delenv("MIMALLOC_PURGE_DELAY", raising=False)
    spare_memory_if_large(context)
    assert "MIMALLOC_PURGE_DELAY" not in os.environ
    monkeypatch.setattr(f"jobs.common.run.workload.{limit[0]}", limit[1])
    spare_memory_if_large(context)
    assert os.environ["MIMALLOC_PURGE_DELAY"] == "10"
    monkeypatch.setenv("MIMALLOC_PURGE_DELAY", "0")
    spare_memory_if_large(context)
    assert os.environ["MIMALLOC_PURGE_DELAY"] == "0"


def test_a_large_town_is_audited_one_thing_after_the_other_with_the_same_verdicts(
    stopped: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = stopped.copy_to(tmp_path / "workspace")
    context = open_context(town.workspace, "2026-01-01.1")
    audit.run(context)
    verdicts = sorted(town.rows("ops.audit"), key=str)
    seen: list[str] = []

    def noted(name: str, work: Callable[[Context], Any]) -> Callable[[Context], Any]:
        def noted_work(context: Context) -> Any:
            seen.append(f"{name} begins")
            found = work(context)
            seen.append(f"{name} ends")
            return found

        return noted_work

    monkeypatch.setattr("jobs.common.run.workload._VERSIONS_AT_ONCE", 0)
    monkeypatch.setattr("jobs.audit.stage.audit_books", noted("books", stage.audit_books))
    monkeypatch.setattr("jobs.audit.checks.audit_tables", noted("rules", checks.audit_tables))
    audit.run(context)
    assert seen == ["books begins", "books ends", "rules begins", "rules ends"]
    assert sorted(town.rows("ops.audit"), key=str) == verdicts


@pytest.mark.parametrize("case", TAMPERS)
def test_a_tampered_table_opens_a_balance(stopped: Town, tmp_path: Path, case: str) -> None:
    tamper, part, expected = TAMPERS[case]
    town = stopped.copy_to(tmp_path / "workspace")
    tamper(town)
    ledger = part(open_context(town.workspace, "2026-01-01.1"))
    assert {balance.equation for balance in open_balances(ledger)} == expected


def test_where_nobody_is_mentioned_the_books_have_the_same_terms_and_can_fail(stopped: Town, tmp_path: Path) -> None:
    town = stopped.copy_to(tmp_path / "workspace")
    terms = {(row["record"], row["term"]) for row in kind_terms(open_context(town.workspace, "2026-01-01.1"))}
    for name in (
        "links.mention",
        *(f"{layer}.{name}" for layer in ("harmonised", "candidate") for name in town.conf.records),
    ):
        DeltaTable(str(town.lake.path(name))).delete()
    ledger = kind_terms(open_context(town.workspace, "2026-01-01.1"))
    assert {(row["record"], row["term"]) for row in ledger} == terms
    assert {row["rows"] for row in ledger} == {0}
    for name, equation in (("relation", PAIRS), ("resident_status", "records = candidate + repeated")):
        row = stopped.rows(f"candidate.{name}")[0] | ({"mention_count": 1} if name == "relation" else {})
        table = town.lake.table_of(f"candidate.{name}", [row])
        write_deltalake(str(town.lake.path(f"candidate.{name}")), table, mode="append")
        ledger = kind_terms(open_context(town.workspace, "2026-01-01.1"))
        assert {balance.equation for balance in open_balances(ledger) if balance.record == name} == {equation}


def test_a_run_with_open_books_is_refused(stopped: Town, tmp_path: Path) -> None:
    town = stopped.copy_to(tmp_path / "workspace")
    take_out("raw.police__population")(town)
    context = open_context(town.workspace, "2026-01-01.1")  # `jiceng run` would land the row once more
    audit.run(context)
    with pytest.raises(Refusal, match="books_close"):
        release.run(context, "somebody", "who may not override it")
    finish.run(context)
    assert town.rows("ops.release") == []
    assert town.summary(date(2026, 1, 1))["verdict"] == "refused"
    assert jiceng("books", "--home", town.home).code == 3
    assert jiceng("release", "show", "--home", town.home).code == 2


def test_a_refined_row_that_nobody_audited_does_not_stay(stopped: Town, tmp_path: Path) -> None:
    """Readers get the candidate that was audited, whatever stood there: the release makes the tables equal."""
    town = stopped.copy_to(tmp_path / "workspace")
    row = town.rows("candidate.resident")[0]
    refined = town.lake.table_of("refined.resident", [{**row, "entity_id": "R" + "0" * 24}])
    town.lake.version("refined.resident")  # creates it
    write_deltalake(str(town.lake.path("refined.resident")), refined, mode="append")
    context = open_context(town.workspace, "2026-01-01.1")
    audit.run(context)
    release.run(context)
    expected = [row["entity_id"] for row in town.rows("candidate.resident")]
    assert sorted(row["entity_id"] for row in town.rows("refined.resident")) == sorted(expected)
    assert open_balances(town.rows("ops.ledger")) == []
