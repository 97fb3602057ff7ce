"""What a snapshot would end: the keys that stand of its object and are not in it. Counted without the engine.

Reads: `raw.*`, `harmonised.*`, `ops.*`. Writes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import ActiveFile
from jobs.common.intake.file_decisions import is_shaken, remaining_nights
from jobs.common.intake.keyed_rows import fed_records
from jobs.common.lake.tables import Lake

WHITE = " \t\r\n\x0b\x0c\x85\u2028\u2029\xa0\u3000\ufeff\u200b"  # as `rows.WHITESPACE`, which the engine knows


@dataclass(frozen=True)
class Loss:
    """Keys that stand, how many of them a snapshot lacks, and its rows whose key nobody could read."""

    standing: int
    absent: int
    unread: int

    @property
    def gone(self) -> int:
        """Keys that are gone for certain: a row whose key is unread may be the one that seems absent."""
        return max(0, self.absent - self.unread)

    def exceeds(self, obj: SourceObject) -> bool:
        return self.standing >= obj.max_loss_from and self.gone > obj.max_loss * self.standing


def count_loss(lake: Lake, obj: SourceObject, parts: Sequence[ActiveFile], night: date) -> Loss:
    """What the parts of a snapshot lack of the keys that stand before `night`.

    Rows without a primary key are counted, as a key made of their content would change with every correction.
    """
    has_key = bool(obj.key_columns)
    present = _raw_keys_or_rows(lake, obj, parts)
    aside = {"system": obj.system, "object": obj.name, "file_id": [part.file_id for part in parts], "stage": "land"}
    unread = lake.rows("ops.quarantine", aside, ["row_number"]).num_rows + present.null_count
    if is_shaken(lake, obj, night):  # what a withdrawn file brought stands no longer
        files = [file for known in remaining_nights(lake, obj, night) for file in known.counting]
        return _compare(_raw_keys_or_rows(lake, obj, files), present, unread, has_key)
    loss = _compare(standing_keys(lake, obj, night), present, unread, has_key)
    if not has_key or not loss.exceeds(obj):
        return loss
    anew = _standing_keys_anew(lake, obj, night)
    return loss if anew is None else _compare(anew, present, unread, has_key)


def _compare(standing: pa.ChunkedArray, present: pa.ChunkedArray, unread: int, has_key: bool) -> Loss:
    known, found = pc.unique(standing).drop_null(), present.drop_null()
    there = _count_in(known, found) if has_key else min(len(known), len(found))
    return Loss(len(known), len(known) - there, unread)


def _count_in(keys: pa.ChunkedArray, among: pa.ChunkedArray) -> int:
    """How many of the keys are among others."""
    return pc.sum(pc.is_in(keys, value_set=among)).as_py() or 0


def standing_keys(lake: Lake, obj: SourceObject, night: date) -> pa.ChunkedArray:
    """Keys of the records that stand before `night`, whatever the night itself has done; not distinct."""
    found = [_standing(lake, obj, name, night, ["source_key"]) for name in _records(lake, obj)]
    return _whole(_text(rows, "source_key") for rows in found)


def _standing_keys_anew(lake: Lake, obj: SourceObject, night: date) -> pa.ChunkedArray | None:
    """The same under the contract of today, which may name another key than the one they were taken under.

    None where the raw rows that they rest on do not tell it.
    """
    names = ["file_id", "row_number"]
    places = [_places(_standing(lake, obj, name, night, names)) for name in _records(lake, obj)]
    wanted = pc.unique(_whole(places))
    files = sorted({place.rpartition("|")[0] for place in wanted.to_pylist()})
    rows = _scan(lake, obj, files, [*names, *obj.key_columns])
    keys = _keys(rows.filter(pc.is_in(_places(rows), value_set=wanted)), obj.key_columns)
    return keys if len(keys) == len(wanted) and not keys.null_count else None


def count_missing(lake: Lake, obj: SourceObject, parts: Sequence[ActiveFile], night: date) -> int:
    """Records that stand before `night` and that the parts of a snapshot would end; of rows without a key at least so many."""
    if not obj.key_columns:
        return count_loss(lake, obj, parts, night).absent
    present, missing = _raw_keys(lake, obj, parts).drop_null(), 0
    for name in _records(lake, obj):
        keys = _text(_standing(lake, obj, name, night, ["source_key"]), "source_key")
        missing += len(keys) - _count_in(keys, present)
    return missing


def count_ended(lake: Lake, obj: SourceObject, night: date) -> int:
    """Records of an object that `night` has ended: a changed one goes on under its key."""
    ended = 0
    for name in _records(lake, obj):
        closed = _keys_valid_to(lake, obj, name, night)
        if closed:
            ended += len(closed - _keys_valid_to(lake, obj, name, None))
    return ended


def _keys_valid_to(lake: Lake, obj: SourceObject, record: str, night: date | None) -> set[tuple[str, str]]:
    """Keys and roles of an object's records that were valid to a night; to None: those that are still valid."""
    where = {"system": obj.system, "object": obj.name, "valid_to": night}
    rows = lake.rows(f"harmonised.{record}", where, ["source_key", "role"])
    return set(zip(*rows.to_pydict().values(), strict=True))


