"""Options that many commands of `jiceng` take."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.read.output import Format

Home = Annotated[Path | None, typer.Option("--home", help="Workspace (default JICENG_HOME, else ./.jiceng).")]
Formatted = Annotated[Format, typer.Option("--format", help="How results are printed.")]
ShowPersonal = Annotated[
    bool, typer.Option("--show-personal", help="Values of level 3 and 4 in clear; needs --because, and is recorded.")
]
Because = Annotated[str | None, typer.Option("--because", help="Why values are shown; kept in ops.access.")]
