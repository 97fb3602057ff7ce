"""The pages behind Airflow's login: asked by who is logged in, who is not, and who is lured.

nobody                    401, and nothing of the workspace in the answer
viewer                    sees; no button, and 403 where a rollback is sent all the same
op                        rolls back after a confirmation, from our own page only; who and why stay with the release
an Airflow without login  shows the pages, and refuses what another site sends
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

import pytest

from jobs.common.lake.engine import free_port
from jobs.common.releases.releases import all_releases, find_release
from jobs.common.run.stage import open_lake
from jobs.demo.airflow import environment
from tests.support.airflow_server import serving
from tests.support.town import Town

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("pages in Airflow")]
pytest_plugins = ["tests.support.airflow_pages"]
PAGES = ("tonight", "quality", "sources", "identity", "releases")
ROLLBACK = {"release": "2026-01-01.1", "seen": "2026-01-02.1", "because": "半份导出 <b>half</b>", "confirmed": "yes"}


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    headers: Message


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """None: where one is led on to is no answer."""


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


class Pages:
    """The pages of an Airflow as its users ask for them; `ours` says that a form comes from a page of its own."""

    def __init__(self, address: str) -> None:
        self.address, self.ours = address, {"Origin": address}
        self._tokens: dict[str, str] = {}

    def ask(self, who: str | None, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        """A page, or what comes of a form; `who` is None for somebody who is not logged in."""
        if who is not None:
            headers["Cookie"] = f"_token={self._token(who)}"
        return self._send(path, None if form is None else urlencode(form).encode(), headers)

    def _token(self, who: str) -> str:
        if who not in self._tokens:
            words = json.dumps({"username": who, "password": who}).encode()
            answer = self._send("/auth/token", words, {"Content-Type": "application/json"})
            self._tokens[who] = json.loads(answer.body)["access_token"]
        return self._tokens[who]

    def _send(self, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        try:
            found = _OPENER.open(urllib.request.Request(self.address + path, body, headers), timeout=120)
        except urllib.error.HTTPError as refused:
            found = refused
        with found:
            return Answer(found.status, found.read().decode(), found.headers)


@pytest.fixture(scope="module")
def pages(browsed: Town, address: str) -> Pages:
    """With a login."""
    return Pages(address)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What draws the pages of `open_pages`: a script that calls the jobs' interpreter."""
    path = tmp_path_factory.mktemp("python") / "python"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    os.chmod(path, 0o755)
    return path


@pytest.fixture
def slow_python(python: Path) -> Iterator[Path]:
    """Once it has begun there is a file `begun` in this folder; it draws when there is a file `go`."""
    whole, folder = python.read_text(), python.parent
    python.write_text(
        f"#!/bin/sh\ncd '{folder}'; touch begun; until [ -e go ]; do sleep 0.1; done; echo '<main>drawn</main>'\n"
    )
    yield folder
    python.write_text(whole)


@pytest.fixture
def broken_python(python: Path) -> Iterator[None]:
    """It crashes for the length of a test."""
    whole = python.read_text()
    python.write_text("#!/bin/sh\necho half a page; echo a secret >&2; exit 1\n")
    yield
    python.write_text(whole)


@pytest.fixture(scope="module")
def open_pages(browsed: Town, airflow_settings: dict[str, str], python: Path) -> Iterator[Pages]:
    """Without a login."""
    home = Path(airflow_settings["AIRFLOW_HOME"])
    without = environment(home, browsed.home, free_port()) | {"JICENG_PYTHON": str(python)}
    with serving(without, home / "open.log") as address:
        yield Pages(address)


def test_nobody_sees_anything(pages: Pages) -> None:
    for page in (*PAGES, "changes", "difference", "confirm?release=2026-01-01.1", "openapi.json", "docs"):
        answer = pages.ask(None, f"/jiceng/{page}")
        assert answer.status == 401, page
        assert json.loads(answer.body) == {"detail": "Not authenticated"}, page
    answer = pages.ask(None, "/jiceng/tonight", Authorization="Bearer made.up.token")
    assert (answer.status, json.loads(answer.body)) == (403, {"detail": "Invalid JWT token"})
    assert pages.ask(None, "/jiceng/rollback", ROLLBACK, **pages.ours).status == 401


