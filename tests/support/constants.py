"""What tests agree on: where the repository and the real data are, and the night."""

import os
from datetime import date
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
REAL_DATA = Path(os.environ.get("JICENG_REAL_DATA") or REPOSITORY.parent / "shared" / "data")
NIGHT = date(2026, 1, 1)
