"""Options that many commands of `jiceng` take."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.read.output import Format

Home = Annotated[Path | None, typer.Option("--home", help="Workspace (default JICENG_HOME, else ./.jiceng).")]
Formatted = Annotated[Format, typer.Option("--format", help="How results are printed.")]
