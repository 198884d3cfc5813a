"""Forest plot of paired differences, and the stability of the ranking."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.reporting.figures.gains import nothing_beside
from harness.reporting.figures.style import BAD, COLUMN, PAGE, MethodStyle, drawable, legend_above, save, say, styled
from harness.reporting.rows.compared import AVERAGE, REAL, Study
from harness.reporting.rows.labels import method_label, metric_label, short_degradation


def forest(summary: pd.DataFrame, study: Study, metric: str, folder: Path, name: str = "forest") -> list[Path]:
    """Draw each trained method's difference to the baseline with its 95% interval: a row per data set and the average.

    Filled markers are significant in their table. The differences are those of the average over degradations,
    or of the one degradation there is.
    """
    label = metric_label(metric)
    rows = summary[summary["metric"] == metric]
    last = (
        rows.drop_duplicates(["network", "scope", "column"]).groupby(["network", "scope"], sort=False)["column"].last()
    )
    methods = [m for m in study.methods if m != study.baseline] or list(study.seedless)
    scopes = [s for s in (*study.datasets, AVERAGE) if (rows["scope"] == s).any()]
    look = MethodStyle(study.all_methods, study.seedless, study.baseline)
    step = 0.8 / max(len(methods), 1)
    height = 0.8 + len(study.networks) * (0.25 + len(scopes) * max(0.3, 0.13 * len(methods)))
    with styled(PAGE * 0.75, height) as figure:
        if not methods:
            say(figure, nothing_beside(study))
            return save(figure, folder, name)
        axes = figure.subplots(len(study.networks), 1, sharex=True, squeeze=False)[:, 0]
        for axis, network in zip(axes, study.networks, strict=True):
            for place, method in enumerate(methods):
                for row, scope in enumerate(scopes):
                    y = row + (place - (len(methods) - 1) / 2) * step
                    cell = rows[
                        (rows["network"] == network)
                        & (rows["scope"] == scope)
                        & (rows["method"] == method)
                        & (rows["column"] == last.get((network, scope)))
                    ]
                    _whisker(axis, cell, y, method, look, first=row == 0)
            axis.axvline(0, color="#1c1e21", linewidth=0.7)
            axis.set_yticks(range(len(scopes)), [drawable(scope) for scope in scopes])
            axis.set_ylim(len(scopes) - 0.5, -0.5)
            axis.tick_params(axis="y", length=0)
            axis.grid(axis="x")
            if len(study.networks) > 1:
                axis.set_title(network, loc="left")
        unit = f" ({label.unit})" if label.unit else ""
        column = str(last.iloc[-1]) if len(last) else AVERAGE
        where = "average over degradations" if column == AVERAGE else short_degradation(column)
        axes[-1].set_xlabel(f"{label.title}: difference to {study.baseline}{unit}, {where}; filled: significant")
        handles, names = axes[0].get_legend_handles_labels()
        legend_above(figure, dict(zip(names, handles, strict=True)), 5)
        return save(figure, folder, name)


def _whisker(axis: Axes, cell: pd.DataFrame, y: float, method: str, look: MethodStyle, *, first: bool) -> None:
    color, marker = look.color(method), look.marker(method)
    if first:
        axis.plot([], [], marker, color=color, linestyle="-", linewidth=1.1, label=method_label(method), markersize=4.2)
    if cell.empty or not np.isfinite(cell["difference"].iloc[0]):
        axis.plot([0], [y], "x", color=BAD, markersize=4)
        return
    value, low, high = (float(cell[key].iloc[0]) for key in ("difference", "low", "high"))
    if np.isfinite(low):
        axis.plot([low, high], [y, y], color=color, linewidth=1.1, solid_capstyle="butt")
    face = color if bool(cell["significant"].iloc[0]) else "white"
    axis.plot([value], [y], marker, color=color, markerfacecolor=face, markersize=4.2)


def rank_bars(ranks: pd.DataFrame, study: Study, metric: str, folder: Path, name: str = "ranks") -> list[Path]:
    """Draw how often each method takes each rank when seeds and images are drawn anew, one panel per network."""
    rows = ranks[ranks["metric"] == metric] if len(ranks) else ranks
    networks = study.networks
    most = max(len(study.methods_of(network)) for network in networks)
    sets = [item for item in study.sets if metric in item.metrics and item.degradation != REAL]
    datasets = list(dict.fromkeys(item.dataset for item in sets)) or [REAL]
    scope = AVERAGE if len(datasets) > 1 else datasets[0]
    across = min(len(networks), 2)
    deep = -(-len(networks) // across)
    below = 0.15 * (scope != AVERAGE)  # the second line of the label
    with styled(COLUMN * across, 0.75 + (0.24 * most + below) * deep) as figure:
        axes = figure.subplots(deep, across, squeeze=False)
        for axis in axes.flat[len(networks) :]:
            axis.set_visible(False)
        shades = [str(value) for value in np.linspace(0.15, 0.92, most)]
        for axis, network in zip(axes.flat, networks, strict=False):
            cells = rows[rows["network"] == network] if len(rows) else rows
            methods = study.methods_of(network)
            if len(cells):
                cells = cells[cells["scope"] == scope].set_index("method").reindex(list(methods))
            left = np.zeros(len(methods))
            for rank in range(most):
                key = f"rank_{rank + 1}"
                share = np.nan_to_num(cells[key].to_numpy(np.float64)) if key in cells else np.zeros(len(methods))
                label = str(rank + 1)
                axis.barh(range(len(methods)), share, left=left, color=shades[rank], edgecolor="white", label=label)
                left += share
            for place in np.flatnonzero(left == 0):
                reason = "no complete values" if len(methods) > 1 else "the only method: nothing to rank"
                axis.text(0.02, place, reason, va="center", color=BAD, fontsize=6.5)
            axis.set_yticks(range(len(methods)), [method_label(method) for method in methods])
            axis.set_ylim(len(methods) - 0.5, -0.5)
            axis.set_xlim(0, 1)
            axis.set_xlabel("share of bootstrap draws" + ("" if scope == AVERAGE else f",\n{drawable(scope)}"))
            axis.tick_params(axis="y", length=0)
            if len(networks) > 1:
                axis.set_title(network, loc="left")
        handles, names = axes.flat[0].get_legend_handles_labels()
        legend_above(figure, dict(zip(names, handles, strict=True)), 9, title="rank", handlelength=1)
        return save(figure, folder, name)
