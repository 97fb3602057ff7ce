"""The figures of the identity bench, against cases counted by hand."""

from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from tests.bench.agreement import Scores, judge
from tests.bench.identity import describe
from tests.bench.identity_truth import candidates, linked_mentions, pairs_for_review
from tests.bench.splink_run import write_records


def groups(*pairs: str) -> pl.DataFrame:
    """One mention for each text: its entity and its truth."""
    return pl.DataFrame([{"entity": pair[0], "truth": pair[1]} for pair in pairs])


def test_two_people_mixed_up() -> None:
    """A is three mentions, two of them in x with one of B; of 3 pairs put together 1 is right, of 4 true ones 1 is found."""
    found = judge(groups("xA", "xA", "yA", "xB", "zB"))
    assert (found.mentions, found.entities, found.true_entities) == (5, 3, 2)
    assert (found.false_pairs, found.missed_pairs) == (2, 3)
    assert found.pairwise == Scores(1 / 3, 1 / 4)
    assert found.pairwise.f1 == pytest.approx(2 / 7)
    # Precision: 2/3 + 2/3 + 1 + 1/3 + 1; recall: 2/3 + 2/3 + 1/3 + 1/2 + 1/2; each of five mentions.
    assert found.bcubed.precision == pytest.approx(11 / 15)
    assert found.bcubed.recall == pytest.approx(8 / 15)
    assert found.bcubed.f1 == pytest.approx(176 / 285)


def test_all_right() -> None:
    found = judge(groups("xA", "xA", "yB", "zC"))
    assert (found.pairwise, found.bcubed) == (Scores(1.0, 1.0), Scores(1.0, 1.0))
    assert (found.pairwise.f1, found.bcubed.f1) == (1.0, 1.0)


def test_all_left_apart() -> None:
    found = judge(groups("xA", "yA"))
    assert (found.pairwise, found.pairwise.f1) == (Scores(1.0, 0.0), 0.0)
    assert (found.bcubed, found.bcubed.f1) == (Scores(1.0, 0.5), pytest.approx(2 / 3))


def test_all_put_together() -> None:
    found = judge(groups("xA", "xA", "xB", "xB"))
    assert (found.pairwise, found.bcubed) == (Scores(2 / 6, 1.0), Scores(0.5, 1.0))
    assert (found.false_pairs, found.missed_pairs) == (4, 0)


def test_nothing_to_put_together() -> None:
    assert judge(groups("xA", "yB")).pairwise == Scores(1.0, 1.0)


def test_no_mention_is_no_result() -> None:
    with pytest.raises(ValueError, match="No mention"):
        judge(pl.DataFrame(schema={"entity": pl.String, "truth": pl.String}))


def test_a_line_of_the_table() -> None:
    found = judge(groups("xA", "xA", "yA", "xB", "zB"))
    assert describe("hard", 101, "resident", found, 3000, 12) == (
        "| hard | 101 | resident | 5 | 0.33333 | 0.25000 | 0.28571 | 0.61754 | 3,000 | 2 | 12 |"
    )


def mention(number: str, row: int, kind: str = "resident", role: str = "person") -> dict[str, object]:
    key = {"system": "grid", "object": "ledger", "source_key": number, "role": role}
    return {"mention_id": number, "kind": kind, "entity_id": f"E{number}", "file_id": "f1", "row_number": row} | key


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace of four mentions, of which the truth below tells three."""
    tables = {
        "links/mention": [mention("1", 2), mention("2", 3), mention("3", 2, "dwelling", "dwelling"), mention("4", 9)],
        "ops/file": [{"file_id": "f1", "name": "grid.jsonl"}, {"file_id": "f2", "name": "grid_copy.jsonl"}],
        "links/edge": [{"kind": "resident", "decision": word} for word in ("review", "accept", "review")],
        "candidate/resident": [{"entity_id": "E1"}, {"entity_id": "E2"}],
    }
    for name, rows in tables.items():
        write_deltalake(str(tmp_path / "lake" / name), pl.DataFrame(rows).to_arrow())
    told = ("grid,grid.jsonl,2,resident,person,T1", "grid,grid.jsonl,3,resident,person,T2")
    told += ("grid,grid.jsonl,2,dwelling,dwelling,D1", "grid,grid_copy.jsonl,9,resident,person,T9")
    lines = ["night,system,path,row_number,kind,role,truth_id", *(f"2026-01-01,{line}" for line in told)]
    (tmp_path / "truth.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_mentions_meet_the_truth_of_their_row_kind_and_role(home: Path) -> None:
    found = linked_mentions(home, home / "truth.csv").select("mention_id", "kind", "entity", "truth").sort("mention_id")
    assert found.rows() == [("1", "resident", "E1", "T1"), ("2", "resident", "E2", "T2"), ("3", "dwelling", "E3", "D1")]


def test_entities_and_open_pairs_are_counted(home: Path) -> None:
    assert (candidates(home, "resident"), pairs_for_review(home, "resident"), pairs_for_review(home, "dwelling")) == (
        2, 2, 0,
    )  # fmt: skip


def test_records_are_prepared_for_splink(home: Path) -> None:
    """The birthday of the id number where none is recorded; block, unit and room as the door."""
    fields = {"name": "甲", "former_name": None, "phone": None, "birth_date": None, "id_number": "320102196107148815"}
    records = [mention("1", 2) | fields | {"address": "汉府街12号3幢2单元502室"}]
    records.append(mention("2", 3) | fields | {"id_number": None, "address": "汉府街"})
    frame = pl.DataFrame(
        records, schema_overrides={"birth_date": pl.Date, "former_name": pl.String, "phone": pl.String}
    )
    write_deltalake(str(home / "lake" / "harmonised" / "resident"), frame.to_arrow())
    people = linked_mentions(home, home / "truth.csv").filter(kind="resident")
    write_records(home, people, home / "records.parquet")
    written = pl.read_parquet(home / "records.parquet").select("mention_id", "birth", "door").rows()
    assert written == [("1", "1961-07-14", "3-2-502"), ("2", None, None)]
