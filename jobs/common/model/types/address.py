"""Addresses as text, and their parts: road, number, compound, building, unit and room, read from the text.

A part is what is written: nothing is completed from elsewhere, and what does not fit is null. Each step is given the
column of the step before, so that plans stay flat: one spelling for each kind of part, the text cut in two before
building, unit and room, both halves read. Patterns hold no lookaround and spell classes out: engines agree on the rest.
"""

from string import ascii_lowercase, ascii_uppercase

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.model.plain_text import code_key, half_width, without_spaces
from jobs.common.model.types.semantic_type import Completion, SemanticType, value

_CHINESE_NUMBER = "[一二三四五六七八九十〇零]+"
PARTS = ("road", "road_number", "compound", "building", "unit", "room")

# Words for what a part is, which a column of its own may hold or not.
_WORDS = {
    "road_number": "号(附?)",
    "building": "(?:号楼|幢|栋|座|楼|号|#)(附?)$",
    "unit": "(?:单元|门|梯|号)(附?)$",
    "room": "(?:号房|房间|室|房|户|号)(附?)$",
}
_ANNEX = "[(](?:附房?|附屋)[)]$|附[房屋]$"

# --- one spelling --------------------------------------------------------------------------------------------------------

_DASHES = "—–―～〜_|"
_SPELLINGS = (
    # An annex is a dwelling of its own; other remarks in brackets are no part of the address.
    (_ANNEX, "附"),
    ("[(][^)]*[)]?", ""),
    ("([0-9A-Z一二三四五六七八九十])(?:号楼|栋|座|#楼?)", "$1幢"),
    ("(幢|单元|号|楼|层)-", "$1"),
    # 3-2-502, 3幢2-502, 3-502: before a room of three digits stands a building, where it does not stand behind a road.
    (
        "([^0-9A-Z-])([0-9A-Z]{1,3})-([0-9A-Z]{1,2})-([0-9]{1,4}[A-Z]?)(?:号|室|房)?(附?)$",
        "$1$2幢$3单元$4室$5",
    ),
    ("幢([0-9A-Z]{1,2})-([0-9]{3,4}[A-Z]?)(?:号|室|房)?(附?)$", "幢$1单元$2室$3"),
    ("([^0-9A-Z路街巷道弄-])([0-9A-Z]{1,3})-([0-9]{3,4}[A-Z]?)(?:号|室|房)?(附?)$", "$1$2幢$3室$4"),
    ("(幢|单元|门|楼|层)([0-9]{1,4}[A-Z]?)(?:号|房间|房|户|室)?(附?)$", "$1$2室$3"),
    ("号([0-9]{3,4}[A-Z]?)(?:房|室)?(附?)$", "号$1室$2"),
)

# --- the front: divisions, road, number, compound ------------------------------------------------------------------------

