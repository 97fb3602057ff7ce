"""`jiceng links …`: which records are one entity, where people decide."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import Because, Formatted, Home, ShowPersonal
from jobs.common.base.errors import UserError
from jobs.common.base.workspace import open_workspace
from jobs.common.run.access import asked_reason
from jobs.read.output import Format, messages, print_rows

links_app = typer.Typer(no_args_is_help=True, help="Which records are one entity: what people decide.")

Who = Annotated[str | None, typer.Option(help="Who decides (default: the user of this process).")]


@links_app.command("review")
def links_review(
    records: Annotated[
        list[str] | None,
        typer.Argument(help="Two records instead: each a mention_id, system/key or entity_id.", show_default=False),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind, e.g. resident.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write a workbook (.xlsx) to decide in. Only you may read it.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=50_000, help="At most so many pairs (default: 20; of a workbook 500).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the workbook where it is there already.")] = False,
    show_personal: ShowPersonal = False,
    because: Because = None,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """Pairs of records worth a look, what matters most first: both sides, what agrees and what does not.

    Named records are shown whatever they are, also two of one entity that should be two. Values of level 3 and 4 are masked. With
    --show-personal and a reason they are shown, and `ops.access` keeps who asked.

    Example: jiceng links review --output pairs.xlsx --show-personal --because "review of January"
    """
    from jobs.read import review as pairs

    if records and len(records) != 2:
        raise UserError("name two records, or none to see what is worth a look")
    pair = (records[0], records[1]) if records else None
    asked = pairs.Asked(kind, limit, pair, asked_reason(show_personal, because))
    if force and output is None:
        raise UserError("--force is for files; name one with --output")
    workspace = open_workspace(home)
    if output is None:
        found = pairs.review(workspace, asked)
        print_rows(found.rows, format, pairs.COLUMNS, pairs.SHOWN)
    else:
        found = pairs.review_to_file(workspace, asked, output, force)
        messages.print(
            f"{output}: {len(found.rows):,} pairs; fill in 决定 and 为什么, then `jiceng links decide {output.name}`"
        )
    for note in found.notes:
        messages.print(note)


@links_app.command("decide")
def links_decide(
    workbook: Annotated[Path, typer.Argument(help="The workbook of `links review`, with decisions filled in.")],
    because: Annotated[str | None, typer.Option(help="Why, of rows that do not say it themselves.")] = None,
    who: Who = None,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """Record what people decided in a workbook; each row is judged by itself, and the next run works it through.

    A row that was edited, is not known or contradicts what stands is refused, and the others are recorded. Exit code 2 if a
    row was refused; 4: a run is live or open.

    Example: jiceng links decide pairs.xlsx --because "review of January"
    """
    from jobs.operate import pair_decisions

    rows, told = pair_decisions.decide(open_workspace(home), workbook, because, who)
    print_rows(rows, format, pair_decisions.COLUMNS)
    messages.print(told)
    if any(row["state"] == pair_decisions.REFUSED for row in rows):
        raise typer.Exit(2)


@links_app.command("list")
def links_list(
    everything: Annotated[bool, typer.Option("--all", help="Also what was replaced or revoked.")] = False,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """What people decided on pairs, the newest first: who, why, and what came of it."""
    from jobs.read import judged

    print_rows(judged.judged_rows(open_workspace(home), everything), format, judged.COLUMNS)


@links_app.command("revoke")
def links_revoke(
    mention: Annotated[str, typer.Argument(help="A mention of the pair: its id, or the first 8 characters of it.")],
    other: Annotated[str, typer.Argument(help="The other mention.")],
    because: Annotated[str | None, typer.Option(help="Why; kept with the decision.")] = None,
    who: Who = None,
    home: Home = None,
) -> None:
    """Take a judgement back; the next run works as if nobody had decided. Exit code 4: a run is live or open.

    Example: jiceng links revoke 5c0e1f2a 91b2d3e4 --because "two cousins"
    """
    from jobs.operate import pair_decisions

    messages.print(pair_decisions.revoke(open_workspace(home), mention, other, because, who))
