"""Commands of `jiceng`. Each is wiring: what it does stands in the module it calls."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jobs.cli.links_commands import links_app
from jobs.cli.options import Because, Formatted, Home, ShowPersonal
from jobs.cli.release_commands import release_app
from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace, default_home, init_workspace, open_workspace
from jobs.common.run.access import asked_reason
from jobs.common.run.conf import current_conf
from jobs.common.run.runs import parse_night
from jobs.common.run.stage import guarded
from jobs.read.books import By, books_rows, columns_of, print_books
from jobs.read.output import Format, messages, print_rows

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Nightly data pipeline of a township or sub-district: exports in, audited Delta tables out.",
)
sources_app = typer.Typer(no_args_is_help=True, help="Contracts of the source systems.")
app.add_typer(release_app, name="release")
app.add_typer(links_app, name="links")
app.add_typer(sources_app, name="sources")

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
    again: Annotated[
        bool,
        typer.Option("--again", help="The last night once more, also with nothing new: makes good a damaged table."),
    ] = False,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """Take what lies in the inbox and release it. Exit code 3: gate or books refused; 4: another run is live."""
    workspace, named = open_workspace(home), parse_night(night) if night else None
    from jobs.operate import nightly
    from jobs.read.status import released_rows, shortcomings

    if abandon:
        messages.print(nightly.abandon(workspace))
        return
    if again and night:
        raise UserError("--again takes the last night; leave out --night")
    summary = nightly.run_again(workspace) if again else nightly.run_night(workspace, named)
    for line in shortcomings(summary, current_conf(workspace)):
        messages.print(line)
    columns = ["run_id", "verdict", "release_id", *TABLE_COLUMNS]
    print_rows(released_rows(workspace, summary), format, columns, TABLE_COLUMNS)


@app.command()
def status(home: Home = None, format: Formatted = Format.table) -> None:
    """What runs, what waits, what was refused, what readers see."""
    from jobs.read.status import shorten_rows, status_rows

    rows = status_rows(open_workspace(home))
    print_rows(shorten_rows(rows) if format is Format.table else rows, format, ["what", "name", "state", "detail"])


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
        print_rows(rows, format, columns_of(rows))
    if any(not row["closes"] for row in rows):
        raise typer.Exit(3)


@app.command()
def explain(
    kind: Annotated[str, typer.Argument(help="A table, such as resident, relation or appeal.")],
    id: Annotated[str, typer.Argument(help="entity_id, relation/id/id, or system/number of a fact.")],
    other: Annotated[
        str | None,
        typer.Argument(
            help="Another record or entity: why the two are one, or are not. Also a mention_id or system/key."
        ),
    ] = None,
    field: Annotated[str | None, typer.Option(help="Only this field.")] = None,
    show_personal: Annotated[bool, typer.Option("--show-personal", help="Values of level 3 and 4 in clear.")] = False,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """Why a released cell has its value: file, sheet and row it came from, the rule, and the values that lost.

    With two: why these records are one entity, step by step, or what was decided on them.

    Example: jiceng explain resident police/P1 grid/G7
    """
    from jobs.read import explain as why
    from jobs.read import why_linked
    from jobs.read.status import place_in_one

    if other is not None:
        if field is not None:
            raise UserError("--field is for one row; of two records all that they say is compared")
        steps = why_linked.explain_pair(open_workspace(home), kind, id, other, show_personal)
        print_rows(steps, format, why_linked.COLUMNS)
        return
    rows = why.explain(open_workspace(home), kind, id, field, show_personal)
    print_rows(place_in_one(rows), format, why.COLUMNS, ["field", "value", "state", "from", "rule"])


@app.command()
def find(
    show_personal: ShowPersonal = False, because: Because = None, home: Home = None, format: Formatted = Format.table
) -> None:
    """Residents of whom a record has a name, an id number or a phone, which is read from standard input.

    Values of level 3 and 4 are masked. With --show-personal and a reason they are shown, and `ops.access` keeps who asked.

    Example: jiceng find < who.txt
    """
    from jobs.read import find as search

    reason = asked_reason(show_personal, because)
    workspace = open_workspace(home)
    if sys.stdin.isatty():
        messages.print("name, id number or phone:")
    found = search.find(workspace, search.decode_text(sys.stdin.buffer.readline()), reason)
    print_rows(found.rows, format, search.COLUMNS)
    if found.left_out:
        messages.print(f"{found.left_out:,} more are left out; ask for an id number or a phone")


@app.command()
def withdraw(
    file: Annotated[
        str, typer.Argument(help="The file: its id (sha256) or the first 8 characters of it, system/name, or its name.")
    ],
    because: Annotated[str | None, typer.Option(help="Why; kept with the decision.")] = None,
    home: Home = None,
) -> None:
    """Take a bad file back out: after the next run the records are as if it had never come.

    The archive keeps it; handed in again it stays out, unless its contract was mended. Exit code 4: a run is live or open.

    Example: jiceng withdraw 5c0e1f2a --because "an export of another street"
    """
    from jobs.operate.decisions import withdraw as take_out

    messages.print(take_out(open_workspace(home), file, because))


@app.command()
def accept(
    file: Annotated[
        str, typer.Argument(help="The file: its id (sha256) or the first 8 characters of it, system/name, or its name.")
    ],
    because: Annotated[str | None, typer.Option(help="Why; kept with the decision.")] = None,
    home: Home = None,
) -> None:
    """Let a snapshot through that was held back because it lacks too many of the records that stand; the next run takes it.

    Told is how many records it will end, and by the run how many it has ended. The decision is for this file and this once: the
    next snapshot is judged anew. Exit code 4: a run is live or open.

    Example: jiceng accept 5c0e1f2a --because "the street has been torn down"
    """
    from jobs.operate.decisions import accept as let_through

    messages.print(let_through(open_workspace(home), file, because))


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="Spark SQL; released tables by their bare names, e.g. resident.")],
    release: Annotated[str | None, typer.Option(help="Release to read (default: the one readers see).")] = None,
    all_layers: Annotated[
        bool, typer.Option("--all-layers", help="Also layer.table, for engineers; unaudited.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="Write a file instead: .parquet, .xlsx or .csv. Only you may read it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file where it is there already.")] = False,
    excel: Annotated[
        bool,
        typer.Option(
            "--excel",
            help="CSV for the eyes of Excel: with a byte order mark, and an apostrophe before text that begins like a "
            "formula. Excel still takes long digits for numbers; .xlsx keeps them.",
        ),
    ] = False,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """Query the released tables. Values are in clear: mind who looks over your shoulder.

    Times are UTC. In an .xlsx file text stays text, id numbers among it, and nothing is run as a formula; a sheet holds
    1,048,575 rows. A file is written as it comes, so that a million rows need no memory, and appears when it is whole.

    Example: jiceng sql "select division_code, count(*) as residents from resident group by 1" --output residents.xlsx
    """
    from jobs.read.export import check_target, write_frame
    from jobs.read.query import open_query, run_query

    workspace = open_workspace(home)
    if output is None:
        if force or excel:
            raise UserError("--force and --excel are for files; name one with --output")
        names, rows = run_query(workspace, query, release, all_layers)
        print_rows(rows, format, names)
        return
    check_target(output, force, excel)
    with open_query(workspace, query, release, all_layers) as frame, messages.status(f"writing {output.name}"):
        count = write_frame(frame, output, excel)
    messages.print(f"{output}: {count:,} rows")


@app.command()
def export(
    query: Annotated[str, typer.Argument(help="Spark SQL over the released tables by their bare names.")],
    output: Annotated[Path, typer.Option(help="File to write: .parquet, .xlsx or .csv. Only you may read it.")],
    release: Annotated[str | None, typer.Option(help="Release to read (default: the one readers see).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the files where they are there already.")] = False,
    excel: Annotated[bool, typer.Option("--excel", help="CSV for the eyes of Excel, as `sql` makes it.")] = False,
    home: Home = None,
) -> None:
    """A file to hand on: as `sql --output`, with the release and the dictionary of the tables beside it.

    Values are in clear: hand on only what the other needs, and mind the levels that the dictionary tells.

    Example: jiceng export "select division_code, count(*) as residents from resident group by 1" --output residents.xlsx
    """
    from jobs.read.extract_bundle import beside, hand_over

    workspace = open_workspace(home)
    with messages.status(f"writing {output.name}"):
        rows, found = hand_over(workspace, query, output, release, force, excel)
    about, dictionary = beside(output)
    messages.print(
        f"{output}: {rows:,} rows of release {found.release_id}; beside it {about.name} and {dictionary.name}"
    )


@app.command()
def dictionary(
    table: Annotated[str | None, typer.Argument(help="One released table, e.g. resident (default: all).")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page to this file, with all code lists.")] = None,
    odcs: Annotated[
        Path | None, typer.Option(help="Write a data contract (ODCS) of each table to this folder.")
    ] = None,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """What the released tables hold: columns, types, levels, code lists and meanings. Needs no workspace.

    Example: jiceng dictionary resident --html resident.html
    """
    from jobs.read import dictionary as words

    conf = current_conf(Workspace((home or default_home()).absolute()))
    tables = words.chosen_tables(conf, table)
    if html is not None:
        words.write_html(conf, tables, html)
        messages.print(f"{html}: {len(tables)} tables")
    if odcs is not None:
        messages.print(f"{odcs}: {len(words.write_contracts(conf, tables, odcs))} contracts")
    if html is None and odcs is None:
        print_rows(words.dictionary_rows(conf, table), format, words.COLUMNS)


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="Directory to write to; new or empty.")],
    residents: Annotated[int, typer.Option(min=10, help="Residents of the town.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="The same arguments give the same bytes.")] = 1,
    nights: Annotated[int, typer.Option(min=1, help="Nights of exports.")] = 3,
    hard: Annotated[
        bool, typer.Option("--hard", help="Also what makes people hard to recognise, at rates that the seed draws.")
    ] = False,
    first_night: Annotated[str, typer.Option(help="First night as YYYY-MM-DD.")] = "2026-01-01",
    format: Formatted = Format.table,
) -> None:
    """Write the exports of a sample town, nasty as life, with the truth beside them."""
    from jobs.sample import generate

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not an empty directory; choose a new one for --out")
    with messages.status("writing exports") as progress:
        cases = generate(residents, seed, nights, out, parse_night(first_night), progress.update, hard)
    print_rows([{"case": name, "count": count} for name, count in cases], format)


@app.command()
def doctor(home: Home = None, format: Formatted = Format.table) -> None:
    """Engine, versions, disk, locks and configuration, with what to mend. Needs no workspace. Exit code 2 on errors."""
    from jobs.operate.doctor import examine

    rows = examine((home or default_home()).absolute())
    print_rows(rows, format, ["check", "state", "detail"])
    if any(row["state"] == "error" for row in rows):
        raise typer.Exit(2)


@app.command()
def maintain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would go, and change nothing.")] = False,
    keep_nights: Annotated[
        int | None,
        typer.Option(help="Raw rows and releases of so many nights, instead of what conf/retention.yml says."),
    ] = None,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """Keep the lake small and quick: put small files together, remove old raw rows and files that nobody reads.

    No released row changes. Releases of the kept nights can be read and explained as before; the archive keeps every file.
    Once a week is enough. Exit code 4: a run is live or open.

    Example: jiceng maintain --dry-run
    """
    from jobs import maintain as upkeep

    workspace = open_workspace(home)
    with messages.status("maintaining") as progress:
        rows = upkeep.run(workspace, keep_nights, dry_run, on_table=progress.update)
    print_rows(rows, format, upkeep.COLUMNS)
    messages.print(upkeep.summarise(rows, dry_run))


@app.command()
def replay(
    into: Annotated[Path, typer.Option(help="Directory of the new workspace; new or empty.")],
    until: Annotated[str | None, typer.Option(help="Last night to replay, as YYYY-MM-DD (default: all).")] = None,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """Run the recorded nights once more into a new workspace, and compare its tables. Exit code 1 where they differ.

    Each night works with its own configuration and files, from the archive. The workspace itself is only read.

    Example: jiceng replay --into /srv/replayed --until 2026-01-31
    """
    from jobs.operate import replay as again

    workspace, last = open_workspace(home), parse_night(until) if until else None
    rows = again.replay(workspace, into, last, on_run=messages.print)
    print_rows(rows, format, again.COLUMNS, again.COLUMNS[:5])
    different = [row["table"] for row in rows if row["state"] != "same"]
    messages.print(
        f"{len(different)} of {len(rows)} tables differ" if different else f"all {len(rows)} tables are the same"
    )
    if told := again.other_code(workspace, last):
        messages.print(told)
    if different:
        raise typer.Exit(1)


@app.command()
def upgrade(home: Home = None) -> None:
    """Bring an older workspace to this version's format."""
    workspace = open_workspace(home)
    messages.print(f"{workspace.home} has the current format; nothing to do")


