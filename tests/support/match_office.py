"""An office whose harmonised tables hold what a test says, and match alone at work on them, night by night."""

import json
import random
from datetime import date
from pathlib import Path
from typing import Any

from jobs import match
from jobs.common.base.workspace import init_workspace
from jobs.common.run.conf import take_snapshot
from jobs.common.run.runs import Run, record_open
from jobs.common.run.stage import Context, open_lake
from jobs.match.mentions import KINDS
from tests.support.match_frames import match_looked_at

FIRST = date(2026, 1, 1)
LINKS = ("links.edge", "links.assignment", "links.identity_event", "links.mention")
State = dict[int, dict[str, Any]]  # source row -> its values
DAYS = [date(1980, 1, 1), date(1985, 5, 5)]
RECORDED = [date(1985, 5, 6), None]  # what is written in their place


def draw_row(draw: random.Random, spread: int = 1) -> dict[str, Any]:
    """A row of a source that names one of each kind, of so few people and places, or `spread` times as many, that some meet."""

    def any_of(text: str, count: int, none: float = 0.2) -> str | None:
        return None if draw.random() < none else f"{text}{draw.randrange(count * spread)}"

    born, turn = draw.choice(DAYS), draw.randrange(12 * spread)
    home, number = draw.randrange(8 * spread), draw.random() < 0.8
    return {
        "resident": {
            "name": any_of("张", 4), "former_name": any_of("张", 4, 0.9), "birth_date": draw.choice([born, born, *RECORDED]),
            "phone": any_of("139", 3, 0.5), "id_number": f"320102{born:%Y%m%d}{turn:04d}" if draw.random() < 0.4 else None,
        },
        "dwelling": {
            "division_code": draw.choice(["320102002001", "320102002001", "320104003002", None]),
            "road": f"路{home // 2}" if draw.random() < 0.7 else None, "road_number": "5" if number else None,
            "compound": f"花园{home // 3}" if draw.random() < 0.6 else None, "building": "3",
            "unit": None, "room": str(home), "house_number": any_of("h", 6, 0.7),
        },
        "organisation": {
            "name": any_of("公司", 5), "former_name": any_of("公司", 5, 0.9), "credit_code": any_of("X", 4, 0.5),
        },
        "household": {"number": any_of("H", 12), "division_code": "320102002001"},
    }  # fmt: skip


class Office:
    """A workspace whose harmonised tables hold what the test says."""

    def __init__(self, home: Path) -> None:
        self.workspace = init_workspace(home)
        self.conf = take_snapshot(self.workspace)
        self.lake = open_lake(self.workspace, self.conf)
        self.versions: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}

    def put(self, night: date, rows: State) -> None:
        """The state of the night, whatever an earlier run of it has put."""
        for kind in KINDS:
            before = [row for row in self.versions[kind] if row["valid_from"] < night]
            for version in before:
                if version["valid_to"] == night:
                    version["valid_to"] = None
            standing = {row["source_key"]: row for row in before if row["valid_to"] is None}
            now = {str(key): place_row(kind, key, row) for key, row in rows.items()}
            for key, version in standing.items():
                if key not in now or not now[key].items() <= version.items():
                    version["valid_to"] = night
            opened = [row for key, row in now.items() if key not in standing or standing[key]["valid_to"] == night]
            extra = {
                "file_id": f"file of {night}",
                "row_number": 1,
                "valid_from": night,
                "valid_to": None,
                "row_hash": 1,
            }
            self.versions[kind] = before + [row | extra for row in opened]
            name = f"harmonised.{kind}"
            empty = dict.fromkeys(self.lake.declared[name].names)
            table = self.lake.table_of(name, [empty | row for row in self.versions[kind]])
            self.lake.replace_part(name, table, {"sheet": ""})

    def match(self, night: date, number: int = 1) -> None:
        run = Run(f"{night}.{number}", night, "", self.conf.hash, None)
        record_open(self.lake, run)
        context = Context(self.workspace, self.conf, self.lake, run)
        folder = self.workspace.run_dir(run.run_id)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "plan.json").write_text(json.dumps({"nothing_new": False}))
        match.run(context)

    def looked_at(self, night: date, number: int = 1) -> list[tuple[str, int]]:
        """What each try of the run has looked at, and how many mentions that were."""
        return match_looked_at(self.workspace, f"{night}.{number}")

    def rows(self, table: str, **where: Any) -> list[dict[str, Any]]:
        return self.lake.rows(table, where or None).to_pylist()

    def links(self) -> dict[str, list[str]]:
        return {name: sorted(map(repr, self.rows(name))) for name in LINKS}

    def entities(self) -> dict[str, str]:
        return {row["mention_id"]: row["entity_id"] for row in self.rows("links.mention")}


def place_row(kind: str, key: int, row: dict[str, Any]) -> dict[str, Any]:
    role = "person" if kind == "resident" else kind
    place = {"system": ("police", "grid", "health")[key % 3], "object": "list", "sheet": "", "source_key": str(key)}
    return {**place, "role": role, **row[kind]}
