"""The pages *tonight*, *quality*, *sources*, *identity* and *releases* in Airflow's navigation: wiring, and who may do what.

Airflow does not protect a plugin's app, so every route here asks for its session: who may see the DAG `nightly` may look, who may
edit it may roll back. The jobs' environment draws the pages: `python -m jobs.portal`."""

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from jiceng_drawings import Drawings
from jiceng_looks import answer
from jiceng_state import state_of

REPOSITORY = Path(__file__).resolve().parents[2]
HOME = REPOSITORY / os.environ.get("JICENG_HOME", ".jiceng")
PYTHON = os.environ.get("JICENG_PYTHON", str(REPOSITORY / ".venv/bin/python"))
PAGES = {"tonight": "昨夜 Tonight", "quality": "质量 Quality", "sources": "来源 Sources", "identity": "身份 Identity",
         "releases": "发布 Releases"}  # fmt: skip
VIEWS = [{"name": title, "href": f"jiceng/{page}", "url_route": f"jiceng-{page}", "category": "基层 Jiceng"}
         for page, title in PAGES.items()]  # fmt: skip
ALSO = ("changes", "difference", "confirm")
may_look = requires_access_dag("GET", param_dag_id="nightly")
may_decide = requires_access_dag("PUT", param_dag_id="nightly")
drawings = Drawings(REPOSITORY, float(os.environ.get("JICENG_PAGE_SECONDS") or 120))
app = FastAPI(title="Jiceng", dependencies=[Depends(may_look)], docs_url=None, redoc_url=None, openapi_url=None)


def command(page: str, *switches: str, **given: str) -> tuple[str, ...]:
    if "\0" in "".join(given.values()):
        raise HTTPException(400, "No such value.")
    named = [f"--{name}={value}" for name, value in given.items() if value]
    return (PYTHON, "-m", "jobs.portal", page, "--home", str(HOME), *switches, *named)


def same_origin(request: Request) -> None:
    """A form of ours only: a session's cookie, or an Airflow without a login, comes along with any other site's form as well."""
    site, origin = request.headers.get("sec-fetch-site"), urlsplit(request.headers.get("origin", "")).netloc
    if not (site == "same-origin" if site else origin and origin == request.headers.get("host")):
        raise HTTPException(403, "Roll back from the page of the release.")


def switches_for(page: str, request: Request, user: GetUserDep) -> list[str]:
    """Pages with a button to decide are drawn apart for those who may."""
    if page not in ("releases", "confirm"):
        return []
    try:
        may_decide(request, user)
    except HTTPException:
        return []
    return ["--may-decide"]


@app.get("/{page}")
async def show(page: str, request: Request, switches: Annotated[list[str], Depends(switches_for)],
               old: str = "", new: str = "", release: str = "") -> Response:  # fmt: skip
    if page not in (*PAGES, *ALSO):
        raise HTTPException(404, "There is no such page.")
    given = {"difference": {"old": old, "new": new}, "confirm": {"release": release}}.get(page, {})
    wanted, state = command(page, *switches, **given), await run_in_threadpool(state_of, HOME)
    return answer(await drawings.look(wanted, state), state, request.headers.get("if-none-match", ""))


@app.post("/rollback", dependencies=[Depends(may_decide), Depends(same_origin)])
async def roll_back(user: GetUserDep, release: Annotated[str, Form()], seen: Annotated[str, Form()],
                    because: Annotated[str, Form(pattern=r"\S", max_length=300)],
                    confirmed: Annotated[str, Form(pattern="^yes$")]) -> Response:  # fmt: skip
    wanted = command("rollback", release=release, seen=seen, user=user.get_name(), because=" ".join(because.split()))
    return answer(await drawings.decide(wanted), "", "")


class Pages(AirflowPlugin):
    name = "jiceng"
    fastapi_apps = [{"app": app, "url_prefix": "/jiceng", "name": "Jiceng"}]  # noqa: RUF012
    external_views = VIEWS
