"""Arguments that several commands share."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from harness.experiment.left_out import WITHOUT
from harness.foundation.errors import HarnessError
from harness.foundation.project import ROOT, own_file

_EXPERIMENTS = "configs/experiments"


def experiment_folders() -> list[Path]:
    """Return where experiments are found by name: the project's folder, then the harness's."""
    return [*filter(None, [own_file(_EXPERIMENTS)]), ROOT / _EXPERIMENTS]


def complete_experiment(incomplete: str) -> list[str]:
    """Return the names of experiments that begin with what was typed, for the completion of a shell."""
    names = {file.stem for folder in experiment_folders() for file in folder.glob("*.yaml")}
    return sorted(name for name in names if name.startswith(incomplete))


def complete_dataset(incomplete: str) -> list[str]:
    """Return the names of data sets that begin with what was typed, for the completion of a shell."""
    from harness.datasets.catalogue import load_catalogue

    return sorted(name for name in load_catalogue() if name.startswith(incomplete))


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


def _leave_out(names: list[str] | None) -> list[str] | None:
    """Note which data sets are left out where loading an experiment, here and in processes to come, looks for them."""
    if names:
        os.environ[WITHOUT] = ",".join(names)
    return names


ExperimentFile = Annotated[
    Path,
    typer.Argument(
        parser=experiment_path,
        autocompletion=complete_experiment,
        help="Experiment: a file, or a name in configs/experiments.",
    ),
]
OptionalExperimentFile = Annotated[
    Path | None,
    typer.Argument(
        parser=experiment_path,
        autocompletion=complete_experiment,
        help="Experiment: a file, or a name in configs/experiments.",
    ),
]
Jobs = Annotated[int, typer.Option(min=1, help="Worker processes.")]
Partial = Annotated[bool, typer.Option(help="Leave out runs that are not finished; their cells count as missing.")]
Without = Annotated[
    list[str] | None,
    typer.Option(
        callback=_leave_out,
        autocompletion=complete_dataset,
        metavar="DATASET",
        help="Leave a data set out of the evaluation: repeat it, or separate names by commas. HARNESS_WITHOUT does the"
        " same for all commands of a shell; the report says what was left out.",
    ),
]
