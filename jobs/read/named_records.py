"""Which record or entity somebody means: by entity_id, by mention_id or the beginning of it, by system/key.

Reads: `links.mention`. Writes: nothing. Refuses: what names no record, or several.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds

from jobs.common.base.errors import UserError
from jobs.common.contracts.sources import default_role
from jobs.common.lake.tables import Lake
from jobs.common.model.records import Record
from jobs.common.model.shapes import ENTITY
from jobs.common.run.conf import Conf

_SHORTEST = 8  # characters of a mention's id by which it may be named
_LISTED = 5  # of several that are meant


@dataclass(frozen=True)
class Named:
    """What somebody means by a name: mentions of one entity; `is_record` if it is one of them, and not the entity."""

    entity_id: str
    mentions: tuple[Mapping[str, Any], ...]
    is_record: bool


@dataclass(frozen=True)
class Links:
    """The tables of links of one kind, each at a version or as it is now."""

    lake: Lake
    record: Record
    versions: Mapping[str, int] = field(default_factory=dict)

    def rows(self, table: str, **where: Any) -> list[dict[str, Any]]:
        """Rows of the kind that equal `where`."""
        name, own = f"links.{table}", {"kind": self.record.name}
        found: list[dict[str, Any]] = self.lake.arrow(name, self.versions.get(name), own | where).to_pylist()
        return found


def record_of_kind(conf: Conf, kind: str) -> Record:
    """The record of a kind of entity; raises UserError."""
    kinds = {record.name: record for record in conf.records.values() if record.shape == ENTITY}
    if kind not in kinds:
        raise UserError(f"{kind!r} is no kind; there are {', '.join(kinds)}")
    return kinds[kind]


def find_named(links: Links, named: str) -> Named:
    """The entity or the record that is named; raises UserError."""
    if "/" in named:
        return _one_of(_by_key(links, named), named)
    mentions = links.rows("mention", entity_id=named)
    if mentions:
        return Named(named, tuple(mentions), is_record=False)
    return _one_of(_by_beginning(links, named), named)


def find_two_records(links: Links, one: str, other: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The mentions of two different records that are named; of an entity the least. Raises UserError."""
    left, right = (_least(find_named(links, named)) for named in (one, other))
    if left["mention_id"] == right["mention_id"]:
        raise UserError("both names are of one record; name two records")
    return left, right


def _least(named: Named) -> Mapping[str, Any]:
    return min(named.mentions, key=lambda mention: str(mention["mention_id"]))


def _by_key(links: Links, named: str) -> list[dict[str, Any]]:
    """Mentions of the row with that key; of several in one row the one in the kind's own role."""
    system, _, key = named.partition("/")
    obj, _, rest = key.partition("/")
    found = links.rows("mention", system=system, source_key=key)
    found += links.rows("mention", system=system, object=obj, source_key=rest)
    own = [mention for mention in found if mention["role"] == default_role(links.record.name)]
    return own or found


def _by_beginning(links: Links, named: str) -> list[dict[str, Any]]:
    """Mentions whose id begins so."""
    if len(named) < _SHORTEST:
        return []
    dataset = links.lake.dataset("links.mention", links.versions.get("links.mention"))
    begins = pc.starts_with(ds.field("mention_id"), named) & (ds.field("kind") == links.record.name)
    found: list[dict[str, Any]] = dataset.to_table(filter=begins).to_pylist()
    return found


def _one_of(found: Sequence[Mapping[str, Any]], named: str) -> Named:
    """The one mention that is meant; raises UserError, which repeats no key of a source."""
    if len(found) == 1:
        return Named(found[0]["entity_id"], (found[0],), is_record=True)
    if not found:
        told = f"{named.partition('/')[0]}/…" if "/" in named else named
        raise UserError(f"there is no record or entity {told}; name an entity_id, a mention_id, or system/key")
    ids = ", ".join(mention["mention_id"][:_SHORTEST] for mention in found[:_LISTED])
    raise UserError(f"several records are named so; name one by its mention: {ids}")