_ANY = "[^0-9A-Z(),;、|#号-]"
# Divisions before the road, and what only looks like the end of one: 菜市口, 小区, 社区, 园区, 老县城 and the like.
_DIVISIONS = (
    "(?:中国)?(?:[^0-9省市区县]{2,3}省|(?:内蒙古|广西壮族|西藏|宁夏回族|新疆维吾尔)自治区)?"
    "(?:[^0-9省区县菜超门夜花米]{1,8}?[^0-9菜超门夜花米]市|[^0-9省市区县]{2,9}自治州|[^0-9省市区县]{2,5}地区)?"
    "(?:[^0-9市小社园苑村寓]{1,6}?[^0-9市小社园苑村寓校片厂库景街宅属活墅]区|[^0-9老古旧]{1,9}?[^0-9老古旧]县"
    "|[^0-9菜超门夜花米]{1,6}?[^0-9菜超门夜花米]市|[^0-9]{2,8}?旗)?"
    "(?:[^0-9]{2,9}?(?:街道(?:办事处)?|镇|乡))?"
    "(?:[^0-9]{2,12}?(?:开发区|工业园区|工业园|工业区|高新区|产业园|科技园))?"
    "(?:[^0-9路街]{2,9}?(?:社区居民委员会|社区居委会|社区|居委会|居民委员会|村委会|村民委员会))?"
)
_ROAD = (
    f"(?:{_ANY}{{2,8}}?村)?((?:[0-9]{{1,3}}号)?{_ANY}{{2,14}}?(?:大道|大街|公路|胡同|路|街|巷|弄|道)+)"
    "(?:[东南西北中]段)?"
)
# What houses are numbered by though it is no road (公教一村12号), or a compound behind a road.
_PLACE = f"({_ANY}{{2,16}}?)"
_NUMBER = (
    "((?:附|甲|乙|丙)?[0-9]+(?:[-之][0-9]+)*[甲乙丙A-Z]?(?:弄[0-9]+(?:-[0-9]+)?号|弄|号)(?:附[0-9]+号?)?"
    "|[一二三四五六七八九十]{1,3}号)"
)
_LAST_NUMBER = "([0-9]+(?:-[0-9]{1,2})?)$"  # without 号 only at the end of the text
_COMPOUND = f"({_ANY}(?:[0-9A-Z]?{_ANY}){{1,20}})"
_FRONT = f"^{_DIVISIONS}(?:{_ROAD})?(?:{_PLACE}?{_NUMBER}(?:院|大院)?|{_LAST_NUMBER})?{_COMPOUND}?$"
_FRONT_PARTS = "$1|$2|$3$4|$5"
# Where something else follows that is not read: no more than road and number.
_FRONT_START = f"^{_DIVISIONS}(?:{_ROAD}(?:{_PLACE}?{_NUMBER})?|{_PLACE}{_NUMBER}).*$"
_START_PARTS = "$1|$2$4|$3$5|"
# A name behind the number, or alone, that no building, unit or room follows, can be a shop as well.
_ENDING = "(?:小区|花园|花苑|新村|新寓|公寓|家园|宿舍|山庄|嘉园|佳苑|苑|家属院|大院|广场|大厦)$"

# --- the back: building, unit, room --------------------------------------------------------------------------------------

_ID = f"(?:[0-9]+[A-Z]?|[A-Z][0-9]*|{_CHINESE_NUMBER})"
_CUT = f"((?:{_ID}(?:幢|单元|室|楼|层)|[0-9]+门).*)$"
_BACK = f"^(?:({_ID})幢)?(?:({_ID})单元|([0-9]+)门)?(?:{_ID}[楼层])?(?:([0-9A-Z]+|{_CHINESE_NUMBER})室(附)?)?.*$"
_BACK_PARTS = "$1|$2$3|$4$5"


def complete_parts(rows: DataFrame, address: str = "address") -> DataFrame:
    """The columns of PARTS, each as it is compared, and read from the address if it is null; keeps every row.

    Args:
        rows: with the columns of PARTS as their own columns fed them, and the address (both cleaned).
        address: name of the column.
    """
    # Each address is read once, however many rows have it: that is most of what cleaning a dwelling takes.
    listed = rows.select(F.col(address).alias("address")).where("address is not null").distinct()
    read = read_addresses(listed).withColumnRenamed("address", address)
    # A column of its own goes before what the address says.
    said = rows.withColumns({f"_said_{part}": code_key(F.col(part)) for part in PARTS})
    said = said.withColumns({f"_said_{part}": clean_part(part, F.col(f"_said_{part}")) for part in PARTS})
    joined = read.join(said, address, "right")  # the smaller one first, as it is held in memory
    found = {
        part: F.when(F.col(part).isNotNull(), F.col(f"_said_{part}")).otherwise(F.col(f"_{part}")) for part in PARTS
    }
    return joined.withColumns(found).drop(*[f"{made}{part}" for made in ("_", "_said_") for part in PARTS])


