"""Which mentions a night's decisions may differ for: those that reach a changed record over what mentions are recognised by.

Every decision on a mention, and so its cluster, is a function of the mentions that it reaches over common keys, however far.
So all others are as the night before has left them. Of households it matters also who lives where: their neighbourhood
takes in the households of residents and dwellings that may be other ones, and to decide on them the clusters of those who
live there must be at hand. What they had in common the night before, their entities and open decisions tell.

The keys are those that matchers block on. A key that only some uses compare is taken for a common one all the same: a
neighbourhood may be too large, never too small. A judgement of people on two mentions is a common key of both.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import reduce
from itertools import chain

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.contracts.sources import default_role
from jobs.common.intake.keyed_rows import mention_id
from jobs.common.lake.engine import session
from jobs.common.lake.versions import current, touched, union_all
from jobs.common.model.links import Decision
from jobs.common.run.stage import Context
from jobs.match.identity import follow_redirects
from jobs.match.keys import key_of
from jobs.match.matchers import blocking_keys
from jobs.match.mentions import (
    ROW_CONTACTS,
    Listed,
    evidence,
    evidence_types,
    kinds_there,
    read_listed,
    row_contacts,
    source_row,
)

_HOME = ("resident", "dwelling")  # a household's row may name one of each
_HOME_EVIDENCE = ("dwelling", "household")  # of which a row may name one beside a resident
# Where more than one record in so many is another, all are looked at: that takes less time.
_FEW = 8


@dataclass(frozen=True)
class Neighbourhood:
    """`records` (`record`, see `record_number`) whose mentions are to be looked at, and `changed`, `mention_id` of the mentions
    whose record is not what it was; some of them have none tonight. Both unique.
    """

    records: DataFrame
    changed: DataFrame


def record_number(kind: str | Column, role: str | None = None) -> Column:
    """Hash of a harmonised record's key; `role` asks for the record of `kind` in another role of the same row."""
    of_kind = F.lit(kind) if isinstance(kind, str) else kind
    return F.xxhash64(of_kind, "system", "object", "source_key", F.lit(role) if role else F.col("role"))


def find_neighbourhood(
    context: Context, redirects: DataFrame, judgements: Collection[tuple[str, str]], rejudged: Collection[str]
) -> Neighbourhood | None:
    """Neighbourhood of what changed tonight; None if much changed.

    Args:
        context: of a run whose `links.*` hold for the night before.
        redirects: as for `follow_redirects`.
        judgements: pairs of mentions that people have decided on.
        rejudged: mentions with a judgement that is not what it was the night before.
    """
    kinds = kinds_there(context.lake)
    changes = [_list_changed(context, kind) for kind in kinds]
    changes += [_changed_contacts(context)] if "resident" in kinds else []
    changed = _scratch(context, "changed", union_all(changes))
    records = _scratch(context, "changed-records", changed.select("record", "mention_id").distinct())
    if records.count() * _FEW > sum(context.lake.count_rows(f"harmonised.{kind}") for kind in kinds):
        return None
    known = [_list_known(context, kind) for kind in kinds]
    known += [_known_contacts(context)] if "resident" in kinds else []
    begun = [records.select("record"), _once_together(context, records, redirects)]
    if judgements or rejudged:
        ids = _scratch(context, "judged", _list_judged(context, records, {*rejudged, *chain(*judgements)}))
        known.append(_known_judgements(ids, judgements))
        begun.append(_records_of(ids, rejudged))
    pairs = _scratch(context, "keys", union_all([*known, *_known_households(context)]))
    found = Reach(context, pairs)
    found.extend(union_all(begun).distinct(), changed.where(F.col("key").isNotNull()).select("key").distinct())
    if "household" in kinds:
        homes = _scratch(context, "homes", _list_homes(context))
        near = homes.join(found.records.withColumnRenamed("record", "named"), "named", "left_semi")
        found.extend(near.select("record").distinct())
        named = homes.join(found.records, "record", "left_semi")
        found.extend(named.select(F.col("named").alias("record")).distinct())
    return Neighbourhood(found.records, records.select("mention_id"))


