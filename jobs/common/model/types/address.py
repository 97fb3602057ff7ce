"""Addresses as text, and their parts: road, number, compound, building, unit and room, read from the text.

A part is what is written: nothing is completed from elsewhere, and what does not fit is null. Each step is given the
column of the step before, so that plans stay flat: one spelling for each kind of part, the text cut in two before
building, unit and room, both halves read. Patterns hold no lookaround and spell classes out: engines agree on the rest.
"""

from collections.abc import Sequence
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.base.workspace import REPOSITORY_CONF
from jobs.common.model.address_divisions import division_heads
from jobs.common.model.divisions import LISTS
from jobs.common.model.plain_text import code_key, half_width, without_spaces
from jobs.common.model.types.semantic_type import Completion, SemanticType, value

SHIPPED = tuple(REPOSITORY_CONF / "codes" / f"{name}.csv" for name in LISTS)
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
_TEN = "一二三四五六七八九十"
_ROADS = "大道|大街|公路|胡同|路|街|巷|弄"
# A name, as far as the next part.
_NAMED = "[^0-9A-Z(),;、#路街号幢栋座楼室层单元附甲乙丙-]"
# What is counted by the number before it, or goes on with it, and so is no name behind it.
_COUNTED = "0-9A-Z(),;、|#号幢栋座楼室层单弄米组期区里公国省县乡村门排巷路街队段之附甲乙丙与和-"
# Whose rooms are numbered through, so that a number of three digits is a room.
_HOUSES = "大厦|大楼|广场|中心|商场|商城|市场|酒店|宾馆|国际"
_COMPOUNDS = f"小区|花园|公寓|家园|新村|苑|园|城|座|楼|港|都|[{_TEN}0-9A-Z]区"
_SPELLINGS = (
    # An annex is a dwelling of its own; other remarks in brackets are no part of the address.
    (_ANNEX, "附"),
    ("[(][^)]*[)]?", ""),
    ("(?:电联系?|电话联系?|联系电话|[,;、 ])$", ""),
    ("-+", "-"),
    # 文昌路口 says the road. 北京路口腔医院 does not.
    ("(路|街|大道)口($|[^腔])", "$1$2"),
    # A one that stands for a dash: 12一7一944. Each round takes every other one.
    *[("([0-9])一([0-9])", "$1-$2")] * 2,
    (f"([0-9{_TEN}])(?:单|梯)([0-9]|$)", "$1单元$2"),
    # A number without 号 before a name: 水云街845恒丰大厦.
    (f"({_ROADS})([0-9]{{1,4}}(?:-[0-9]{{1,3}})?)([^{_COUNTED}])", "$1$2号$3"),
    # A room behind the name of its house: 恒丰大厦1402, 永安新村502, 12号恒丰馆1402.
    (f"({_HOUSES})([A-Z]?[0-9]{{3,5}}[A-Z]?)(?:号商铺|商铺|号|室|房间|房)?$", "$1$2室"),
    (f"({_COMPOUNDS})([A-Z]?[0-9]{{3,5}}[A-Z]?)(?:室|房间|房)?$", "$1$2室"),
    (f"([^{_COUNTED}道])([0-9]{{4,5}})(?:室|房间|房)?$", "$1$2室"),
    (f"(号{_NAMED}{{2,20}})([A-Z]?[0-9]{{3,4}}[A-Z]?)(?:室|房间|房)?$", "$1$2室"),
    # Behind the number of a house another one is a block's: 12号恒丰公馆4号. What a lane numbers are blocks as well.
    (f"(号|弄)({_NAMED}{{2,20}})([0-9]{{1,3}})号", "$1$2$3幢"),
    ("([0-9]号)([0-9]{1,2})号", "$1$2幢"),
    ("弄([0-9]{1,4})号楼?", "弄$1幢"),
    ("([0-9])F$", "$1层"),
    (f"([0-9A-Z{_TEN}])(?:号楼|栋|座|#楼?)", "$1幢"),
    ("(幢|单元|号|楼|层)-", "$1"),
    ("([0-9]幢)楼", "$1"),
    ("([0-9])-([0-9]{1,2})单元", "$1幢$2单元"),
    # 3-2-502, 3幢2-502, 3-502: before a room of three digits stands a building, where it does not stand behind a road.
    (
        "([^0-9A-Z-])([0-9A-Z]{1,4})-([0-9A-Z]{1,3})-([0-9]{1,4}[A-Z]?)(?:号|室|房)?(附?)$",
        "$1$2幢$3单元$4室$5",
    ),
    # Behind a block a number of one or two digits is a door, and so is a longer one before a room.
    (f"幢([0-9]{{1,2}}|[{_TEN}]{{1,2}})号$", "幢$1单元"),
    ("幢([0-9]{1,3})号([0-9]{3,4}[A-Z]?)(?:号|室|房)?(附?)$", "幢$1单元$2室$3"),
    # B13-10: what begins with a letter is a block.
    ("([^0-9A-Z-])([A-Z][0-9]{1,3})-([0-9]{1,4}[A-Z]?)(?:号|室|房)?(附?)$", "$1$2幢$3室$4"),
    ("幢([0-9A-Z]{1,3})-([0-9]{2,4}[A-Z]?)(?:号|室|房)?(附?)$", "幢$1单元$2室$3"),
    ("([^0-9A-Z路街巷道弄-])([0-9A-Z]{1,4})-([0-9]{3,4}[A-Z]?)(?:号|室|房)?(附?)$", "$1$2幢$3室$4"),
    # Two short numbers behind a name: 创新园6-9.
    ("([^0-9A-Z路街巷道弄号幢单元楼层门村组队附-])([0-9]{1,3})-([0-9]{1,2})(?:号|室|房)?$", "$1$2幢$3单元"),
    ("(幢|单元|门|楼|层)([A-Z]?[0-9]{1,5}[A-Z]?)(?:号|房间|房|户|室)?(附?)$", "$1$2室$3"),
    ("号([0-9]{3,4}[A-Z]?)(?:房|室)?(附?)$", "号$1室$2"),
)

