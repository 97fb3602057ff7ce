"""Two whole nights of a small office to which hostile exports are handed in, now and then with broken configuration beside.

Each night ends with an exit code that means something, its books close, every byte is archived or lies where it was, every
row of an accepted file is somewhere, and nothing that is printed, logged or summed up gives a person away.
"""

import hashlib
import json
import random
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from jobs.common.lake.tables import Lake
from jobs.common.run.stage import open_lake
from tests.fuzz.conf import mutate_text, shipped
from tests.fuzz.exports import FORMATS, HEADERS, Export, draw_export, draw_hostile
from tests.fuzz.names import hash_of
from tests.fuzz.outcome import CRASH, UNACCOUNTED, Outcome, Problem, look_for_values
from tests.support.office import Office, open_office

_FIRST = date(2026, 1, 1)
_NIGHTS = 2
_FEEDS = (
    None,
    "resident.name",
    "resident.id_number",
    "resident.phone",
    "resident.address",
    None,
    "resident.birth_date",
)
_ENDINGS = {"csv": "csv", "jsonl": "jsonl", "xlsx": "xlsx"}


def play(seed: str, folder: Path) -> Outcome:
    """One office."""
    draw = random.Random(seed)
    office = open_office(folder / "workspace")
    sound = {format: draw_export(draw, format) for format in FORMATS}
    for format, export in sound.items():
        office.declare(f"by_{format}", write_contract(draw, f"by_{format}", export))
    problems: list[Problem] = []
    given: set[str] = set()
    for night in (_FIRST + timedelta(days=n) for n in range(_NIGHTS)):
        hand_in(draw, office, night, sound, given)
        may_refuse = draw.random() < 0.15
        broken = break_conf(draw, office) if may_refuse else None
        answer = office.run(str(night))
        if "Traceback" in answer.err or answer.code not in ((0, 2, 3) if may_refuse else (0, 3)):
            last = answer.err.strip().splitlines()[-1:] or [""]
            problems.append((CRASH, f"run, exit code {answer.code}", last[0][:300]))
        if broken is not None:
            broken.unlink()
        status = office.jiceng("status")
        problems += look_for_values("\n".join((answer.out, answer.err)), "run")
        problems += look_for_values("\n".join((status.out, status.err)), "status")
    problems += account(office, given)
    return Outcome(1, problems)


def write_contract(draw: random.Random, system: str, export: Export) -> str:
    """A contract of one export with the columns of `HEADERS`."""
    settings = {
        "path": f"*.{_ENDINGS[export.format]}",
        "mode": draw.choice(("snapshot", "snapshot", "incremental")),
        "as_of": r"_(\d{8})",
        **export.settings,
    }
    columns = []
    for at, (header, feed) in enumerate(zip(HEADERS, _FEEDS, strict=True)):
        column: dict[str, Any] = {"name": f"c{at}", "physicalName": header, "classification": "3"}
        if at == 0:
            column |= {"required": True, "primaryKey": True}
        if feed:
            column["customProperties"] = [{"property": "feeds", "value": feed}]
        columns.append(column)
    words = [{"property": word, "value": value} for word, value in settings.items()]
    server = {"server": "people", "type": "custom", "format": export.format, "customProperties": words}
    contract = {
        "apiVersion": "v3.2.0", "kind": "DataContract", "id": system, "version": "1.0.0", "status": "active",
        "customProperties": [{"property": "expected", "value": "occasional"}],
        "servers": [server], "schema": [{"name": "people", "properties": columns}],
    }  # fmt: skip
    return yaml.safe_dump(contract, allow_unicode=True, sort_keys=False)


def hand_in(draw: random.Random, office: Office, night: date, sound: dict[str, Export], given: set[str]) -> None:
    """Put files for the night into the inbox, most of them hostile, and their hashes into `given`.

    A file that a refused night has left in the inbox may be replaced by its sender; then its hash is taken out.
    """
    for format, one in sound.items():
        for number in range(draw.choice((0, 1, 1, 2, 3))):
            content = one.content if draw.random() < 0.3 else draw_hostile(draw, format).content
            day = night - timedelta(days=draw.choice((0, 0, 0, 0, 1)))
            name = draw.choice(("名单", "名单", "重交", "13800138765"))
            path = f"by_{format}/{name}_{day:%Y%m%d}_{number}.{_ENDINGS[format]}"
            if (replaced := office.workspace.inbox / path).exists():
                given.discard(hash_of(replaced))
            office.hand_in(path, content)
            given.add(hashlib.sha256(content).hexdigest())


def break_conf(draw: random.Random, office: Office) -> Path | None:
    """Put a mutated file into the workspace's configuration."""
    name = draw.choice(sorted(shipped()))
    path = office.workspace.conf / name
    if path.exists():
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mutate_text(draw, shipped()[name]))
    return path


def account(office: Office, given: set[str]) -> list[Problem]:
    """What is lost of the files and their rows, and what the records of the runs give away."""
    workspace = office.workspace
    lake = open_lake(workspace)
    problems: list[Problem] = []
    there = {
        hash_of(path) for folder in (workspace.archive, workspace.inbox) for path in folder.rglob("*") if path.is_file()
    }
    if lost := given - there:
        problems.append((UNACCOUNTED, "files", f"{len(lost)} neither in the inbox nor in the archive"))
    files = lake.rows("ops.file").to_pylist()
    for file in files:
        if file["status"] in ("accepted", "late", "held") and (told := count_rows(lake, file)) is not None:
            problems.append((UNACCOUNTED, f"rows of {file['object']}", told))
    problems += look_for_values("\n".join(str(file["detail"]) for file in files), "ops.file.detail")
    for folder in sorted(workspace.runs.glob("2*")):
        with suppress(FileNotFoundError):
            problems += look_for_values((folder / "log.jsonl").read_text(encoding="utf-8"), "log.jsonl")
            text = (folder / "summary.json").read_text(encoding="utf-8")
            books = json.loads(text)["books"]
            # A file's name may hold a number, and is told there so that it can be found again.
            problems += look_for_values(text.replace("13800138765_", ""), "summary.json")
            if not books["closes"]:
                problems.append((UNACCOUNTED, "books", "; ".join(books["open"])[:300]))
    return problems


def count_rows(lake: Lake, file: dict[str, Any]) -> str | None:
    """What does not add up of a file's rows: read, and what is in the tables of it."""
    part = {"system": file["system"], "object": file["object"], "file_id": file["file_id"]}
    aside = lake.rows("ops.quarantine", part | {"stage": "land"}, ["row_number"]).num_rows
    skipped = lake.rows("ops.skipped", part, ["row_number"]).num_rows
    landed = lake.rows(f"raw.{file['system']}__{file['object']}", {"file_id": file["file_id"]}, ["row_number"]).num_rows
    if file["rows_read"] == landed + aside + skipped:
        return None
    return f"{file['rows_read']} read, {landed} landed, {aside} set aside, {skipped} skipped"
