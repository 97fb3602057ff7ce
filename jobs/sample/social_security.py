"""The insured residents as the social security office lists them: a full snapshot every night, in GBK, split by bars.

Reads: the world, the organisations. Writes: `social_security/参保人员_<YYYYMMDD>.txt`. Refuses: nothing.
About six of ten residents. Their program knows no character beyond GBK, and keeps the employer as it was called when the
resident was insured.
"""

from collections.abc import Callable
from datetime import date
from itertools import filterfalse

import numpy as np

from jobs.sample import corruption, ids, names
from jobs.sample.canaries import CANARIES
from jobs.sample.deposit import Deposit
from jobs.sample.events import Events
from jobs.sample.hard.organisations import draw_title_changes
from jobs.sample.hard.people import draw_changes, write_changes
from jobs.sample.households import YEAR
from jobs.sample.organisations import PUBLIC_BODIES, Organisations
from jobs.sample.people import Cells, birth_texts, corrupt_people, sex_texts
from jobs.sample.roster import Faults, Roster, break_lines, export_roster
from jobs.sample.world import NOBODY, SOCIAL_SECURITY, World, floored, pick

SYSTEM = "social_security"
HEADERS = (
    "个人编号", "姓名", "证件号码", "性别", "出生日期", "手机号码", "单位名称", "统一社会信用代码", "参保险种", "缴费基数",
    "参保日期", "待遇类别", "待遇开始日期", "待遇结束日期", "月待遇金额", "死亡日期",
)  # fmt: skip
(
    NUMBER, NAME, ID, SEX, BIRTH, PHONE, EMPLOYER, CREDIT_CODE, INSURANCE, BASE, INSURED, BENEFIT, BENEFIT_START,
    BENEFIT_END, AMOUNT, DEATH,
) = range(len(HEADERS))  # fmt: skip
# What the mistakes of a hard town befall.
_PARTS = {"name": NAME, "id_number": ID, "birth_date": BIRTH, "phone": PHONE}
_TITLE_PARTS = {"organisation_name": EMPLOYER, "credit_code": CREDIT_CODE}
UNEMPLOYED, INJURED = "失业金领取", "工伤"
# How the program shows what it cannot store, in turn: a question mark, or the pinyin.
_PINYIN = {"㛃": "JIE", "䶮": "YAN", "𬭎": "HONG"}
_DOTS = tuple(dot for dot in names.DOT_VARIANTS if dot in "·．")  # those that GBK has

_CODE_SHARES = {
    "credit_code_mistyped": 0.003, "credit_code_lower_case": 0.01, "credit_code_full_width": 0.005,
    "credit_code_spaced": 0.01,
}  # fmt: skip


_CREDIT_CODES: dict[str, Callable[[str], str]] = {
    "credit_code_mistyped": ids.mistype_credit_code,
    "credit_code_lower_case": str.lower,
    "credit_code_full_width": lambda code: "".join(chr(ord(character) + 0xFEE0) for character in code),
    "credit_code_spaced": lambda code: f"{code[:2]} {code[2:8]} {code[8:17]} {code[17:]}",
}
_AMOUNTS = {UNEMPLOYED: "1988.00", INJURED: "2436.50"}


def corrupt_credit_code(case: str, code: str) -> str:
    """The code as the case leaves it; KeyError: no case of a code."""
    return _CREDIT_CODES[case](code)


