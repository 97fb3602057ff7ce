"""The pages behind Airflow's login: asked by who is logged in, who is not, and who is lured.

nobody                    401, and nothing of the workspace in the answer
viewer                    sees; no button, and 403 where a rollback is sent all the same
op                        rolls back after a confirmation, from our own page only; who and why stay with the release
an Airflow without login  shows the pages, and refuses what another site sends
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow_login import with_login
from town import Town, build_town

from jobs.common.releases import all_releases, find_release
from jobs.common.stage import open_lake
from jobs.demo.airflow import AIRFLOW, environment, migrate

pytestmark = pytest.mark.airflow
USERS = {"vera": "viewer", "olga": "op"}
PAGES = ("tonight", "quality", "sources", "releases")
ROLLBACK = {"release": "2026-01-01.1", "seen": "2026-01-02.1", "because": "半份导出 <b>half</b>", "confirmed": "yes"}
OURS = {"Origin": "http://testserver"}
# Answers requests as the API server does: a line of JSON in, a line out.
SERVER = """
import json, sys
from fastapi.testclient import TestClient
from airflow.api_fastapi.app import create_app
client = TestClient(create_app("core"), follow_redirects=False)
for line in sys.stdin:
    asked = json.loads(line)
    client.cookies.clear()
    if asked["who"]:
        login = client.post("/auth/token", json={"username": asked["who"], "password": asked["who"]})
        client.cookies.set("_token", login.json()["access_token"])
    answer = client.request(asked["method"], asked["path"], data=asked["data"], headers=asked["headers"])
    print("ANSWER " + json.dumps([answer.status_code, answer.text, dict(answer.headers)]), flush=True)
"""


class Server:
    """An API server of its own process, over one workspace."""

    def __init__(self, settings: dict[str, str], log: Path) -> None:
        self.log = log.open("w")
        command = [AIRFLOW[0], "-c", SERVER]
        self.process = subprocess.Popen(
            command, env=settings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True
        )

    def ask(
        self, who: str | None, path: str, data: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, str, Any]:
        asked = {
            "who": who,
            "path": path,
            "data": data,
            "method": "GET" if data is None else "POST",
            "headers": headers,
        }
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("ANSWER "):
                status, body, given = json.loads(line.removeprefix("ANSWER "))
                return status, body, given
        raise AssertionError(f"the server ended: {Path(self.log.name).read_text()[-3000:]}")

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)
        self.log.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Two nights of a small town."""
    return build_town(tmp_path_factory.mktemp("small"), 60, 4, 2)


@pytest.fixture(scope="module")
def settings(small: Town, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("airflow")
    found = environment(home, small.home)
    migrate(found, home / "migrate.log")
    return found


@pytest.fixture(scope="module")
def server(settings: dict[str, str]) -> Iterator[Server]:
    """With a login."""
    started = Server(with_login(settings, USERS), Path(settings["AIRFLOW_HOME"]) / "server.log")
    yield started
    started.close()


def test_nobody_sees_anything(server: Server) -> None:
    for page in (*PAGES, "changes", "difference", "confirm?release=2026-01-01.1", "openapi.json", "docs"):
        status, body, _ = server.ask(None, f"/jiceng/{page}")
        assert status == 401, page
        assert json.loads(body) == {"detail": "Not authenticated"}, page
    status, body, _ = server.ask(None, "/jiceng/tonight", Authorization="Bearer made.up.token")
    assert (status, json.loads(body)) == (403, {"detail": "Invalid JWT token"})
    assert server.ask(None, "/jiceng/rollback", ROLLBACK, **OURS)[0] == 401


def test_a_viewer_sees_the_pages_and_cannot_roll_back(server: Server, small: Town) -> None:
    status, body, headers = server.ask("vera", "/jiceng/releases")
    assert (status, "2026-01-02.1" in body) == (200, True)
    assert "confirm?release=" not in body
    assert headers["content-security-policy"] == "frame-ancestors 'self'"
    assert headers["cache-control"] == "no-store"
    assert server.ask("vera", "/jiceng/rollback", ROLLBACK, **OURS)[0] == 403
    assert server.ask("vera", "/jiceng/nothing")[0] == 404
    assert len(all_releases(open_lake(small.workspace))) == 2


def test_the_pages_are_in_the_navigation_and_nothing_failed_to_load(server: Server) -> None:
    plugins = json.loads(server.ask("vera", "/api/v2/plugins")[1])["plugins"]
    (ours,) = (plugin for plugin in plugins if plugin["name"] == "jiceng")
    assert [view["href"] for view in ours["external_views"]] == [f"jiceng/{page}" for page in PAGES]
    assert json.loads(server.ask("vera", "/api/v2/plugins/importErrors")[1])["total_entries"] == 0


def test_an_operator_rolls_back_from_our_page_after_a_confirmation(server: Server, small: Town) -> None:
    assert "confirm?release=2026-01-01.1" in server.ask("olga", "/jiceng/releases")[1]
    assert 'name="confirmed"' in server.ask("olga", "/jiceng/confirm?release=2026-01-01.1")[1]

    for lured in ({}, {"Origin": "http://elsewhere"}, {"Origin": "null"}, {**OURS, "Sec-Fetch-Site": "cross-site"}):
        assert server.ask("olga", "/jiceng/rollback", ROLLBACK, **lured)[0] == 403, lured
    for missing in ("confirmed", "because", "seen"):
        assert server.ask("olga", "/jiceng/rollback", {**ROLLBACK, missing: " "}, **OURS)[0] in (400, 422), missing
    assert len(all_releases(open_lake(small.workspace))) == 2

    status, body, _ = server.ask("olga", "/jiceng/rollback", ROLLBACK, **OURS)
    assert (status, "已退回" in body, "<b>half" in body) == (200, True, False)
    release = find_release(open_lake(small.workspace))
    assert release.release_id == "2026-01-01.1+1"
    assert (release.approved_by, release.because) == ("olga", ROLLBACK["because"])


def test_without_a_login_the_pages_are_shown_and_no_other_site_can_decide(
    settings: dict[str, str], small: Town
) -> None:
    server = Server(settings, Path(settings["AIRFLOW_HOME"]) / "open.log")
    before = len(all_releases(open_lake(small.workspace)))
    status, body, _ = server.ask(None, "/jiceng/releases")
    assert (status, "2026-01-02.1" in body) == (200, True)
    assert server.ask(None, "/jiceng/rollback", ROLLBACK, **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert server.ask(None, "/jiceng/rollback", ROLLBACK, Origin="http://elsewhere")[0] == 403
    server.close()
    assert len(all_releases(open_lake(small.workspace))) == before


def test_what_the_renderer_says_in_a_crash_is_not_shown(settings: dict[str, str], tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho half a page; echo a secret >&2; exit 1\n")
    os.chmod(broken, 0o755)
    server = Server(settings | {"JICENG_PYTHON": str(broken)}, tmp_path / "server.log")
    status, body, _ = server.ask(None, "/jiceng/tonight")
    server.close()
    assert status == 500
    assert "half a page" not in body
    assert "a secret" not in body
