"""The organisations of the sample town: enterprises, shops, property managers, and public bodies that employ people.

Reads: the world. Writes: nothing. Refuses: nothing.
One organisation is one place in every list below; that place is the true id. Names are invented.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from jobs.sample import corruption, ids, places
from jobs.sample.canaries import CANARIES
from jobs.sample.households import YEAR
from jobs.sample.world import NOBODY, World, floored, pick, without_canaries

# They have a credit code, but other offices than market regulation register them.
PUBLIC_BODIES = (
    "南京市玄武区教育局", "南京市玄武区兰园小学", "南京市玄武区人民医院", "南京市玄武区环境卫生所", "南京市玄武区图书馆",
    "南京市玄武区民政局", "南京市玄武区实验中学", "南京市玄武区文化馆",
)  # fmt: skip
# What an enterprise does, in its name, with the industry (GB/T 4754-2017); the shops are owned by one person.
COMPANY_TRADES = {
    "科技": "6513", "贸易": "5191", "餐饮管理": "6210", "装饰工程": "5011", "文化传播": "8890", "人力资源": "7263",
    "企业管理": "7211", "财务咨询": "7241", "国际旅行社": "7291", "建筑工程": "4710", "医药": "5251", "会展服务": "7284",
    "工业设计": "7491", "物流": "5437", "房地产经纪": "7030", "环境服务": "7820", "家政服务": "8010",
}  # fmt: skip
SHOP_TRADES = {
    "面馆": "6220", "小吃店": "6220", "超市": "5212", "理发店": "8040", "汽修店": "8111", "水果店": "5221", "烘焙坊": "5222",
    "鞋店": "5233", "电脑维修部": "8121", "浴室": "8051", "家政服务部": "8010",
}  # fmt: skip
_BRAND_CHARACTERS = "金华盛泰源鑫达恒信诚宏瑞祥兴隆安博雅晨光宇天海明辉佳美悦嘉禾创联众智新百世康宁德润丰"
_CAPITALS = (3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 800, 1000, 1200, 2000, 5000)
SHARE = 0.05
OPEN, CLOSED, REVOKED = "存续", "注销", "吊销"


@dataclass(slots=True)
class Organisation:
    """One organisation; `representative` is a resident or NOBODY, `capital` is in 万元, days are texts, empty for never."""

    name: str
    credit_code: str
    home: places.Home
    industry: str
    phone: str
    established: str
    representative: int = NOBODY
    capital: int = 0
    signboard: str = ""
    former_name: str = ""
    closed: str = ""
    status: str = OPEN


@dataclass
class Organisations:
    """All of them by their places, and what no other may take."""

    all: list[Organisation] = field(default_factory=list)
    managers: list[int] = field(default_factory=list)  # property managers
    landlord: int = NOBODY  # owns dwellings
    taken_names: set[str] = field(default_factory=set)
    taken_codes: set[str] = field(default_factory=set)

    def __getitem__(self, place: int) -> Organisation:
        return self.all[place]

    def append(self, organisation: Organisation) -> None:
        self.taken_names.add(organisation.name)
        self.all.append(organisation)

    def __len__(self) -> int:
        return len(self.all)

    def enterprises(self) -> range:
        """Those that market regulation registers."""
        return range(len(PUBLIC_BODIES), len(self))

    def manager_of(self, home: places.Home) -> int:
        """Who manages the compound of a flat."""
        return self.managers[(home.road * 7 + home.number) % len(self.managers)]

    def title(self, place: int) -> tuple[str, str]:
        """Name and credit code; empty for NOBODY."""
        return (self.all[place].name, self.all[place].credit_code) if place != NOBODY else ("", "")

    def truth_ids(self, organisations: Iterable[int]) -> list[str | None]:
        """None for NOBODY."""
        return [None if place == NOBODY else f"O{place:05d}" for place in organisations]


@dataclass
class Changes:
    """Organisations by what happened to them since the night before."""

    renamed: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    founded: list[int] = field(default_factory=list)


def build_organisations(world: World, seed: int) -> Organisations:
    """Draw the organisations as they are on the morning of the first night."""
    rng = np.random.default_rng([seed, 21])
    found = Organisations()
    heads = [f"12{places.DISTRICT_CODE}"] * len(PUBLIC_BODIES)
    codes = ids.draw_credit_codes(rng, heads, found.taken_codes)
    homes = places.draw_homes(rng, len(PUBLIC_BODIES), len(world.homes), houses=1)
    for name, code, home in zip(PUBLIC_BODIES, codes, homes, strict=True):
        found.append(Organisation(name, code, home, "9221", "025-83640000", "1985-07-01"))
    count = max(round(len(world) * SHARE), len(CANARIES) + 5)
    managers = max(2, count // 400)
    # First those whom a canary represents, then the managers and the landlord, then the others.
    _found(world, rng, found, count - managers - 1, world.first_night.isoformat(), canaries=len(CANARIES))
    first = len(found)
    _found(world, rng, found, managers, world.first_night.isoformat(), trade="物业管理", industry="7020")
    found.managers = list(range(first, len(found)))
    _found(world, rng, found, 1, world.first_night.isoformat(), trade="房产经营", industry="7010")
    found.landlord = len(found) - 1

    later = _ordinary(found)
    # The first is one of those with the most people.
    renamed = [int(later[0]), *rng.permutation(later[1:]).tolist()]
    for place in renamed[: floored(count, 0.03, fewest=2)]:
        _rename(rng, found, place)
    open_ones = np.array([place for place in later.tolist() if not found[place].former_name], dtype=np.int64)
    for place in rng.permutation(open_ones)[: floored(count, 0.04)].tolist():
        day = np.datetime64(world.first_night, "D") - int(rng.integers(10, 700))
        found[place].closed = str(max(day, np.datetime64(found[place].established, "D") + 1))
        found[place].status = CLOSED if rng.random() < 0.8 else REVOKED
    return found


def pass_organisation_day(world: World, found: Organisations, night: str, seed: int, number: int) -> Changes:
    """What happens to organisations before a later night: new names, closures, foundings."""
    rng = np.random.default_rng([seed, 23, number])
    today, count = np.datetime64(night, "D"), len(found)
    changes = Changes()
    open_ones = np.array([place for place in _ordinary(found).tolist() if not found[place].closed], dtype=np.int64)
    chosen = rng.permutation(open_ones)
    renamed, closed = floored(count, 0.002), floored(count, 0.002)
    changes.renamed = np.sort(chosen[:renamed]).tolist()
    changes.closed = np.sort(chosen[renamed : renamed + closed]).tolist()
    for place in changes.renamed:
        _rename(rng, found, place)
    for place in changes.closed:
        found[place].closed, found[place].status = str(today - 1), CLOSED
    _found(world, rng, found, floored(count, 0.002), night, youngest=True)
    changes.founded = list(range(count, len(found)))
    return changes


def _ordinary(found: Organisations) -> np.ndarray:
    """Enterprises that may be renamed or closed: none of a canary's, no manager, not the landlord."""
    first = len(PUBLIC_BODIES) + len(CANARIES)
    return np.setdiff1d(np.arange(first, len(found)), [*found.managers, found.landlord])


