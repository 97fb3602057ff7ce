"""`jiceng release …`: what has been published, and what a person decides about it."""

from typing import Annotated

import typer

from jobs.cli.options import Formatted, Home
from jobs.common.base.workspace import open_workspace
from jobs.read.output import Format, messages, print_rows

release_app = typer.Typer(no_args_is_help=True, help="What has been published.")


@release_app.command("list")
def release_list(home: Home = None, format: Formatted = Format.table) -> None:
    """All releases, the newest first."""
    from jobs.read.status import release_rows

    print_rows(release_rows(open_workspace(home)), format)


@release_app.command("show")
def release_show(
    release_id: Annotated[str | None, typer.Argument(help="Release (default: the one readers see).")] = None,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """Tables of a release: rows, version and fingerprint."""
    from jobs.read.status import release_tables

    print_rows(release_tables(open_workspace(home), release_id), format)


@release_app.command("diff")
def release_diff(
    old: Annotated[str | None, typer.Argument(help="Release (default: the one readers see).")] = None,
    new: Annotated[
        str | None,
        typer.Argument(
            help="Release, or `candidate` (default: the candidates; where the first is given, the release readers see)."
        ),
    ] = None,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """What differs: rows added, ended and changed by column, identities merged and split; keys and counts.

    Without arguments: what the next release would change for readers, where a run was refused or publishing is on hold.

    Example: jiceng release diff 2026-01-01.1 2026-01-02.1
    """
    from jobs.common.releases import difference

    before, after, rows = difference.difference_rows(open_workspace(home), old, new)
    print_rows(rows, format, difference.COLUMNS)
    messages.print(f"{before.name} → {after.name}: " + ("differences as above" if rows else "no difference"))


@release_app.command("rollback")
def release_rollback(
    release_id: Annotated[
        str | None, typer.Argument(help="Release to return to (default: the one before what readers see).")
    ] = None,
    because: Annotated[str | None, typer.Option(help="Why; kept with the release.")] = None,
    home: Home = None,
) -> None:
    """Show readers an earlier release again, all tables at once; nothing is lost, and a rollback can be rolled back.

    The next run publishes as usual: `release hold` keeps it from that, until the bad file or rule is mended.
    Exit code 4: a run is live or open.
    """
    from jobs.operate.decisions import roll_back

    messages.print(roll_back(open_workspace(home), release_id, because))


@release_app.command("approve")
def release_approve(
    because: Annotated[str | None, typer.Option(help="Why; kept with the release.")] = None, home: Home = None
) -> None:
    """Publish the night that was refused, where all rules that failed may be overridden; under your name.

    Look first at what readers would see change: `jiceng release diff`. Exit code 3: something stands against it that nobody
    may override; 4: a run is live or open.
    """
    from jobs.operate.decisions import approve

    messages.print(approve(open_workspace(home), because))


@release_app.command("hold")
def release_hold(
    because: Annotated[str | None, typer.Option(help="Why; told to whoever runs a night.")] = None, home: Home = None
) -> None:
    """Keep runs from publishing, from now on until `release resume`; they work and are audited, and exit with 3."""
    from jobs.operate.decisions import hold

    messages.print(hold(open_workspace(home), because))


@release_app.command("resume")
def release_resume(home: Home = None) -> None:
    """Lift the hold: the next run publishes again, also of a night that was held back."""
    from jobs.operate.decisions import resume

    messages.print(resume(open_workspace(home)))


@release_app.command("prune")
def release_prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would go, and change nothing.")] = False,
    keep_nights: Annotated[
        int | None, typer.Option(help="Releases of so many nights, instead of what conf/retention.yml says.")
    ] = None,
    home: Home = None,
    format: Formatted = Format.table,
) -> None:
    """Let old releases go, with the files that only they read; never the one that readers see, nor a version another names.

    `jiceng maintain` does so as well. Exit code 4: a run is live or open.
    """
    from jobs import maintain as upkeep

    going = upkeep.prune(open_workspace(home), keep_nights, dry_run)
    print_rows(
        [{"release_id": release.release_id, "night": release.night.isoformat()} for release in going],
        format,
        ["release_id", "night"],
    )
    messages.print(f"{len(going)} releases " + ("would go" if dry_run else "gone"))
