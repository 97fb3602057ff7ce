"""The pages as people meet them: Chromium without a window, logged in to an Airflow, one page after the other in its frame.

What a browser alone can tell: that the login leads on to the page, that Airflow's frame lets it show, compare and send a form,
that nothing is loaded from elsewhere, and that a laptop's width and a sheet of paper hold it.
"""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from jobs.common.releases.releases import find_release
from jobs.common.run.stage import open_lake
from tests.support.airflow_server import PATIENCE
from tests.support.browser import LAPTOP, has_browser, open_browser
from tests.support.town import Town

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("pages in Airflow")]
pytest_plugins = ["tests.support.airflow_pages"]
USER = "olga"
TITLES = {"Tonight": "昨夜", "Quality": "质量", "Sources": "来源", "Identity": "身份", "Releases": "发布"}


@pytest.fixture(scope="module")
def browser(browsed: Town, address: str) -> Iterator[webdriver.Chrome]:
    """Logged in; in CI its absence is a failure."""
    if not has_browser():
        assert not os.environ.get("CI"), "CI must have Chromium and its driver"
        pytest.skip("needs Chromium: apt-get install chromium chromium-driver")
    opened = open_browser(*LAPTOP)
    opened.implicitly_wait(PATIENCE)
    try:
        opened.get(address)
        opened.find_element(By.NAME, "username").send_keys(USER)
        opened.find_element(By.NAME, "password").send_keys(USER, "\n")
        find(opened, "//button[contains(., 'Plugins')]")
        opened.get_log("browser")  # before the login Airflow is refused its own settings
        yield opened
    finally:
        opened.quit()


def find(browser: webdriver.Chrome, path: str) -> WebElement:
    return browser.find_element(By.XPATH, path)


def go_to(browser: webdriver.Chrome, title: str) -> None:
    """By Airflow's navigation, into the frame."""
    browser.switch_to.default_content()
    find(browser, "//button[contains(., 'Plugins')]").click()
    find(browser, "//*[@role='menuitem'][contains(., 'Jiceng')]").click()
    find(browser, f"//a[@role='menuitem'][contains(., '{title}')]").click()
    browser.switch_to.frame(find(browser, f"//iframe[contains(@src, 'jiceng/{title.lower()}')]"))
    assert TITLES[title] in find(browser, f"//nav/a[@aria-current='page'][contains(., '{title}')]").text
    assert find(browser, "//h1").text


def hosts_asked(browser: webdriver.Chrome) -> set[str]:
    """Who was asked for anything since the last time."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [message for message in messages if message["method"] == "Network.requestWillBeSent"]
    places = [urlsplit(message["params"]["request"]["url"]) for message in sent]
    return {place.netloc for place in places if place.scheme not in ("data", "blob")}


@pytest.mark.parametrize("title", TITLES)
def test_a_page_shows_in_airflows_frame(browser: webdriver.Chrome, address: str, tmp_path: Path, title: str) -> None:
    hosts_asked(browser)
    go_to(browser, title)
    assert len(browser.find_elements(By.TAG_NAME, "table")) > 0
    wide, seen = browser.execute_script("const e = document.documentElement; return [e.scrollWidth, e.clientWidth]")
    assert wide <= seen, "the page is wider than a laptop's screen"
    charts = browser.execute_script(
        "return [...document.querySelectorAll('svg')].map(e => e.getBoundingClientRect()).map(b => b.width * b.height)"
    )
    assert title == "Quality" or charts, "no chart"  # two nights are no history
    assert all(area > 0 for area in charts), "a chart takes no room"
    assert hosts_asked(browser) == {urlsplit(address).netloc}
    faults = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    # While another page is drawn, this one asks again by itself.
    assert [fault for fault in faults if not ("/jiceng/" in fault and "503 (Service Unavailable)" in fault)] == []
    picture = tmp_path / f"{title}.png"
    assert browser.save_screenshot(picture)


@pytest.mark.parametrize("title", TITLES)
def test_a_page_prints(browser: webdriver.Chrome, address: str, tmp_path: Path, title: str) -> None:
    """On sheets of its own, without Airflow around it."""
    browser.switch_to.default_content()
    browser.get(f"{address}/jiceng/{title.lower()}")
    find(browser, "//h1")
    sheets = base64.b64decode(browser.print_page())
    (tmp_path / f"{title}.pdf").write_bytes(sheets)
    assert 1 <= sheets.count(b"/Type /Page\n") + sheets.count(b"/Type /Page ") <= 12
    browser.get(address)


def test_two_releases_are_compared_and_one_is_rolled_back(browser: webdriver.Chrome, browsed: Town) -> None:
    """By clicks alone, inside the frame: the form is sent after a reason and a confirmation, and not before."""
    go_to(browser, "Releases")
    find(browser, "//button[contains(., 'Compare')]").click()
    assert "2026-01-01.1" in find(browser, "//h1[contains(., '2026-01-02.1')]").text

    find(browser, "//nav//a[contains(., 'Releases')]").click()
    find(browser, "//tr[td[1][.='2026-01-01.1']]//a[contains(., 'Roll back')]").click()
    send = find(browser, "//button[contains(., 'Roll back')]")
    send.click()  # the browser itself asks for the reason
    assert find(browser, "//textarea[@name='because']").get_attribute("validationMessage")
    assert released(browsed) == ("2026-01-02.1", None, None)
    find(browser, "//textarea[@name='because']").send_keys("一份导出只有一半")
    find(browser, "//input[@name='confirmed']").click()
    send.click()
    find(browser, "//h1[contains(., '已退回')]")
    assert released(browsed) == ("2026-01-01.1+1", USER, "一份导出只有一半")

    find(browser, "//nav//a[contains(., 'Releases')]").click()
    row = find(browser, "//tr[td[1][.='2026-01-01.1+1']]").text
    assert ("visible" in row, USER in row) == (True, True)


def released(town: Town) -> tuple[str, str | None, str | None]:
    release = find_release(open_lake(town.workspace))
    return release.release_id, release.approved_by, release.because


def test_without_a_login_the_browser_is_led_to_it(browser: webdriver.Chrome, address: str) -> None:
    browser.switch_to.default_content()
    browser.delete_all_cookies()
    browser.get(f"{address}/plugin/jiceng-tonight/jiceng/tonight")
    WebDriverWait(browser, PATIENCE).until(lambda b: "/auth/login" in b.current_url)
    browser.get(f"{address}/jiceng/tonight")
    assert "Not authenticated" in find(browser, "//body").text