def _records(lake: Lake, obj: SourceObject) -> list[str]:
    """Records that the object feeds or has fed, and of which there is a table."""
    place = {"system": obj.system, "object": obj.name}
    fed = {record for record, _ in fed_records(obj)}
    fed |= set(lake.rows("ops.rules", place, ["record"]).column("record").to_pylist())
    return [name for name in sorted(fed) if lake.exists(f"harmonised.{name}")]


def _standing(lake: Lake, obj: SourceObject, record: str, night: date, names: list[str]) -> pa.Table:
    """Versions of an object that are current before `night`, as `versions.state_before` tells them."""
    until, day = ds.field("valid_to"), pa.scalar(night, pa.date32())
    is_own = (ds.field("system") == obj.system) & (ds.field("object") == obj.name)
    stands = is_own & (ds.field("valid_from") < day) & (until.is_null() | (until >= day))
    return lake.dataset(f"harmonised.{record}").to_table(columns=names, filter=stands)


def _raw_keys_or_rows(lake: Lake, obj: SourceObject, files: Sequence[ActiveFile]) -> pa.ChunkedArray:
    """What tells the rows of files apart: their keys, or their places if the object has no primary key."""
    return _raw_keys(lake, obj, files) if obj.key_columns else _raw_rows(lake, obj, files)


def _raw_keys(lake: Lake, obj: SourceObject, files: Sequence[ActiveFile]) -> pa.ChunkedArray:
    """The key of each row, as `rows.keyed_rows` makes it: null where a part of it is empty."""
    names = obj.key_columns
    return _keys(_scan(lake, obj, [file.file_id for file in files], names), names)


def _raw_rows(lake: Lake, obj: SourceObject, files: Sequence[ActiveFile]) -> pa.ChunkedArray:
    return _places(_scan(lake, obj, [file.file_id for file in files], ["file_id", "row_number"]))


def _scan(lake: Lake, obj: SourceObject, file_ids: Iterable[str], names: list[str]) -> pa.Table:
    ids = pa.array(list(file_ids), pa.string())
    return lake.dataset(obj.raw_table).to_table(columns=names, filter=ds.field("file_id").isin(ids))


def _keys(rows: pa.Table, names: list[str]) -> pa.ChunkedArray:
    parts = []
    for name in names:
        text = pc.utf8_trim(_text(rows, name), characters=WHITE)
        parts.append(pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text))
    return pc.binary_join_element_wise(*parts, "|", null_handling="emit_null")


def _places(rows: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(_text(rows, "file_id"), _text(rows, "row_number"), "|")


def _text(rows: pa.Table, name: str) -> pa.ChunkedArray:
    return rows.column(name).cast(pa.string())


def _whole(columns: Iterable[pa.ChunkedArray]) -> pa.ChunkedArray:
    return pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string())
