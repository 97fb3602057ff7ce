"""Who is related to whom: pairs of mentions in one row, one household per resident, spouses and parents within it."""

from datetime import timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.testing import assertDataFrameEqual

from jobs import merge
from jobs.common.base.workspace import Workspace
from jobs.common.lake.tables import Lake
from jobs.common.model.records import ENDS, ModelField, Pair, Record
from jobs.common.model.relations import Statement, derive_kin, list_pairs, list_statements
from jobs.common.run.authority import Authority
from jobs.common.run.conf import Conf
from jobs.common.run.runs import CLI, Run, record_open
from jobs.merge.relations import add_kin, choose_households, choose_relations, detail_pairs, find_heads
from tests.support.constants import NIGHT
from tests.support.hand_office import RUN, context_of, day, mention_of, write_mentions, write_records, write_rows

FIELDS = (ModelField("family_code", "code", 3, "", "", "family"), ModelField("start_date", "date", 3, "", ""))
MEMBER = Pair("member", ("resident", "person"), ("household", "household"))
SPOUSE = Pair("spouse", ("resident", "person"), ("resident", "spouse"))
OWNER = Pair("owner", ("resident", "owner"), ("dwelling", "dwelling"))
FIRM_OWNER = Pair("owner", ("organisation", "owner"), ("dwelling", "dwelling"))
RELATION = Record("relation", None, ENDS, "", FIELDS, (), {}, (MEMBER, SPOUSE, OWNER, FIRM_OWNER))
SAY = Authority(("police", "grid"), {"start_date": ("grid", "police")})
PAIRS = "relation_code string, from_kind string, from_id string, to_kind string, to_id string"
ROWS = "system string, object string, source_key string, mention_id string"


def test_a_pair_is_stated_by_objects_that_have_both_ends() -> None:
    ends = [
        ("police", "population", "resident", "person"),
        ("police", "population", "household", "household"),
        ("housing", "dwelling", "resident", "owner"),
        ("housing", "dwelling", "dwelling", "dwelling"),
        ("housing", "occupancy", "dwelling", "dwelling"),  # names no owner
        ("civil_affairs", "assistance", "resident", "spouse"),  # whose spouse, it does not say
    ]
    assert list_statements(RELATION.pairs, ends) == [
        Statement(MEMBER, "police", "population"),
        Statement(OWNER, "housing", "dwelling"),
    ]


def test_two_mentions_of_one_row_are_a_pair(spark: Any) -> None:
    mentions = spark.createDataFrame(
        [
            ("m1", "resident", "R1", "police", "population", "1", "person"),
            ("m2", "household", "H1", "police", "population", "1", "household"),
            ("m3", "dwelling", "D1", "police", "population", "1", "dwelling"),  # the police say nothing of owners
            ("m4", "resident", "R2", "police", "population", "2", "person"),  # a row without a household
            ("m5", "household", "H2", "police", "other", "2", "household"),  # the same key in another object
            ("m6", "resident", "R2", "civil", "list", "1", "person"),
            ("m7", "resident", "R1", "civil", "list", "1", "spouse"),
            ("m8", "resident", "R3", "civil", "list", "2", "person"),
            ("m9", "resident", "R3", "civil", "list", "2", "spouse"),  # wrote the own name twice
            ("n1", "resident", "R1", "housing", "dwelling", "7", "owner"),
            ("n2", "organisation", "O1", "housing", "dwelling", "7", "owner"),  # they own it together
            ("n3", "dwelling", "D1", "housing", "dwelling", "7", "dwelling"),
        ],
        "mention_id string, kind string, entity_id string, system string, object string, source_key string, role string",
    )
    statements = [
        Statement(MEMBER, "police", "population"),
        Statement(SPOUSE, "civil", "list"),
        Statement(OWNER, "housing", "dwelling"),
        Statement(FIRM_OWNER, "housing", "dwelling"),
    ]
    expected = spark.createDataFrame(
        [
            ("member", "resident", "R1", "household", "H1", "police", "population", "1", "m1"),
            ("spouse", "resident", "R1", "resident", "R2", "civil", "list", "1", "m6"),  # the lesser id first
            ("spouse", "resident", "R3", "resident", "R3", "civil", "list", "2", "m8"),
            ("owner", "resident", "R1", "dwelling", "D1", "housing", "dwelling", "7", "n1"),
            ("owner", "organisation", "O1", "dwelling", "D1", "housing", "dwelling", "7", "n2"),
        ],
        f"{PAIRS}, {ROWS}",
    )
    assertDataFrameEqual(list_pairs(mentions, statements), expected)
    assertDataFrameEqual(list_pairs(mentions, []), expected.where("false"))


