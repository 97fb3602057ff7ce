"""The resident table of a night, written by hand for DuckDB: `python -m tests.bench.duck --plan FILE --out FILE`.

The same exports, cleaning rules, grouping (by id number, else by name, birth date and phone, or name and phone) and choice
by authority as the pipeline's, in one pass: no raw tables, history, issues, quarantine, books, audit or release. The plan
(`plan.py`) says what one would write into such a script: where files lie, which column means what, which word stands for
which code.

Reads: exports. Writes: one Parquet file: `mention_id`, the least of the resident's mentions, the fields, `mention_count`.
Prints the seconds of each step as JSON.
"""

import json
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from tests.bench.duck_read import Object, read_object

_TOKENS = {
    "$FULL": "".join(chr(0xFF01 + i) for i in range(94)) + "\u3000\r\x85\u2028\u2029",
    "$HALF": ("".join(chr(0x21 + i) for i in range(94)) + " " * 5).replace("'", "''"),
    "$BLANK": r"[ \t\r\n\x0B\x0C\x{85}\x{2028}\x{2029}\x{A0}\x{3000}\x{FEFF}\x{200B}]",
    "$HAN": r"[\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{3007}\x{20000}-\x{3FFFF}]+",
}


def write_residents(plan: dict[str, Any], out: Path) -> dict[str, float]:
    """Seconds of each step."""
    db = duckdb.connect()
    macros = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for token, text in _TOKENS.items():
        macros = macros.replace(token, text)
    db.execute(macros)
    steps: dict[str, Callable[[], None]] = {
        "read": lambda: read_mentions(db, plan),
        "clean": lambda: clean_mentions(db, plan),
        "group": lambda: group_mentions(db),
        "choose": lambda: choose_values(db, plan, out),
    }
    seconds = {}
    for name, step in steps.items():
        began = time.perf_counter()
        step()
        seconds[name] = round(time.perf_counter() - began, 3)
    return seconds


def read_mentions(db: duckdb.DuckDBPyConnection, plan: dict[str, Any]) -> None:
    """Table `texts`: one row per row and role that names a resident, the first row of each key, fields as text."""
    parts = []
    for obj in plan["objects"]:
        table = f"{obj['system']}_{obj['name']}"
        if read_object(db, obj, table):
            key = " || '|' || ".join(f'strip("{column}")' for column in obj["keys"])
            db.execute(f"""
                create table {table}_rows as
                with keyed as (select *, {key} as _key from {table} where {key} is not null),
                twice as (select _key from keyed group by _key having count(*) > 1)
                select * from keyed anti join twice using (_key)
                union all by name
                select * from keyed semi join twice using (_key)
                qualify row_number() over (partition by _key order by _as_of desc, _file, _row) = 1""")
            parts += [_texts_of(obj, role, plan["fields"]) for role in obj["roles"]]
    db.execute(f"create table texts as {' union all '.join(parts)}")


def _texts_of(obj: Object, role: str, fields: dict[str, str]) -> str:
    fed = obj["roles"][role]
    texts = [f'"{fed[name]}" as {name}' if name in fed else f"null::varchar as {name}" for name in fields]
    telling = " or ".join(f'strip("{name}") is not null' for name in fed.values() if name not in obj["keys"])
    place = f"'resident|{obj['system']}|{obj['name']}|' || _key || '|{role}'"
    return (
        f"select md5({place}) as mention_id, '{obj['system']}' as system, '{role}' as role, {', '.join(texts)}"
        f" from {obj['system']}_{obj['name']}_rows where {telling}"
    )


def clean_mentions(db: duckdb.DuckDBPyConnection, plan: dict[str, Any]) -> None:
    """Table `mentions`: `texts` with values of the model."""
    plain, values, joins = [], [], []
    for name, type in plan["fields"].items():
        plain.append(f"plain_{type}({name}) as {name}")
        if name in plan["words"]:
            joins.append(f"left join '{plan['words'][name]}' as w_{name} on w_{name}.word = p.{name}")
            values.append(f"w_{name}.code as {name}")
        else:
            values.append(f"value_{type}(p.{name}) as {name}")
    db.execute(f"""
        create table mentions as
        with p as (select mention_id, system, role, {", ".join(plain)} from texts)
        select mention_id, system, role, {", ".join(values)} from p {" ".join(joins)}""")


