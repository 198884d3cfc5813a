"""What an experiment's networks have learned: the table, the figures, and their section of the report."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup

from harness.experiment import Experiment
from harness.experiment.analyses import Analyses
from harness.foundation import layout
from harness.foundation.files import write_text
from harness.reporting.figures import analysis as draw
from harness.reporting.files import analysis_figures, analysis_files
from harness.reporting.page.pictures import picture
from harness.reporting.page.sections import Section
from harness.reporting.rows.analyses import load_analyses
from harness.reporting.rows.compared import Study, study_of
from harness.reporting.rows.labels import degradation_label, method_label, metric_label
from harness.reporting.rows.metric_rows import load
from harness.reporting.statistics.analyses import (
    INDICES,
    compared,
    gaps,
    last_weights,
    per_run,
    per_weights,
    read_values,
)
from harness.reporting.tables.formats import PlainTable, write_plain

CAPTIONS = {
    "saliency": "Channel saliency of three layers, sorted, as multiples of the layer's mean: flat curves are channels "
    "that matter alike. Mean over runs and degradations, a line of panels for each network.",
    "leave_one_out": "What PSNR loses without one channel of a layer, the others scaled by the kept share of the L1 "
    "mass. The channels of each run are sorted by their mean over images and degradations. Lines: mean over images and "
    "seeds; bands: the middle 80% of them. Below 0, the image is better without the channel.",
    "blocks": "By layer: how well features cluster by degradation (lower: they are not told apart), how similar those "
    "of degraded and of clean images are, and how unevenly saliency is spread over the channels. Bands: from the least "
    "to the greatest seed.",
    "picture": "t-SNE of the mean features at the input of the last convolution, a point per image and degradation, of "
    "the first seed of the first network. For the eye: distances between groups mean nothing.",
    "over_time": "The indices over training time, of the weights that each run keeps on its way and of the last. Mean "
    "over seeds; bands: from the least to the greatest seed.",
    "prediction": "Does an index predict generalization? Each point is a run; above: Spearman's rank correlation with "
    "the gap and its 95% bootstrap interval over the runs of one network. Runs of one method resemble each other, so "
    "an interval is narrower than it would be over methods.",
}
"""What each figure shows."""


def write_analysis(experiment: Experiment) -> list[Path]:
    """Write the table, its values and the figures below ``reports/<experiment>/analysis`` and return the paths.

    Raises:
        HarnessError: rows or the aggregated metrics are missing.
    """
    study, entry = study_of(experiment), Analyses(experiment).entry
    folder = layout.analysis_report(experiment.name)
    rows = load_analyses(experiment)
    metric = study.metrics[0]
    values = per_run(rows)
    others = tuple(name for name in entry.degradations if name != entry.reference)
    gap = gaps(load(layout.experiment_metrics(experiment.name)), entry.reference, others, entry.dataset, metric)
    label = metric_label(metric)
    table = index_table(values, gap, study, entry.reference)
    write_plain(table, f"{study.name}: what the networks have learned", folder, study.name)
    every = pd.concat([values, gap.assign(index="generalization_gap")], ignore_index=True)
    write_text(folder / "values.csv", every.to_csv(index=False, lineterminator="\n"))
    last = last_weights(rows)
    figures: dict[str, Callable[[], object]] = {
        "saliency": lambda: draw.saliency(last, study, folder),
        "leave_one_out": lambda: draw.left_out(last, study, folder),
        "blocks": lambda: draw.blocks(last, study, folder),
        "picture": lambda: draw.pictures(last, study, folder),
        "prediction": lambda: draw.prediction(values, gap, study, folder, f", {label.unit}" if label.unit else ""),
        "over_time": lambda: draw.over_time(per_weights(rows), study, folder),
    }
    for name in analysis_figures(experiment):
        figures[name]()
    return analysis_files(experiment)


def index_table(values: pd.DataFrame, gap: pd.DataFrame, study: Study, reference: str) -> PlainTable:
    """Return a row per network and method: the mean of each index, and the difference to the baseline.

    Controls come first; of them only the gap is known.
    """
    every = pd.concat([gap.assign(index="gap"), values], ignore_index=True)
    found = compared(every, study.baseline)
    names = [name for name in ("gap", *INDICES) if (found["index"] == name).any()]
    rows = []
    for network in study.networks:
        for method in (*study.references, *study.methods):
            named = found["network"].isin((network, "")) if method in study.references else found["network"] == network
            own = found[named & (found["variant"] == method)].set_index("index")
            if len(own):
                cells = [_cell(own.loc[name]) if name in own.index else "" for name in names]
                rows.append((network, method_label(method), *cells))
    label = metric_label(study.metrics[0])
    gap_title = f"generalization gap{f', {label.unit}' if label.unit else ''}"
    quality = "gain over bicubic" if "bicubic" in study.references else label.title
    header = ("network", "method", *(gap_title if name == "gap" else INDICES[name].title for name in names))
    caption = (
        "What the networks have learned. Mean over seeds, and in brackets the difference to the baseline of the same "
        "seed with its 95% interval (Student's t over seeds; none with one seed). No correction for the number of "
        f"indices: exploratory. Generalization gap: {quality} on {degradation_label(reference)} less that on the other "
        "degradations. docs/analysis.md explains each index and what it is said to mean."
    )
    return PlainTable("analysis", caption, header, tuple(rows), frozenset(range(2, len(header))))


def _cell(row: pd.Series) -> str:
    text = _number(row["mean"])
    if np.isfinite(row["difference"]):
        interval = f" [{row['low']:+.3g}, {row['high']:+.3g}]" if np.isfinite(row["low"]) else ""
        text += f" ({row['difference']:+.3g}{interval})"
    return text


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def stacked(text: str) -> str:
    """Return a table's HTML with each difference below its value, and its interval below that, as in the main table."""
    return re.sub(r" (\([^<()\[]*)( \[[^<()]*)?\)</td>", _below, text)


def _below(found: re.Match[str]) -> str:
    interval = f"<br>{found[2].strip()}" if found[2] else ""
    return f"<small>{found[1]}{interval})</small></td>"


def analysis_section(experiment: Experiment) -> Section | None:
    """Return the section of the report, None if there is no analysis yet."""
    folder = layout.analysis_report(experiment.name)
    if experiment.file.analysis is None or not all(path.is_file() for path in analysis_files(experiment)):
        return None
    study, entry = study_of(experiment), Analyses(experiment).entry
    gap = read_values(folder / "values.csv")
    own = gap["index"] == "generalization_gap"
    table = index_table(gap[~own], gap[own].drop(columns="index"), study, entry.reference)
    shown = (
        picture(folder / f"{name}.png", f"analysis-{name}", CAPTIONS[name], layout.report(experiment.name), name)
        for name in analysis_figures(experiment)
    )
    body = Markup('<div class="scroll">{}</div>').format(Markup(stacked(table.html())))
    pictures = tuple(one for one in shown if one is not None)
    return Section("analysis", "What the networks have learned", body, pictures)
