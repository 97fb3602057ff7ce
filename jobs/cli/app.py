"""Commands of `jiceng`. Each is wiring: what it does stands in the module it calls."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.ledger import COLUMNS as BOOK_COLUMNS
from jobs.cli.ledger import By, books_rows, print_books
from jobs.cli.output import Format, messages, print_rows
from jobs.common.conf import current_conf
from jobs.common.errors import UserError
from jobs.common.runs import parse_night
from jobs.common.stage import guarded
from jobs.common.workspace import default_home, init_workspace, open_workspace

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Nightly data pipeline of a township or sub-district: exports in, audited Delta tables out.",
)
release_app = typer.Typer(no_args_is_help=True, help="What has been published.")
sources_app = typer.Typer(no_args_is_help=True, help="Contracts of the source systems.")
app.add_typer(release_app, name="release")
app.add_typer(sources_app, name="sources")

Home = Annotated[Path | None, typer.Option("--home", help="Workspace (default JICENG_HOME, else ./.jiceng).")]
Formatted = Annotated[Format, typer.Option("--format", help="How results are printed.")]
TABLE_COLUMNS = ["table", "rows", "version", "fingerprint"]


@app.command()
def init(home: Home = None) -> None:
    """Make a workspace; harmless where there is one already."""
    workspace = init_workspace((home or default_home()).absolute())
    messages.print(f"workspace {workspace.home}: put exports into {workspace.inbox}/<system>/, then `jiceng run`")


@app.command()
def run(
    night: Annotated[str | None, typer.Option(help="Night as YYYY-MM-DD (default: today in Shanghai).")] = None,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Close the open run without its stages, and stop.")
    ] = False,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """Take what lies in the inbox and release it. Exit code 3: gate or books refused; 4: another run is live."""
    workspace, chosen = open_workspace(home), parse_night(night)
    from jobs.cli import nightly
    from jobs.cli.report import released_rows, shortcomings

    if abandon:
        messages.print(nightly.abandon(workspace))
        return
    summary = nightly.run_night(workspace, chosen)
    for line in shortcomings(summary, current_conf(workspace)):
        messages.print(line)
    columns = ["run_id", "verdict", "release_id", *TABLE_COLUMNS]
    print_rows(released_rows(workspace, summary), format, columns, TABLE_COLUMNS)


@app.command()
def status(home: Home = None, format: Formatted = Format.table) -> None:
    """What runs, what waits, what was refused, what readers see."""
    from jobs.cli.report import status_rows

    print_rows(status_rows(open_workspace(home)), format, ["what", "name", "state", "detail"])


@app.command()
def books(
    run_id: Annotated[str | None, typer.Option("--run", help="Run (default: the last one with books).")] = None,
    night: Annotated[str | None, typer.Option(help="Night as YYYY-MM-DD instead of a run.")] = None,
    system: Annotated[str | None, typer.Option(help="Only this system.")] = None,
    by: Annotated[By, typer.Option(help="Over what the rows of files are added up.")] = By.file,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """The books: what became of every row, per file, record and kind. Exit code 3 where they do not close."""
    rows = books_rows(open_workspace(home), run_id, parse_night(night) if night else None, system, by)
    if format is Format.table:
        print_books(rows)
    else:
        print_rows(rows, format, BOOK_COLUMNS)
    if any(not row["closes"] for row in rows):
        raise typer.Exit(3)


@app.command()
def explain(
    kind: Annotated[str, typer.Argument(help="resident, resident_status or appeal.")],
    id: Annotated[str, typer.Argument(help="entity_id, or system/number of what passes through.")],
    field: Annotated[str | None, typer.Option(help="Only this field.")] = None,
    show_personal: Annotated[bool, typer.Option("--show-personal", help="Values of level 3 and 4 in clear.")] = False,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """Why a released cell has its value: file, sheet and row it came from, the rule, and the values that lost."""
    from jobs.cli import explain as why
    from jobs.cli.report import place_in_one

    rows = why.explain(open_workspace(home), kind, id, field, show_personal)
    print_rows(place_in_one(rows), format, why.COLUMNS, ["field", "value", "state", "from", "rule"])


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="Spark SQL; released tables by their bare names, e.g. resident.")],
    release: Annotated[str | None, typer.Option(help="Release to read (default: the one readers see).")] = None,
    all_layers: Annotated[
        bool, typer.Option("--all-layers", help="Also layer.table, for engineers; unaudited.")
    ] = False,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """Query the released tables. Values are in clear: mind who looks over your shoulder."""
    from jobs.cli.query import run_query

    names, rows = run_query(open_workspace(home), query, release, all_layers)
    print_rows(rows, format, names)


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="Directory to write to; new or empty.")],
    residents: Annotated[int, typer.Option(min=10, help="Residents of the town.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="The same arguments give the same bytes.")] = 1,
    nights: Annotated[int, typer.Option(min=1, help="Nights of exports.")] = 3,
    first_night: Annotated[str, typer.Option(help="First night as YYYY-MM-DD.")] = "2026-01-01",
    format: Formatted = Format.table,
) -> None:
    """Write the exports of a sample town, nasty as life, with the truth beside them."""
    from jobs.sample import generate

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not an empty directory; choose a new one for --out")
    with messages.status("writing exports") as progress:
        cases = generate(residents, seed, nights, out, parse_night(first_night), on_progress=progress.update)
    print_rows([{"case": name, "count": count} for name, count in cases], format)


@app.command()
def doctor(home: Home = None, format: Formatted = Format.table) -> None:
    """Engine, versions, disk, locks and configuration, with what to mend. Needs no workspace. Exit code 2 on errors."""
    from jobs.cli.doctor import examine

    rows = examine((home or default_home()).absolute())
    print_rows(rows, format, ["check", "state", "detail"])
    if any(row["state"] == "error" for row in rows):
        raise typer.Exit(2)


@app.command()
def upgrade(home: Home = None) -> None:
    """Bring an older workspace to this version's format."""
    workspace = open_workspace(home)
    messages.print(f"{workspace.home} has the current format; nothing to do")


@release_app.command("list")
def release_list(home: Home = None, format: Formatted = Format.table) -> None:
    """All releases, the newest first."""
    from jobs.cli.report import release_rows

    print_rows(release_rows(open_workspace(home)), format)


@release_app.command("show")
def release_show(
    release_id: Annotated[str | None, typer.Argument(help="Release (default: the one readers see).")] = None,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """Tables of a release: rows, version and fingerprint."""
    from jobs.cli.report import release_tables

    print_rows(release_tables(open_workspace(home), release_id), format)


@sources_app.command("check")
def sources_check(home: Home = None, format: Formatted = Format.table) -> None:
    """Validate every contract. Needs no workspace. Exit code 2 where one has errors."""
    from jobs.cli.report import contract_rows

    rows = contract_rows((home or default_home()).absolute())
    print_rows(rows, format, ["system", "state", "detail"])
    if any(row["state"] == "error" for row in rows):
        raise typer.Exit(2)


def main() -> None:
    """Entry point: a user's mistake is one line and an exit code, never a stack trace."""
    sys.exit(guarded(lambda: app(prog_name="jiceng")))
