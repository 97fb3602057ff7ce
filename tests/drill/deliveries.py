"""Nights that go wrong by what is handed over, what is declared, or what a person decides."""

import shutil

from jobs.common.base.workspace import Workspace
from jobs.common.run.stage import open_lake
from tests.drill.scene import Scene, night, seen

POLICE = "户籍人口_*.csv"


def missing_source(scene: Scene) -> None:
    """A nightly system hands nothing over"""
    scene.begin(1)
    scene.hand_over(2, without=["police"])
    scene.tell(
        "The police hand over nothing. The night is released without them, named `incomplete`, and what they said stays."
    )
    scene.run(2)
    scene.status("^run|^source|^release")
    summary = scene.summary(2)
    scene.check(summary["verdict"] == "incomplete", "the night is incomplete")
    scene.check(summary["sources"]["police"]["state"] == "missing", "police is named as missing")
    scene.check(summary["books"]["closes"], f"the books of {summary['run_id']} close")
    kept = scene.folder / "without-police"
    shutil.copytree(scene.home, kept)
    scene.tell("To do: ask for the export. If it comes the same night, run the night once more:")
    scene.hand_over(2, only=["police"])
    scene.run(2)
    scene.tell("Tables are as if it had come in time; only the history of ids keeps what was published meanwhile.")
    scene.check_same(2, but=["links.identity_event"])
    scene.tell("If it does not come, the next night is right again by itself:")
    shutil.rmtree(scene.home)
    kept.rename(scene.home)
    scene.hand_over(3)
    scene.run(3)
    state = scene.summary(3)["sources"]["police"]["state"]  # partial, as one line of the register is ragged
    scene.check(state == "partial", "the next night has the police again")
    scene.check(scene.summary(3)["books"]["closes"], "the books close")
    scene.check(scene.has_all_keys("police", "population", "person_number", 3), "everybody in the new register stands")


def empty_export(scene: Scene) -> None:
    """An export is empty: nothing but a header, or not a byte"""
    scene.begin(1)
    scene.hand_over(2)
    tenants, register = scene.inbox("housing", "物业住户_*.csv"), scene.inbox("police", POLICE)
    tenants.write_bytes(tenants.read_bytes().split(b"\n")[0] + b"\n")
    register.write_bytes(b"")
    scene.tell(
        "The tenants' list has its header only, the police register has no byte. Neither may end everybody in it."
    )
    scene.run(2)
    scene.status("^run|^file|^release")
    states = {file["name"]: file["status"] for file in files_of(scene, 2)}
    told = {name: states[name] for name in (tenants.name, register.name)}
    scene.check(set(told.values()) <= {"refused", "held"}, f"neither is taken: {told}")
    for system, name in (("housing", tenants.name), ("police", register.name)):
        obj = next(file["object"] for file in files_of(scene, 2) if file["name"] == name)
        before = count_current(scene, 1, system, obj)
        scene.check(count_current(scene, None, system, obj) == before > 0, f"the {before:,} rows of {system} stay")
    scene.tell("To do: have both exported again and hand them in under the same names.")
    scene.hand_over(2, only=["housing", "police"])
    scene.run(2)
    scene.check(scene.summary(2)["verdict"] == "complete", "the night is complete")
    scene.check_same(2, but=["links.identity_event"])


def half_an_export(scene: Scene) -> None:
    """Half an export: most keys of a register are gone"""
    scene.begin(1)
    scene.hand_over(2)
    register = scene.inbox("police", POLICE)
    header, *lines = register.read_bytes().splitlines(keepends=True)
    cut = len(lines) * 4 // 10
    register.write_bytes(b"".join([header, *lines[:cut]]))
    scene.tell(
        f"{cut} of {len(lines)} rows of the police register arrive. The file lands, is `held`, and changes nothing."
    )
    scene.run(2)
    scene.status("^run|^file|^release")
    (held,) = (file for file in files_of(scene, 2) if file["name"] == register.name)
    scene.check(held["status"] == "held", "the file is held")
    before = count_current(scene, 1, "police", "population")
    scene.check(count_current(scene, None, "police", "population") == before, f"the {before} rows of the register stay")
    kept = scene.folder / "held"
    shutil.copytree(scene.home, kept)
    scene.tell(
        "To do, if the rest is at hand: hand it in as a further file of the same day. Both parts count together."
    )
    rest = register.with_name(f"{register.stem}_余.csv")
    rest.write_bytes(b"".join([header, *lines[cut:]]))
    scene.run(2)
    scene.check(scene.summary(2)["verdict"] == "complete", "the night is complete")
    scene.check_same(2, ["refined."])
    scene.tell("Or, if it is true that so many have left: let it through.")
    shutil.rmtree(scene.home)
    kept.rename(scene.home)
    scene.jiceng("accept", held["file_id"][:8], "--because", "a street was torn down")
    scene.run(2)
    now = count_current(scene, None, "police", "population")
    scene.check(0 < now < before, f"{now} rows of the register are left, as the export says")
    scene.check(scene.summary(2)["books"]["closes"], "the books close")