@sources_app.command("check")
def sources_check(home: Home = None, format: Formatted = Format.table) -> None:
    """Validate every contract and all other files of the configuration. Needs no workspace. Exit code 2 on errors."""
    from jobs.read.status import contract_rows

    rows = contract_rows((home or default_home()).absolute())
    print_rows(rows, format, ["system", "state", "detail"])
    if any(row["state"] == "error" for row in rows):
        raise typer.Exit(2)


@sources_app.command("try")
def sources_try(
    file: Annotated[Path, typer.Argument(help="The export, as it would be handed in.")],
    system: Annotated[str | None, typer.Option(help="Whose it is, where its name and folder do not tell.")] = None,
    object: Annotated[
        str | None, typer.Option(help="Only this object of the contract; then a file of any name is looked into.")
    ] = None,
    night: Annotated[
        str | None, typer.Option(help="Night it would be handed in, as YYYY-MM-DD (default: today in Shanghai).")
    ] = None,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """Tell what the pipeline would say of an export before it is handed in: taken or refused, and every doubt by column.

    Rows are named by their numbers, values are never shown, and nothing is kept. Needs no workspace; of one that is there it
    goes by the configuration. Whether the file comes too late depends on what was handed in before, and is not told.
    Exit code 2 where the file would be refused; doubts alone are 0.

    Example: jiceng sources try 户籍人口_20260131.csv
    """
    from jobs.operate import try_file as trial

    conf = current_conf(Workspace((home or default_home()).absolute()))
    told = Console(
        file=sys.stderr, highlight=False, markup=False, soft_wrap=True
    )  # the stages' lines are kept from stderr
    with told.status("") as progress:

        def tell(step: str) -> None:
            progress.update(step)
            if not told.is_terminal:
                told.print(step)

        rows = trial.try_file(file, conf, parse_night(night), system, object, on_step=tell)
    if format is Format.table:
        trial.print_findings(rows)
    else:
        print_rows(rows, format, trial.COLUMNS)
    if any(row["what"] == "file" and row["reason"] != trial.ACCEPTED for row in rows):
        raise typer.Exit(2)


def main() -> None:
    """Entry point: a user's mistake is one line and an exit code, never a stack trace."""
    sys.exit(guarded(lambda: app(prog_name="jiceng")))
