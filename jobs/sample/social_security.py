"""The insured residents as the social security office lists them: a full snapshot every night, in GBK, split by bars.

Reads: the world, the organisations. Writes: `social_security/参保人员_<YYYYMMDD>.txt`. Refuses: nothing.
About six of ten residents. Their program knows no character beyond GBK, and keeps the employer as it was called when the
resident was insured.
"""

from datetime import date

import numpy as np

from jobs.sample import corruption, ids, names
from jobs.sample.canaries import CANARIES
from jobs.sample.deposit import Deposit
from jobs.sample.events import Events
from jobs.sample.households import YEAR
from jobs.sample.organisations import PUBLIC_BODIES, Organisations
from jobs.sample.people import Cells, birth_texts, corrupt_people, sex_texts
from jobs.sample.roster import Faults, Roster, export_roster, two_lines
from jobs.sample.world import SOCIAL_SECURITY, World, floored

SYSTEM = "social_security"
HEADERS = (
    "个人编号", "姓名", "证件号码", "性别", "出生日期", "手机号码", "单位名称", "统一社会信用代码", "参保险种", "缴费基数",
    "参保日期", "待遇类别", "待遇开始日期", "待遇结束日期", "月待遇金额", "死亡日期",
)  # fmt: skip
(
    NUMBER, NAME, ID, SEX, BIRTH, PHONE, EMPLOYER, CREDIT_CODE, INSURANCE, BASE, INSURED, BENEFIT, BENEFIT_START,
    BENEFIT_END, AMOUNT, DEATH,
) = range(len(HEADERS))  # fmt: skip
UNEMPLOYED, INJURED = "失业金领取", "工伤"
# How the program shows what it cannot store, in turn: a question mark, or the pinyin.
_PINYIN = {"㛃": "JIE", "䶮": "YAN", "𬭎": "HONG"}
_DOTS = tuple(dot for dot in names.DOT_VARIANTS if dot in "·．")  # those that GBK has

_CODE_SHARES = {
    "credit_code_mistyped": 0.003, "credit_code_lower_case": 0.01, "credit_code_full_width": 0.005,
    "credit_code_spaced": 0.01,
}  # fmt: skip


def corrupt_credit_code(case: str, code: str) -> str:
    """The code as the case leaves it."""
    match case:
        case "credit_code_mistyped":
            return ids.mistype_credit_code(code)
        case "credit_code_lower_case":
            return code.lower()
        case "credit_code_full_width":
            return "".join(chr(ord(character) + 0xFEE0) for character in code)
        case "credit_code_spaced":
            return f"{code[:2]} {code[2:8]} {code[8:17]} {code[17:]}"
    raise ValueError(case)