def gate_refuses(scene: Scene) -> None:
    """The gate refuses three nights in a row"""
    scene.begin(1)
    contract = scene.home / "conf" / "sources" / "police.odcs.yaml"
    text = (scene.town.folder / "police.odcs.yaml").read_text(encoding="utf-8")
    swapped = text.replace("resident.birth_date", "?").replace("resident.death_date", "resident.birth_date")
    contract.write_text(swapped.replace("?", "resident.death_date"), encoding="utf-8")
    scene.tell("Somebody swaps day of birth and day of death in the police contract. People die before they are born.")
    for number in (2, 3, 4):
        scene.hand_over(number)
        ended = scene.run(number, code=3)
        scene.check("nothing was released" in ended.err, "the line says that nothing was released", quiet=True)
        scene.check_unchanged(1, f"night {night(number)} refused")
    scene.status("^run|^gate|^release")
    scene.jiceng("release", "list", shows=".")
    scene.tell("To do: mend the contract. The next run releases all that the refused nights have brought.")
    contract.unlink()
    scene.hand_over(5)
    scene.run(5)
    scene.check(scene.summary(5)["release_id"] == f"{night(5)}.1", f"release {night(5)}.1 is out")
    scene.check(scene.summary(5)["books"]["closes"], "the books close")
    scene.check_same_content(5)
    scene.check_same(5, ["raw."])


def rollback_then_night(scene: Scene) -> None:
    """A rollback, and the night after it"""
    scene.begin(2)
    scene.tell("The release turns out wrong. Readers are taken back to the one before; nothing is deleted.")
    scene.jiceng("release", "rollback", "--because", "the grid's export was half")
    scene.check(seen_rows(scene) == seen_rows(scene, 1), "readers see the rows of the first night")
    scene.status("^run|^release")
    scene.tell("The next night publishes on top of it (`jiceng release hold` would keep it from that).")
    scene.hand_over(3)
    scene.run(3)
    scene.jiceng("release", "list", shows=".")
    scene.check_same(3)
    scene.check_unchanged(3, "after the night")
    scene.tell("The history is whole: each release can still be read.")
    for number in (1, 2):
        rows = scene.town.summary(number)["tables"]["refined.resident"]["rows"]
        query = ("sql", "select count(*) as residents from resident", "--release", f"{night(number)}.1")
        ended = scene.jiceng(*query, shows="[0-9]")
        scene.check(ended.out.split()[-1] == str(rows), f"release {night(number)}.1 has its {rows} residents")


def files_of(scene: Scene, number: int) -> list[dict]:
    """All files of a night, as its summary tells."""
    return [file for source in scene.summary(number)["sources"].values() for file in source["files"]]


def seen_rows(scene: Scene, number: int | None = None) -> dict[str, list[str]]:
    return seen(scene.home if number is None else scene.town.after(number))[1]


def count_current(scene: Scene, number: int | None, system: str, obj: str) -> int:
    """Rows of an object that stand in `harmonised.*`, now or after an undisturbed night."""
    lake = open_lake(Workspace(scene.home if number is None else scene.town.after(number)))
    where = {"system": system, "object": obj, "valid_to": None}
    names = [name for name in lake.existing() if name.startswith("harmonised.")]
    return sum(lake.rows(name, where, ["source_key"]).num_rows for name in names)
