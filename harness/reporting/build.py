"""The stages of reporting: rows, tables, figures, report, and ablations. Each writes what its rule declares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.experiment import Experiment
from harness.experiment.ablations import Ablation, ablation_names, load_ablation
from harness.experiment.stages import Stage, write_stage
from harness.foundation import layout
from harness.reporting.figures.build import write_figures
from harness.reporting.page.ablation import Outcome, outcome, write_outcome
from harness.reporting.page.report import write_report as _write_report
from harness.reporting.page.verdicts import undecided
from harness.reporting.rows.compared import Study, study_of, study_of_ablation
from harness.reporting.rows.metric_rows import load, write_aggregate
from harness.reporting.statistics.summary import summarize
from harness.reporting.tables.write import write_tables as _write_tables


def aggregate(experiment: Experiment, *, partial: bool = False) -> Path:
    """Merge the metrics of all runs and references into ``results/<experiment>/metrics.parquet``.

    Where seeds are added until it is decided, whether it is stands in ``seeds.json`` beside it afterwards.

    Args:
        experiment: whose metrics.
        partial: leave out files that are not there yet; their cells count as missing. Otherwise that is an error.

    Raises:
        HarnessError: a file is missing or cannot be read.
    """
    files = [item for item in experiment.labelled_metrics if not partial or item[0].is_file()]
    target = layout.experiment_metrics(experiment.name)
    write_aggregate(files, study_of(experiment), target)
    if experiment.stage is not None and not partial:
        write_stage(experiment.name, _looked(experiment.stage, study_of(experiment), target))
    return target


def _looked(stage: Stage, study: Study, rows: Path) -> Stage:
    """Return a stage with what its results say: which primary comparisons are undecided."""
    frame = load(rows)
    summary = summarize(frame[frame["metric"] == study.primary_metric], study)
    return stage.looked(undecided(summary, study))


def tables(experiment: Experiment) -> list[Path]:
    """Write ``reports/<experiment>/tables`` and return the files; ``main.md`` is meant for the terminal."""
    folder = layout.report(experiment.name) / "tables"
    return _write_tables(layout.experiment_metrics(experiment.name), study_of(experiment), layout.RUNS, folder)


def figures(experiment: Experiment) -> list[Path]:
    """Write ``reports/<experiment>/figures`` and return the files."""
    folder = layout.report(experiment.name) / "figures"
    metrics = layout.experiment_metrics(experiment.name)
    benchmarks = layout.benchmarks(experiment.file.scale)
    return write_figures(metrics, study_of(experiment), layout.RUNS, benchmarks, folder)


def report(experiment: Experiment) -> Path:
    """Write ``reports/<experiment>/report.html`` from the metrics, records, figures and ablations that are there."""
    folder = layout.report(experiment.name)
    metrics = layout.experiment_metrics(experiment.name)
    found = ablations_there(experiment)
    return _write_report(metrics, study_of(experiment), layout.RUNS, folder / "figures", folder / "report.html", found)


def ablations_there(experiment: Experiment) -> Iterator[tuple[Outcome, Path]]:
    """Yield every ablation study that has results on an experiment, and the folder of its figure."""
    for name in ablation_names():
        rows = layout.ablation_metrics(experiment.name, name)
        if rows.is_file():
            study = load_ablation(experiment, name)
            yield outcome(study, rows, layout.RUNS), layout.ablation(experiment.name, name)


def ablation(study: Ablation, *, partial: bool = False) -> list[Path]:
    """Write the rows, the table and the figure of an ablation study and return the files.

    Args:
        study: on an experiment.
        partial: as for :func:`aggregate`.

    Raises:
        HarnessError: a file is missing or cannot be read.
    """
    files = [item for item in study.labelled_metrics if not partial or item[0].is_file()]
    rows = layout.ablation_metrics(study.experiment.name, study.name)
    write_aggregate(files, study_of_ablation(study), rows)
    return [rows, *write_outcome(outcome(study, rows, layout.RUNS), layout.ablation(study.experiment.name, study.name))]
