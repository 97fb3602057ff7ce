"""The resident table of the pipeline beside the one of the DuckDB script, resident by resident.

Reads: a workspace, the script's Parquet file. Writes: nothing. Shows counts and keys of mentions, never values.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from jobs.common.base.workspace import open_workspace
from jobs.common.run.conf import current_conf
from jobs.common.run.stage import open_lake

_KEYS_SHOWN = 5


@dataclass(frozen=True)
class Agreement:
    """How far two resident tables agree.

    `residents` are those of the pipeline and of the script; `shared` have the same least mention in both, `alike` as many
    mentions as well. Of each column: residents that differ among those `alike`, and among the others that are `shared`.
    `keys` are some (system/object/key@role) of the first.
    """

    residents: tuple[int, int]
    alike: int
    shared: int
    columns: dict[str, tuple[int, int]]
    keys: dict[str, list[str]]


def compare_residents(home: Path, by_hand: Path, table: str = "refined.resident") -> Agreement:
    """Residents of both tables are the same where the least mention of the one belongs to the other."""
    workspace = open_workspace(home)
    lake = open_lake(workspace, current_conf(workspace))
    db = duckdb.connect()
    db.register("ours", lake.dataset(table))
    db.register("mention", lake.dataset("links.mention"))
    db.execute(f"create view hand as select * from '{by_hand}'")
    # The script tells only the least mention of a resident and how many there are; so many of an entity are the same.
    db.execute("""
        create table pairs as
        with least as (select entity_id, min(mention_id) as mention_id, count(*) as mentions
                       from mention where kind = 'resident' group by entity_id)
        select entity_id, mention_id, least.mentions = hand.mention_count as alike
        from least join hand using (mention_id)""")
    hand_columns = {row[0] for row in db.execute("describe hand").fetchall()}
    names = [row[0] for row in db.execute("describe ours").fetchall() if row[0] in hand_columns - {"mention_count"}]
    columns, keys = {}, {}
    for name in names:
        differs = f"""from pairs join ours using (entity_id) join hand using (mention_id)
                      where ours."{name}" is distinct from hand."{name}" """
        counted = db.execute(f"select count(*) filter (alike), count(*) filter (not alike) {differs}").fetchone()
        assert counted is not None
        columns[name] = counted
        keys[name] = _keys(db, f"select mention_id {differs} and alike limit {_KEYS_SHOWN}")
    return Agreement(
        (_count(db, "ours"), _count(db, "hand")), _count(db, "pairs where alike"), _count(db, "pairs"), columns, keys
    )


def _keys(db: duckdb.DuckDBPyConnection, mentions: str) -> list[str]:
    rows = db.execute(f"select system, object, source_key, role from mention where mention_id in ({mentions})")
    return [f"{system}/{obj}/{key}@{role}" for system, obj, key, role in rows.fetchall()]


def _count(db: duckdb.DuckDBPyConnection, what: str) -> int:
    (number,) = db.execute(f"select count(*) from {what}").fetchone() or (0,)
    return int(number)


def describe_agreement(found: Agreement) -> str:
    """Markdown: who is in both tables, and the agreement of each column; a sentence where they agree on all."""
    ours, hand = found.residents
    same = (ours, ours) == (hand, found.alike) and not any(map(any, found.columns.values()))
    if same:
        return f"Both tables have the same {ours:,} residents, equal in each of {len(found.columns)} columns."
    lines = [
        f"Residents: {ours:,} of the pipeline, {hand:,} of the script. {found.alike:,} have the same first mention and number"
        f" of mentions, {found.shared - found.alike:,} the first mention only.",
        "",
        "| column | equal | differ, same mentions | differ, other mentions | keys of some |",
        "|---|--:|--:|--:|---|",
    ]
    for name, (alike, others) in found.columns.items():
        equal = 100 * (1 - (alike + others) / max(1, found.shared))
        lines.append(f"| {name} | {equal:.3f}% | {alike:,} | {others:,} | {', '.join(found.keys[name])} |")
    return "\n".join(lines)
