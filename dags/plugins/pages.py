"""The pages *tonight*, *quality*, *sources* and *releases* in Airflow's navigation: wiring, and who may see and do what.

Airflow does not protect a plugin's app, so every route here asks for its session: who may see the DAG `nightly` may look, who may
edit it may roll back. The jobs' environment draws the pages: `python -m jobs.cli.pages`."""

import logging
import os
from pathlib import Path
from subprocess import DEVNULL, run
from threading import BoundedSemaphore
from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse

REPOSITORY = Path(__file__).resolve().parents[2]
HOME = REPOSITORY / os.environ.get("JICENG_HOME", ".jiceng")
PYTHON = os.environ.get("JICENG_PYTHON", str(REPOSITORY / ".venv/bin/python"))
PAGES = {"tonight": "昨夜 Tonight", "quality": "质量 Quality", "sources": "来源 Sources", "releases": "发布 Releases"}
VIEWS = [{"name": title, "href": f"jiceng/{page}", "url_route": f"jiceng-{page}", "category": "基层 Jiceng"}
         for page, title in PAGES.items()]  # fmt: skip
ALSO = ("changes", "difference", "confirm")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
}
may_look = requires_access_dag("GET", param_dag_id="nightly")
may_decide = requires_access_dag("PUT", param_dag_id="nightly")
at_work = BoundedSemaphore(2)  # each page is a process that takes a second or more
app = FastAPI(title="Jiceng", dependencies=[Depends(may_look)], docs_url=None, redoc_url=None, openapi_url=None)


def draw(page: str, *switches: str, **given: str) -> HTMLResponse:
    if "\0" in "".join(given.values()):
        raise HTTPException(400, "No such value.")
    command = [PYTHON, "-m", "jobs.cli.pages", page, "--home", str(HOME), *switches]
    command += [f"--{name}={value}" for name, value in given.items() if value]
    with at_work:  # a decision that takes long is not cut short
        done = run(command, cwd=REPOSITORY, stdin=DEVNULL, capture_output=True, check=False)
    if done.returncode not in (0, 2, 4):
        logging.getLogger(__name__).error("page %s ended with %s: %s", page, done.returncode, done.stderr.decode())
        raise HTTPException(500, "The page could not be drawn; the log of the API server tells why.")
    return HTMLResponse(done.stdout, {0: 200, 2: 400, 4: 409}[done.returncode], HEADERS)


def same_origin(request: Request) -> None:
    """A form of ours only: a session's cookie, or an Airflow without a login, comes along with any other site's form as well."""
    site, origin = request.headers.get("sec-fetch-site"), urlsplit(request.headers.get("origin", "")).netloc
    if not (site == "same-origin" if site else origin and origin == request.headers.get("host")):
        raise HTTPException(403, "Roll back from the page of the release.")


@app.get("/{page}")
def show(page: str, request: Request, user: GetUserDep, old: str = "", new: str = "", release: str = ""):
    if page not in (*PAGES, *ALSO):
        raise HTTPException(404, "There is no such page.")
    given = {"difference": {"old": old, "new": new}, "confirm": {"release": release}}.get(page, {})
    try:
        may_decide(request, user)
    except HTTPException:
        return draw(page, **given)
    return draw(page, "--may-decide", **given)


@app.post("/rollback", dependencies=[Depends(may_decide), Depends(same_origin)])
def roll_back(user: GetUserDep, release: Annotated[str, Form()], seen: Annotated[str, Form()],
              because: Annotated[str, Form(pattern=r"\S", max_length=300)], confirmed: Annotated[str, Form(pattern="^yes$")],
              ) -> HTMLResponse:  # fmt: skip
    return draw("rollback", release=release, seen=seen, user=user.get_name(), because=" ".join(because.split()))


class Pages(AirflowPlugin):
    name = "jiceng"
    fastapi_apps = [{"app": app, "url_prefix": "/jiceng", "name": "Jiceng"}]  # noqa: RUF012
    external_views = VIEWS