def relations(spark: Any, rows: list[tuple]) -> DataFrame:
    """Relations as merge chooses them: code, ends, family code, first day, mentions, place."""
    kinds = {"member": ("resident", "household"), "owner": ("resident", "dwelling")}
    pair = ("resident", "resident")
    whole = [(c, kinds.get(c, pair)[0], a, kinds.get(c, pair)[1], b, *rest) for c, a, b, *rest in rows]
    types = "family_code string, start_date date, mention_count bigint"
    place = ", _best string" if rows and len(rows[0]) == 7 else ""
    return spark.createDataFrame(whole, f"{PAIRS}, {types}{place}")


def test_one_row_per_relation_and_pair(spark: Any) -> None:
    """Each field from the system that has the say in it, and the newest version of one system; nobody is his own spouse."""
    pairs = spark.createDataFrame(
        [
            ("member", "resident", "R1", "household", "H1", "police", "population", "1", "a" * 32),
            ("member", "resident", "R1", "household", "H1", "grid", "ledger", "5", "b" * 32),
            ("member", "resident", "R1", "household", "H1", "grid", "ledger", "6", "c" * 32),
            (
                "member",
                "resident",
                "R2",
                "household",
                "H1",
                "police",
                "population",
                "2",
                "d" * 32,
            ),  # nothing more is said
            ("spouse", "resident", "R3", "resident", "R3", "civil", "list", "2", "e" * 32),
        ],
        f"{PAIRS}, {ROWS}",
    )
    records = spark.createDataFrame(
        [
            ("police", "population", "1", "member", "02", day("2020-01-01"), day("2026-01-01")),
            ("grid", "ledger", "5", "member", "10", day("2021-01-01"), day("2026-01-01")),
            ("grid", "ledger", "6", "member", None, day("2022-01-01"), day("2026-01-02")),
            ("grid", "ledger", "6", "tenant", "99", None, day("2026-01-02")),  # of another relation
        ],
        "system string, object string, source_key string, role string, family_code string, start_date date, valid_from date",
    )
    detailed = detail_pairs(pairs, records, RELATION)
    chosen = choose_relations(detailed, RELATION, SAY).drop("_best")
    expected = relations(spark, [
        ("member", "R1", "H1", "02", day("2022-01-01"), 3),
        ("member", "R2", "H1", None, None, 1),
    ])  # fmt: skip
    assertDataFrameEqual(chosen, expected)


def test_a_resident_is_a_member_of_the_household_that_the_strongest_row_names(spark: Any) -> None:
    given = relations(spark, [
        ("member", "R1", "H1", "02", None, 1, "0001 grid"),
        ("member", "R1", "H2", "02", None, 1, "0000 police"),
        ("member", "R2", "H2", "20", None, 2, "0000 police"),
        ("member", "R3", "H4", None, None, 1, "0001 grid"),
        ("member", "R3", "H3", None, None, 1, "0001 grid"),  # nothing else tells: the lesser id
        ("owner", "R1", "D1", None, None, 1, "0001 grid"),
        ("owner", "R1", "D2", None, None, 1, "0000 police"),  # one may own several
    ])  # fmt: skip
    left = {(row["relation_code"], row["from_id"], row["to_id"]) for row in choose_households(given).collect()}
    assert left == {
        ("member", "R1", "H2"),
        ("member", "R2", "H2"),
        ("member", "R3", "H3"),
        ("owner", "R1", "D1"),
        ("owner", "R1", "D2"),
    }


