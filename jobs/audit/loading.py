"""Loads the checks, and with them Great Expectations, which takes seconds: only where they are needed, and beside other work.

Reads: nothing. Writes: nothing. Refuses: nothing.
"""

import importlib
import importlib.util
import sys
from threading import Thread
from typing import Any


def load_checks() -> Any:
    """The module `jobs.audit.checks`."""
    put_off("scipy", "stats")  # a third of the time, for expectations about distributions
    return importlib.import_module("jobs.audit.checks")


def warm_up() -> Thread:
    """Load the checks beside work that leaves Python idle.

    Such work must not use the engine: its client and these libraries share modules, which are not safe to use while another
    thread loads them.
    """
    thread = Thread(target=load_checks, name="warm-up")
    thread.start()
    return thread


def put_off(package: str, module: str) -> None:
    """Have `package.module` loaded when something of it is used first."""
    name = f"{package}.{module}"
    if name in sys.modules:  # to look for it once more would load it
        return
    parent = importlib.import_module(package)
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return
    loader = spec.loader = importlib.util.LazyLoader(spec.loader)
    sys.modules[name] = importlib.util.module_from_spec(spec)
    setattr(parent, module, sys.modules[name])
    loader.exec_module(sys.modules[name])
