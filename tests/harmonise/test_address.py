"""Addresses: what is read from the text and what is left alone; measured against addresses that nobody here wrote."""

from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual

from jobs.common.contracts.sources import Column, Feed, SourceObject
from jobs.common.model.types.address import PARTS, complete_parts
from jobs.common.run.conf import Conf
from jobs.harmonise.records import clean_records, record_texts
from tests.bench.addresses import MEASURED, Found, measure, read_labelled

SCHEMA = "address string, road string, road_number string, compound string, building string, unit string, room string"
READ = [
    # the same dwelling, from the whole path down to the shortest form
    ("江苏省南京市玄武区梅园新村街道汉府街12号3幢2单元502室", "汉府街", "12", None, "3", "2", "502"),
    ("江苏省南京市玄武区梅园新村街道梅园新村社区居委会汉府街12号3幢2单元502室", "汉府街", "12", None, "3", "2", "502"),
    ("南京市玄武区汉府街12号3幢2单元502室", "汉府街", "12", None, "3", "2", "502"),
    ("南京市汉府街12号3幢2单元502室", "汉府街", "12", None, "3", "2", "502"),
    ("玄武区汉府街12号3幢2单元502室", "汉府街", "12", None, "3", "2", "502"),
    ("汉府街12号3幢2单元502室", "汉府街", "12", None, "3", "2", "502"),
    ("汉府街12号3栋2单元502", "汉府街", "12", None, "3", "2", "502"),
    ("汉府街12号3号楼2单元502房", "汉府街", "12", None, "3", "2", "502"),
    ("汉府街12号3座2单元502", "汉府街", "12", None, "3", "2", "502"),
    ("汉府街12号三幢二单元五〇二室", "汉府街", "12", None, "3", "2", "502"),
    ("汉府街12号03幢2单元502室", "汉府街", "12", None, "3", "2", "502"),
    ("汉府街12号3-2-502", "汉府街", "12", None, "3", "2", "502"),
    ("汉府街12号3幢2-502", "汉府街", "12", None, "3", "2", "502"),
    ("汉府街12号-3幢-2单元-502室", "汉府街", "12", None, "3", "2", "502"),
    ("汉府街十二号3幢2单元502室", "汉府街", "12", None, "3", "2", "502"),
    ("汉府街12号3幢2单元5楼502室", "汉府街", "12", None, "3", "2", "502"),
    ("汉府街12号3幢2单元502室(王先生家)", "汉府街", "12", None, "3", "2", "502"),
    # without some of it
    ("汉府街12号3-502", "汉府街", "12", None, "3", None, "502"),
    ("汉府街12号502室", "汉府街", "12", None, None, None, "502"),
    ("汉府街12号502", "汉府街", "12", None, None, None, "502"),
    ("汉府街12号", "汉府街", "12", None, None, None, None),
    ("汉府街12", "汉府街", "12", None, None, None, None),
    ("汉府街", "汉府街", None, None, None, None, None),
    ("汉府街12号5楼", "汉府街", "12", None, None, None, None),  # a floor is no building
    ("汉府街12号李记面馆", "汉府街", "12", None, None, None, None),  # a shop is no compound
    ("汉府街12号a座1201", "汉府街", "12", None, "A", None, "1201"),
    ("汉府街12号十二幢", "汉府街", "12", None, "12", None, None),
    ("汉府街12号二十幢", "汉府街", "12", None, "20", None, None),
    ("汉府街12号二十三幢", "汉府街", "12", None, "23", None, None),
    # an annex is a dwelling of its own
    ("汉府街12号3幢502室附", "汉府街", "12", None, "3", None, "502附"),
    ("汉府街12号3幢502室(附房)", "汉府街", "12", None, "3", None, "502附"),
    ("汉府街12号3幢502附房", "汉府街", "12", None, "3", None, "502附"),
    # numbers
    ("汉府街12-1号", "汉府街", "12-1", None, None, None, None),
    ("汉府街甲12号", "汉府街", "甲12", None, None, None, None),
    ("汉府街12号附3号", "汉府街", "12附3", None, None, None, None),
    ("万里公路832弄125号", "万里公路", "832弄", None, "125", None, None),  # a lane numbers its blocks
    ("汉府街12号院3号楼502室", "汉府街", "12", None, "3", None, "502"),
    # compounds
    ("汉府街12号兰园新寓3幢2单元502室", "汉府街", "12", "兰园新寓", "3", "2", "502"),
    ("汉府街12号兰园小区", "汉府街", "12", "兰园小区", None, None, None),
    ("兰园新寓3栋2单元502", None, None, "兰园新寓", "3", "2", "502"),
    ("兰园新寓3-2-502", None, None, "兰园新寓", "3", "2", "502"),
    ("玄武区兰园小区3栋2单元502室", None, None, "兰园小区", "3", "2", "502"),
    ("珠江路兰园小区3幢502室", "珠江路", None, "兰园小区", "3", None, "502"),
    ("珠江路兰园小区12号3幢502室", "珠江路", "12", "兰园小区", "3", None, "502"),
    ("珠江路小区3幢502室", None, None, "珠江路小区", "3", None, "502"),
    ("月苑小区东区3栋502", None, None, "月苑小区东区", "3", None, "502"),
    # names that look like something else
    ("菜市口大街12号", "菜市口大街", "12", None, None, None, None),
    ("东菜市大街12号", "东菜市大街", "12", None, None, None, None),
    ("北京东路12号", "北京东路", "12", None, None, None, None),
    ("江苏路12号", "江苏路", "12", None, None, None, None),
    ("马路街12号", "马路街", "12", None, None, None, None),
    ("景德镇路12号", "景德镇路", "12", None, None, None, None),
    ("景德镇路5号", "景德镇路", "5", None, None, None, None),
    ("公教一村12号", None, "12", "公教一村", None, None, None),
    # a street without a word for one, before a compound
    ("估衣廊2号和湖公馆3幢2单元502室", "估衣廊", "2", "和湖公馆", "3", "2", "502"),
    ("估衣廊2号3幢2单元502室", None, "2", "估衣廊", "3", "2", "502"),
    ("玄武区锁金村街道锁金五村12号3幢502室", None, "12", "锁金五村", "3", None, "502"),
    ("卫岗12号", None, "12", "卫岗", None, None, None),
    ("铁路新村12号", None, "12", "铁路新村", None, None, None),
    ("浙江省金华市永康市方岩镇下宅村万里公路832弄", "万里公路", "832弄", None, None, None, None),
    # divisions without 市, 区, 镇, 街道 before the road
    ("南京汉府街12号", "汉府街", "12", None, None, None, None),
    ("南京玄武汉府街12号3-502", "汉府街", "12", None, "3", None, "502"),
    ("江苏南京玄武区珠江路12号", "珠江路", "12", None, None, None, None),
    ("江苏-南京-玄武区珠江路12号", "珠江路", "12", None, None, None, None),
    ("合肥包河芜湖路12号", "芜湖路", "12", None, None, None, None),
    ("梅园新村珠江路12号", "珠江路", "12", None, None, None, None),
    ("大行宫中山东路12号", "中山东路", "12", None, None, None, None),
    ("天门市文学泉路12号", "文学泉路", "12", None, None, None, None),  # no 天 of the gate's market
    ("拱墅区湖墅南路12号", "湖墅南路", "12", None, None, None, None),
    ("江苏省南京市null江苏省南京市玄武区珠江路12号", "珠江路", "12", None, None, None, None),
    ("玄武区玄武区珠江路12号", "珠江路", "12", None, None, None, None),
    ("江苏省南京市_玄武区_珠江路12号", "珠江路", "12", None, None, None, None),
    ("南京玄武兰园小区3幢502室", None, None, "兰园小区", "3", None, "502"),
    # and roads and compounds whose names begin like one
    ("南京西路12号", "南京西路", "12", None, None, None, None),
    ("南京市上海路12号", "上海路", "12", None, None, None, None),
    ("中山陵园路12号", "中山陵园路", "12", None, None, None, None),
    ("玄武湖路12号", "玄武湖路", "12", None, None, None, None),
    ("玄武大道12号", "玄武大道", "12", None, None, None, None),
    ("南京市长江路12号", "长江路", "12", None, None, None, None),
    ("苏州河路12号", "苏州河路", "12", None, None, None, None),
    ("南京大学宿舍3幢502室", None, None, "南京大学宿舍", "3", None, "502"),
    ("上海花园3幢502室", None, None, "上海花园", "3", None, "502"),
    # a number without 号
    ("珠江路45恒丰大厦1402室", "珠江路", "45", "恒丰大厦", None, None, "1402"),
    ("珠江路45-1恒丰大厦", "珠江路", "45-1", "恒丰大厦", None, None, None),
    ("珠江路45幢502室", "珠江路", None, None, "45", None, "502"),
    ("珠江路45米处", "珠江路", None, None, None, None, None),
    # roads with a figure in their name
    ("玄武区建设2路12号", "建设二路", "12", None, None, None, None),
    ("玄武区建设二路12号", "建设二路", "12", None, None, None, None),
    ("10号大街12号", "10号大街", "12", None, None, None, None),
    # 组, 区 and 期 are parts of what has them, so that 2组7号 of two villages is not one house
    ("红山镇东岗村2组7号", None, "7", "东岗村2组", None, None, None),
    ("红山镇西岗村2组7号", None, "7", "西岗村2组", None, None, None),
    ("月苑市场8区35号", None, None, "月苑市场8区", "35", None, None),
    ("兰园小区12号", None, None, "兰园小区", "12", None, None),  # 区 of 小区 ends no division
    ("下岗村滨江路12号", "滨江路", "12", None, None, None, None),
    ("滨江工业园区创业路12号", "创业路", "12", None, None, None, None),
    # several figures
    ("兰园小区B13-10", None, None, "兰园小区", "B13", None, "10"),
    ("兰园小区B13-502", None, None, "兰园小区", "B13", None, "502"),
    ("珠江路12号兰园小区13-7-146", "珠江路", "12", "兰园小区", "13", "7", "146"),
    ("兰园小区12-3-502电联", None, None, "兰园小区", "12", "3", "502"),
    ("兰园小区12--3--502", None, None, "兰园小区", "12", "3", "502"),
    ("兰园小区12一3一502", None, None, "兰园小区", "12", "3", "502"),
    ("12-3-502", None, None, None, None, None, None),  # of which compound nobody can tell
    ("兰园小区121-1815", None, None, "兰园小区", "121", None, "1815"),
    ("兰园小区6-9", None, None, "兰园小区", "6", "9", None),
    ("珠江路6-9号", "珠江路", "6-9", None, None, None, None),
    # doors, blocks behind blocks, rooms behind names
    ("兰园小区3幢12号", None, None, "兰园小区", "3", "12", None),
    ("兰园小区3幢12号704室", None, None, "兰园小区", "3", "12", "704"),
    ("兰园小区3栋a座1250室", None, None, "兰园小区", "3", None, "1250"),
    ("兰园小区3幢楼502室", None, None, "兰园小区", "3", None, "502"),
    ("兰园小区3-1号楼502", None, None, "兰园小区", "3-1", None, "502"),
    ("兰园小区二幢二梯1403", None, None, "兰园小区", "2", "2", "1403"),
    ("珠江路12号恒丰公馆4号", "珠江路", "12", "恒丰公馆", "4", None, None),
    ("珠江路12号恒丰大厦1402", "珠江路", "12", "恒丰大厦", None, None, "1402"),
    ("珠江路12号恒丰大厦11F", "珠江路", "12", "恒丰大厦", None, None, None),
    # what is no road
    ("梅园新村街道兰园小区3幢502室", None, None, "兰园小区", "3", None, "502"),
    ("珠江路口", "珠江路", None, None, None, None, None),
    # nothing to read
    ("南京市玄武区", None, None, None, None, None, None),
    ("不详", None, None, None, None, None, None),
    (None, None, None, None, None, None, None),
]