FAMILY = [
    ("member", "R5", "H1", "02", None, 1, "0"),
    ("member", "R2", "H1", "12", None, 1, "0"),
    ("member", "R3", "H1", "20", None, 1, "0"),
    ("member", "R4", "H1", "52", None, 1, "0"),
    ("member", "R6", "H1", "38", None, 1, "0"),  # the daughter-in-law
    ("member", "R7", "H1", None, None, 1, "0"),
    ("member", "R8", "H2", "20", None, 1, "0"),  # of whom, nobody says
    ("member", "R9", "H3", "02", None, 1, "1"),
    ("member", "S1", "H3", "02", None, 1, "0"),  # two heads: the one of the stronger row
    ("owner", "R3", "D1", None, None, 1, "0"),
]


def test_heads_and_sizes_of_households(spark: Any) -> None:
    expected = spark.createDataFrame(
        [("H1", "R5", 6), ("H2", None, 1), ("H3", "S1", 2)], "to_id string, head_id string, member_count bigint"
    )
    assertDataFrameEqual(find_heads(relations(spark, FAMILY)).select("to_id", "head_id", "member_count"), expected)


def test_who_heads_a_household_has_kin_in_it(spark: Any) -> None:
    given = relations(spark, FAMILY)
    expected = relations(spark, [
        *(row[:6] for row in FAMILY),
        ("spouse", "R2", "R5", None, None, 0),
        ("parent", "R5", "R3", None, None, 0),
        ("parent", "R4", "R5", None, None, 0),
    ])  # fmt: skip
    assertDataFrameEqual(add_kin(given, find_heads(given), RELATION), expected)


def test_kin_that_a_row_states_stays_as_it_is_stated(spark: Any) -> None:
    stated = ("spouse", "R2", "R5", None, day("2000-01-01"), 1, "0")
    given = relations(spark, [*FAMILY, stated])
    spouses = add_kin(given, find_heads(given), RELATION).where("relation_code = 'spouse'")
    assertDataFrameEqual(spouses, relations(spark, [stated[:6]]))


def test_codes_of_kin(spark: Any) -> None:
    """Which codes make whom what, over the whole list: sons and daughters, parents, spouses of the head, and no other."""
    codes = [f"{code:02}" for code in range(100)]
    members = spark.createDataFrame(
        [(f"R{code}", "H1", code) for code in codes], "from_id string, to_id string, family_code string"
    )
    heads = spark.createDataFrame([("H1", "R02")], "to_id string, head_id string")
    found = {(r["relation_code"], r["from_id"], r["to_id"]) for r in derive_kin(members, heads).collect()}
    spouses, parents = ("10", "11", "12"), ("50", "51", "52")
    children = ("20", "21", "22", "23", "24", "25", "26", "30", "31", "32", "33", "34", "35", "36")
    assert found == {
        *(("spouse", "R02", f"R{code}") for code in spouses),
        *(("parent", f"R{code}", "R02") for code in parents),
        *(("parent", "R02", f"R{code}") for code in children),
    }


# --- a small office -------------------------------------------------------------------------------------------------------

HUSBAND, WIFE, CHILD, LODGER, BOSS = (f"R{number}" for number in range(1, 6))
POLICE, GRID, CIVIL, HEALTH = "police/population", "grid/ledger", "civil_affairs/assistance", "health/record"
HOUSE, LET, FIRM = "housing/dwelling", "housing/occupancy", "market/enterprise"
MENTIONS = [
    (POLICE, "1", "resident", "", HUSBAND), (POLICE, "1", "household", "", "H1"), (POLICE, "1", "dwelling", "", "D1"),
    (POLICE, "2", "resident", "", WIFE), (POLICE, "2", "household", "", "H1"), (POLICE, "2", "dwelling", "", "D1"),
    (GRID, "1", "resident", "", HUSBAND), (GRID, "1", "household", "", "H2"), (GRID, "1", "dwelling", "", "D2"),
    (GRID, "2", "resident", "", LODGER), (GRID, "2", "household", "", "H2"), (GRID, "2", "dwelling", "", "D2"),
    (CIVIL, "1", "resident", "", WIFE), (CIVIL, "1", "resident", "spouse", HUSBAND),
    (CIVIL, "2", "resident", "", WIFE),
    (HEALTH, "1", "resident", "", CHILD), (HEALTH, "1", "resident", "guardian", WIFE), (HEALTH, "1", "dwelling", "", "D1"),
    (HEALTH, "2", "resident", "", WIFE),
    (HOUSE, "1", "dwelling", "", "D1"), (HOUSE, "1", "resident", "owner", HUSBAND),
    (HOUSE, "2", "dwelling", "", "D2"), (HOUSE, "2", "organisation", "owner", "O1"),
    (LET, "1", "dwelling", "", "D2"), (LET, "1", "resident", "tenant", LODGER), (LET, "1", "resident", "owner", BOSS),
    (FIRM, "1", "organisation", "", "O1"), (FIRM, "1", "resident", "legal_representative", BOSS),
]  # fmt: skip
SINCE = day("2025-06-01")


