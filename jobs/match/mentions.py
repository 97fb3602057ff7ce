"""Mentions of all kinds in one frame, with what each is recognised by as whole numbers.

A night compares millions of them, so that keys are hashes (see `keys`). A mention's number is the beginning of its id: the
least number is the least id. Before numbers are used they are checked to be unique.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.contracts.null_words import word_key
from jobs.common.contracts.sources import default_role
from jobs.common.intake.keyed_rows import mention_id
from jobs.common.lake.engine import session
from jobs.common.lake.tables import Lake, row_hash
from jobs.common.lake.versions import current, union_all
from jobs.common.model.plain_text import WHITESPACE
from jobs.common.model.road_names import RenamedRoad
from jobs.common.model.types.address import clean_road
from jobs.common.run.conf import Conf
from jobs.match.keys import key_of
from jobs.match.matchers import MATCHERS
from jobs.match.names import compared_name

# In the order of the evidence: who lives where is known before who is one household.
# A resident's name with what other records of its row say of dwelling and household, and the columns with these.
ROW_CONTACTS = {
    "name_road_key": "road_place",
    "name_compound_key": "compound_place",
    "name_household_key": "household_key",
}
KINDS = ("resident", "dwelling", "organisation", "household")
IDENTITY = ["mention_id", "kind", "system", "object", "source_key", "role", "file_id", "row_number"]
# Full-width letters, digits and marks, and the brackets that stand for round ones.
_FULL = "".join(chr(0xFF01 + i) for i in range(94)) + "【】〔〕[]{}"
_HALF = "".join(chr(0x21 + i) for i in range(94)) + "()()()()"
_TO_HALF = str.maketrans(_FULL, _HALF)
# A number is read from so many hexadecimal digits of an id: as many as fit into a bigint.
_DIGITS = 15
_CONTACT_TYPES = ", ".join(f"{name} bigint" for name in ("row_key", *ROW_CONTACTS.values()))
_LONG_NUMBER = 6
NUMBERINGS = range(32 - _DIGITS + 1)


def numbered_by(mention: Column, numbering: int) -> Column:
    """The hexadecimal digits of a mention's id that its number is read from."""
    return F.substring(mention, numbering + 1, _DIGITS)


def mention_number(mention: Column, numbering: int = 0) -> Column:
    """The mention's number: `_DIGITS` hexadecimal digits of its id, from the beginning or, in another numbering, further on."""
    return F.conv(numbered_by(mention, numbering), 16, 10).cast("bigint")


def plain_name(text: Column) -> Column:
    """An organisation's name in capitals, half width, with one kind of brackets and without white space."""
    return F.upper(F.regexp_replace(F.translate(text, _FULL, _HALF), WHITESPACE, ""))


@dataclass(frozen=True)
class Listed:
    """What the configuration lists of evidence.

    `no_names` stand in the place of an organisation's name where there is none; `roads` are streets that were renamed.
    """

    no_names: Sequence[str] = ()
    roads: Sequence[RenamedRoad] = ()


def read_listed(conf: Conf) -> Listed:
    """What the configuration in force lists."""
    no_names = [*conf.yaml("match.yml")["organisation"]["no_names"], *conf.null_words]
    return Listed(no_names, conf.road_names)


def kinds_there(lake: Lake) -> Sequence[str]:
    """Kinds of which there are records; where there are none the first, whose table has the columns."""
    return [kind for kind in KINDS if not lake.is_empty(f"harmonised.{kind}")] or KINDS[:1]


def lists_of_people(conf: Conf) -> list[tuple[str, str]]:
    """System and object of the lists whose keys tell people apart: those with a key that are no log of what happened."""
    return [obj.place for obj in conf.objects if obj.key_columns and obj.mode != "log"]


def list_mentions(records: DataFrame, kind: str, numbering: int, listed: Listed) -> DataFrame:
    """One row per current record of `kind`: `number`, the columns of `IDENTITY` and those of `evidence_types`.

    Args:
        records: `harmonised.<kind>`.
        kind: kind of entity.
        numbering: which numbering of mentions is used.
        listed: from `read_listed`.
    """
    named = current(records).withColumns({"kind": F.lit(kind), "mention_id": mention_id(kind)})
    # A household has a field of this name, which its evidence reads.
    number = mention_number(F.col("mention_id"), numbering).alias("number")
    return named.select(number, *IDENTITY, *evidence(kind, numbering, listed))


