"""Plays cases one after the other, as told on standard input, and tells what came of each on standard output."""

import contextlib
import importlib
import json
import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path


def main() -> None:
    group = importlib.import_module(f"tests.fuzz.{sys.argv[1]}")
    answers = os.fdopen(os.dup(1), "w")
    sys.stdout = sys.stderr
    for line in sys.stdin:
        folder = Path(tempfile.mkdtemp(prefix="case-", dir=sys.argv[2]))
        outcome = group.play(line.strip(), folder)
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
        who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        peak = max(resource.getrusage(one).ru_maxrss for one in who) // 1024
        print(json.dumps([outcome.cases, outcome.problems, peak]), file=answers, flush=True)


if __name__ == "__main__":
    main()
