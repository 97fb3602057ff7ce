"""One page as HTML on stdout: `python -m jobs.portal <page> --home DIR`; the exit code is that of `jiceng`.

Whoever shows the page says who its reader is and whether they may decide: this program trusts who may start it.
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from jobs.common.base.errors import UserError
from jobs.common.base.workspace import open_workspace
from jobs.common.run.stage import guarded
from jobs.portal.frame import View, open_view, render
from jobs.portal.pages.identity import identity_page
from jobs.portal.pages.quality import quality_page
from jobs.portal.pages.releases import Decision, confirm_page, difference_page, releases_page, rolled_back_page
from jobs.portal.pages.sources import sources_page
from jobs.portal.pages.tonight import changes_part, tonight_page

PAGES = {
    "tonight": lambda view, given: tonight_page(view),
    "changes": lambda view, given: changes_part(view),
    "quality": lambda view, given: quality_page(view),
    "sources": lambda view, given: sources_page(view),
    "identity": lambda view, given: identity_page(view),
    "releases": lambda view, given: releases_page(view),
    "difference": lambda view, given: difference_page(view, given.old, given.new),
    "confirm": lambda view, given: confirm_page(view, given.release),
    "rollback": lambda view, given: rolled_back_page(view, _decision(given)),
}


def _decision(given: Namespace) -> Decision:
    return Decision(given.release, given.seen, given.user, given.because)


def show(page: str, view: View, given: Namespace) -> str:
    return PAGES[page](view, given)


def main() -> None:
    parser = ArgumentParser(prog="python -m jobs.portal", description=__doc__)
    parser.add_argument("page", choices=PAGES)
    parser.add_argument("--home", type=Path, help="workspace (default JICENG_HOME, else ./.jiceng)")
    parser.add_argument("--may-decide", action="store_true", help="the reader may roll back: show the button")
    for name in ("old", "new"):
        parser.add_argument(f"--{name}", help="of `difference`: a release")
    for name in ("release", "seen", "user", "because"):
        parser.add_argument(f"--{name}", default="", help="of `confirm` and `rollback`")
    given = parser.parse_args()

    def body() -> None:
        try:
            text = show(given.page, open_view(open_workspace(given.home), given.may_decide), given)
        except UserError as error:
            sys.stdout.buffer.write(render("message.html", page=given.page, error=error).encode())
            raise
        sys.stdout.buffer.write(text.encode())

    sys.exit(guarded(body))


if __name__ == "__main__":
    main()