def evidence(kind: str, numbering: int, listed: Listed) -> list[Column]:
    """The columns of `evidence_types` of a harmonised record; those of other kinds are null."""
    by_kind: dict[str, Callable[[], dict[str, Column]]] = {
        "resident": _resident_evidence,
        "dwelling": partial(_dwelling_evidence, listed.roads),
        "organisation": partial(_organisation_evidence, listed.no_names),
        "household": partial(_household_evidence, numbering),
    }
    own = by_kind[kind]()
    for matcher in MATCHERS:
        if matcher.kind == kind:
            own |= {name: further.column() for name, further in matcher.evidence.items()}
    return [own.get(name, F.lit(None)).cast(type).alias(name) for name, type in evidence_types().items()]


def evidence_types() -> dict[str, str]:
    """Name and SQL type of all that mentions are recognised by: `EVIDENCE`, and what matchers declare for themselves."""
    further = [matcher.evidence for matcher in MATCHERS]
    return EVIDENCE | {name: found.type for evidence in further for name, found in evidence.items()}


# What several matchers, or the mentions of several kinds, are recognised by.
EVIDENCE = {
    "id_key": "bigint",  # resident: id number
    "name_key": "bigint",  # resident, organisation: name
    "former_key": "bigint",  # resident, organisation: former name
    "born": "bigint",  # resident: recorded birth date, as 19800101
    "id_born": "bigint",  # resident: birth date inside the id number, as 19800101
    "name_birth_key": "bigint",  # resident: name and birth date, the recorded one or else that inside the id number
    "former_birth_key": "bigint",  # resident: the same with the former name
    "phone_key": "bigint",  # resident: phone
    "name_phone_key": "bigint",  # resident: name and phone
    "row_key": "bigint",  # resident: row of the source, in whatever role
    **dict.fromkeys(ROW_CONTACTS, "bigint"),  # resident: name and what its row says of dwelling and household
    "list_key": "bigint",  # resident: list whose keys tell people apart; null if there is none
    "county_key": "bigint",  # dwelling, household: county of the division
    "road_place": "bigint",  # dwelling, resident: address by road and number, without the county
    "compound_place": "bigint",  # dwelling, resident: address within a compound, without the county
    "house_key": "bigint",  # dwelling: system and house number
    "code_key": "bigint",  # organisation: credit code
    "system_key": "bigint",  # household: system
    "register_key": "bigint",  # household: system and household number
    "household_key": "bigint",  # household, resident: household number
    "person": "bigint",  # household: number of the mention of a resident in the same row
    "place": "bigint",  # household: number of the mention of a dwelling in the same row
}


def _resident_evidence() -> dict[str, Column]:
    """What the row says of dwelling and household stands in other records: see `with_row_contacts`."""
    name, former = compared_name(F.col("name")), compared_name(F.col("former_name"))
    former = F.when(~name.eqNullSafe(former), former)
    born = F.date_format("birth_date", "yyyyMMdd").cast("bigint")
    id_born = F.substring("id_number", 7, 8).cast("bigint")
    birth = F.coalesce(born, id_born)
    return {
        "id_key": key_of("id_number"),
        "name_key": key_of(name),
        "former_key": key_of(former),
        "born": born,
        "id_born": id_born,
        "name_birth_key": key_of(name, birth),
        "former_birth_key": key_of(former, birth),
        "phone_key": key_of("phone"),
        "name_phone_key": key_of(key_of(name), key_of("phone")),
        "row_key": source_row(),
    }


def source_row() -> Column:
    """Key of the row of a source that a harmonised record was read from."""
    return F.xxhash64("system", "object", "source_key")


def row_contacts(
    lake: Lake, roads: Sequence[RenamedRoad], of_time: Callable[[DataFrame], DataFrame] = current
) -> DataFrame:
    """`row_key` and the columns of `ROW_CONTACTS`: what the dwelling and the household of a row are known by.

    Unique by row_key, if `of_time` chooses one version of each record. `roads` are streets that were renamed.
    """
    parts = []
    for kind, evidence_of in (("dwelling", partial(_dwelling_evidence, roads)), ("household", _home_number)):
        if lake.is_empty(f"harmonised.{kind}"):
            continue
        rows = of_time(lake.read(f"harmonised.{kind}")).where(F.col("role") == default_role(kind))
        columns = evidence_of()
        own = [columns.get(name, F.lit(None)).cast("bigint").alias(name) for name in ROW_CONTACTS.values()]
        parts.append(rows.select(source_row().alias("row_key"), *own))
    return union_all(parts) if parts else session().createDataFrame([], _CONTACT_TYPES)


