"""The one place that knows which engine runs the jobs.

`JICENG_ENGINE` = `sail` (default: embedded, no Java), `spark` (Spark with Delta Lake, started locally) or
`sc://host:port` (a Spark Connect server with Delta Lake). Everything else uses the Spark Connect DataFrame and SQL API.
"""

import os
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from typing import TypeVar, cast

from pyspark.sql import SparkSession

from jobs.common.base.errors import UserError

# What any Spark needs to run the jobs: the server of a cluster is started with the same settings.
DELTA_SETTINGS = {
    "spark.jars.packages": "io.delta:delta-spark_4.2_2.13:4.4.0",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Without it every commit on a small table costs 50 tasks.
    "spark.databricks.delta.snapshotPartitions": "2",
}
# What may be set otherwise on a server and changes what an expression means or refuses.
_SESSION_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "false",
}
# Else every function of the API looks for its caller's line, and for IPython, which is a good part of a night's Python.
# Spark takes it at the start of the server only.
_QUIET = {"spark.python.sql.dataFrameDebugging.enabled": "false"}
# A writer holds a row group in memory; one of a million rows takes a third more of a night than it need. The engine gives
# memory back after ten milliseconds else, and asks for it again with the next action, which is a twentieth of a night.
_SAIL_SETTINGS = {
    "RUST_LOG": "error",
    "SAIL_PARQUET__MAX_ROW_GROUP_SIZE": "131072",
    "MIMALLOC_PURGE_DELAY": "1000",
}
_SPARING = {"MIMALLOC_PURGE_DELAY": "10"}
# Pieces of independent work at a time: while one waits for a plan, a footer or a commit, another has the processors.
_AT_ONCE = 3
Item = TypeVar("Item")
Result = TypeVar("Result")
_session: SparkSession | None = None
_server: object = None


def engine_name() -> str:
    """`sail`, `spark` or the address of a Connect server; raises UserError for anything else."""
    name = os.environ.get("JICENG_ENGINE", "sail").strip() or "sail"
    if name in ("sail", "spark") or name.startswith("sc://"):
        return name
    raise UserError(f"JICENG_ENGINE is {name!r}; it can be sail, spark or sc://host:port")


def engine_version() -> str:
    """Name and version for `ops.run` and `jiceng doctor`."""
    name = engine_name()
    package = "pysail" if name == "sail" else "pyspark"
    return f"{name} {metadata.version(package)}"


def run_concurrently(
    work: Callable[[Item], Result], items: Iterable[Item], is_one_by_one: bool = False
) -> list[Result]:
    """The results of independent work in the order of the items, some of it at the same time; raises what the first raises.

    `is_one_by_one`: none of it at the same time, where each needs the memory for itself.
    """
    session()  # there is one, and it must not be started twice
    with ThreadPoolExecutor(1 if is_one_by_one else _AT_ONCE) as pool:
        return list(pool.map(work, items))


def spare_memory() -> None:
    """Have the engine that this process starts later give memory back early; what is set already stays so."""
    for name, value in _SPARING.items():
        os.environ.setdefault(name, value)


def free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def session() -> SparkSession:
    """The session of this process, started on first use."""
    global _session
    if _session is None:
        name = engine_name()
        started = {"sail": _sail, "spark": _spark}.get(name, lambda: _connect(name))()
        if name != "sail":
            _require_delta(started, name)
        for key, value in (_SESSION_SETTINGS | (_QUIET if name == "sail" else {})).items():
            started.conf.set(key, value)
        _session = started
    return _session


def _connect(address: str) -> SparkSession:
    # Not by the common builder, which after a local start always asks for the default port.
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"  # by this the functions of pyspark.sql know whom they are for
    return cast(SparkSession, ConnectSession.builder.remote(address).getOrCreate())


def _require_delta(started: SparkSession, name: str) -> None:
    """Raises UserError where the server has no Delta Lake."""
    for key in ("spark.sql.extensions", "spark.sql.catalog.spark_catalog"):
        if DELTA_SETTINGS[key] not in (started.conf.get(key, "") or "").split(","):
            raise UserError(f"the engine {name} has no Delta Lake: start its server with {key}={DELTA_SETTINGS[key]}")


def _sail() -> SparkSession:
    global _server
    for name, value in _SAIL_SETTINGS.items():
        os.environ.setdefault(name, value)
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    _server = server  # kept: the server ends when it is collected
    address = server.listening_address
    assert address is not None, "a started server has an address"
    return _connect(f"sc://127.0.0.1:{address[1]}")


def _spark() -> SparkSession:
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    port = free_port()  # the default one would be taken where two workspaces are worked on at a time
    settings = {
        **DELTA_SETTINGS,
        **_QUIET,
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": os.environ.get("JICENG_SPARK_MEMORY", "3g"),
        "spark.log.level": "ERROR",
    }
    ConnectSession._start_connect_server("local[*]", settings)
    return _connect(f"sc://localhost:{port}")  # by this name, as the token it is given asks elsewhere for TLS