def _found(
    world: World, rng: np.random.Generator, found: Organisations, count: int, night: str, canaries: int = 0,
    trade: str = "", industry: str = "", youngest: bool = False,
) -> None:  # fmt: skip
    """Draw and append enterprises: of all trades or of one, of any age or as old as a day."""
    today = np.datetime64(night, "D")
    age = (today - world.birth).astype(np.int64) / YEAR
    adults = np.flatnonzero(np.isnat(world.death) & world.registered & (age > 24) & (age < 72))
    representatives = rng.choice(without_canaries(adults), count).tolist()
    representatives[:canaries] = range(canaries)
    is_shop = (rng.random(count) < 0.2) & (trade == "")
    is_shop[:canaries] = False
    kinds = np.where(is_shop, "92", "91").tolist()
    codes = ids.draw_credit_codes(rng, [f"{kind}{places.DISTRICT_CODE}" for kind in kinds], found.taken_codes)
    homes = places.draw_homes(rng, count, len(world.homes), houses=0.5)
    capitals = np.where(is_shop, 2, rng.choice(np.array(_CAPITALS), count)).tolist()
    days = today - (1 if youngest else rng.integers(400, 9000, count)) * np.ones(count, dtype="timedelta64[D]")
    established = days.astype(str).tolist()
    draws = rng.random(count)
    landlines = np.char.add("025-8", rng.integers(1000000, 9999999, count).astype(str))
    mobiles = pick(world.phone, representatives)
    is_mobile = (draws < 0.4) & corruption.filled(mobiles)
    is_mobile[:canaries] = False
    phones = np.where(is_mobile, mobiles, landlines).tolist()
    has_signboard = is_shop | (draws < 0.3)
    for place, shop in enumerate(is_shop.tolist()):
        own_trade, own_industry = (trade, industry) if trade else _choose_trade(shop, float(draws[place]))
        name, brand = _draw_name(rng, found, own_trade, shop)
        signboard = f"{brand}{own_trade}" if has_signboard[place] else ""
        enterprise = Organisation(
            name, codes[place], homes[place], own_industry, phones[place], established[place], representatives[place],
            capitals[place], signboard,
        )  # fmt: skip
        found.append(enterprise)


def _choose_trade(shop: bool, draw: float) -> tuple[str, str]:
    """A trade with its industry."""
    trades = list((SHOP_TRADES if shop else COMPANY_TRADES).items())
    return trades[int(draw * 1000) % len(trades)]


def _draw_name(rng: np.random.Generator, found: Organisations, trade: str, shop: bool) -> tuple[str, str]:
    """A name that no organisation has or had, and the brand in it; some names have brackets."""
    while True:
        first, second, third = rng.integers(0, len(_BRAND_CHARACTERS), 3).tolist()
        brand = _BRAND_CHARACTERS[first] + _BRAND_CHARACTERS[second]
        if third % 3 == 0:
            brand += _BRAND_CHARACTERS[third]
        if shop:
            name = f"玄武区{brand}{trade}"
        elif len(found) % 6 == 1:
            name = f"{brand}（南京）{trade}有限公司"
        else:
            name = f"南京{brand}{trade}有限公司"
        if name not in found.taken_names:
            return name, brand


def _rename(rng: np.random.Generator, found: Organisations, place: int) -> None:
    old = found[place].name
    shop = old.startswith("玄武区")
    trades = SHOP_TRADES if shop else COMPANY_TRADES
    trade = next(trade for trade in trades if trade in old)
    name, _ = _draw_name(rng, found, trade, shop)
    found.taken_names.add(name)
    found[place].name, found[place].former_name = name, old