class Insured:
    """The list as the office keeps it; `employers` is for whom each resident works, or NOBODY."""

    def __init__(self, world: World, organisations: Organisations, seed: int) -> None:
        self.roster = Roster(HEADERS, separator="|")
        self.employers: dict[int, int] = {}
        rng = np.random.default_rng([seed, 33])
        age = (np.datetime64(world.first_night, "D") - world.birth).astype(np.int64) / YEAR
        share = np.select([age < 18, age < 60], [0.3, 0.72], 0.58)
        dead = ~np.isnat(world.death)
        wanted = ((rng.random(len(world)) < share) | world.specimens) & (~dead | (world.death_known > 0))
        self._add(world, organisations, rng, np.flatnonzero(wanted).tolist(), world.first_night)

    def _add(
        self, world: World, organisations: Organisations, rng: np.random.Generator, residents: list[int], night: date
    ) -> None:
        """Append rows, and corrupt some cells."""
        count, today = len(residents), np.datetime64(night, "D")
        age = (today - world.birth[residents]).astype(np.int64) / YEAR
        is_of_age = (age > 20) & (age < 60)
        working = is_of_age & (rng.random(count) < 0.75)
        employers = _draw_employers(rng, organisations, working)
        self.employers.update(zip(residents, employers, strict=True))
        benefit = _draw_benefits(rng, working, is_of_age)
        since = today - rng.integers(10, 300, count).astype("timedelta64[D]")
        lasting = np.minimum(rng.integers(300, 6000, count), np.maximum((age * YEAR).astype(np.int64) - 30, 0))
        bases = rng.integers(449, 2404, count) * 10
        titles = [organisations.title(employer) for employer in employers]
        rows = self.roster.append(residents, [
            [f"3201{resident * 11 + 7:08d}" for resident in residents],
            pick(world.name, residents),
            pick(world.id_number, residents),
            sex_texts(world, residents),
            birth_texts(world, residents),
            pick(world.phone, residents),
            [name for name, _ in titles],
            [code for _, code in titles],
            np.where(working, "职工养老、职工医疗、失业、工伤", "居民养老、居民医疗").tolist(),
            np.where(working, bases.astype(str), "").tolist(),
            (today - lasting.astype("timedelta64[D]")).astype(str).tolist(),
            benefit.tolist(),
            np.where(benefit == "", "", since.astype(str)).tolist(),
            np.where(benefit == UNEMPLOYED, (since + 365).astype(str), "").tolist(),
            [_AMOUNTS.get(kind, "") for kind in benefit.tolist()],
            world.death_texts(residents, SOCIAL_SECURITY),
        ])  # fmt: skip
        self._corrupt(world, organisations, rng, rows, residents, employers)

    def _corrupt(
        self, world: World, organisations: Organisations, rng: np.random.Generator, rows: range, residents: list[int],
        employers: list[int],
    ) -> None:  # fmt: skip
        roster = self.roster
        cells = Cells(NAME, ID, BIRTH, PHONE)
        corrupt_people(world, rng, roster, rows, residents, cells, dots=_DOTS, former=0.15)
        write_changes(roster, rows, _PARTS, draw_changes(world, rng, SYSTEM, residents, _PARTS))
        self._write_storable_names(rows)
        allowed = np.array(residents, dtype=np.int64) >= len(CANARIES)
        works = allowed & (np.array(employers, dtype=np.int64) != NOBODY)
        self._write_variant_employers(organisations, rows, employers, works)
        codes = corruption.draw_cases(rng, len(rows), _CODE_SHARES, works)
        roster.spoil(codes, CREDIT_CODE, rows, corrupt_credit_code)
        titles = draw_title_changes(world, rng, SYSTEM, organisations, employers, allowed)
        write_changes(roster, rows, _TITLE_PARTS, titles)
        break_lines(rng, roster, rows, INSURANCE, 0.0005, allowed, "（含补缴）")

    def _write_variant_employers(
        self, organisations: Organisations, rows: range, employers: list[int], works: np.ndarray
    ) -> None:
        """Employers under their former name, which three of four rows keep, or with other brackets."""
        bracketed = []
        for place in np.flatnonzero(works).tolist():
            employer = organisations[employers[place]]
            if employer.former_name and place % 4:  # the others were insured since
                self.roster.corrupt("employer_former_name", EMPLOYER, [rows[place]], [employer.former_name])
            elif "（" in employer.name:
                bracketed.append(rows[place])
        for row in bracketed[::2]:
            halved = self.roster.columns[EMPLOYER][row].replace("（", "(").replace("）", ")")
            self.roster.corrupt("bracket_variant", EMPLOYER, [row], [halved])

    def _write_storable_names(self, rows: range) -> None:
        """Names without the characters that GBK does not have."""
        for row in rows:
            name = self.roster.columns[NAME][row]
            kept = _storable(name)
            if kept != name:
                shown = _storable("".join(_PINYIN.get(character, character) for character in name)) if row % 2 else kept
                self.roster.corrupt("unencodable_name", NAME, [row], [shown])

    def update(
        self, world: World, organisations: Organisations, events: Events, night: date, deposit: Deposit, seed: int,
        number: int,
    ) -> None:  # fmt: skip
        """Bring the list to a later night: deaths, corrections, new jobs, who came and who left."""
        rng, roster = np.random.default_rng([seed, 34, number]), self.roster
        deposit.counts["withdrawn_row"] += roster.strike(events.gone)
        for resident in roster.known(events.died):
            if world.death_known[resident] & SOCIAL_SECURITY:
                roster.write(resident, DEATH, str(world.death[resident]))
        mistyped = roster.with_case("mistyped_id")
        for resident in mistyped[: max(1, len(mistyped) // 10)]:
            roster.write(resident, ID, world.id_number[resident])
            deposit.counts["corrected_row"] += 1
        self._change_employers(organisations, rng)
        alive = np.flatnonzero(np.isnat(world.death) & world.registered).tolist()
        fresh = np.array(list(filterfalse(roster.row_of.__contains__, alive)), dtype=np.int64)
        newly = np.sort(rng.permutation(fresh)[: floored(len(world), 0.001)]).tolist()
        self._add(world, organisations, rng, newly, night)

    def _change_employers(self, organisations: Organisations, rng: np.random.Generator) -> None:
        """Some of those who work are with another enterprise from now on."""
        subjects = np.array(self.roster.subjects)
        employers = np.array(list(map(self.employers.__getitem__, self.roster.subjects)))
        working = subjects[(employers != NOBODY) & (subjects >= len(CANARIES))]
        changing = rng.permutation(working)[: floored(len(working), 0.002)].tolist()
        open_ones = [place for place in organisations.enterprises() if not organisations[place].closed]
        drawn = rng.choice(np.array(open_ones), len(changing)).tolist()
        self.employers.update(zip(changing, drawn, strict=True))
        for resident in changing:
            name, code = organisations.title(self.employers[resident])
            self.roster.write(resident, EMPLOYER, name)
            self.roster.write(resident, CREDIT_CODE, code)

    def export(
        self, world: World, organisations: Organisations, night: date, deposit: Deposit, seed: int, number: int
    ) -> None:
        """Write the snapshot."""
        rng = np.random.default_rng([seed, 35, number])
        faults = Faults(range(len(CANARIES)), {PHONE: "025-84510000", BASE: "4494"}, torn=EMPLOYER)
        page = export_roster(rng, self.roster, number, faults, deposit.counts)
        name = f"参保人员_{night:%Y%m%d}.txt"
        deposit.put(night, SYSTEM, name, page.text.encode("gbk"))
        deposit.tell(night, SYSTEM, name, page.numbers, world.truth_ids(page.subjects))
        employers = organisations.truth_ids(map(self.employers.__getitem__, page.subjects))
        deposit.tell(night, SYSTEM, name, page.numbers, employers, "organisation", "employer")
        self.roster.count_cases(deposit.counts)
        heard = np.flatnonzero(world.death_known == SOCIAL_SECURITY).tolist()
        deposit.counts["death_in_social_security_only"] += len(self.roster.known(heard))


def _draw_employers(rng: np.random.Generator, organisations: Organisations, working: np.ndarray) -> list[int]:
    """A fifth work for public bodies; those of the enterprises that come first have more people."""
    count, enterprises = len(working), organisations.enterprises()
    size = rng.random(count) ** 1.5
    private = enterprises.start + (size * len(enterprises)).astype(np.int64)
    public = rng.integers(0, len(PUBLIC_BODIES), count)
    employers: list[int] = np.where(working, np.where(rng.random(count) < 0.2, public, private), NOBODY).tolist()
    return employers


def _draw_benefits(rng: np.random.Generator, working: np.ndarray, is_of_age: np.ndarray) -> np.ndarray:
    """Who draws unemployment or injury benefit; in a long list somebody is unemployed whatever the draw."""
    draws = rng.random(len(working))
    idle = ~working & is_of_age
    unemployed = idle & (draws < 0.2)
    if len(working) >= 30:
        unemployed[np.flatnonzero(idle)[:1]] = True
    benefits: np.ndarray = np.select([unemployed, working & (draws < 0.01)], [UNEMPLOYED, INJURED], "")
    return benefits


def _storable(name: str) -> str:
    """The name with a question mark for each character that GBK does not have."""
    return name.encode("gbk", errors="replace").decode("gbk")
