"""Which files reporting writes for an experiment. Snakemake asks while it plans, so nothing heavy is imported."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import get_args

from harness.experiment import Experiment
from harness.experiment.file import AnalysisName
from harness.foundation import layout
from harness.reporting.rows.compared import REAL, Study, study_of
from harness.reporting.rows.labels import compares

TABLE_FORMATS = ("csv", "html", "md", "tex")
FIGURE_FORMATS = ("pdf", "png")
ANALYSIS_FIGURES = ("saliency", "leave_one_out", "blocks", "picture", "prediction")
ANALYSES_OVER_TIME = "over_time"
"""The figure of analyses of the weights on the way, where they are asked for."""

SELECTION_FIGURE = "over_time"
CROPS = "crops.json"
"""Results of single images, small, for the page."""

DATA_FORMAT = "csv"
"""Of the numbers behind a figure."""

PUBLISHED = Path("configs/published")
"""Published numbers, one CSV file for each source."""


def table_files(experiment: Experiment) -> list[Path]:
    """Return the tables of an experiment, sorted."""
    return tables_below(study_of(experiment), layout.report(experiment.name) / "tables")


def figure_files(experiment: Experiment) -> list[Path]:
    """Return the figures of an experiment, sorted."""
    folder = layout.report(experiment.name) / "figures"
    forms = (*FIGURE_FORMATS, DATA_FORMAT)
    study = study_of(experiment)
    figures = (*figure_names(study), *sweep_figures(study), *systematic_figures(study))
    names = [f"{name}.{form}" for name in figures for form in forms]
    return sorted(folder / name for name in (*names, CROPS))


def tables_below(study: Study, folder: Path) -> list[Path]:
    """Return the tables of a study below ``folder``, sorted."""
    kinds = ["main", "cost", "equal_cost", *photograph_metrics(study)]
    kinds += [name for name in degraded_metrics(study) if name != study.metrics[0] or _several_sets(study, name)]
    kinds += ["published"] if published_cells(study) else []
    kinds += ["test_time"] if study.ways else []
    kinds += ["sweep"] if study.swept else []
    kinds += ["systematic"] if study.systematic else []
    names = [f"{name}.{form}" for name in kinds for form in TABLE_FORMATS]
    names += ["sweep_numbers.csv"] if study.swept else []
    names += ["summary.csv", "ranks.csv", "failures.csv", "failures.md", "README.md", "preview.tex"]
    return sorted(folder / name for name in names)


def published_cells(study: Study) -> bool:
    """Return whether any cell of a study was published: whether there is a table of these. Bad files count as none."""
    planned = {(item.dataset, item.degradation, metric) for item in study.sets for metric in item.metrics}
    for path in sorted(PUBLISHED.glob("*.csv")):
        try:
            rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
            for row in rows:
                if float(row["scale"]) == study.scale and row["network"] in study.networks:
                    key = (row["dataset"], row["degradation"], row["metric"])
                    if key in planned and row["variant"] in study.methods_of(row["network"]):
                        return True
        except (OSError, ValueError, KeyError, TypeError, csv.Error):
            continue  # the command that writes the tables names the file and the line
    return False


def _several_sets(study: Study, metric: str) -> bool:
    """Return whether a metric is averaged over data sets, so that these have tables of their own."""
    return len({item.dataset for item in study.sets if item.degradation != REAL and metric in item.metrics}) > 1


def tuning_files(experiment: Experiment) -> list[Path]:
    """Return the tables and the figure of an experiment's tuning, sorted."""
    names = [f"{name}.{form}" for name in ("comparison", "trials") for form in TABLE_FORMATS]
    return sorted(layout.tuning(experiment.name) / name for name in (*names, *(f"search.{f}" for f in FIGURE_FORMATS)))


def analysis_figures(experiment: Experiment) -> list[str]:
    """Return the names of the figures of an experiment's analyses, in the order of the report.

    A figure that is called as an analysis is left out where that is not asked for.
    """
    entry = experiment.file.analysis
    if entry is None:
        return []
    names = [name for name in ANALYSIS_FIGURES if name in entry.analyses or name not in get_args(AnalysisName)]
    return [*names, *[ANALYSES_OVER_TIME] * entry.over_time]


def analysis_files(experiment: Experiment) -> list[Path]:
    """Return the table, its data and the figures of an experiment's analyses, sorted."""
    files = ["values.csv", *(f"analysis.{form}" for form in TABLE_FORMATS)]
    files += [f"{figure}.{form}" for figure in analysis_figures(experiment) for form in FIGURE_FORMATS]
    return sorted(layout.analysis_report(experiment.name) / file for file in files)


def selection_files(name: str) -> list[Path]:
    """Return the tables, their data and the figure of the choice among kept weights, sorted."""
    files = ["gains.csv", f"{SELECTION_FIGURE}.csv", *(f"{SELECTION_FIGURE}.{form}" for form in FIGURE_FORMATS)]
    files += [f"{table}.{form}" for table in ("selection", "runs") for form in TABLE_FORMATS]
    return sorted(layout.selection_report(name) / file for file in files)


def degraded_metrics(study: Study) -> list[str]:
    """Return the metrics of degraded sets: each has a table by its name."""
    sets = [item for item in study.sets if item.degradation != REAL]
    return [name for name in study.metrics if any(name in item.metrics for item in sets)]


def photograph_metrics(study: Study) -> dict[str, list[str]]:
    """Return the tables of real photographs, and the metrics of each.

    ``real_paired`` holds those that compare with a ground truth, ``real_unpaired`` those that judge a result alone; a
    table without metrics is left out.
    """
    sets = [item for item in study.sets if item.degradation == REAL]
    measured = [name for name in study.metrics if any(name in item.metrics for item in sets)]
    found = {
        "real_paired": [name for name in measured if compares(name)],
        "real_unpaired": [name for name in measured if not compares(name)],
    }
    return {table: names for table, names in found.items() if names}


def sweep_figures(study: Study) -> list[str]:
    """Return the names of the figures of a study's sweeps of one degradation."""
    return [f"sweep_{network}" for network in study.networks if study.swept]


def systematic_figures(study: Study) -> list[str]:
    """Return the names of the figures of a study's sets of many degradations."""
    return [f"systematic_{part.name}_{network}" for part in study.systematic for network in study.networks]


def figure_names(study: Study) -> list[str]:
    """Return the names of a study's figures, in the order of the report.

    The heat map shows data sets beside each other; with one, it would repeat what the gains show.
    """
    names = ["forest", "gains", *["heatmap"] * _several_sets(study, study.metrics[0]), "ranks", "gallery", "curves"]
    return [*names, *["annealing"] * bool(study.annealed), "cost"]