def read(spark: SparkSession, addresses: list[str | None]) -> DataFrame:
    frame = spark.createDataFrame([(address,) for address in addresses], "address string")
    return complete_parts(frame.withColumns({part: F.lit(None).cast("string") for part in PARTS}))


def test_parts_are_read_from_the_address(spark: SparkSession) -> None:
    assertDataFrameEqual(read(spark, [row[0] for row in READ]), spark.createDataFrame(READ, SCHEMA))


def test_what_a_column_says_goes_before_the_address(spark: SparkSession) -> None:
    fed = [
        ("汉府街12号3幢2单元502室", None, None, "兰园新寓", "5号楼", None, " 601 室"),
        (None, "汉府街", "12号", "兰园 新寓", "３幢", "二单元", "502室（附房）"),
        (None, "汉府街", None, None, "a座", "02单元", "0502"),
        (None, None, None, None, None, None, None),
        # a compound of its own says that what is numbered is the street, if it is another name
        ("估衣廊2号3幢502室", None, None, "和湖公馆", None, None, None),
        ("和湖公馆2号502室", None, None, "和湖公馆", None, None, None),
        ("估衣廊2号3幢502室", "旧街", None, "和湖公馆", None, None, None),
        # an address that others have as well, which is read once for all of them
        *[("汉府街12号3幢2单元502室", *[None] * 6)] * 2,
    ]
    expected = [
        *[("汉府街12号3幢2单元502室", "汉府街", "12", None, "3", "2", "502")] * 2,
        ("汉府街12号3幢2单元502室", "汉府街", "12", "兰园新寓", "5", "2", "601"),
        (None, "汉府街", "12", "兰园新寓", "3", "2", "502附"),
        (None, "汉府街", None, None, "A", "2", "502"),
        (None, None, None, None, None, None, None),
        ("估衣廊2号3幢502室", "估衣廊", "2", "和湖公馆", "3", None, "502"),
        ("和湖公馆2号502室", None, "2", "和湖公馆", None, None, "502"),
        ("估衣廊2号3幢502室", "旧街", "2", "和湖公馆", "3", None, "502"),
    ]

    found = complete_parts(spark.createDataFrame(fed, SCHEMA))

    assertDataFrameEqual(found, spark.createDataFrame(expected, SCHEMA))


