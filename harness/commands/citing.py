"""The command that prints what to cite."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from harness.commands.arguments import OptionalExperimentFile


class Format(StrEnum):
    """How citations are printed."""

    bibtex = "bibtex"
    text = "text"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(cite)


def cite(
    experiment: OptionalExperimentFile = None,
    format: Annotated[Format, typer.Option(help="BibTeX, or a list to read.")] = Format.bibtex,
) -> None:
    """Print the BibTeX of everything that an experiment uses: methods, networks, data, metrics, statistics, software.

    Without an experiment: of the harness itself. Results are not needed. A last comment says what has no citation.
    """
    from harness.experiment import load_experiment
    from harness.experiment.citations import citations

    found = citations(load_experiment(experiment) if experiment else None)
    print(found.bibtex() if format is Format.bibtex else found.text(), end="")