def fill(lake: Lake) -> None:
    """A couple with a child; he lives elsewhere with a lodger, in a dwelling of a firm."""
    write_mentions(lake, MENTIONS)
    write_records(lake, "resident", [
        (POLICE, "1", "", {"name": "王刚", "address": "板仓街1号", "sex_code": "1"}),
        (POLICE, "2", "", {"name": "李梅", "address": "板仓街1号"}),
        (GRID, "1", "", {"name": "王钢", "address": "板仓街2号", "phone": "13900000001"}),
        (GRID, "2", "", {"name": "赵客", "address": "板仓街2号"}),
        (CIVIL, "1", "", {"name": "李梅"}), (CIVIL, "1", "spouse", {"name": "王刚"}), (CIVIL, "2", "", {"name": "李梅"}),
        (HEALTH, "1", "", {"name": "王小", "address": "板仓街1号", "has_family_doctor": True}),
        (HEALTH, "1", "guardian", {"name": "李梅"}), (HEALTH, "2", "", {"name": "李梅"}),
        (HOUSE, "1", "owner", {"name": "王刚"}),
        (LET, "1", "tenant", {"name": "赵客"}), (LET, "1", "owner", {"name": "孙总"}),
        (FIRM, "1", "legal_representative", {"name": "孙总"}),
    ])  # fmt: skip
    write_records(lake, "household", [
        (POLICE, "1", "", {"number": "7", "address": "板仓街1号"}), (POLICE, "2", "", {"number": "7", "address": "板仓街1号"}),
        (GRID, "1", "", {"number": "W1", "address": "板仓街2号"}), (GRID, "2", "", {"number": "W1", "address": "板仓街2号"}),
    ])  # fmt: skip
    write_records(lake, "dwelling", [
        *((place, key, "", {"address": "板仓街1号"}) for place, key in ((POLICE, "1"), (POLICE, "2"), (HEALTH, "1"))),
        (GRID, "1", "", {"address": "板仓街2号"}), (GRID, "2", "", {"address": "板仓街2号"}),
        (HOUSE, "1", "", {"address": "板仓街一号", "area_m2": 88}), (HOUSE, "2", "", {"house_number": "X2"}),
        (LET, "1", "", {"compound": "板仓小区", "is_rented": True}),
    ])  # fmt: skip
    write_records(lake, "organisation", [
        (FIRM, "1", "", {"name": "兴隆公司", "registered_capital_yuan": 500000}),
        (HOUSE, "2", "owner", {"name": "兴隆", "credit_code": "91320102MA1WXYZR0A"}),
    ])  # fmt: skip
    write_records(lake, "relation", [
        (POLICE, "1", "member", {"family_code": "02"}), (POLICE, "2", "member", {"family_code": "12"}),
        (GRID, "1", "member", {"family_code": "02"}), (GRID, "2", "member", {"family_code": "97"}),
        (LET, "1", "tenant", {"start_date": day("2025-01-01"), "end_date": day("2026-12-31")}),
    ])  # fmt: skip
    write_records(lake, "resident_status", [
        (CIVIL, "1", "", {"number": "D1", "status_code": "01", "start_date": SINCE, "amount_yuan": 900}),
        (CIVIL, "2", "", {"number": "D2", "status_code": "01", "start_date": None}),
        (HEALTH, "1", "", {"number": "J1", "status_code": "31", "start_date": SINCE}),
        (HEALTH, "2", "", {"number": "J2", "status_code": "01", "start_date": SINCE}),
    ])  # fmt: skip


