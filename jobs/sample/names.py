"""Names of the sample town's residents.

Reads: nothing. Writes: nothing. Refuses: nothing.

The weights follow the well-known ranking of Chinese surnames roughly, so that frequent names are frequent
and namesakes arise by themselves.
"""

import numpy as np

_SURNAMES: dict[str, float] = {
    "王": 7.2, "李": 7.2, "张": 6.8, "刘": 5.4, "陈": 4.5, "杨": 3.1, "黄": 2.2, "赵": 2.3, "吴": 2.1, "周": 2.2,
    "徐": 1.9, "孙": 1.6, "马": 1.3, "朱": 1.5, "胡": 1.3, "郭": 1.2, "何": 1.1, "林": 1.1, "高": 1.0, "罗": 0.9,
    "郑": 0.8, "梁": 0.8, "谢": 0.7, "宋": 0.7, "唐": 0.7, "许": 0.7, "邓": 0.6, "冯": 0.6, "韩": 0.6, "曹": 0.6,
    "曾": 0.5, "彭": 0.5, "萧": 0.5, "蔡": 0.5, "潘": 0.5, "田": 0.5, "董": 0.5, "袁": 0.5, "于": 0.5, "余": 0.4,
    "叶": 0.4, "蒋": 0.5, "杜": 0.4, "苏": 0.4, "魏": 0.4, "程": 0.4, "吕": 0.4, "丁": 0.4, "沈": 0.4, "任": 0.4,
    "姚": 0.4, "卢": 0.4, "钟": 0.3, "姜": 0.3, "崔": 0.3, "谭": 0.3, "陆": 0.3, "范": 0.3, "汪": 0.3, "廖": 0.3,
    "石": 0.3, "金": 0.3, "韦": 0.2, "贾": 0.3, "夏": 0.3, "傅": 0.2, "方": 0.3, "邹": 0.2, "熊": 0.2, "白": 0.2,
    "孟": 0.2, "秦": 0.2, "邱": 0.2, "侯": 0.2, "江": 0.2, "尹": 0.2, "薛": 0.2, "闫": 0.2, "段": 0.2, "雷": 0.2,
    "龙": 0.2, "史": 0.2, "陶": 0.2, "贺": 0.2, "毛": 0.2, "郝": 0.2, "顾": 0.2, "龚": 0.2, "邵": 0.2, "万": 0.2,
    "单": 0.1, "查": 0.1, "仇": 0.1, "解": 0.1, "欧阳": 0.1, "上官": 0.03, "司马": 0.03, "诸葛": 0.04, "夏侯": 0.02,
}  # fmt: skip

MALE_CHARACTERS = "伟强磊军洋勇杰涛明超刚平辉鹏华飞鑫波斌宇浩凯健俊帆帅旭宁龙林阳峰文东海国志建庆春生德光荣成永福"
FEMALE_CHARACTERS = "芳娜敏静丽娟艳霞秀英玲萍红梅燕婷雪莹倩洁琳慧颖佳怡欣悦蕾薇雅诗涵桂兰珍凤云素月淑巧琴华爱香"

# Whole given names in fashion, by sex and by the year before which one was born.
_FASHIONS: tuple[tuple[int, str, str], ...] = (
    (1966, "建国 建华 国强 志明 德胜 永福 春生 玉林 和平 援朝 卫国",
     "秀英 桂英 秀兰 玉兰 桂兰 秀珍 凤英 玉珍 玉英 兰英 淑珍 素珍"),
    (1990, "伟 勇 军 磊 强 涛 斌 鹏 建军 志强 海涛 晓东", "敏 静 丽 艳 芳 娟 霞 燕 丽娟 海燕 晓红 红梅"),
    (2005, "浩 鑫 俊杰 宇航 文博 浩然 志豪 家豪 天宇 子豪", "婷 雪 倩 欣怡 雨婷 思雨 佳怡 梦瑶 雅婷 诗涵"),
    (9999, "子轩 浩宇 宇轩 梓豪 奕辰 沐宸 浩辰 子墨 一诺 俊熙", "梓涵 一诺 欣怡 诗涵 雨桐 梓萱 依诺 可馨 沐瑶 若汐"),
)  # fmt: skip

# Rare characters that registers stumble over; GB 18030 has all three, GBK none (the last lies beyond U+FFFF).
RARE_GIVEN_NAMES = ("㛃", "䶮", "𬭎")

DOT = "·"
# What clerks type for the dot inside an ethnic name.
DOT_VARIANTS = ("·", "•", "．", "・", "‧")

_UYGHUR_MALE = ("买买提", "艾力", "阿迪力", "吐尔逊", "艾合买提", "玉素甫", "阿卜杜拉", "亚森", "库尔班")
_UYGHUR_FEMALE = ("阿依古丽", "古丽娜尔", "帕提古丽", "热依汗", "麦合丽娅", "迪丽努尔", "阿米娜", "古扎丽努尔")
_TIBETAN = ("扎西顿珠", "次仁旺堆", "卓玛", "达瓦", "格桑", "边巴次仁", "央金", "德吉", "尼玛", "白玛")

DOTTED_ETHNIC = "维吾尔族"
OTHER_ETHNICS = ("回族", "满族", "蒙古族", "苗族", "土家族", "壮族", "藏族", "朝鲜族")


def draw_surnames(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw surnames by frequency; returns an array of text."""
    weights = np.array(list(_SURNAMES.values()))
    return rng.choice(np.array(list(_SURNAMES)), size=count, p=weights / weights.sum())


def draw_given_names(rng: np.random.Generator, sexes: np.ndarray, birth_years: np.ndarray) -> np.ndarray:
    """Draw given names after sex (1 male, 2 female) and year of birth.

    A third of the names are whole names of their time, the others one or two characters at random.
    """
    count = len(sexes)
    given = np.empty(count, dtype="U4")
    single = rng.random(count) < 0.15
    for sex, characters in ((1, MALE_CHARACTERS), (2, FEMALE_CHARACTERS)):
        pool = np.array(list(characters))
        own = sexes == sex
        first, second = rng.choice(pool, size=(2, count))
        given[own] = np.where(single, first, np.char.add(first, second))[own]
    fashionable = rng.random(count) < 0.33
    since = 0
    for until, male, female in _FASHIONS:
        for sex, words in ((1, male), (2, female)):
            whole = rng.choice(np.array(words.split()), size=count)
            own = fashionable & (sexes == sex) & (birth_years >= since) & (birth_years < until)
            given[own] = whole[own]
        since = until
    return given


def draw_dotted_name(rng: np.random.Generator, sex: int) -> str:
    """A Uyghur name: given name, dot, father's name."""
    return f"{rng.choice(_UYGHUR_MALE if sex == 1 else _UYGHUR_FEMALE)}{DOT}{rng.choice(_UYGHUR_MALE)}"


def draw_tibetan_name(rng: np.random.Generator) -> str:
    """A Tibetan name, which has no surname."""
    return str(rng.choice(_TIBETAN))
