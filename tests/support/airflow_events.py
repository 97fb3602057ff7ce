"""What Airflow has told of: the events of its assets, read from its database."""

import json
import sqlite3
from pathlib import Path
from typing import Any


def asset_events(airflow_home: Path) -> list[tuple[str, Any]]:
    """Name of the asset and what was told with it, in the order in which it happened."""
    query = "select a.name, e.extra from asset_event e join asset a on a.id = e.asset_id order by e.id"
    with sqlite3.connect(airflow_home / "airflow.db") as connection:
        return [(name, json.loads(extra)) for name, extra in connection.execute(query)]
