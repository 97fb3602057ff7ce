"""The pages that Airflow shows, drawn from a town of three nights, an empty workspace, and rows up to no good."""

import re
from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import jobs
from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace
from jobs.common.intake.judgements import Decided, record_judgements
from jobs.common.model.links import Judgement
from jobs.common.releases.releases import find_release
from jobs.common.releases.rollback import hold
from jobs.common.run.runs import all_runs
from jobs.portal.__main__ import PAGES, show
from jobs.portal.frame import TITLES, View, open_view
from jobs.portal.pages.quality import judge
from jobs.sample import CANARIES
from tests.support.town import Town

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

pytest_plugins = ["tests.support.town_fixtures"]
MARKUP = "<script>alert(1)</script>&\"'"
LAST = "2026-01-03.1"


def draw(page: str, view: View, **given: str) -> str:
    nothing = {"old": None, "new": None, "release": "", "seen": "", "user": "", "because": ""}
    return show(page, view, Namespace(**{**nothing, **given}))


def text_of(page: str) -> str:
    """What one reads on the page, without its tags, in one line."""
    body = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


@pytest.fixture(scope="module")
def view(town: Town) -> View:
    return open_view(town.workspace)


@pytest.fixture(scope="module")
def pages(view: View) -> dict[str, str]:
    """Every page that a reader may look at."""
    given = {"difference": {"old": "2026-01-01.1", "new": LAST}, "confirm": {"release": "2026-01-01.1"}}
    return {page: draw(page, view, **given.get(page, {})) for page in PAGES if page != "rollback"}


@pytest.fixture
def copied(town: Town, tmp_path: Path) -> Town:
    return town.copy_to(tmp_path / "copy")


def test_tonight_tells_of_the_last_run(town: Town, pages: dict[str, str]) -> None:
    summary = town.summary(town.nights[-1])
    told = text_of(pages["tonight"])
    assert f"run {LAST}" in told
    assert summary["verdict"] in told
    assert f"{summary['books']['equations']} equations, all close" in told
    for stage, used in summary["stages"].items():
        assert re.search(rf"{stage} {used['seconds']:.1f} ", told), stage
    assert f"resident {summary['tables']['refined.resident']['rows']:,} " in told
    assert 'data-later="changes"' in pages["tonight"]


def test_what_changed_is_what_the_difference_of_the_two_releases_says(town: Town, pages: dict[str, str]) -> None:
    before, after = (
        set(jobs.open_table("resident", f"{night}.1", town.home).arrow().column("entity_id").to_pylist())
        for night in town.nights[-2:]
    )
    told = re.search(r"resident (\S+) (\S+) (\S+) ", text_of(pages["changes"]))
    assert told
    assert told.groups()[:2] == (str(len(after - before) or "·"), str(len(before - after) or "·"))
    assert "2026-01-02.1 → 2026-01-03.1" in text_of(pages["changes"])


def test_identity_counts_residents_events_and_what_waits(town: Town, pages: dict[str, str]) -> None:
    told = text_of(pages["identity"])
    residents = town.rows("refined.resident")
    lone = [row for row in residents if row["mention_count"] == 1]
    bare = [row for row in lone if row["id_number"] is None]
    assert f"{len(residents):,} 已发布的居民 residents released {len(lone):,} 只有一条记录" in told
    assert f"{len(bare):,} 只有一条记录且没有证件号 fragments" in told
    births = [row for row in town.rows("links.identity_event", night=town.nights[-1]) if row["event"] == "birth"]
    of_dwellings = sum(row["kind"] == "dwelling" for row in births)
    assert re.search(rf"Events of the last night .* 房屋 dwelling {of_dwellings or '·'} ", told)
    assert "Pairs that wait for people, by age" in told


def test_identity_tells_what_people_decided(copied: Town) -> None:
    one, other = sorted(row["mention_id"] for row in copied.rows("links.mention", kind="resident")[:2])
    decided = Decided("resident", (one, other), Judgement.DIFFERENT, MARKUP, MARKUP)
    record_judgements(copied.lake, [decided], all_runs(copied.lake)[-1])
    page = draw("identity", open_view(copied.workspace))
    assert f"different 待下次运行 next run {one[:8]} {other[:8]}" in text_of(page)
    assert "script" not in page.partition("</style>")[2]


def test_quality_shows_each_rule_with_its_reason_and_every_night(town: Town, pages: dict[str, str]) -> None:
    rules = town.rows("ops.audit", run_id=LAST)
    assert pages["quality"].count('<div class="cells">') == len(rules)
    assert pages["quality"].count('title="2026-01-0') == 3 * len(rules)
    assert "one row per household" in pages["quality"]
    assert "None: every rule holds." in pages["quality"]


def test_quality_tells_the_unusual_from_what_is_refused(copied: Town) -> None:
    rule = next(row for row in copied.rows("ops.audit", run_id=LAST) if row["table_name"] == "resident")
    broken = {**rule, "severity": "critical", "success": False, "observed": "7 of 1021"}
    unusual = {
        **broken,
        "table_name": "history",
        "rule": "rows_landed(police population)",
        "severity": "warning",
        "observed": "12; usual 900 to 1,100, from 9 nights",
    }
    usual = {**unusual, "rule": "share_empty(resident.phone)", "success": True, "observed": "9.0%; usual 7.0% to 11.0%"}
    copied.lake.upsert("ops.audit", copied.lake.table_of("ops.audit", [broken, unusual, usual]))
    page = draw("quality", open_view(copied.workspace))
    told = text_of(page)
    assert "1 further figures" in told
    assert "resident.phone" not in told.partition("1 further figures")[0]
    assert page.count('class="cell fail" title="2026-01-03') == 1
    assert page.count('class="cell warn" title="2026-01-03') == 1
    assert "police population 入库行数 rows landed warning 12; usual 900 to 1,100, from 9 nights" in told
    assert told.index("critical 7 of 1021") < told.index("warning 12; usual")
    assert "7 of 1021" in text_of(draw("tonight", open_view(copied.workspace)))


def test_a_verdict_is_pass_warning_failure_or_none() -> None:
    told = {"success": False, "severity": "warning"}
    assert [judge(None), judge({**told, "success": True}), judge(told), judge({**told, "severity": "critical"})] == [
        "none",
        "pass",
        "warn",
        "fail",
    ]


def test_sources_tell_rows_and_what_was_set_aside(town: Town, pages: dict[str, str]) -> None:
    told = text_of(pages["sources"])
    files = {row["file_id"] for row in town.rows("ops.delivery", run_id=LAST) if row["system"] == "police"}
    aside = Counter(row["reason"] for row in town.rows("ops.quarantine", system="police") if row["file_id"] in files)
    (landed,) = (
        row["rows"]
        for row in town.rows("ops.ledger", run_id=LAST, system="police", term="landed")
        if row["record"] is None
    )
    assert aside
    assert re.search(rf"police 每晚 nightly population 2026-01-03 户籍人口_20260103.csv {landed:,} ", told)
    for reason, rows in aside.items():
        assert f"police population {rows} {town.conf.reasons['row'][reason]['zh']}" in told
    assert "从未收到 never" in told  # the town hands over no messages


def test_releases_are_listed_and_only_who_may_decide_sees_a_button(town: Town, pages: dict[str, str]) -> None:
    told = text_of(pages["releases"])
    assert re.findall(r"(2026-01-0\d\.1) (?:已发布|读者所见)", told) == [
        f"{night}.1" for night in reversed(town.nights)
    ]
    assert "confirm?release=" not in pages["releases"]
    assert "<textarea" not in pages["confirm"]
    deciding = open_view(town.workspace, may_decide=True)
    assert draw("releases", deciding).count("confirm?release=") == len(town.nights) - 1
    assert "<textarea" in draw("confirm", deciding, release="2026-01-01.1")


def test_a_rollback_keeps_who_and_why_and_wants_to_know_what_was_seen(copied: Town) -> None:
    view = open_view(copied.workspace, may_decide=True)
    wanted = {"release": "2026-01-02.1", "seen": LAST, "user": "adam", "because": MARKUP}
    with pytest.raises(UserError, match="reason"):
        draw("rollback", view, **{**wanted, "because": " "})
    with pytest.raises(UserError, match="look again"):
        draw("rollback", view, **{**wanted, "seen": "2026-01-01.1"})
    done = draw("rollback", view, **wanted)
    release = find_release(copied.lake)
    assert (release.release_id, release.approved_by, release.because) == ("2026-01-02.1+1", "adam", MARKUP)
    for page in (done, draw("releases", view)):
        assert MARKUP not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in page


def test_whatever_a_row_holds_is_shown_as_text(copied: Town) -> None:
    hold(copied.lake, copied.nights[-1], MARKUP, MARKUP)
    row = next(row for row in copied.rows("ops.audit", run_id=LAST) if row["table_name"] == "resident")
    strange = {**row, "table_name": "history", "rule": f"rows_landed({MARKUP})", "success": False, "observed": MARKUP}
    copied.lake.upsert("ops.audit", copied.lake.table_of("ops.audit", [{**strange, "severity": "warning"}]))
    view = open_view(copied.workspace)
    for page in ("tonight", "quality", "releases"):
        drawn = draw(page, view)
        assert "<script>alert" not in drawn, page
        assert "&lt;script&gt;alert" in drawn, page


@pytest.mark.parametrize("page", TITLES)
def test_an_empty_workspace_says_what_to_do(page: str, workspace: Workspace) -> None:
    told = text_of(draw(page, open_view(workspace)))
    assert "inbox/&lt;system&gt;/" in told or "The first night that passes the gate" in told


def test_no_page_loads_anything_or_shows_anybody(pages: dict[str, str], town: Town) -> None:
    people: list[dict[str, Any]] = town.rows("refined.resident")
    values = {person[name] for person in people for name in ("id_number", "phone", "name") if person[name]}
    values = {value for value in values if len(value) > 2}
    values |= {text for one in CANARIES for text in (one.name, one.id_number, one.phone)}
    for name, page in pages.items():
        assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//|@import|url\(""", page), name
        assert not [value for value in values if value in page], name
