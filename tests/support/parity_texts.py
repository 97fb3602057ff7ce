"""Parity cases over texts: what the cleaning rules make of them, and the text functions at their edges.

Engines differ without an error in what \\d, \\w, \\s, . and $ are, in casts of unpadded days, and in offsets of times.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.contracts.null_words import word_key
from jobs.common.intake.keyed_rows import is_null_word
from jobs.common.lake.engine import session
from jobs.common.model.plain_text import code_key, strip_text
from jobs.common.model.records import ModelField
from jobs.common.model.types import TYPES, credit_code
from jobs.common.model.types.address import PARTS, complete_parts
from jobs.common.model.types.resident_id import check_character, id_birth_date, id_sex_code, is_valid_resident_id
from jobs.harmonise.clean import clean_fields
from tests.support.parity_base import NIGHT, Rows, rows_of
from tests.support.type_cases import TYPE_CASES

ZONES = ("Asia/Shanghai", "UTC", "America/New_York", "Asia/Kolkata")

_SPACES = ["\t", "\x0b", "\x0c", "\r\n", "\u00a0", "\u3000", "\ufeff", "\u200b", "\u2009", "\u0085"]
TEXTS = [
    None, "", " ", *_SPACES, *[f"{space}甲 乙{space}" for space in _SPACES],
    # names
    "张三", "张 三", "张　三", "欧阳娜娜", "买买提·艾力", "买买提．艾力", "买买提•艾力", "买买提・艾力",
    "買買提‧艾力", "𠮷田", "㐀某", "〇零", "张三1", "张三１", "O'Brien", "Anna  Maria", "Ａｎｎａ", "Ænna",
    "张三（户主）", "-", "无", "·张", "张·",
    # ids
    "320106199001011234", "32010619900101123X", "32010619900101123x", "３２０１０６１９９００１０１１２３Ｘ",
    "320106900101123", "320106901301123", "3.20106E+17", "320106 19900101 1234", "'320106199001011234",
    "320106-19900101-1234", "32010619900230123X", "110101190001010000", "11010519491231002X", "11010519491231002Ⅹ",
    "１２３", "١٢٣", "৪২",
    # days and times
    "1990-1-2", "1990/01/02", "1990.1.2", "1990年1月2日", "19900102", "1990-02-30", "1990-00-10", "1990-13-01",
    "2000-02-29", "1900-02-29", "0001-01-01", "0000-01-01", "9999-12-31", "1990-1-2 3:4", "1990-1-2 03:04:05",
    "1990-01-02T03:04:05.123", "1990-01-02 24:00:00", "1990-01-02 23:59:60", "1990-01-02 3", "32874", "1", "60",
    "99999", "2958466", "١٩٩٠-٠١-٠٢", "1986-05-04 00:30:00", "1986-05-04 02:30:00", "1986-09-14 01:30:00",
    "2025-03-09 02:30:00", "2025-11-02 01:30:00", "1900-12-31 23:59:59",
    # phones and numbers
    "13912345678", "+86 139 1234 5678", "0086-13912345678", "8613912345678", "025-84567890", "(025)84567890",
    "84567890", "1391234567", "１３９１２３４５６７８", "1,234", "-12", "+12", "007", "999999999999999999",
    "1000000000000000000", "12.0", "1e3",
    # floats, exponents and their noise
    "8300001.0", "13900000001.00", "1.3900000001E10", "1.39E+10", "45000.0", "20200101.0", "320102.0", "1234567890123456.0",
    "28.830000000000002", "703.3399999999999", "-999.9999999999999", "0.30000000000000004万元", "2.883E1", "1e-05", "2.0E7",
    "1E0", "9.9E29", "99999999999.99001", "28.83000000000000000000", "0.009999999999999998", "1E99", "1,028.8300000000001",
    # several phones, extensions, remarks
    "13912345678/025-83456789", "025-83456789转8012", "025-8345678-12", "83456789、83456780", "139 1234 5678\n83456789",
    "13912345678(儿子)", "王某13912345678", "400-123-4567", "+86 25 83456789", "(+86)13912345678", "8345678(2)", "110",
    "13912345678/13912345678", "1391234567-8", "025—83456789",
    # words that stand for nothing
    "NULL", "ｎｕｌｌ", " N / A\t", "\\N", "\u3000无\u00a0", "不 详", "NULL\r\n", "\ufeffnan", "-\u0085", "Ⅹ", "nullé",
    # line ends: what . and $ are differs
    "张三\u0085", "张三\u2028", "张三\n", "13912345678\u0085", "1990-01-02\u2028", "1990-01-02 3:4\r5",
    "12\u0085", "1990-01-02 甲\r乙",
    # money and areas
    "3,500.00", "￥985", "100万元", "1.2亿元", "500.000000万人民币", "-12.5", "+3", "0.005", "0.10", "１２３．４", "100美元",
    "9999999999999999.99", "10000000000000000", "12345678901234567890", "1千百万", "3百",
    "5万", "89.50㎡", "100 平方米", "1,23", ".5", "5.",
    # yes and no
    "是", "否", "Y", "n", "√", "无", "0",
    # credit codes
    "91320102MA1MB3Y89J", "91320102ma1mb3y89j", "913201027594523215", "91320102759452321I", "320102000123456", "9132010275945232",
    # addresses and long text
    "板仓街1号3号楼2单元502室", "板仓街1号3栋502", "玄武区珠江路88号世贸中心三幢二单元五〇二室",
    "百子亭12弄3号", "锁金村路5-2-301",
    "公教一村12号", "珠江路小区7幢101室附", "北京东路41号\r3幢\u00852室", "大石桥街6号12幢3单元1202室",
    "南京市 鼓楼区　中山路 1号", "第一行\n第二行", "line\r\nbreak", "emoji 👨‍👩‍👧 text", "ß", "ǅ", "ﬁ",
]  # fmt: skip
# Those that are looked up are joined; their keys are a case of their own.
PARITY_TYPES = {type.name: type for type in TYPES if type.clean}


def texts() -> DataFrame:
    return session().createDataFrame([(i, text) for i, text in enumerate(TEXTS)], "n int, text string")


def semantic_types() -> Rows:
    """Every cleaning rule over every text: regex classes, translate, lpad, try_cast of padded and impossible days."""
    cases = [text for name in sorted(TYPE_CASES) for text, *_ in TYPE_CASES[name]]
    listed = list(dict.fromkeys([*TEXTS, *cases]))
    frame = session().createDataFrame(list(enumerate(listed)), "n int, text string")
    fields = [ModelField(name, name, 1, "", "") for name in PARITY_TYPES]
    given = {f"{name}__text": F.col("text") for name in PARITY_TYPES}
    for name, type in PARITY_TYPES.items():
        given |= {f"{name}__{parameter.name}": F.lit(parameter.values[0]) for parameter in type.parameters}
    frame = frame.withColumns({**given, "timezone": F.lit("Asia/Shanghai")})
    cleaned = clean_fields(frame, fields)
    return rows_of(cleaned.select("n", *PARITY_TYPES, *[f"{name}__code" for name in PARITY_TYPES]))


def white_space_and_keys_of_code_lists() -> Rows:
    return rows_of(
        texts().select("n", strip_text(F.col("text")).alias("stripped"), code_key(F.col("text")).alias("key"))
    )


def words_that_stand_for_nothing() -> Rows:
    """translate that takes blanks out, capitals, the first character and a list, also of the texts of other cases."""
    words = [word_key(word) for word in ("NULL", "NAN", "N/A", "\\N", "-", "无", "不详", "é", "x", "0")]
    return rows_of(texts().select("n", is_null_word(F.col("text"), words).alias("is_word")))


def local_times_of_several_zones() -> Rows:
    """to_utc_timestamp with the zone in a column, also in the hours that summer time leaves out or has twice."""
    times = texts().where(F.col("text").rlike("^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"))
    zones = session().createDataFrame([(zone,) for zone in ZONES], "timezone string")
    frame = times.crossJoin(zones).withColumn("datetime__text", F.col("text"))
    cleaned = clean_fields(frame, [ModelField("datetime", "datetime", 1, "", "")])
    back = F.from_utc_timestamp(F.col("datetime"), "Asia/Shanghai")
    return rows_of(cleaned.select("n", "timezone", "datetime", back.alias("back"), F.to_date(back).alias("day")))


def resident_id_rules() -> Rows:
    text = F.col("text")
    return rows_of(
        texts().select(
            "n", is_valid_resident_id(text).alias("valid"), id_birth_date(text).alias("birth"), id_sex_code(text).alias("sex"),
            check_character(F.substring(text, 1, 17)).alias("check"), F.length(text).alias("length"),
            F.date_format(id_birth_date(text), "yyyyMMdd").alias("formatted"),
        )
    )  # fmt: skip


def days_from_text() -> Rows:
    """try_cast of padded days, the only ones that are cast; impossible ones are null on both engines."""
    days = [f"{year}-{month:02d}-{day:02d}" for year in ("0000", "0001", "1582", "1900", "2000", "2023", "9999")
            for month in (0, 1, 2, 10, 13) for day in (0, 1, 5, 10, 15, 28, 29, 30, 31, 32)]  # fmt: skip
    frame = session().createDataFrame([(day,) for day in days], "day string")
    cast = F.col("day").try_cast("date")
    return rows_of(
        frame.select(
            "day", cast.alias("cast"), F.date_add(cast, 1).alias("next"), F.datediff(cast, F.lit(NIGHT)).alias("age")
        )
    )


def amounts_of_money() -> Rows:
    """The point is moved in the text, by both units, up to the last digit that the type holds; products are exact."""
    units = session().createDataFrame([("元",), ("万元",)], "money__unit string")
    frame = texts().crossJoin(units).withColumns({"money__text": F.col("text"), "timezone": F.lit("UTC")})
    cleaned = clean_fields(frame, [ModelField("money", "money", 1, "", "")])
    whole = F.col("money").cast("bigint").alias("whole")
    return rows_of(
        cleaned.select("n", "money__unit", "money", "money__code", whole, F.col("money").cast("string").alias("text"))
    )


def parts_of_addresses() -> Rows:
    """Long patterns of lazy groups, and pieces between bars, over texts as they are cleaned before."""
    frame = texts().select("n", F.col("text").alias("address__text"), F.lit("UTC").alias("timezone"))
    frame = clean_fields(frame, [ModelField("address", "address", 1, "", "")]).select("n", "address")
    silent = frame.withColumns({part: F.lit(None).cast("string") for part in PARTS})
    spoken = silent.withColumns({"building": F.col("address"), "room": F.col("address")})
    return [row for part in (silent, spoken) for row in rows_of(complete_parts(part).select("n", *PARTS))]


def credit_codes() -> Rows:
    """Numbers of the bases 34 and 35 stand for the weighted sums."""
    text = F.upper(F.col("text"))
    return rows_of(
        texts().select(
            "n", credit_code.is_valid_credit_code(text).alias("valid"), credit_code.has_organisation_check(text).alias("inside"),
            credit_code.check_character(F.substring(text, 1, 17)).alias("check"),
            credit_code.organisation_check(text).alias("inner"),
        )
    )  # fmt: skip


def text_functions_at_their_edges() -> Rows:
    """Positions before and beyond the text, pieces that are not there, characters of several code points."""
    text = F.col("text")
    return rows_of(
        texts().select(
            "n", F.length(text).alias("length"), F.reverse(text).alias("reverse"), F.upper(text).alias("upper"),
            F.substring(text, 0, 2).alias("from_0"), F.substring(text, 2, 100).alias("beyond"),
            F.substring(text, -2, 2).alias("end"),
            F.substring_index(text, "-", 1).alias("first"), F.substring_index(text, "-", -1).alias("last"),
            F.substring_index(text, "-", 0).alias("none"), F.substring_index(text, "|", 1).alias("whole"),
            F.regexp_extract(text, "([0-9]+)-([0-9]*)", 2).alias("group"),
            F.regexp_replace(text, "([0-9])([0-9])", "$2$1").alias("turned"),
            F.lpad(text, 3, "0").alias("padded"), F.concat_ws("|", text, F.lit(None).cast("string"), text).alias("skips"),
            F.translate(text, "abc一二", "ABC1").alias("translated"), F.nullif(text, F.lit("-")).alias("nullif"),
            F.replace(text, F.lit("1"), F.lit("")).alias("replaced"), text.contains(".").alias("contains"),
        )
    )  # fmt: skip


CASES = [
    semantic_types, white_space_and_keys_of_code_lists, words_that_stand_for_nothing, local_times_of_several_zones,
    resident_id_rules, days_from_text, amounts_of_money, parts_of_addresses, credit_codes, text_functions_at_their_edges,
]  # fmt: skip
