"""Divisions at the head of an address: which names are taken away, and which begin the name of a road or a compound."""

import pytest

from jobs.common.model.address_divisions import DivisionHeads, division_heads
from jobs.common.model.types.address import SHIPPED

HEADS = {
    # names with their ending, one behind the other or repeated
    "江苏省南京市玄武区梅园新村街道梅园新村社区居委会汉府街": "汉府街",
    "玄武区玄武区珠江路": "珠江路",
    "秦淮区江苏省南京市玄武区珠江路": "珠江路",
    "南京市玄武区": "",
    "阳泉市城区文化路": "文化路",
    # a former name
    "白下区瑞金路": "瑞金路",
    # without it
    "南京假山路": "假山路",
    "江苏南京玄武假山路": "假山路",
    "江苏南京玄武区": "",
    "南京玄武兰园小区": "兰园小区",
    "兰园珠江路": "珠江路",
    # what stands between
    "江苏-南京-玄武区珠江路": "珠江路",
    "江苏省,南京市,null玄武区珠江路": "珠江路",
    "福建省厦门市中国江苏省南京市玄武区珠江路": "珠江路",
    # the beginning of another name
    "南京路": "南京路",
    "北京东路": "北京东路",
    "南京西一路": "南京西一路",
    "南京市玄武湖路": "玄武湖路",
    "温州市温州大道": "温州大道",
    "中山陵园路": "中山陵园路",
    "长江路": "长江路",
    "南京大学宿舍": "南京大学宿舍",
    "上海花园": "上海花园",
    "南京医院路": "南京医院路",
    "公教一村": "公教一村",
    "城区文化路": "城区文化路",  # of which city nobody can tell
    # a county that is none of the office's, without the city above it
    "余杭文昌路": "余杭文昌路",
    "杭州余杭文昌路": "文昌路",
    # no division at all
    "": "",
    "-": "-",
    "珠江路": "珠江路",
}


@pytest.fixture(scope="module")
def heads() -> DivisionHeads:
    return division_heads(SHIPPED)


@pytest.mark.parametrize("head", HEADS)
def test_divisions_are_taken_off_the_head(heads: DivisionHeads, head: str) -> None:
    assert heads.without(head) == HEADS[head]