# --- the front: divisions, road, number, compound ------------------------------------------------------------------------

_ANY = "[^0-9A-Z(),;、|#号-]"
# Divisions before the road that no list has, and what only looks like the end of one: 菜市口, 小区, 社区, 园区, 老县城.
_NO_CITY = "菜超门夜花米"
_NO_DISTRICT = f"市小社园苑村寓校片厂库景街宅属活墅业东西南北中新老发{_TEN}"
_DIVISIONS = (
    "(?:中国)?(?:[^0-9省市区县]{2,3}省|(?:内蒙古|广西壮族|西藏|宁夏回族|新疆维吾尔)自治区)?"
    f"(?:[^0-9省区县{_NO_CITY}]{{1,8}}?[^0-9{_NO_CITY}]市|[^0-9省市区县]{{2,9}}自治州|[^0-9省市区县]{{2,5}}地区)?"
    f"(?:[^0-9市小社园苑村寓]{{1,6}}?[^0-9A-Z{_NO_DISTRICT}]区|[^0-9老古旧]{{1,9}}?[^0-9老古旧]县"
    f"|[^0-9{_NO_CITY}]{{1,6}}?[^0-9{_NO_CITY}]市|[^0-9]{{2,8}}?旗)?"
    "(?:[^0-9]{2,9}?(?:街道(?:办事处)?|镇|乡))?"
    "(?:[^0-9路街]{2,9}?(?:社区居民委员会|社区居委会|社区|居委会|居民委员会|村委会|村民委员会))?"
)
# What stands before a road that is whole without it: 下宅村万里公路, 滨海工业园区创业路. And 西园2路, 10号大街.
_BEFORE_ROAD = f"(?:{_ANY}{{2,12}}?(?:(?:工业|产业|科技)园区?|[村区镇乡]|工业城|大学城))?"
_NAMED_ROAD = f"(?:[0-9]{{1,3}}号)?{_ANY}{{2,14}}?(?:{_ROADS}|道)"
_COUNTED_ROAD = f"(?:{_ANY}{{1,14}}?[0-9]{{1,2}}|[0-9]{{1,3}}号)(?:大道|大街|路|街|道)"
_ROAD = f"{_BEFORE_ROAD}((?:{_NAMED_ROAD}|{_COUNTED_ROAD})(?:{_ROADS}|道)*)(?:[东南西北中]段)?"
# What houses are numbered by though it is no road (公教一村12号, 高岭村2组7号), or a compound behind a road.
_PLACE = f"({_ANY}{{2,16}}?(?:[0-9A-Z]{{1,2}}(?:组|区|巷|街|期|队|排){_ANY}{{0,4}}?)?)"
_NUMBER = f"((?:附|甲|乙|丙)?[0-9]+(?:[-之][0-9]+)*[甲乙丙A-Z]?(?:弄|号)(?:附[0-9]+号?)?|[{_TEN}]{{1,3}}号)"
_LAST_NUMBER = "([0-9]+(?:-[0-9]{1,2})?)$"  # without 号 only at the end of the text
_COMPOUND = f"({_ANY}(?:[0-9A-Z]?{_ANY}){{1,20}})"
_FRONT = f"^{_DIVISIONS}(?:{_ROAD})?(?:{_PLACE}?{_NUMBER}(?:院|大院)?|{_LAST_NUMBER})?{_COMPOUND}?$"
_FRONT_PARTS = "$1|$2|$3$4|$5"
# Where something else follows that is not read: no more than road and number.
_FRONT_START = f"^{_DIVISIONS}(?:{_ROAD}(?:{_PLACE}?{_NUMBER})?|{_PLACE}{_NUMBER}).*$"
_START_PARTS = "$1|$2$4|$3$5|"
# A name behind the number, or alone, that no building, unit or room follows, can be a shop as well.
_ENDING = "(?:小区|花园|花苑|新村|新寓|公寓|家园|宿舍|山庄|嘉园|佳苑|苑|家属院|大院|广场|大厦)$"
# Where a number with 号 is a block's: 石桥苑69号. In a village it is a house's.
_NUMBERS_BLOCKS = f"(?:小区|花园|公寓|家园|苑|园|城|广场|中心|市场|工业区|园区|[0-9A-Z{_TEN}东南西北中]区)$"

