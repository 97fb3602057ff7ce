"""A JSON file that one process leaves to others, such as the summary of a run: it is there whole, or as it was before.

Reads and writes: one file. Refuses: what is no JSON.
"""

import json
from pathlib import Path
from typing import Any


def read_json(path: Path) -> Any:
    """What a file holds; None if there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def write_json(path: Path, content: Any, indent: int | None = None) -> None:
    """Put a file in place of the one that may be there; the folder is made if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(content, ensure_ascii=False, indent=indent), encoding="utf-8")
    partial.rename(path)
