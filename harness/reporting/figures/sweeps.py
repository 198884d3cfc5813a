"""Quality against the strength of one degradation: curves, and their differences to the baseline with bands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.degradations.sweeps import SWEEPS
from harness.reporting.figures.data import write_data
from harness.reporting.figures.style import COLUMN, PAGE, MethodStyle, legend_above, save, say, styled
from harness.reporting.rows.compared import Study
from harness.reporting.rows.labels import method_label, metric_label

CAPTION = (
    "Quality against the strength of one degradation. Top: the mean; bands: one standard deviation over seeds. Bottom: "
    "paired difference to the baseline, on one scale; bands: its 95% interval over seeds and images, each strength by "
    "itself. Filled: the interval leaves out zero; hollow: not shown to differ. Gray: what was not trained."
)


def sweep_curves(rows: pd.DataFrame, study: Study, folder: Path) -> list[Path]:
    """Draw ``sweep_<network>``, a column of two panels for each sweep, write its numbers, and return the files.

    Args:
        rows: of :func:`harness.reporting.statistics.sweeps.sweep_summary`.
        study: the comparison.
        folder: where to write.
    """
    paths: list[Path] = []
    for network in study.networks:
        own = rows[rows["network"] == network]
        names = [name for name in SWEEPS if (own["sweep"] == name).any()]
        paths += _of_network(own, names, study, folder, network) if names else _nothing(folder, network)
        paths += write_data({f"sweep_{network}": own}, folder)
    return paths


def _nothing(folder: Path, network: str) -> list[Path]:
    with styled(COLUMN, 1.5) as figure:
        say(figure, "Nothing was measured at any strength.")
        return save(figure, folder, f"sweep_{network}")


def _of_network(rows: pd.DataFrame, names: list[str], study: Study, folder: Path, network: str) -> list[Path]:
    label = metric_label(study.metrics[0])
    look = MethodStyle(study.all_methods, study.seedless, study.baseline)
    with styled(min(PAGE, max(COLUMN, 2.4 * len(names) + 0.6)), 4.4) as figure:
        axes = figure.subplots(2, len(names), squeeze=False, sharex="col")
        for axis in axes[1, 1:]:
            axis.sharey(axes[1, 0])
        for place, name in enumerate(names):
            steps = [step.shown for step in SWEEPS[name].steps]
            own = rows[rows["sweep"] == name]
            methods = study.methods_of(network)
            for number, method in enumerate(methods):
                aside = 0.0 if SWEEPS[name].ordered else (number - (len(methods) - 1) / 2) * 0.5 / len(methods)
                line = own[own["method"] == method].set_index("strength").reindex(steps)
                _draw(axes[0, place], line["mean"], line["seed_std"], line["seed_std"], name, method, look, aside)
                if method not in study.seedless and method != study.baseline:
                    down, up = line["difference"] - line["low"], line["high"] - line["difference"]
                    _draw(axes[1, place], line["difference"], down, up, name, method, look, aside)
                    hollow = ~((line["low"] > 0) | (line["high"] < 0)).to_numpy()
                    where = np.arange(len(steps))[hollow] + aside
                    marks = {"color": look.color(method), "marker": look.marker(method), "markersize": 3}
                    axes[1, place].plot(
                        where, line["difference"][hollow], **marks, linestyle="none", mfc="white", zorder=4
                    )
            axes[1, place].axhline(0, color=look.color(study.baseline), linewidth=0.8)
            axes[1, place].set_xlabel(SWEEPS[name].axis.replace(": ", ":\n"))
            axes[1, place].set_xticks(np.arange(len(steps)), steps, rotation=0 if SWEEPS[name].ordered else 30)
            for axis in axes[:, place]:
                axis.grid()
                axis.ticklabel_format(axis="y", useOffset=False)
        axes[0, 0].set_ylabel(label.axis)
        axes[1, 0].set_ylabel(f"difference to {study.baseline}{f', {label.unit}' if label.unit else ''}")
        handles, texts = axes[0, 0].get_legend_handles_labels()
        legend_above(figure, dict(zip(texts, handles, strict=True)), 4)
        return save(figure, folder, f"sweep_{network}")


def _draw(
    axis: Axes,
    middle: pd.Series,
    down: pd.Series,
    up: pd.Series,
    sweep: str,
    method: str,
    look: MethodStyle,
    aside: float,
) -> None:
    """Draw a curve with a band, or marks with bars where strengths have no order; steps stand at equal distances."""
    places, values = np.arange(len(middle)) + aside, middle.to_numpy(np.float64)
    below, above = down.fillna(0).to_numpy(np.float64), up.fillna(0).to_numpy(np.float64)
    color, marker, label = look.color(method), look.marker(method), method_label(method)
    if not SWEEPS[sweep].ordered:
        axis.errorbar(places, values, [below, above], fmt=marker, color=color, markersize=3, capsize=2, label=label)
        return
    axis.plot(
        places,
        values,
        color=color,
        linestyle=look.dash(method),
        marker=marker,
        markersize=3,
        label=label,
    )
    axis.fill_between(places, values - below, values + above, color=color, alpha=0.18, linewidth=0)
