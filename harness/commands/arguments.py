"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ExperimentFile = Annotated[Path, typer.Argument(help="Experiment file, such as configs/experiments/demo.yaml.")]
Jobs = Annotated[int, typer.Option(min=1, help="Worker processes.")]
Partial = Annotated[bool, typer.Option(help="Leave out runs that are not finished; their cells count as missing.")]
