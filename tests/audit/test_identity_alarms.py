"""Residents beside those expected: counts from small tables, and the verdict on figures that a night may have."""

from datetime import date
from typing import Any

import pytest

from jobs.audit.identity import Counts, count_residents, identity_terms, judge_identity
from jobs.common.base.workspace import Workspace
from jobs.common.run.conf import Conf, current_conf
from jobs.common.run.conf_check import conf_faults
from jobs.common.run.stage import Context, open_lake
from tests.support.hand_office import context_of, write_rows
from tests.support.office import simple_contract

DAY = date(1990, 5, 1)


def office(workspace: Workspace, text: str = "") -> Context:
    """A run whose workspace has its own `conf/office.yml`."""
    workspace.conf.mkdir(exist_ok=True)
    (workspace.conf / "office.yml").write_text(text, encoding="utf-8")
    conf = current_conf(workspace)
    return context_of(workspace, conf, open_lake(workspace, conf))


def record(system: str, key: str, entity: str, **values: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A harmonised row and its mention."""
    place = {"system": system, "object": "list", "source_key": key, "role": "person", "file_id": "f", "row_number": 2}
    row = {**place, "sheet": "", "row_hash": int(key), "valid_from": DAY, **values}
    return row, {**place, "kind": "resident", "entity_id": entity, "mention_id": f"{system} {key}"}


def write_records(context: Context, *records: tuple[dict[str, Any], dict[str, Any]]) -> None:
    rows, mentions = zip(*records, strict=True)
    write_rows(context.lake, "harmonised.resident", rows)
    write_rows(context.lake, "links.mention", mentions)


def test_what_is_counted_of_residents(workspace: Workspace) -> None:
    context = office(workspace, "register: police.list")
    write_records(
        context,
        record("police", "1", "A", id_number="1", birth_date=DAY),
        record("police", "2", "A", id_number="1"),  # a second row of the register
        record("grid", "1", "A", id_number="2", birth_date=date(1990, 1, 5)),  # another id number and birth date
        record("police", "3", "B", id_number="3", birth_date=DAY),
        record("grid", "2", "B", id_number="3", birth_date=DAY),
        record("grid", "3", "C", id_number="4"),  # known elsewhere only
        record("grid", "4", "D"),  # a fragment
        record("grid", "5", "E"),
        record("health", "1", "E"),  # two records without an id number are somebody, and no fragment
    )
    assert count_residents(context) == Counts(
        residents=5, register_rows=3, elsewhere=2, fragments=1, ids=1, births=1, registered=1, largest=3,
        is_one_system=False,
    )  # fmt: skip


def test_ended_records_and_other_kinds_do_not_count(workspace: Workspace) -> None:
    context = office(workspace)
    ended, _ = record("police", "1", "A", id_number="1", valid_to=DAY)
    current, mention = record("police", "2", "A", id_number="2")
    _, other = record("police", "2", "H")
    write_rows(context.lake, "harmonised.resident", [ended, current])
    write_rows(context.lake, "links.mention", [mention, other | {"kind": "household", "mention_id": "h"}])
    counts = count_residents(context)
    assert (counts.residents, counts.ids, counts.is_one_system) == (1, 0, True)


def test_pairs_in_review_and_fragments_stand_in_the_books(workspace: Workspace) -> None:
    context = office(workspace)
    edges = [("resident", "review"), ("resident", "review"), ("resident", "accept"), ("dwelling", "review")]
    write_rows(
        context.lake,
        "links.edge",
        [
            {
                "kind": kind,
                "decision": decision,
                "mention_id": str(at),
                "other_id": "0",
                "reason": "x",
                "weight": 0,
                "matcher": "m",
            }
            for at, (kind, decision) in enumerate(edges)
        ],
    )
    terms = identity_terms(context, usual(fragments=7))
    found = {(row["term"], row["record"]): row["rows"] for row in terms}
    assert found == {
        ("review", "resident"): 2,
        ("review", "dwelling"): 1,
        ("review", "household"): 0,
        ("review", "organisation"): 0,
        ("fragments", "resident"): 7,
    }


def usual(**changed: Any) -> Counts:
    """A town of a thousand that is as it should be."""
    counts: dict[str, Any] = {
        "residents": 1_000, "register_rows": 900, "elsewhere": 100, "fragments": 0, "ids": 0, "births": 0,
        "registered": 0, "largest": 12, "is_one_system": False,
    }  # fmt: skip
    return Counts(**counts | changed)


REGISTER = "register: police.population"


@pytest.mark.parametrize(
    ("office_says", "counts", "rule", "severity", "told"),
    [
        (REGISTER, {}, "residents_expected(police.population)", None, "1,000 residents; 1,000 expected (+0.0%)"),
        (REGISTER, {"residents": 1_019}, "residents_expected(police.population)", None, "(+1.9%)"),
        (REGISTER, {"residents": 1_020}, "residents_expected(police.population)", "warning", "(+2.0%)"),
        (REGISTER, {"residents": 1_079}, "residents_expected(police.population)", "warning", "(+7.9%)"),
        (REGISTER, {"residents": 1_080}, "residents_expected(police.population)", "critical", "(+8.0%)"),
        # Who is missing is no excess.
        (REGISTER, {"residents": 500}, "residents_expected(police.population)", None, "(-50.0%)"),
        # The population is what people have counted, whatever the register has.
        ("population: 800", {}, "residents_expected(population)", "critical", "1,000 residents; 800 expected (+25.0%)"),
        (f"population: 1000\n{REGISTER}", {"register_rows": 5}, "residents_expected(population)", None, "(+0.0%)"),
        # Of few residents a few are no figure.
        (
            REGISTER,
            {"residents": 29, "register_rows": 20, "elsewhere": 0},
            "residents_expected(police.population)",
            None,
            "(+45.0%)",
        ),
        # A first night of one system has nothing to be compared with.
        (REGISTER, {"residents": 1_500, "is_one_system": True}, "residents_expected(police.population)", "warning", ""),
        # Nobody says how many there are: a warning and never a refusal.
        ("", {"register_rows": 0}, "residents_expected(nothing declared)", "warning", "give population in conf/office"),
        (REGISTER, {"register_rows": 0}, "residents_expected(police.population)", "warning", "nobody says how many"),
        ("", {"register_rows": 0, "is_one_system": True}, "residents_expected(nothing declared)", None, "nobody says"),
        ("", {"ids": 19}, "share_with_several(id numbers)", None, "1.9%; 19 of 1,000"),
        ("", {"ids": 20}, "share_with_several(id numbers)", "warning", "2.0%; 20 of 1,000"),
        ("", {"births": 80}, "share_with_several(birth dates)", "critical", "8.0%; 80 of 1,000"),
        (REGISTER, {"registered": 30}, "share_with_several(rows of police.population)", "warning", "3.0%"),
        ("", {"largest": 200}, "largest_resident(records)", None, "200; usual up to 200"),
        ("", {"largest": 201}, "largest_resident(records)", "warning", "201; usual up to 200"),
    ],
)
def test_the_verdict_on_a_figure(
    workspace: Workspace, office_says: str, counts: dict[str, Any], rule: str, severity: str | None, told: str
) -> None:
    context = office(workspace, office_says)
    verdicts = {row["rule"]: row for row in judge_identity(context, usual(**counts))}
    row = verdicts[rule]
    assert told in row["observed"]
    assert row["success"] is (severity is None)
    assert row["severity"] == severity or row["success"]
    assert row["overridable"] is (severity == "critical")


def test_nobody_is_judged_where_nobody_is_released(workspace: Workspace) -> None:
    context = office(workspace)
    counts = count_residents(context)
    assert counts.residents == 0
    assert judge_identity(context, counts) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("register: police.populations", "No contract declares `police.populations`. Did you mean"),
        ("register: police", "register"),
        ("population: many", "population"),
        ("population: 0", "population"),
        ("inhabitants: 1000", "inhabitants"),
    ],
)
def test_an_office_that_cannot_be_is_refused(workspace: Workspace, text: str, told: str) -> None:
    context = office(workspace, text)
    [fault] = conf_faults(context.conf)
    assert "office.yml" in fault
    assert told in fault


def test_a_shipped_office_that_names_what_a_workspace_does_not_have_refuses_no_run(workspace: Workspace) -> None:
    """Whoever replaces the contract of the register is told by the audit that nobody says how many residents there are."""
    (workspace.conf / "sources").mkdir(parents=True, exist_ok=True)
    (workspace.conf / "sources" / "police.odcs.yaml").write_text(simple_contract("police"), encoding="utf-8")
    conf = current_conf(workspace)
    assert "police.population" not in [f"{obj.system}.{obj.name}" for obj in conf.objects]
    assert [fault for fault in conf_faults(conf) if "office.yml" in fault] == []


def test_a_register_of_a_refused_contract_refuses_no_run(workspace: Workspace, conf: Conf) -> None:
    (workspace.conf / "sources").mkdir(parents=True, exist_ok=True)
    (workspace.conf / "sources" / "police.odcs.yaml").write_text("schema: 1", encoding="utf-8")
    assert conf_faults(office(workspace, REGISTER).conf) == {}