class Reach:
    """Records and keys that have been reached over `pairs` (`record`, `key`); grows by `extend`."""

    def __init__(self, context: Context, pairs: DataFrame) -> None:
        self._context, self._pairs, self._round = context, pairs, 0
        self._records: list[DataFrame] = []
        self._keys: list[DataFrame] = []

    @property
    def records(self) -> DataFrame:
        """`record`, distinct."""
        return union_all(self._records)

    def extend(self, records: DataFrame, keys: DataFrame | None = None) -> None:
        """Take in records, and over them and `keys` all that they reach; both distinct."""
        fresh = self._take("records", records, "record", self._records)
        while fresh is not None:
            reached = self._pairs.join(fresh, "record", "left_semi").select("key")
            reached = (reached if keys is None else reached.unionByName(keys)).distinct()
            keys, new = None, self._take("keys", reached, "key", self._keys)
            if new is None:
                return
            beyond = self._pairs.join(new, "key", "left_semi").select("record").distinct()
            fresh = self._take("records", beyond, "record", self._records)

    def _take(self, label: str, found: DataFrame, column: str, known: list[DataFrame]) -> DataFrame | None:
        """Those of `found` that are not known yet, computed, and known from now on; None if there are none."""
        self._round += 1
        fresh = reduce(lambda left, seen: left.join(seen, column, "left_anti"), known, found)
        fresh = _scratch(self._context, f"{label}-{self._round}", fresh)
        known.append(fresh)
        return fresh if fresh.limit(1).count() else None


def _keys_of(context: Context, kind: str) -> list[Column]:
    columns = dict(zip(evidence_types(), evidence(kind, 0, read_listed(context.conf)), strict=True))
    return [columns[name] for name in blocking_keys(kind)]


def _list_changed(context: Context, kind: str) -> DataFrame:
    """`record`, `mention_id`, `key` of records that begin or end tonight, as they are and as they were: one row for each key, and
    one without.
    """
    rows = context.lake.read(f"harmonised.{kind}").where(touched(context.run.night))
    keys = F.explode(F.array(F.lit(None).cast("bigint"), *_keys_of(context, kind))).alias("key")
    return rows.select(record_number(kind).alias("record"), mention_id(kind).alias("mention_id"), keys)


def _list_known(context: Context, kind: str) -> DataFrame:
    """`record` and `key` of current records, one row for each key."""
    rows = current(context.lake.read(f"harmonised.{kind}"))
    keys = F.explode(F.array(*_keys_of(context, kind))).alias("key")
    return rows.select(record_number(kind).alias("record"), keys).where(F.col("key").isNotNull())


def _known_contacts(context: Context) -> DataFrame:
    """`record` and `key` of current residents: the name with what their row says of dwelling and household."""
    residents = _names_by_row(context, current)
    joined = residents.join(_exploded_contacts(row_contacts(context.lake, context.conf.road_names)), "row_key")
    return joined.select("record", key_of("name_key", "contact").alias("key"))


def _changed_contacts(context: Context) -> DataFrame:
    """As `_list_changed`, residents who or whose row's dwelling or household begins or ends tonight: keys by these.

    Every version of before and of tonight is combined with every other, so that no key of before or of tonight is missing.
    """
    lake, night = context.lake, context.run.night

    def lately(rows: DataFrame) -> DataFrame:
        return rows.where(F.col("valid_to").isNull() | touched(night))

    rows = [
        lake.read(f"harmonised.{kind}")
        for kind in ("resident", *_HOME_EVIDENCE)
        if not lake.is_empty(f"harmonised.{kind}")
    ]
    begun = union_all([frame.where(touched(night)).select(source_row().alias("row_key")) for frame in rows]).distinct()
    residents = _names_by_row(context, lately).join(begun, "row_key", "left_semi")
    contacts = _exploded_contacts(row_contacts(lake, context.conf.road_names, lately)).join(
        begun, "row_key", "left_semi"
    )
    joined = residents.join(contacts, "row_key", "left")
    return joined.select("record", "mention_id", key_of("name_key", "contact").alias("key"))