# --- the back: building, unit, room --------------------------------------------------------------------------------------

_ID = f"(?:[0-9]+[A-Z]?|[A-Z][0-9]*|{_CHINESE_NUMBER})"
_BLOCK = f"{_ID}(?:-[0-9]{{1,2}})?幢"
_CUT = f"((?:{_BLOCK}|{_ID}(?:单元|室|楼|层)|[0-9]+门).*)$"
_BACK_BLOCK = f"(?:({_ID}(?:-[0-9]{{1,2}})?)幢)?(?:{_ID}幢)?"
_BACK_ROOM = f"(?:([0-9A-Z]+|{_CHINESE_NUMBER})室(附)?)?"
_BACK = f"^{_BACK_BLOCK}(?:({_ID})单元|([0-9]+)门)?(?:{_ID}[楼层])?{_BACK_ROOM}.*$"
_BACK_PARTS = "$1|$2$3|$4$5"


def complete_parts(rows: DataFrame, address: str = "address", lists: Sequence[Path] = SHIPPED) -> DataFrame:
    """The columns of PARTS, each as it is compared, and read from the address if it is null; keeps every row.

    Args:
        rows: with the columns of PARTS as their own columns fed them, and the address (both cleaned).
        address: name of the column.
        lists: those of divisions, by which names at the head of an address are known.
    """
    # Each address is read once, however many rows have it: that is most of what cleaning a dwelling takes.
    listed = rows.select(F.col(address).alias("address")).where("address is not null").distinct()
    read = read_addresses(listed, lists).withColumnRenamed("address", address)
    # A column of its own goes before what the address says.
    said = rows.withColumns({f"_said_{part}": code_key(F.col(part)) for part in PARTS})
    said = said.withColumns({f"_said_{part}": clean_part(part, F.col(f"_said_{part}")) for part in PARTS})
    joined = read.join(said, address, "right")  # the smaller one first, as it is held in memory
    # A compound of its own behind the number says that what is numbered is the street: 估衣廊2号, with the compound 和湖公馆.
    is_street = F.col("compound").isNotNull() & (F.col("_said_compound") != F.col("_place"))
    joined = joined.withColumn("_road", F.coalesce("_road", F.when(is_street, F.col("_place"))))
    found = {
        part: F.when(F.col(part).isNotNull(), F.col(f"_said_{part}")).otherwise(F.col(f"_{part}")) for part in PARTS
    }
    made = [f"{prefix}{part}" for prefix in ("_", "_said_") for part in PARTS]
    return joined.withColumns(found).drop("_place", *made)