def with_row_contacts(residents: DataFrame, contacts: DataFrame) -> DataFrame:
    """Mentions of residents with the dwelling and household of their row, and their names with these; keeps every row.

    Args:
        residents: from `list_mentions`.
        contacts: from `row_contacts`, of current records.
    """
    names = ROW_CONTACTS.values()
    of_row = contacts.groupBy("row_key").agg(*[F.max(name).alias(f"_{name}") for name in names])
    # The narrow frame first, as it is held in memory.
    joined = of_row.join(residents.drop(*names, *ROW_CONTACTS), "row_key", "right")
    joined = joined.withColumns({name: F.col(f"_{name}") for name in names})
    joined = joined.withColumns({key: key_of("name_key", name) for key, name in ROW_CONTACTS.items()})
    return joined.select(*residents.columns)


def _home_number() -> dict[str, Column]:
    """A short household number says little outside its system: many number from 1 on."""
    is_long = F.length("number") >= _LONG_NUMBER
    return {"household_key": F.when(is_long, key_of("number")).otherwise(key_of("system", "number"))}


def _dwelling_evidence(roads: Sequence[RenamedRoad]) -> dict[str, Column]:
    """Parts that are not written count as such: room 5 of a house is another than room 5 of its building 3.

    A road or a compound alone is where many dwellings are. A compound that numbers its houses is to them what a road is.
    """
    inside = ["building", "unit", "room"]
    is_numbered = F.col("road_number").isNotNull()
    street = F.coalesce(_present_road(roads), "compound")
    has_street = street.isNotNull() & is_numbered
    is_by_number = F.col("road").isNull() & is_numbered
    has_part = F.col("building").isNotNull() | F.col("room").isNotNull()
    inhabited = F.col("compound").isNotNull() & has_part & ~is_by_number
    return {
        "county_key": _county_key(),
        "road_place": F.when(has_street, F.xxhash64(street, "road_number", row_hash(inside))),
        "compound_place": F.when(inhabited, row_hash(["compound", *inside])),
        "house_key": key_of("system", "house_number"),
    }


def _present_road(roads: Sequence[RenamedRoad]) -> Column:
    """Name of the road; of one that was renamed in the dwelling's county the present one."""
    county = F.substring("division_code", 1, 6)
    named: Column | None = None
    for road in roads:
        is_former = (F.col("road") == clean_road(F.lit(road.former))) & (county == road.county)
        present = clean_road(F.lit(road.present))
        named = F.when(is_former, present) if named is None else named.when(is_former, present)
    return F.col("road") if named is None else named.otherwise(F.col("road"))


def _organisation_evidence(no_names: Sequence[str]) -> dict[str, Column]:
    def name_key(column: str) -> Column:
        plain = plain_name(F.col(column))
        is_none = plain.isin("", *(word_key(name).translate(_TO_HALF) for name in no_names))
        return F.when(~is_none, F.xxhash64(plain))

    return {"code_key": key_of("credit_code"), "name_key": name_key("name"), "former_key": name_key("former_name")}


def _household_evidence(numbering: int) -> dict[str, Column]:
    def same_row(kind: str) -> Column:
        """Number of the row's own mention of `kind`; whether there is such a mention it does not tell."""
        own = mention_number(mention_id(kind, default_role(kind)), numbering)
        return F.when(F.col("role") == default_role("household"), own)

    return {
        "county_key": _county_key(),
        "system_key": key_of("system"),
        "register_key": key_of("system", "number"),
        "household_key": key_of("number"),
        "person": same_row("resident"),
        "place": same_row("dwelling"),
    }


def _county_key() -> Column:
    """Key of the county: the first six digits of the division."""
    return F.when(F.col("division_code").isNotNull(), F.xxhash64(F.substring("division_code", 1, 6)))
