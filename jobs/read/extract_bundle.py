"""`jiceng export`: the result of a query as a file, with what whoever gets it must know beside it.

Reads: released tables. Writes: `<file>`, `<file>.about.json` (query, release, columns, rows) and `<file>.dictionary.html`.
Refuses: what `jiceng sql --output` refuses.
"""

import json
import os
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame

from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace
from jobs.common.releases.releases import Release, find_release
from jobs.common.run.conf import current_conf
from jobs.common.run.stage import open_lake
from jobs.read.dictionary import write_html
from jobs.read.export import check_target, write_frame
from jobs.read.query import open_query


def beside(output: Path) -> tuple[Path, Path]:
    """The files that go with an export: what it is, and the dictionary of the released tables."""
    return output.with_name(f"{output.name}.about.json"), output.with_name(f"{output.name}.dictionary.html")


def hand_over(
    workspace: Workspace, query: str, output: Path, release_id: str | None, force: bool, excel: bool
) -> tuple[int, Release]:
    """Write the three files; returns the rows of the result and the release that they are of.

    Raises:
        UserError: as of `jiceng sql --output`; also where a file beside it is there already.
    """
    check_target(output, force, excel)
    about, dictionary = beside(output)
    for path in (about, dictionary):
        if path.exists() and not force:
            raise UserError(f"{path} is there already; --force replaces it")
    lake, conf = open_lake(workspace), current_conf(workspace)
    release = find_release(lake, release_id)
    # Pinned, so that what is told of the release is true of the rows, whatever is published meanwhile.
    with open_query(workspace, query, release.release_id, all_layers=False) as frame:
        told = describe(query, release, frame)
        rows = write_frame(frame, output, excel)
    _write_private(about, json.dumps({**told, "rows": rows}, ensure_ascii=False, indent=1) + "\n")
    _write_private(dictionary, "")
    write_html(conf, [conf.tables[name] for name in release.tables if name in conf.tables], dictionary)
    return rows, release


def describe(query: str, release: Release, frame: DataFrame) -> dict[str, Any]:
    """What an export is of: keys and counts, but for the query, which its writer has worded."""
    return {
        "query": query,
        "release_id": release.release_id,
        "night": release.night.isoformat(),
        "released_at": release.released_at.isoformat() if release.released_at else None,
        "times": "UTC",
        "columns": {field.name: field.dataType.simpleString() for field in frame.schema.fields},
        "tables": {
            name: {"rows": entry["rows"], "fingerprint": entry["fingerprint"]} for name, entry in release.tables.items()
        },
    }


def _write_private(path: Path, text: str) -> None:
    """As the export itself: only its owner may read it."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
        handle.write(text)
