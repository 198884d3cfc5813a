"""Arguments that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from harness.foundation.errors import HarnessError
from harness.foundation.project import ROOT, own_file

_EXPERIMENTS = "configs/experiments"


def experiment_folders() -> list[Path]:
    """Return where experiments are found by name: the project's folder, then the harness's."""
    return [*filter(None, [own_file(_EXPERIMENTS)]), ROOT / _EXPERIMENTS]


def experiment_path(text: str) -> Path:
    """Return the file of an experiment that is given as a path, or as a name such as ``demo``.

    A file of that name goes before the catalogue.

    Raises:
        HarnessError: a name of neither.
    """
    path = Path(text)
    if re.fullmatch(r"[\w-]+", text) and not path.exists():
        found = {file.stem: file for folder in reversed(experiment_folders()) for file in folder.glob("*.yaml")}
        if text not in found:
            raise HarnessError(f"{text}: no such experiment; give a file, or one of: {', '.join(sorted(found))}")
        path = found[text]
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


ExperimentFile = Annotated[
    Path, typer.Argument(parser=experiment_path, help="Experiment: a file, or a name in configs/experiments.")
]
OptionalExperimentFile = Annotated[
    Path | None,
    typer.Argument(parser=experiment_path, help="Experiment: a file, or a name in configs/experiments."),
]
Jobs = Annotated[int, typer.Option(min=1, help="Worker processes.")]
Partial = Annotated[bool, typer.Option(help="Leave out runs that are not finished; their cells count as missing.")]