def test_a_viewer_sees_the_pages_and_cannot_roll_back(pages: Pages, browsed: Town) -> None:
    answer = pages.ask("vera", "/jiceng/releases")
    assert (answer.status, "2026-01-02.1" in answer.body) == (200, True)
    assert "confirm?release=" not in answer.body
    assert answer.headers["content-security-policy"] == "frame-ancestors 'self'"
    assert answer.headers["cache-control"] == "private, no-cache"
    known = {"If-None-Match": answer.headers["etag"]}
    again = pages.ask("vera", "/jiceng/releases", **known)
    assert (again.status, again.body) == (304, "")
    assert pages.ask("olga", "/jiceng/releases", **known).status == 200  # who may roll back sees another page
    assert pages.ask(None, "/jiceng/releases", **known).status == 401
    assert pages.ask("vera", "/jiceng/rollback", ROLLBACK, **pages.ours).status == 403
    assert pages.ask("vera", "/jiceng/nothing").status == 404
    assert len(all_releases(open_lake(browsed.workspace))) == 2


def test_the_pages_are_in_the_navigation_and_nothing_failed_to_load(pages: Pages) -> None:
    plugins = json.loads(pages.ask("vera", "/api/v2/plugins").body)["plugins"]
    (ours,) = (plugin for plugin in plugins if plugin["name"] == "jiceng")
    assert [view["href"] for view in ours["external_views"]] == [f"jiceng/{page}" for page in PAGES]
    assert json.loads(pages.ask("vera", "/api/v2/plugins/importErrors").body)["total_entries"] == 0


def test_an_operator_rolls_back_from_our_page_after_a_confirmation(pages: Pages, browsed: Town) -> None:
    assert "confirm?release=2026-01-01.1" in pages.ask("olga", "/jiceng/releases").body
    assert 'name="confirmed"' in pages.ask("olga", "/jiceng/confirm?release=2026-01-01.1").body

    crossed = {**pages.ours, "Sec-Fetch-Site": "cross-site"}
    for lured in ({}, {"Origin": "http://elsewhere"}, {"Origin": "null"}, crossed):
        assert pages.ask("olga", "/jiceng/rollback", ROLLBACK, **lured).status == 403, lured
    for missing in ("confirmed", "because", "seen"):
        answer = pages.ask("olga", "/jiceng/rollback", {**ROLLBACK, missing: " "}, **pages.ours)
        assert answer.status in (400, 422), missing
    assert len(all_releases(open_lake(browsed.workspace))) == 2

    answer = pages.ask("olga", "/jiceng/rollback", ROLLBACK, **pages.ours)
    assert (answer.status, "已退回" in answer.body, "<b>half" in answer.body) == (200, True, False)
    release = find_release(open_lake(browsed.workspace))
    assert release.release_id == "2026-01-01.1+1"
    assert (release.approved_by, release.because) == ("olga", ROLLBACK["because"])


def test_without_a_login_the_pages_are_shown_and_no_other_site_can_decide(open_pages: Pages, browsed: Town) -> None:
    before = len(all_releases(open_lake(browsed.workspace)))
    answer = open_pages.ask(None, "/jiceng/releases")
    assert (answer.status, "2026-01-02.1" in answer.body) == (200, True)
    for lured in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://elsewhere"}):
        assert open_pages.ask(None, "/jiceng/rollback", ROLLBACK, **lured).status == 403
    assert len(all_releases(open_lake(browsed.workspace))) == before


def test_tasks_are_answered_while_many_look_at_a_page_that_is_drawn(open_pages: Pages, slow_python: Path) -> None:
    looks = [Thread(target=open_pages.ask, args=(None, "/jiceng/sources")) for _ in range(60)]
    for look in looks:
        look.start()
    while not (slow_python / "begun").exists():
        time.sleep(0.1)
    answer = open_pages.ask(None, "/jiceng/quality")
    assert (answer.status, answer.headers["retry-after"], "comes in a moment" in answer.body) == (503, "3", True)
    # A server whose every thread draws would answer after the page, which waits for us.
    assert open_pages.ask(None, "/execution/health").status == 200
    (slow_python / "go").touch()
    for look in looks:
        look.join()
    assert open_pages.ask(None, "/jiceng/sources").body.split() == ["<main>drawn</main>"]


@pytest.mark.usefixtures("broken_python")
def test_what_the_renderer_says_in_a_crash_is_not_shown(open_pages: Pages) -> None:
    answer = open_pages.ask(None, "/jiceng/tonight")
    assert answer.status == 500
    assert "half a page" not in answer.body
    assert "a secret" not in answer.body
