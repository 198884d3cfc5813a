"""The commands from metrics to claims: `aggregate`, `tables`, `report` and the others that write what is shown."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.commands.arguments import ExperimentFile, Partial, Without


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (aggregate, tables, figures, report, overview, ablation, choose, tuning, analysis, selection):
        app.command()(command)


def aggregate(experiment: ExperimentFile, partial: Partial = False, without: Without = None) -> None:
    """Merge the metrics of all runs and references of an experiment."""
    from harness.experiment import load_experiment
    from harness.reporting import build

    print(build.aggregate(load_experiment(experiment), partial=partial))


def tables(experiment: ExperimentFile, without: Without = None) -> None:
    """Write the tables of an experiment from its metrics."""
    from harness.experiment import load_experiment
    from harness.reporting import build

    print(f"{len(build.tables(load_experiment(experiment)))} tables")


def figures(experiment: ExperimentFile, without: Without = None) -> None:
    """Draw the figures of an experiment from its metrics, histories and weights."""
    from harness.experiment import load_experiment
    from harness.reporting import build

    print(f"{len(build.figures(load_experiment(experiment)))} figures")


def report(experiment: ExperimentFile, without: Without = None) -> None:
    """Write the report of an experiment: one HTML page that needs nothing else."""
    from harness.experiment import load_experiment
    from harness.reporting import build

    print(build.report(load_experiment(experiment)))


def overview() -> None:
    """Write reports/index.html, one page with a link to the report of every experiment; `report` does it too."""
    from harness.foundation import layout
    from harness.foundation.writable import check_file
    from harness.reporting import build

    check_file(layout.REPORTS / "index.html")
    print(build.overview())


def ablation(
    experiment: ExperimentFile,
    study: Annotated[str, typer.Argument(help="Ablation study: a name in configs/ablations.")],
    partial: Partial = False,
    without: Without = None,
) -> None:
    """Write the table and the figure of an ablation study, a file in configs/ablations, on an experiment."""
    from harness.experiment import load_experiment
    from harness.experiment.ablations import load_ablation
    from harness.reporting import build

    for path in build.ablation(load_ablation(load_experiment(experiment), study), partial=partial):
        print(path)


def choose(experiment: ExperimentFile) -> None:
    """Choose the options of every variant of an experiment by its trials, on held-out images alone."""
    from harness.experiment import load_experiment
    from harness.reporting import build

    print(build.choose(load_experiment(experiment)))


def tuning(experiment: ExperimentFile, partial: Partial = False, without: Without = None) -> None:
    """Write the tables and the figure of an experiment's tuning: default and chosen options, and all trials."""
    from harness.experiment import load_experiment
    from harness.reporting import build

    for path in build.tuning(load_experiment(experiment), partial=partial):
        print(path)


def analysis(experiment: ExperimentFile, without: Without = None) -> None:
    """Write the table and the figures of what an experiment's networks have learned; see `analyse`."""
    from harness.experiment import load_experiment
    from harness.reporting import build

    for path in build.analysis(load_experiment(experiment)):
        print(path)


def selection(experiment: ExperimentFile, without: Without = None) -> None:
    """Write what choosing among kept weights on a test set would have gained, there and elsewhere."""
    from harness.experiment import load_experiment
    from harness.reporting import build

    for path in build.selection(load_experiment(experiment)):
        print(path)