def read_addresses(addresses: DataFrame, lists: Sequence[Path] = SHIPPED) -> DataFrame:
    """One row per row in: `address`, and what it says of each of PARTS, as it is compared, in `_<part>`; and `_place`, a name
    that is no road but numbers houses, which stands as the compound if nothing else does.
    """
    rows = _without_divisions(addresses, lists).withColumn("_text", plain_address(F.col("_bare")))
    rows = rows.withColumn("_cut", F.regexp_replace("_text", _CUT, "|$1"))
    back = F.when(F.col("_cut").contains("|"), F.substring_index("_cut", "|", -1))
    rows = rows.withColumns({"_front": F.substring_index("_cut", "|", 1), "_back": back})
    rows = rows.withColumns({"_front": _front_parts(F.col("_front")), "_back": _back_parts(F.col("_back"))})
    pieces = {
        f"_{part}": _piece(F.col("_front"), i) for i, part in enumerate(("road", "place", "road_number", "compound"))
    }
    pieces |= {f"_{part}": _piece(F.col("_back"), i) for i, part in enumerate(("building", "unit", "room"))}
    named = _name_compounds(rows.withColumns(pieces))
    read = [clean_part(part, F.col(f"_{part}")).alias(f"_{part}") for part in PARTS]
    return named.select("address", "_place", *read)


def _without_divisions(addresses: DataFrame, lists: Sequence[Path]) -> DataFrame:
    """Adds `_bare`: the address without the divisions at its head. What stands before the first digit is read once.

    Many addresses share a head, so these are few; names of divisions are a tree, which an engine cannot walk.
    """
    rows = addresses.withColumn("_head", F.regexp_extract("address", "^[^0-9]*", 0))
    found = rows.select("_head").distinct().toArrow()["_head"].to_pylist()
    heads = sorted({"", *found})  # never without a row, which no frame is made of
    divisions = division_heads(lists)
    rests = [divisions.without(head) for head in heads]
    read = pa.table({"_head": pa.array(heads, pa.string()), "_rest": pa.array(rests, pa.string())})
    joined = rows.join(F.broadcast(addresses.sparkSession.createDataFrame(read)), "_head")
    behind = F.substring("address", F.length("_head") + 1, F.length("address"))
    return joined.withColumn("_bare", F.concat("_rest", behind)).drop("_head", "_rest")


def clean_part(part: str, plain: Column) -> Column:
    """One of PARTS as it is compared."""
    if part == "road":
        return clean_road(plain)
    return clean_number(plain, _WORDS[part]) if part in _WORDS else plain


def _name_compounds(rows: DataFrame) -> DataFrame:
    """Decides for the names that stand before and behind the number whether they are road, compound or neither.

    What houses are numbered by though it is no road is a compound as well.
    """
    road, place, number, compound = (F.col(f"_{part}") for part in ("road", "place", "road_number", "compound"))
    behind = F.when(F.col("_back").isNotNull() | compound.rlike(_ENDING), compound)
    # Where a compound stands behind the number, what is numbered is the street.
    street = F.when(behind.isNotNull(), place)
    rows = rows.withColumns({"_street": street, "_compound": F.coalesce(behind, place)})
    # 珠江路小区 is one name, and no place on the road; 梅园新村街道 is no road.
    is_tail = F.coalesce(compound.rlike(f"^{_ENDING}") & number.isNull(), F.lit(False))
    is_road = ~is_tail & ~road.endswith("街道")
    # A compound numbers its blocks: 石桥苑69号.
    building = F.col("_building")
    is_block = place.rlike(_NUMBERS_BLOCKS) & building.isNull() & number.isNotNull()
    is_block = F.coalesce(is_block, F.lit(False))
    return rows.withColumns(
        {
            "_road": F.coalesce(F.when(is_road, road), "_street"),
            "_compound": F.when(is_tail, F.concat(road, compound)).otherwise(F.col("_compound")),
            "_building": F.when(is_block, number).otherwise(building),
            "_road_number": F.when(~is_block, number),
        }
    )


def plain_address(address: Column) -> Column:
    """Address with one spelling for each kind of part: `3号楼`, `3栋` and `3#` as `3幢`, `3-2-502` as `3幢2单元502室`."""
    text = F.translate(address, ascii_lowercase + _DASHES, ascii_uppercase + "-" * len(_DASHES))
    for pattern, plain in _SPELLINGS:
        text = F.regexp_replace(text, pattern, plain)
    return text


def clean_road(plain: Column) -> Column:
    """Name of a road as it is compared: 建设2路 is 建设二路."""
    is_counted = plain.rlike("[^0-9][1-9](?:大道|大街|路|街|巷|弄|道)$")
    return F.when(is_counted, F.translate(plain, "123456789", "一二三四五六七八九")).otherwise(plain)


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
    completes=Completion(PARTS, complete_parts, LISTS),
)