def rows_of(lake: Lake, name: str) -> list[dict[str, Any]]:
    """Rows without their nulls, by their key."""
    rows = lake.rows(f"candidate.{name}").to_pylist()
    rows.sort(key=lambda row: [row[column] for column in lake.declared[f"candidate.{name}"].key])
    return [{column: value for column, value in row.items() if value is not None} for row in rows]


def test_a_small_office(workspace: Workspace, conf: Conf, lake: Lake) -> None:
    fill(lake)
    merge.run(context_of(workspace, conf, lake))
    alike = {"is_deceased": False, "last_seen": day("2026-01-01")}
    home, away = {"is_registered": True, "registered_address": "板仓街1号"}, {"is_registered": False}
    assert rows_of(lake, "resident") == [
        {"entity_id": HUSBAND, "name": "王刚", "sex_code": "1", "phone": "13900000001", "address": "板仓街2号",
         "dwelling_id": "D2", "mention_count": 4, "lives_here": True, "system_count": 4, **home, **alike},
        {"entity_id": WIFE, "name": "李梅", "address": "板仓街1号", "dwelling_id": "D1", "mention_count": 5,
         "lives_here": False, "system_count": 3, **home, **alike},
        {"entity_id": CHILD, "name": "王小", "address": "板仓街1号", "has_family_doctor": True, "dwelling_id": "D1",
         "mention_count": 1, "lives_here": False, "system_count": 1, **away, **alike},
        {"entity_id": LODGER, "name": "赵客", "address": "板仓街2号", "dwelling_id": "D2", "mention_count": 2,
         "lives_here": True, "system_count": 2, **away, **alike},
        {"entity_id": BOSS, "name": "孙总", "mention_count": 2, "lives_here": False, "system_count": 2, **away, **alike},
    ]  # fmt: skip
    # He is registered with his wife, and a member of that household only; the lodger is alone in the other one.
    assert rows_of(lake, "household") == [
        {"entity_id": "H1", "number": "7", "address": "板仓街1号", "dwelling_id": "D1", "head_id": HUSBAND,
         "member_count": 2, "mention_count": 2},
        {"entity_id": "H2", "number": "W1", "address": "板仓街2号", "dwelling_id": "D2", "member_count": 1,
         "mention_count": 2},
    ]  # fmt: skip
    assert rows_of(lake, "dwelling") == [
        {"entity_id": "D1", "address": "板仓街一号", "area_m2": 88, "mention_count": 4},
        {"entity_id": "D2", "house_number": "X2", "address": "板仓街2号", "compound": "板仓小区", "is_rented": True,
         "mention_count": 4},
    ]  # fmt: skip
    assert rows_of(lake, "organisation") == [
        {"entity_id": "O1", "name": "兴隆公司", "registered_capital_yuan": 500000, "credit_code": "91320102MA1WXYZR0A",
         "mention_count": 2},
    ]  # fmt: skip

    def relation(code: str, first: tuple[str, str], second: tuple[str, str], count: int, **more: Any) -> dict[str, Any]:
        ends = {"from_kind": first[0], "from_id": first[1], "to_kind": second[0], "to_id": second[1]}
        return {"relation_code": code, **ends, **more, "mention_count": count}

    def resident(entity: str) -> tuple[str, str]:
        return "resident", entity

    lease = {"start_date": day("2025-01-01"), "end_date": day("2026-12-31")}
    assert rows_of(lake, "relation") == [
        relation("guardian", resident(WIFE), resident(CHILD), 1),
        relation("legal_representative", resident(BOSS), ("organisation", "O1"), 1),
        relation("member", resident(HUSBAND), ("household", "H1"), 1, family_code="02"),
        relation("member", resident(WIFE), ("household", "H1"), 1, family_code="12"),
        relation("member", resident(LODGER), ("household", "H2"), 1, family_code="97"),
        relation("owner", ("organisation", "O1"), ("dwelling", "D2"), 1),
        relation("owner", resident(HUSBAND), ("dwelling", "D1"), 1),
        relation("owner", resident(BOSS), ("dwelling", "D2"), 1),
        relation("spouse", resident(HUSBAND), resident(WIFE), 1),
        relation("tenant", resident(LODGER), ("dwelling", "D2"), 1, **lease),
    ]
    assert rows_of(lake, "resident_status") == [
        {"system": "civil_affairs", "number": "D1", "status_code": "01", "start_date": SINCE, "amount_yuan": 900,
         "system_count": 2, "resident_id": WIFE},
        {"system": "civil_affairs", "number": "D2", "status_code": "01", "system_count": 1, "resident_id": WIFE},
        {"system": "health", "number": "J1", "status_code": "31", "start_date": SINCE, "system_count": 1,
         "resident_id": CHILD},
    ]  # fmt: skip