def read_addresses(addresses: DataFrame) -> DataFrame:
    """One row per row in: `address`, and what it says of each of PARTS, as it is compared, in `_<part>`."""
    rows = addresses.withColumn("_text", plain_address(F.col("address")))
    rows = rows.withColumn("_cut", F.regexp_replace("_text", _CUT, "|$1"))
    back = F.when(F.col("_cut").contains("|"), F.substring_index("_cut", "|", -1))
    rows = rows.withColumns({"_front": F.substring_index("_cut", "|", 1), "_back": back})
    rows = rows.withColumns({"_front": _front_parts(F.col("_front")), "_back": _back_parts(F.col("_back"))})
    pieces = {
        f"_{part}": _piece(F.col("_front"), i) for i, part in enumerate(("road", "place", "road_number", "compound"))
    }
    pieces |= {f"_{part}": _piece(F.col("_back"), i) for i, part in enumerate(("building", "unit", "room"))}
    named = _name_compounds(rows.withColumns(pieces))
    return named.select("address", *[clean_part(part, F.col(f"_{part}")).alias(f"_{part}") for part in PARTS])


def clean_part(part: str, plain: Column) -> Column:
    """One of PARTS as it is compared."""
    return clean_number(plain, _WORDS[part]) if part in _WORDS else plain


def _name_compounds(rows: DataFrame) -> DataFrame:
    """Decides for the names that stand before and behind the number whether they are road, compound or neither."""
    road, place, number, compound = (F.col(f"_{part}") for part in ("road", "place", "road_number", "compound"))
    behind = F.when(F.col("_back").isNotNull() | compound.rlike(_ENDING), compound)
    before = F.when(road.isNotNull(), place)
    rows = rows.withColumn("_compound", F.coalesce(behind, before))
    # 珠江路小区 is one name, and no place on the road.
    is_tail = F.coalesce(compound.rlike(f"^{_ENDING}") & number.isNull(), F.lit(False))
    return rows.withColumns(
        {
            "_road": F.when(~is_tail, F.coalesce(road, place)),
            "_compound": F.when(is_tail, F.concat(road, compound)).otherwise(compound),
        }
    )


def plain_address(address: Column) -> Column:
    """Address with one spelling for each kind of part: `3号楼`, `3栋` and `3#` as `3幢`, `3-2-502` as `3幢2单元502室`."""
    text = F.translate(address, ascii_lowercase + _DASHES, ascii_uppercase + "-" * len(_DASHES))
    for pattern, plain in _SPELLINGS:
        text = F.regexp_replace(text, pattern, plain)
    return text


def clean_number(plain: Column, words: str) -> Column:
    """Number of a part as it is compared: `3号楼`, `三幢` and `03` are 3, `502室附` is 502附."""
    bare = F.regexp_replace(F.regexp_replace(plain, _ANNEX, "附"), words, "$1")
    digits = F.when(bare.rlike(f"^{_CHINESE_NUMBER}$"), _arabic(bare)).otherwise(bare)
    return F.nullif(F.regexp_replace(digits, "^0+", ""), F.lit(""))


def _arabic(number: Column) -> Column:
    """A Chinese number below a hundred, or one written digit by digit (五〇二), in digits."""
    digits = F.translate(number, "一二三四五六七八九〇零", "12345678900")
    tens = F.coalesce(F.nullif(F.substring_index(digits, "十", 1), F.lit("")), F.lit("1"))
    ones = F.coalesce(F.nullif(F.substring_index(digits, "十", -1), F.lit("")), F.lit("0"))
    return F.when(digits.contains("十"), F.concat(tens, ones)).otherwise(digits)


def _front_parts(front: Column) -> Column:
    whole = F.regexp_replace(front, _FRONT, _FRONT_PARTS)
    start = F.regexp_replace(front, _FRONT_START, _START_PARTS)
    return F.when(front.rlike(_FRONT), whole).when(front.rlike(_FRONT_START), start)


def _back_parts(back: Column) -> Column:
    return F.regexp_replace(back, _BACK, _BACK_PARTS)


def _piece(text: Column, index: int) -> Column:
    """One of the pieces between bars; null where it is empty."""
    return F.nullif(F.substring_index(F.substring_index(text, "|", index + 1), "|", -1), F.lit(""))


TYPE = SemanticType(
    name="address",
    sql="string",
    plain=(half_width,),
    clean=(value(without_spaces),),
    completes=Completion(PARTS, complete_parts),
)