class Insured:
    """The list as the office keeps it; `employers` is for whom each resident works, or -1."""

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
        working = (age > 20) & (age < 60) & (rng.random(count) < 0.75)
        # A fifth work for public bodies; those of the enterprises that come first have more people.
        enterprises = organisations.enterprises()
        size = rng.random(count) ** 1.5
        private = enterprises.start + (size * len(enterprises)).astype(np.int64)
        public = rng.integers(0, len(PUBLIC_BODIES), count)
        employer = np.where(working, np.where(rng.random(count) < 0.2, public, private), -1).tolist()
        self.employers.update(zip(residents, employer, strict=True))
        draws = rng.random(count)
        unemployed = ~working & (age > 20) & (age < 60) & (draws < 0.2)
        injured = working & (draws < 0.01)
        if count >= 30:
            unemployed[np.flatnonzero(~working & (age > 20) & (age < 60))[:1]] = True
        benefit = np.select([unemployed, injured], [UNEMPLOYED, INJURED], "").tolist()
        days = np.datetime_as_string(today - rng.integers(10, 300, count).astype("timedelta64[D]")).tolist()
        lasting = np.minimum(rng.integers(300, 6000, count), np.maximum((age * YEAR).astype(np.int64) - 30, 0))
        insured = np.datetime_as_string(today - lasting.astype("timedelta64[D]")).tolist()
        bases = (rng.integers(449, 2404, count) * 10).tolist()
        works = working.tolist()
        rows = self.roster.append(residents, [
            [f"3201{resident * 11 + 7:08d}" for resident in residents],
            [world.name[resident] for resident in residents],
            [world.id_number[resident] for resident in residents],
            sex_texts(world, residents),
            birth_texts(world, residents),
            [world.phone[resident] for resident in residents],
            ["" if place < 0 else organisations[place].name for place in employer],
            ["" if place < 0 else organisations[place].credit_code for place in employer],
            ["职工养老、职工医疗、失业、工伤" if own else "居民养老、居民医疗" for own in works],
            [str(base) if own else "" for base, own in zip(bases, works, strict=True)],
            insured,
            benefit,
            [day if kind else "" for day, kind in zip(days, benefit, strict=True)],
            [_plus_a_year(day) if kind == UNEMPLOYED else "" for day, kind in zip(days, benefit, strict=True)],
            [{UNEMPLOYED: "1988.00", INJURED: "2436.50"}.get(kind, "") for kind in benefit],
            [world.death_text(resident, SOCIAL_SECURITY) for resident in residents],
        ])  # fmt: skip
        self._corrupt(world, organisations, rng, rows, residents, employer)

    def _corrupt(
        self, world: World, organisations: Organisations, rng: np.random.Generator, rows: range, residents: list[int],
        employer: list[int],
    ) -> None:  # fmt: skip
        roster, count = self.roster, len(rows)
        cells = Cells(NAME, ID, BIRTH, PHONE)
        corrupt_people(world, rng, roster, rows, residents, cells, dots=_DOTS, former=0.15)
        self._write_storable_names(rows)
        allowed = np.array(residents, dtype=np.int64) >= len(CANARIES)
        works = allowed & (np.array(employer, dtype=np.int64) >= 0)
        old_names = [place for place, own in enumerate(employer) if works[place] and organisations[own].former_name]
        old_names = [place for place in old_names if place % 4]  # the others were insured since
        roster.corrupt(
            "employer_former_name", EMPLOYER, [rows[place] for place in old_names],
            [organisations[employer[place]].former_name for place in old_names],
        )  # fmt: skip
        bracketed = [place for place, own in enumerate(employer) if works[place] and "（" in organisations[own].name]
        bracketed = sorted(set(bracketed).difference(old_names))[::2]
        halved = [organisations[employer[place]].name.replace("（", "(").replace("）", ")") for place in bracketed]
        roster.corrupt("bracket_variant", EMPLOYER, [rows[place] for place in bracketed], halved)
        for case, own in corruption.draw_cases(rng, count, _CODE_SHARES, works).items():
            codes = [corrupt_credit_code(case, organisations[employer[place]].credit_code) for place in own]
            roster.corrupt(case, CREDIT_CODE, [rows[place] for place in own], codes)
        for own in corruption.draw_cases(rng, count, {"quoted_newline": 0.0005}, allowed).values():
            at = [rows[place] for place in own]
            lines = [two_lines(roster.columns[INSURANCE][row], "（含补缴）") for row in at]
            roster.corrupt("quoted_newline", INSURANCE, at, lines)

    def _write_storable_names(self, rows: range) -> None:
        """Names without the characters that GBK does not have."""
        for row in rows:
            name = self.roster.columns[NAME][row]
            if not name.isascii() and name != (kept := name.encode("gbk", errors="replace").decode("gbk")):
                if row % 2:
                    kept = "".join(_PINYIN.get(character, character) for character in name)
                    kept = kept.encode("gbk", errors="replace").decode("gbk")
                self.roster.corrupt("unencodable_name", NAME, [row], [kept])

    def update(
        self, world: World, organisations: Organisations, events: Events, night: date, deposit: Deposit, seed: int,
        number: int,
    ) -> None:  # fmt: skip
        """Bring the list to a later night: deaths, corrections, new jobs, who came and who left."""
        rng, roster = np.random.default_rng([seed, 34, number]), self.roster
        deposit.counts["withdrawn_row"] += roster.strike(events.gone)
        for resident in (one for one in events.died if one in roster.row_of):
            if world.death_known[resident] & SOCIAL_SECURITY:
                roster.write(resident, DEATH, str(world.death[resident]))
        mistyped = [resident for resident in roster.with_case("mistyped_id") if resident in roster.row_of]
        for resident in mistyped[: max(1, len(mistyped) // 10)]:
            roster.write(resident, ID, world.id_number[resident])
            deposit.counts["corrected_row"] += 1
        working = [one for one in roster.subjects if self.employers[one] >= 0 and one >= len(CANARIES)]
        changing = rng.permutation(np.array(working, dtype=np.int64))[: floored(len(working), 0.002)].tolist()
        open_ones = [place for place in organisations.enterprises() if not organisations[place].closed]
        for resident, place in zip(changing, rng.choice(np.array(open_ones), len(changing)).tolist(), strict=True):
            self.employers[resident] = place
            roster.write(resident, EMPLOYER, organisations[place].name)
            roster.write(resident, CREDIT_CODE, organisations[place].credit_code)
        alive = np.flatnonzero(np.isnat(world.death) & world.registered).tolist()
        fresh = np.array([one for one in alive if one not in roster.row_of], dtype=np.int64)
        newly = np.sort(rng.permutation(fresh)[: floored(len(world), 0.001)]).tolist()
        self._add(world, organisations, rng, newly, night)

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
        employers = organisations.truth_ids(self.employers[resident] for resident in page.subjects)
        deposit.tell(night, SYSTEM, name, page.numbers, employers, "organisation", "employer")
        self.roster.count_cases(deposit.counts)
        heard = np.flatnonzero(world.death_known == SOCIAL_SECURITY).tolist()
        deposit.counts["death_in_social_security_only"] += sum(one in self.roster.row_of for one in heard)


def _plus_a_year(day: str) -> str:
    return str(np.datetime64(day, "D") + 365)
