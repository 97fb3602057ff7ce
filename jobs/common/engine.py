"""The one place that knows which engine runs the jobs.

`JICENG_ENGINE` = `sail` (default: embedded, no Java), `spark` (Spark with Delta Lake, started locally) or
`sc://host:port` (a Spark Connect server with Delta Lake). Everything else uses the Spark Connect DataFrame and SQL API.
"""

import os
from importlib import metadata

from pyspark.sql import SparkSession

from jobs.common.errors import UserError

_DELTA_JAR = "io.delta:delta-spark_4.2_2.13:4.4.0"
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


def session() -> SparkSession:
    """The session of this process, started on first use."""
    global _session
    if _session is None:
        name = engine_name()
        builder = {"sail": _sail, "spark": _spark}.get(name, lambda: SparkSession.builder.remote(name))()
        _session = builder.getOrCreate()
        _session.conf.set("spark.sql.session.timeZone", "UTC")
    return _session


def _sail() -> SparkSession.Builder:
    global _server
    os.environ.setdefault("RUST_LOG", "error")
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    _server = server  # kept: the server ends when it is collected
    address = server.listening_address
    assert address is not None, "a started server has an address"
    return SparkSession.builder.remote(f"sc://127.0.0.1:{address[1]}")


def _spark() -> SparkSession.Builder:
    settings = {
        "spark.jars.packages": _DELTA_JAR,
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.catalogImplementation": "in-memory",
        # Without it every commit on a small table costs 50 tasks.
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": os.environ.get("JICENG_SPARK_MEMORY", "3g"),
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.remote("local[*]")
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder
