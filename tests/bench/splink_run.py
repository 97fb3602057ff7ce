"""Splink beside our match: an environment of its own, made only when asked for, and the records as it gets them.

Splink 5 itself and what it needs (DuckDB, PyArrow, SQLGlot) are free of the GPL; its extra `igraph` is not, and stays out.
It is no part of our locks all the same: nothing but this comparison needs it.

Reads: `harmonised.resident`, `splink.lock`. Writes: the environment and files in the folders it is given.
"""

import subprocess
import sys
from pathlib import Path

import polars as pl

from tests.bench.measure import Cost, run_command

_HERE = Path(__file__).resolve().parent
_KEY = ["system", "object", "source_key", "role"]
# The last numbers of an address: block, unit and room of a flat, or the number of a house.
_NUMBERS = "[0-9]+"


def splink_python(cache: Path) -> Path:
    """Python of the environment in the cache, made by uv if it is not there."""
    python = cache.absolute() / "splink" / "bin" / "python"
    if not python.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(python.parents[1])], check=True)
        sync = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(_HERE / "splink.lock")]
        subprocess.run(sync, check=True)
    return python


def write_records(home: Path, mentions: pl.DataFrame, out: Path) -> None:
    """The cleaned records of the mentions as one who knows Splink would prepare them."""
    records = pl.read_delta(str(home / "lake" / "harmonised" / "resident"))
    numbers = pl.col("address").str.extract_all(_NUMBERS).list.tail(3).list.join("-")
    in_id = pl.col("id_number").str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    prepared = records.join(mentions.select("mention_id", *_KEY), on=_KEY).select(
        "mention_id",
        "name",
        "former_name",
        "id_number",
        "phone",
        birth=pl.coalesce("birth_date", in_id).cast(pl.String),
        door=pl.when(numbers != "").then(numbers),
    )
    prepared.sort("mention_id").write_parquet(out)


def run_splink(python: Path, records: Path, clusters: Path) -> Cost:
    return run_command([str(python), str(_HERE / "splink_model.py"), str(records), str(clusters)])
