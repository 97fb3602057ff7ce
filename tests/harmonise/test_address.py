"""Addresses: what is read from the text and what is left alone; measured against addresses that nobody here wrote."""

from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual

from jobs.common.contracts.sources import Column, Feed, SourceObject
from jobs.common.model.types.address import PARTS, complete_parts
from jobs.common.run.conf import Conf
from jobs.harmonise.records import clean_records, record_texts

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
    ("万里公路832弄125号", "万里公路", "832弄125", None, None, None, None),
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
    ("公教一村12号", "公教一村", "12", None, None, None, None),
    ("玄武区锁金村街道锁金五村12号3幢502室", "锁金五村", "12", None, "3", None, "502"),
    ("卫岗12号", "卫岗", "12", None, None, None, None),
    ("铁路新村12号", "铁路新村", "12", None, None, None, None),
    ("浙江省金华市永康市方岩镇下宅村万里公路832弄", "万里公路", "832弄", None, None, None, None),
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
        # an address that others have as well, which is read once for all of them
        *[("汉府街12号3幢2单元502室", *[None] * 6)] * 2,
    ]
    expected = [
        *[("汉府街12号3幢2单元502室", "汉府街", "12", None, "3", "2", "502")] * 2,
        ("汉府街12号3幢2单元502室", "汉府街", "12", "兰园新寓", "5", "2", "601"),
        (None, "汉府街", "12", "兰园新寓", "3", "2", "502附"),
        (None, "汉府街", None, None, "A", "2", "502"),
        (None, None, None, None, None, None, None),
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


def labelled_addresses(path: Path) -> list[tuple[str, dict[str, str]]]:
    """Text and first part of each kind, from characters with their BIO labels, in the spelling that parts are compared in."""
    plain = {0xFF01 + i: 0x21 + i for i in range(94)}
    found = []
    for block in path.read_text("utf-8").translate(plain).strip().split("\n\n"):
        pieces: list[list[str]] = []
        for line in block.splitlines():
            character, _, label = line.rpartition(" ")
            if not label.startswith("I-"):
                pieces.append([label.removeprefix("B-"), ""])
            pieces[-1][1] += character
        parts: dict[str, str] = {}
        for label, text in pieces:
            parts.setdefault({"roadno": "road_number"}.get(label, label), text.upper().removesuffix("号"))
        found.append(("".join("".join(text for _, text in pieces).split()), parts))
    return found


@pytest.mark.parametrize(
    ("part", "precision", "recall"),
    # Shipping addresses, most of them messier than a register's. Of the roads that we read and nobody labelled, most are
    # villages and compounds that houses are numbered by (公教一村12号), which we take for a road on purpose.
    [("road", 0.72, 0.77), ("road_number", 0.84, 0.86)],
)
def test_public_addresses_are_read(
    spark: SparkSession, real_data: Path, part: str, precision: float, recall: float
) -> None:
    labelled = labelled_addresses(real_data / "addresses" / "dev.conll")
    assert len(labelled) == 2786
    table = read(spark, [text for text, _ in labelled]).select("address", part).toArrow().to_pylist()
    by_text = {row["address"]: row[part] for row in table}

    counts = Counter()
    for text, parts in labelled:
        ours, theirs = by_text[text], parts.get(part)
        counts["read"] += ours is not None
        counts["labelled"] += theirs is not None
        counts["right"] += ours is not None and ours == theirs
    found = counts["right"] / counts["read"], counts["right"] / counts["labelled"]
    print(f"{part}: precision {found[0]:.3f}, recall {found[1]:.3f} ({dict(counts)})")

    assert found[0] >= precision
    assert found[1] >= recall