def test_dwelling_of_a_property_manager_has_parts_and_no_address(spark: SparkSession, conf: Conf) -> None:
    """Full-width text, blanks and words for the parts; the division is left alone; the money of no column is no trouble."""
    feeds = {"compound": "小区", "building": "楼栋", "unit": "单元", "room": "房号"}
    obj = SourceObject(
        "housing", "occupancy", "csv", "*.csv", "utf-8", ",", "", 1, 0, "snapshot", None, "Asia/Shanghai", "name", 0.5,
        tuple(Column(n, h, False, False, 3, (Feed("dwelling", "dwelling", n),)) for n, h in feeds.items()),
    )  # fmt: skip
    rows = spark.createDataFrame(
        [("兰园　新寓", "３栋", "2单元", "５０２室"), ("兰园新寓", None, None, "2-502")],
        ", ".join(f"{n} string" for n in feeds),
    ).withColumns({"row_number": F.lit(1), **{name: F.lit("") for name in ("system", "object", "sheet", "file_id")}})
    rows = rows.withColumns({name: F.lit("") for name in ("source_key", "role", "row_hash")})
    record = conf.records["dwelling"]

    found = clean_records(record_texts(rows, record, obj, "dwelling"), record, conf)

    parts = ["address", "division_code", *PARTS, *[f"{part}__code" for part in PARTS]]
    nothing = (None,) * len(PARTS)
    expected = [
        (None, None, None, None, "兰园新寓", "3", "2", "502", *nothing),
        (None, None, None, None, "兰园新寓", None, None, "2-502", *nothing),
    ]
    assertDataFrameEqual(found.select(parts), spark.createDataFrame(expected, ", ".join(f"{n} string" for n in parts)))


@pytest.fixture(scope="module")
def measured(spark: SparkSession, real_data: Path) -> dict[str, Found]:
    readings = read_labelled(real_data / "addresses" / "dev.conll")
    assert len(readings) == 2786
    return {found.part: found for found in measure(readings)}


# Shipping addresses, most of them messier than a register's. What is labelled a road, and we take for no road, are groups of
# a village (2组) mostly.
@pytest.mark.parametrize("part", MEASURED)
def test_public_addresses_are_read(measured: dict[str, Found], part: str) -> None:
    assert measured[part].recall >= 0.85
    assert measured[part].precision >= 0.88
