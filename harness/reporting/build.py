"""The stages of reporting: rows, tables, figures, report, ablations and tuning. Each writes what its rule declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from harness.experiment import Experiment
from harness.experiment.ablations import Ablation, ablation_names, load_ablation
from harness.experiment.citations import citations
from harness.experiment.stages import Stage, write_stage
from harness.experiment.tuning import Best, Chosen, Tuning
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.sums import seal_json
from harness.reporting.figures.build import write_figures
from harness.reporting.page.ablation import Outcome, outcome, write_outcome
from harness.reporting.page.analysis import analysis_section, write_analysis
from harness.reporting.page.overview import write_overview
from harness.reporting.page.report import write_report as _write_report
from harness.reporting.page.sections import Maker, sections_of
from harness.reporting.page.selection import selection_section, write_selection
from harness.reporting.page.sweeps import sweep_section
from harness.reporting.page.systematic import systematic_section
from harness.reporting.page.tuning import Tuned, tuned, write_tuned
from harness.reporting.page.verdicts import undecided
from harness.reporting.rows.compared import Study, study_of, study_of_ablation
from harness.reporting.rows.metric_rows import load, write_aggregate
from harness.reporting.rows.trials import CHOSEN, default_study, ended, tuned_study
from harness.reporting.statistics.summary import summarize
from harness.reporting.statistics.trials import best_of
from harness.reporting.tables.write import write_tables as _write_tables

MAKERS: tuple[Maker, ...] = (sweep_section, systematic_section, analysis_section, selection_section)
"""The sections of the report between tuning and training, in their order."""


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


def overview() -> Path:
    """Write ``reports/index.html``, a page over all reports that are there, and return it."""
    return write_overview(layout.REPORTS)


def report(experiment: Experiment) -> Path:
    """Write ``reports/<experiment>/report.html`` from the metrics, records, figures and ablations that are there.

    The index over all reports is written after it.
    """
    folder = layout.report(experiment.name)
    metrics = layout.experiment_metrics(experiment.name)
    found = ablations_there(experiment)
    written = _write_report(
        metrics,
        study_of(experiment),
        layout.RUNS,
        folder / "figures",
        folder / "report.html",
        found,
        tuning_there(experiment),
        sections_of(experiment, MAKERS),
        citations(experiment),
    )
    overview()
    return written


def tuning_there(experiment: Experiment) -> tuple[Tuned, Path] | None:
    """Return the tuning of an experiment and the folder of its figure, None without any results of it."""
    metrics = layout.tuning_metrics(experiment.name)
    if experiment.tuning is None or not metrics.is_file():
        return None
    found = tuned(experiment, experiment.tuning, metrics, layout.RUNS, partial=True)
    return found, layout.tuning(experiment.name)


def choose(experiment: Experiment) -> Path:
    """Write ``results/<experiment>/tuning/chosen.json``: the best trial of every variant on every network.

    Raises:
        HarnessError: the experiment does not tune, a trial has not ended, or all trials of a variant diverged.
    """
    tuning = _tuning_of(experiment)
    best = []
    for network in experiment.file.networks:
        for variant in experiment.file.variants:
            trials = ended(tuning.of(network, variant), layout.RUNS)
            one = best_of(trials)
            if one is None or one.loss is None:
                problem = f"all {len(trials)} trials of {variant!r} on {network} diverged; lower training.learning_rate"
                raise HarnessError(f"{experiment.path}: tuning: {problem}, or narrow the search space of its options")
            run = one.trial.run
            found = Best(
                network=network,
                variant=variant,
                trial=one.trial.number,
                run=run.name,
                heldout_l1=one.loss,
                learning_rate=run.spec.training.learning_rate,
                options=dict(one.trial.options),
            )
            best.append(found)
    seal_json(tuning.file, Chosen(trials=tuning.digest, best=tuple(best)).model_dump(mode="json"))
    return tuning.file


def tuning(experiment: Experiment, *, partial: bool = False) -> list[Path]:
    """Write the rows, the tables and the figure of an experiment's tuning and return the files.

    Args:
        experiment: which tunes.
        partial: leave out what is not there yet.

    Raises:
        HarnessError: the experiment does not tune, nothing is chosen, or a file is missing or cannot be read.
    """
    own = _tuning_of(experiment)
    chosen, rows = own.chosen(), layout.tuning_metrics(experiment.name)
    if chosen is None and not partial:
        raise HarnessError(f"{own.file}: no choice among the trials of {experiment.path}; {layout.remedy(own.file)}")
    if chosen is not None:
        default, final = default_study(experiment), own.final_runs(chosen)
        study = tuned_study(experiment, final)
        whole = replace(default, methods=default.methods + study.methods, runs=default.runs + study.runs)
        spec = experiment.evaluation.hash
        files = [(layout.metrics(run.name, spec), run.variant) for run in experiment.runs]
        files += [(layout.metrics(run.name, spec), CHOSEN.format(run.variant)) for run in final]
        write_aggregate([item for item in files if not partial or item[0].is_file()], whole, rows)
    found = tuned(experiment, own, rows, layout.RUNS, partial=partial)
    return [rows, *write_tuned(found, layout.tuning(experiment.name))]


def analysis(experiment: Experiment) -> list[Path]:
    """Write the table and the figures of an experiment's analyses and return the files.

    Raises:
        HarnessError: the experiment has none, or rows are missing.
    """
    return write_analysis(experiment)


def selection(experiment: Experiment) -> list[Path]:
    """Write what choosing among kept weights on a test set would have gained and return the files.

    Raises:
        HarnessError: the experiment has no such section, or rows are missing.
    """
    return write_selection(experiment)


def _tuning_of(experiment: Experiment) -> Tuning:
    if experiment.tuning is None:
        example = "tuning: {trials: 8, iterations: 0.2, on: heldout}"
        raise HarnessError(f"{experiment.path}: tuning: is missing; write such as {example}")
    return experiment.tuning


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