def test_a_night_works_out_what_links_have_changed(workspace: Workspace, conf: Conf, lake: Lake) -> None:
    """Nobody's record is new: a dwelling turns out to be another, and an id number to belong to another."""
    fill(lake)
    id_number = "11010519491231002X"
    rows = lake.rows("harmonised.resident").to_pylist()
    rows[0] |= {"id_number": id_number}
    write_rows(lake, "harmonised.resident", rows)
    record_open(lake, RUN)
    merge.run(context_of(workspace, conf, lake))
    assert [row["id_number"] for row in rows_of(lake, "resident") if "id_number" in row] == [id_number]

    tonight = NIGHT + timedelta(days=1)
    moved = mention_of("dwelling", *POLICE.split("/"), "2", "dwelling")
    mentions = lake.rows("links.mention").to_pylist()
    for row in mentions:
        row |= {"entity_id": "D3"} if row["mention_id"] == moved else {}
    write_rows(lake, "links.mention", mentions)
    before = {"mention_id": moved, "kind": "dwelling", "entity_id": "D1", "valid_from": NIGHT, "valid_to": tonight}
    write_rows(
        lake, "links.assignment", [before, {**before, "entity_id": "D3", "valid_from": tonight, "valid_to": None}]
    )
    copied = mention_of("resident", *POLICE.split("/"), "1", "person")
    reject = {"kind": "resident", "mention_id": copied, "other_id": "x", "decision": "reject", "weight": 0}
    write_rows(lake, "links.edge", [{**reject, "reason": "id_held_by_another"}])
    context = context_of(workspace, conf, lake, Run(f"{tonight}.1", tonight, CLI, "", None))
    merge.run(context)
    homes = {row["entity_id"]: row.get("dwelling_id") for row in rows_of(lake, "resident")}
    assert homes == {HUSBAND: "D2", WIFE: "D3", CHILD: "D1", LODGER: "D2", BOSS: None}
    assert [row for row in rows_of(lake, "resident") if "id_number" in row] == []
    assert [row["entity_id"] for row in rows_of(lake, "dwelling")] == ["D1", "D2", "D3"]
    versions = {name: lake.version(f"candidate.{name}") for name in conf.records}
    merge.run(context)  # tried before, so that everything is worked out
    assert {name: lake.version(f"candidate.{name}") for name in conf.records} == versions
    told = (workspace.run_dir(context.run.run_id) / "log.jsonl").read_text(encoding="utf-8")
    assert (told.count("may have changed"), told.count("working out all")) == (1, 1)


def test_merge_is_the_same_again_and_writes_nothing_then(workspace: Workspace, conf: Conf, lake: Lake) -> None:
    fill(lake)
    merge.run(context_of(workspace, conf, lake))
    names = [f"candidate.{name}" for name in conf.records]
    before = {name: (lake.version(name), lake.fingerprint(name)) for name in names}
    merge.run(context_of(workspace, conf, lake))
    assert {name: (lake.version(name), lake.fingerprint(name)) for name in names} == before