def _names_by_row(context: Context, of_time: Callable[[DataFrame], DataFrame]) -> DataFrame:
    """`record`, `mention_id`, `row_key` and `name_key` of residents."""
    kind = "resident"
    rows = of_time(context.lake.read(f"harmonised.{kind}"))
    name = dict(zip(evidence_types(), evidence(kind, 0, Listed()), strict=True))["name_key"]
    ids = [record_number(kind).alias("record"), mention_id(kind).alias("mention_id")]
    return rows.select(*ids, source_row().alias("row_key"), name)


def _exploded_contacts(contacts: DataFrame) -> DataFrame:
    """`row_key` and `contact`, a row for each that is known, of `row_contacts`."""
    exploded = contacts.select("row_key", F.explode(F.array(*ROW_CONTACTS.values())).alias("contact"))
    return exploded.where(F.col("contact").isNotNull())


def _known_households(context: Context) -> list[DataFrame]:
    """What households had to do with each other the night before, as further keys: their entity, and open decisions."""
    is_own = F.col("kind") == "household"
    mentions = context.lake.read("links.mention").where(is_own)
    record = record_number("household").alias("record")
    entities = mentions.select(record, F.xxhash64(F.lit("entity"), "entity_id").alias("key"))
    ids = mentions.select(record, "mention_id")
    edges = context.lake.read("links.edge").where(is_own & (F.col("decision") != Decision.ACCEPT))
    edge = F.xxhash64(F.lit("edge"), "mention_id", "other_id").alias("key")
    ends = [edges.select(F.col(end).alias("mention_id"), edge) for end in ("mention_id", "other_id")]
    return [entities, union_all(ends).join(ids, "mention_id").select("record", "key")]


def _list_judged(context: Context, changed: DataFrame, named: Iterable[str]) -> DataFrame:
    """`record` and `mention_id` of the named mentions, as far as they were there the night before or changed tonight."""
    mentions = context.lake.read("links.mention")
    before = mentions.select(record_number(F.col("kind")).alias("record"), "mention_id")
    both = before.unionByName(changed.select("record", "mention_id")).distinct()
    return both.join(_named(named), "mention_id", "left_semi")


def _known_judgements(ids: DataFrame, judgements: Collection[tuple[str, str]]) -> DataFrame:
    """`record` and `key` of both ends of each judgement; `ids` from `_list_judged`."""
    ends = [(mention, f"{one}|{other}") for one, other in judgements for mention in (one, other)]
    named = session().createDataFrame(ends, "mention_id string, pair string")
    keys = named.select("mention_id", F.xxhash64(F.lit("judgement"), "pair").alias("key"))
    return ids.join(keys, "mention_id").select("record", "key")


def _records_of(ids: DataFrame, mentions: Iterable[str]) -> DataFrame:
    """`record` of mentions; `ids` from `_list_judged`."""
    return ids.join(_named(mentions), "mention_id", "left_semi").select("record")


def _named(mentions: Iterable[str]) -> DataFrame:
    """`mention_id` of mentions, distinct."""
    return session().createDataFrame([(mention,) for mention in sorted(set(mentions))], "mention_id string")


def _list_homes(context: Context) -> DataFrame:
    """`record` of each current household with `named`, the records of resident and dwelling that its row may hold."""
    rows = current(context.lake.read("harmonised.household")).where(F.col("role") == default_role("household"))
    named = F.explode(F.array(*[record_number(kind, default_role(kind)) for kind in _HOME])).alias("named")
    return rows.select(record_number("household").alias("record"), named)


def _once_together(context: Context, changed: DataFrame, redirects: DataFrame) -> DataFrame:
    """`record` of the mentions, the night before, of entities to which a changed mention ever belonged."""
    lake, ids = context.lake, changed.select("mention_id")
    ever = lake.read("links.assignment").join(ids, "mention_id", "left_semi").select("entity_id").distinct()
    mentions = lake.read("links.mention").join(follow_redirects(ever, redirects), "entity_id", "left_semi")
    return mentions.select(record_number(F.col("kind")).alias("record"))


def _scratch(context: Context, label: str, frame: DataFrame) -> DataFrame:
    return context.lake.scratch(context.run.run_id, f"near-{label}", frame)
