"""A stand-in of the stages for Airflow: it answers as they do, and fails where the setting FAIL says."""

import stat
import sys
from pathlib import Path

_SCRIPT = f"""#!{sys.executable}
import json, os, sys
stage = sys.argv[3].removeprefix("jobs.")
options = dict(zip(sys.argv[4::2], sys.argv[5::2]))
print(f"{{stage}} at work")
if "CALLS" in os.environ:
    with open(os.environ["CALLS"], "a") as calls:
        calls.write(json.dumps([stage, *sys.argv[6:]]) + "\\n")
failing = json.loads(os.environ["FAIL"])
if failing["stage"] == stage and failing.get("source") in (None, options.get("--source")):
    sys.exit(failing["code"])
if stage == "start":
    print(json.dumps({{"run_id": "2026-01-01.1", "sources": ["grid", "police"], "nothing_new": False}}))
if stage == "release.question":
    print(json.dumps({{"question": os.environ.get("QUESTION")}}))
"""


def write_stand_in(folder: Path) -> Path:
    """Write it into a folder, to be named by JICENG_PYTHON."""
    python = folder / "python"
    python.write_text(_SCRIPT, encoding="utf-8")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return python
