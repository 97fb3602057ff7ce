"""Which files speak for an object on a night, and which of them come too late.

Reads: `ops.delivery`, `ops.file`. Writes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from jobs.common.base.file_names import shown
from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.received_files import FileKey, FileStatus, ReceivedFile, file_key, files_by_key
from jobs.common.lake.tables import Lake
from jobs.common.run.conf import Conf
from jobs.common.run.runs import run_night, run_number


@dataclass(frozen=True)
class Delivery:
    """A file as it was handed over in one run: a row of `ops.delivery`, with the status of the file."""

    run_id: str
    night: date
    system: str
    object: str
    sheet: str
    name: str
    file_id: str
    as_of: date
    status: FileStatus

    @property
    def key(self) -> FileKey:
        """What tells the file from others."""
        return self.system, self.object, self.sheet, self.file_id

    @property
    def place(self) -> tuple[str, str]:
        """The object it belongs to: system and object."""
        return self.system, self.object

    @property
    def export(self) -> tuple[date, str]:
        """The day it speaks of and its name: a later file with both replaces it."""
        return self.as_of, self.name

    @property
    def shown_name(self) -> str:
        """Its name as messages may tell it."""
        return shown(self.name, self.file_id)


@dataclass(frozen=True)
class ActiveFile:
    """A landed file of a night; a late one (older than one already taken, or replaced) changes no current row."""

    file_id: str
    name: str
    as_of: date
    late: bool


@dataclass(frozen=True)
class ObjectNight:
    """The landed files of one object on one night, in the order in which their rows count.

    `refused` are files of the export that could not be taken, so that nobody can say which keys are absent.
    """

    obj: SourceObject
    files: tuple[ActiveFile, ...]
    refused: tuple[str, ...]

    @property
    def counting(self) -> tuple[ActiveFile, ...]:
        return tuple(file for file in self.files if not file.late)


def all_deliveries(lake: Lake) -> list[Delivery]:
    """Every delivery with the status of its file, oldest first."""
    files = files_by_key(lake)
    found = [delivery_of(row, files) for row in lake.rows("ops.delivery").to_pylist()]
    return sorted(found, key=lambda each: (each.night, run_number(each.run_id), each.as_of, each.name))


def delivered_keys(lake: Lake, night: date) -> set[FileKey]:
    """Keys of the files that were handed over on a night."""
    return {file_key(row) for row in lake.rows("ops.delivery", {"night": night}).to_pylist()}


def delivery_of(row: dict[str, Any], files: dict[FileKey, ReceivedFile]) -> Delivery:
    """A row of `ops.delivery` with the status that its file had for that night."""
    file = files[file_key(row)]
    return Delivery(**row, status=status_on(file, row["night"]))


def status_on(file: ReceivedFile, night: date) -> FileStatus:
    """The status of a file for a night: what a contract refuses today was taken on the nights before, if it was read then."""
    if file.status is not FileStatus.REFUSED or file.read_in is None or file.refused_in is None:
        return file.status
    return FileStatus.ACCEPTED if night < run_night(file.refused_in) else FileStatus.REFUSED


def deliveries_of(lake: Lake, obj: SourceObject) -> list[Delivery]:
    """Deliveries of one object, oldest first."""
    return of_object(all_deliveries(lake), obj)


def of_object(deliveries: Sequence[Delivery], obj: SourceObject) -> list[Delivery]:
    """Those deliveries that belong to one object."""
    return [each for each in deliveries if each.place == obj.place]


def still_refused(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Deliveries refused or held back that no later one of their object has made good: a file of the same name and day, or
    the same bytes. What fitted no object is made good by any of its system.

    Args:
        deliveries: of all systems or one, oldest first.
    """
    left: list[Delivery] = []
    taken: set[tuple[Any, ...]] = set()
    for each in reversed(deliveries):
        own = _exports(each, each.object)
        if each.status.is_taken:
            taken |= own | _exports(each, "")
        elif each.status.is_left_out and not own & taken:
            left.append(each)
    return left[::-1]


def _exports(each: Delivery, object: str) -> set[tuple[Any, ...]]:
    """What a later delivery may have in common with this one, so that it makes this one good."""
    return {(each.system, object, *each.export), (each.system, object, each.file_id)}


def objects_of_night(lake: Lake, conf: Conf, night: date) -> list[ObjectNight]:
    """Objects that received a file on `night`, with the files that speak for them."""
    deliveries = all_deliveries(lake)
    found = []
    for obj in conf.objects:
        own = of_object(deliveries, obj)
        nights = {each.night for each in own}
        if night in nights:
            found.append(object_night(obj, own, night))
    return found


def is_late(lake: Lake, obj: SourceObject, as_of: date, night: date) -> bool:
    """Whether an export of `as_of` is older than one of the object that was taken on an earlier night."""
    earlier = [each for each in deliveries_of(lake, obj) if each.night < night]
    accepted = [each for each in earlier if each.status is FileStatus.ACCEPTED]
    return as_of < _newest_day(accepted)


def object_night(obj: SourceObject, deliveries: Sequence[Delivery], night: date) -> ObjectNight:
    """Judge the deliveries of one object (oldest first) up to `night`; those of later nights are left out.

    A file replaces an earlier one of the same name and day; the same bytes twice count once. A snapshot is all files of
    its newest day, also those of earlier nights; of other exports only the files of the night itself count.
    """
    known = [each for each in deliveries if each.night <= night]
    taken = [each for each in known if each.status.is_taken]
    newest = _newest_day(taken)
    if obj.mode == "snapshot":
        speaking = _of_night_or_day(taken, night, newest)
        late_before = newest
    else:
        speaking = [each for each in taken if each.night == night]
        late_before = _newest_day(each for each in taken if each.night < night)
    # A part refused on an earlier night is still a part of the same snapshot.
    refused = _of_night_or_day(still_refused(known), night, newest)
    refused_ids = dict.fromkeys(each.file_id for each in refused)
    return ObjectNight(obj, _active_files(speaking, taken, late_before), tuple(refused_ids))


def _newest_day(deliveries: Iterable[Delivery]) -> date:
    """The newest day that the deliveries speak of; the first of the calendar if there are none."""
    return max((each.as_of for each in deliveries), default=date.min)


def _of_night_or_day(deliveries: Sequence[Delivery], night: date, as_of: date) -> list[Delivery]:
    """Deliveries of a night, and those of earlier nights that speak of one day."""
    return [each for each in deliveries if each.night == night or each.as_of == as_of]


def _active_files(speaking: Sequence[Delivery], taken: Sequence[Delivery], late_before: date) -> tuple[ActiveFile, ...]:
    """The files that speak for an object, each once, in the order in which their rows count.

    A file is late if it speaks of a day before `late_before`, or if another one of all that were taken replaces it.
    """
    last = {each.export: each.file_id for each in taken}
    files: dict[str, ActiveFile] = {}
    for each in speaking:
        is_replaced = last[each.export] != each.file_id
        is_late = is_replaced or each.as_of < late_before
        _keep_best(files, ActiveFile(each.file_id, each.name, each.as_of, is_late))
    return tuple(sorted(files.values(), key=lambda file: (file.as_of, file.name, file.file_id)))


def _keep_best(files: dict[str, ActiveFile], file: ActiveFile) -> None:
    """Keep one file of the same bytes: the first, unless it is late and this one is not."""
    known = files.get(file.file_id)
    if known is None or (known.late and not file.late):
        files[file.file_id] = file