def group_mentions(db: duckdb.DuckDBPyConnection) -> None:
    """Table `groups`: the resident of each mention, as its least mention, and whether its id number is its own.

    Within a number, mentions of one name or one birth date are one group. The number belongs to the group whose birth
    date is the one inside it, else to the larger one. A mention without a number of its own goes to the one resident of
    its name, birth date and phone (without a birth date: of its name and phone), or with those that share them where no
    resident has them.
    """
    db.execute("""
        create table numbers as
        select id_number, min(mention_id) as least, count(name) = count(*) and min(name) = max(name) as one_name
        from mentions where id_number is not null group by id_number""")
    db.execute("""
        create table mixed as
        with m as (select mention_id, id_number, name, birth_date, phone, mention_id as label
                   from mentions join numbers using (id_number) where not one_name),
        several as (select name, birth_date, phone from mentions
                    where agrees(birth_date, id_number) group by all having count(distinct id_number) > 1)
        select m.*, several.name is not null as has_other
        from m left join several using (name, birth_date, phone)""")
    for _ in range(3):
        for same in ("name", "case when not has_other then birth_date::varchar end"):
            db.execute(f"""
                create or replace table mixed as
                select * replace (min(label) over (partition by id_number, coalesce({same}, mention_id)) as label)
                from mixed""")
    db.execute("""
        create table holders as
        with g as (select id_number, label, max(agrees(m.birth_date, id_number)) as agrees, count(*) as size,
                          min(has_other) as has_other
                   from mixed join mentions m using (mention_id, id_number) group by all)
        select id_number, arg_min(label, (not coalesce(agrees, false), -size, has_other, label)) as holder
        from g group by id_number""")
    db.execute("""
        create table held as
        select mention_id, least as label from mentions join numbers using (id_number) where one_name
        union all
        select mention_id, label from mixed join holders using (id_number) where label = holder""")
    db.execute("""
        create table by_three as
        with t as (select mention_id, name, birth_date, phone, held.label
                   from mentions left join held using (mention_id)),
        named as (select name, birth_date, phone, count(distinct label) as residents, min(label) as resident,
                         min(case when label is null then mention_id end) as loose
                  from t where name is not null and birth_date is not null and phone is not null group by all)
        select t.mention_id, name, birth_date, phone, t.label is not null as is_own,
            t.label is null and birth_date is null as is_undated,
            coalesce(t.label, case residents when 1 then resident when 0 then loose end, t.mention_id) as label
        from t left join named using (name, birth_date, phone)""")
    db.execute("""
        create table groups as
        with named as (select name, phone, count(distinct label) filter (not is_undated) as residents,
                              min(label) filter (not is_undated) as resident, min(mention_id) filter (is_undated) as loose
                       from by_three where name is not null and phone is not null group by all)
        select mention_id, is_own, case when is_undated
            then coalesce(case residents when 1 then resident when 0 then loose end, mention_id) else label end as label
        from by_three left join named using (name, phone)""")


def choose_values(db: duckdb.DuckDBPyConnection, plan: dict[str, Any], out: Path) -> None:
    """Write one row per resident: of each field the value of the system that has the say, then of the least mention."""
    orders = sorted({tuple(order) for order in plan["orders"].values()})
    # One number says both: the place of the system in the high bits, the mention in the low ones.
    least = "('0x' || substr(mention_id, 1, 14))::bigint"
    places = [
        f"{_place(order, plan['own_roles'])} * 72057594037927936 + {least} as place_{number}"
        for number, order in enumerate(orders)
    ]
    chosen = []
    for field, order in plan["orders"].items():
        name = "own_id" if field == "id_number" else field
        chosen.append(f"arg_min({name}, place_{orders.index(tuple(order))}) filter ({name} is not null) as {field}")
    db.execute(f"""
        copy (
            with m as (select m.*, case when is_own then id_number end as own_id, label, {", ".join(places)}
                       from mentions m join groups using (mention_id)),
            r as (select min(mention_id) as mention_id, {", ".join(chosen)}, count(*) as mention_count from m group by label)
            select * replace (coalesce(birth_date, day_in_id(id_number)) as birth_date,
                              coalesce(sex_code, sex_in_id(id_number)) as sex_code) from r
        ) to '{out}' (format parquet)""")


def _place(order: Sequence[str], own_roles: Sequence[str]) -> str:
    ranks = " ".join(f"when '{system}' then {rank}" for rank, system in enumerate(order))
    own = ", ".join(f"'{role}'" for role in own_roles)
    return f"(case system {ranks} else {len(order)} end + case when role in ({own}) then 0 else 60 end)"


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True, help="from tests.bench.plan")
    parser.add_argument("--out", type=Path, required=True, help="Parquet file to write")
    arguments = parser.parse_args()
    print(json.dumps(write_residents(json.loads(arguments.plan.read_text(encoding="utf-8")), arguments.out)))


if __name__ == "__main__":
    main()
