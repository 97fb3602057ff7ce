"""Names, id numbers, phones and addresses of the town are where they belong, and nowhere else.

They belong in the inbox, the archive and the data files of the lake. They are looked for in everything else that a run
leaves behind: logs, summaries, Delta's logs and statistics, ledgers and verdicts, messages of the commands, file names.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from jobs import extract, land
from jobs.audit.checks import check_rules
from jobs.audit.suites import Rule
from jobs.common.run.stage import open_context
from jobs.sample import CANARIES
from tests.support.town import Answer, Town, jiceng

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

pytest_plugins = ["tests.support.town_fixtures"]
HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff·•．・‧･∙●]{3,}")
DIGITS = re.compile("(?<![0-9A-Za-z])[0-9]{11,18}[Xx]?(?![0-9A-Za-z])")
HOME = re.compile("[0-9]+幢[0-9]+单元")
ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
CANARY_TEXTS = [text for canary in CANARIES for text in (canary.name, canary.id_number, canary.phone)]
COLUMNS = {
    "raw.police__population": ("name", "former_name", "id_number", "phone"),
    "raw.grid__ledger": ("name", "id_number", "phone"),
    "raw.walk_in__register": ("name", "id_number", "phone"),
    "raw.civil_affairs__assistance": ("applicant_name", "applicant_id", "applicant_phone", "spouse_name", "spouse_id"),
    "refined.resident": ("name", "former_name", "id_number", "phone"),
}


@dataclass(frozen=True)
class Secrets:
    """Names of three characters and more (two occur by chance), and numbers of eleven digits and more."""

    names: frozenset[str]
    numbers: frozenset[str]

    def found_in(self, text: str) -> set[str]:
        """The secrets in a text, also where it writes characters as \\uXXXX."""
        if "\\u" in text:
            text += ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
        found = set(self.numbers.intersection(DIGITS.findall(text))) | set(HOME.findall(text))
        found |= {secret for secret in CANARY_TEXTS if secret in text}
        longest = max(map(len, self.names))
        for run in HAN.findall(text):
            for start in range(len(run) - 2):
                for end in range(start + 3, min(start + longest, len(run)) + 1):
                    if run[start:end] in self.names:
                        found.add(run[start:end])
        return found

    def found_in_bytes(self, data: bytes) -> set[str]:
        found = {
            text for text in CANARY_TEXTS for code in ("utf-8", "gb18030", "utf-16-le") if text.encode(code) in data
        }
        for encoding in ("utf-8", "gb18030"):
            found |= self.found_in(data.decode(encoding, errors="ignore"))
        return found


@pytest.fixture(scope="module")
def secrets(town: Town) -> Secrets:
    texts = {
        row[column].strip()
        for table, columns in COLUMNS.items()
        for row in town.rows(table)
        for column in columns
        if row[column]
    }
    # A name that a register could also have as a word of its own would be found for no reason.
    names = {text for text in texts if HAN.fullmatch(text)} | {canary.name for canary in CANARIES}
    numbers = {text for text in texts if DIGITS.fullmatch(text)}
    found = Secrets(frozenset(names), frozenset(numbers))
    assert len(found.names) > 500
    assert len(found.numbers) > 1500
    assert {canary.phone for canary in CANARIES} <= found.numbers
    return found


def files_left(home: Path) -> Iterator[Path]:
    """Every file of a workspace but the inbox, the archive of received bytes, and data files."""
    for path in sorted(home.rglob("*")):
        place = path.relative_to(home).parts
        if path.is_file() and place[0] not in ("inbox", "archive") and path.suffix != ".parquet":
            yield path


def test_the_search_finds_what_is_there(town: Town, secrets: Secrets) -> None:
    """Otherwise nothing below would mean anything."""
    police = next((town.workspace.archive_path(f["file_id"])) for f in town.rows("ops.file", system="police"))
    assert secrets.found_in_bytes(police.read_bytes()) >= set(CANARY_TEXTS)
    quoted = json.dumps([CANARIES[0].name, f"call {CANARIES[1].phone}!"])
    assert secrets.found_in(quoted) == {CANARIES[0].name, CANARIES[1].phone}
    assert secrets.found_in(f"1{CANARIES[1].id_number}") == {CANARIES[1].id_number}
    assert secrets.found_in("江苏省玄武区珠江路1号2幢3单元") == {"2幢3单元"}


def test_no_file_that_a_run_leaves_names_anybody(town: Town, secrets: Secrets) -> None:
    searched = list(files_left(town.home))
    names = {path.name for path in searched}
    assert names >= {"log.jsonl", "summary.json", "plan.json", "workspace.json", "00000000000000000000.json"}
    for path in searched:
        assert secrets.found_in_bytes(path.read_bytes()) == set(), path.relative_to(town.home)


def test_no_file_quotes_a_message_of_a_citizen(messages: Town) -> None:
    rows = messages.rows("refined.appeal")
    users = {row["user"] for row in rows}
    subjects = [row["subject"] for row in rows[::50] if len(row["subject"]) >= 6]
    assert len(subjects) > 150
    for path in files_left(messages.home):
        text = path.read_text(encoding="utf-8")
        assert users.isdisjoint(re.findall("[A-Za-z]+[0-9]{5,}", text)), path.name
        assert not [subject for subject in subjects if subject in text], path.name


def test_no_file_name_names_anybody(town: Town, secrets: Secrets) -> None:
    for path in town.home.rglob("*"):
        assert secrets.found_in(str(path.relative_to(town.home))) == set()


def test_finished_runs_leave_no_scratch_tables(town: Town) -> None:
    for night in town.nights:
        left = list(town.workspace.run_dir(f"{night}.1").rglob("*"))
        assert {"log.jsonl", "plan.json", "summary.json"} <= {path.name for path in left}
        assert not [path for path in left if path.suffix in (".parquet", ".arrow")]
        assert not {"scratch", "land"} & {path.name for path in left}


def test_only_you_may_enter_the_workspace(town: Town) -> None:
    assert town.home.stat().st_mode & 0o777 == 0o700


def levels(town: Town, table: str) -> dict[str, int]:
    return {column.name: column.level for column in town.lake.declared[table].columns}


def test_delta_keeps_statistics_of_open_and_internal_columns_only(town: Town) -> None:
    """In each commit, and in the checkpoints that repeat them."""
    files = 0
    for table in town.lake.existing():
        level = levels(town, table)
        log = town.lake.path(table) / "_delta_log"
        commits = [json.loads(line) for path in log.glob("*.json") for line in path.read_text("utf-8").splitlines()]
        added = [action["add"] for action in commits if "add" in action]
        for checkpoint in log.glob("*.checkpoint.parquet"):
            added += [row["add"] for row in pq.read_table(checkpoint).to_pylist() if row["add"]]
        for add in added:
            assert not add["partitionValues"]
            statistics = json.loads(add["stats"] or "{}")
            for bounds in ("minValues", "maxValues"):
                told = set(statistics.get(bounds, {}))
                assert {name for name in told if level[name] > 2} == set(), table
            files += 1
        assert not any(name.startswith("stats_parsed") for action in commits for name in action.get("add", {}))
    assert files > 100


def test_tables_for_everybody_hold_keys_and_counts(town: Town, secrets: Secrets) -> None:
    """The tables of operations and links, apart from the text of what was refused and the keys of the sources."""
    for table in town.lake.existing():
        if table.startswith(("ops.", "links.")):
            shown = [name for name, level in levels(town, table).items() if level <= 2]
            for row in town.rows(table):
                text = json.dumps({name: row[name] for name in shown}, default=str, ensure_ascii=False)
                assert secrets.found_in(text) == set(), table


def test_what_was_refused_is_kept_where_it_belongs(town: Town) -> None:
    """The broken lines that name canaries are in the raw text of their tables, of the highest level."""
    raw = " ".join(row["raw"] for row in town.rows("ops.quarantine"))
    assert CANARIES[1].name in raw
    assert CANARIES[2].name in raw
    for table in ("ops.quarantine", "ops.skipped", "ops.issue"):
        assert levels(town, table)["raw"] == 4


def told_by_commands(town: Town) -> Iterator[tuple[str, Answer]]:
    yield from ((f"run of {night}", answer) for night, answer in zip(town.nights, town.answers, strict=True))
    commands = (
        ("status",), ("books",), ("release", "list"), ("release", "show"), ("sources", "check"), ("doctor",),
        ("links", "review"), ("links", "list"),
    )  # fmt: skip
    for command in commands:
        for form in ("table", "json"):
            yield " ".join(command), jiceng(*command, "--home", town.home, "--format", form)
    canary = next(row for row in town.rows("refined.resident") if row["id_number"] == CANARIES[0].id_number)
    yield "explain", jiceng("explain", "resident", canary["entity_id"], "--home", town.home, "--format", "json")
    statuses = [row for row in town.rows("refined.resident_status") if row["resident_id"] == canary["entity_id"]]
    assert statuses
    for status in statuses:
        key = f"{status['system']}/{status['number']}"
        yield "explain", jiceng("explain", "resident_status", key, "--home", town.home)


def test_no_command_names_anybody_unasked(town: Town, secrets: Secrets) -> None:
    for command, answer in told_by_commands(town):
        assert answer.code == 0, command
        assert secrets.found_in(answer.out + answer.err) == set(), command


def test_values_that_break_a_rule_are_in_no_output_of_the_audit(
    spark: SparkSession,
    secrets: Secrets,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Neither in its results, nor in what it prints, nor in the folder that Great Expectations makes for itself."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    rules = [
        Rule("values", "expect_column_values_to_be_in_set", {"column": "name", "value_set": ["x"]}, "critical", ""),
        Rule("unique", "expect_column_values_to_be_unique", {"column": "phone"}, "critical", ""),
        Rule("gone", "expect_column_values_to_be_unique", {"column": CANARIES[0].name}, "critical", ""),
        Rule("bounds", "expect_column_max_to_be_between", {"column": "phone", "max_value": "0"}, "critical", ""),
    ]
    frame = spark.createDataFrame([(CANARIES[0].name, CANARIES[0].phone)] * 2, "name string, phone string")
    results = check_rules(frame, "resident", rules)
    assert {name: result["success"] for name, result in results.items()} == dict.fromkeys(results, False)
    assert secrets.found_in(json.dumps(results, ensure_ascii=False)) == set()
    printed = capfd.readouterr()
    assert secrets.found_in(printed.out + printed.err) == set()
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert secrets.found_in_bytes(path.read_bytes()) == set(), path.name


# --- files that cannot be taken -------------------------------------------------------------------------------------------


def canary_line(canary: Any) -> str:
    return f"1,{canary.name},,{canary.id_number},男,汉族,{canary.birth_date},已婚,,路1号,,{canary.phone},,H1,户主"


def put_bad_files(town: Town) -> None:
    """Files whose faults tempt a message into quoting people: no header, people as keys, people above the header."""
    for system in ("police", "grid", "walk_in", "civil_affairs"):
        (town.workspace.inbox / system).mkdir(exist_ok=True)
    lines = "\r\n".join(canary_line(canary) for canary in CANARIES)
    (town.workspace.inbox / "police" / "户籍人口_20260102.csv").write_bytes(lines.encode("gb18030"))
    (town.workspace.inbox / "police" / "户籍人口_20260103.csv").write_bytes(lines.encode("utf-8"))
    keys = [{"record_id": "G1", canary.name: canary.phone} for canary in CANARIES]
    keys_text = "\n".join(json.dumps(line, ensure_ascii=False) for line in keys)
    (town.workspace.inbox / "grid" / "grid_20260102.jsonl").write_text(keys_text, encoding="utf-8")
    for name, sheet in (
        ("walk_in/来访登记_20260102.xlsx", "来访登记"),
        ("civil_affairs/社会救助对象名册_20260102.xlsx", "x"),
    ):
        book = openpyxl.Workbook()
        page = book.active
        page.title = sheet
        for canary in CANARIES:
            page.append(
                ["LF1", str(canary.birth_date), canary.name, canary.id_number, "", canary.phone, "路1号", "老年卡"]
            )
        book.save(town.workspace.inbox / name)


def test_refused_files_are_told_without_their_people(
    stopped: Town, secrets: Secrets, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    town = stopped.copy_to(tmp_path / "workspace")
    put_bad_files(town)
    context = open_context(town.workspace, "2026-01-01.1")
    for system in ("police", "grid", "walk_in", "civil_affairs"):
        extract.run(context, system)
        land.run(context, system)
    bad = [row for row in town.rows("ops.file") if "20260101" not in row["name"]]
    assert len(bad) == 5
    assert {row["status"] for row in bad} <= {"refused", "accepted"}
    assert secrets.found_in(json.dumps(bad, default=str, ensure_ascii=False)) == set()
    assert secrets.found_in(capsys.readouterr().err) == set()
    for path in (town.workspace.run_dir("2026-01-01.1") / "log.jsonl", *files_left(town.home / "lake")):
        assert secrets.found_in_bytes(path.read_bytes()) == set(), path.name
