"""Gains over the baseline: grouped bars per degradation, and a heat map of data sets against degradations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colors
from matplotlib.axes import Axes

from harness.reporting.figures.style import BAD, PAGE, MethodStyle, drawable, legend_above, save, say, styled
from harness.reporting.rows.compared import AVERAGE, Study
from harness.reporting.rows.labels import MetricLabel, explain_letters, method_label, metric_label, short_degradation

_TOGETHER = 10  # methods beside each other in a panel of bars


def widest_scope(rows: pd.DataFrame) -> str:
    """Return "average" if there is an average over data sets, else the one data set."""
    names = list(dict.fromkeys(rows["scope"]))
    return AVERAGE if AVERAGE in names else names[0]


def gain_bars(summary: pd.DataFrame, study: Study, metric: str, folder: Path, name: str = "gains") -> list[Path]:
    """Draw the difference to the baseline per degradation with 95% intervals, one panel per network.

    A cell that has no difference is marked with a cross on the zero line. Many methods take several panels.
    """
    label = metric_label(metric)
    rows = summary[summary["metric"] == metric]
    rows = rows[rows["scope"] == widest_scope(rows)]
    columns = [name for name in (*study.degradations, AVERAGE) if (rows["column"] == name).any()]
    look = MethodStyle(study.all_methods, study.seedless, study.baseline)
    networks = study.networks
    panels = [
        (network, methods[start : start + _TOGETHER])
        for network in networks
        if (methods := [name for name in study.methods_of(network) if name != study.baseline])
        for start in range(0, len(methods), _TOGETHER)
    ]
    with styled(PAGE, 0.5 + 2.0 * max(len(panels), 1)) as figure:
        if not panels:
            say(figure, nothing_beside(study))
            return save(figure, folder, name)
        axes = figure.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for axis, (network, methods) in zip(axes, panels, strict=True):
            _bars(axis, rows[rows["network"] == network], methods, columns, look, label)
            if len(networks) > 1:
                axis.set_title(network, loc="left")
        axes[-1].set_xticks(range(len(columns)), [short_degradation(name) for name in columns])
        letters = explain_letters(columns)
        axes[-1].set_xlabel(f"degradation ({letters})" if letters else "degradation")
        shown = [name for name in study.all_methods if name != study.baseline]
        handles = {handle.get_label(): handle for axis in axes for handle in axis.containers if handle.get_label()}
        keep = [method_label(name) for name in shown if method_label(name) in handles]
        legend_above(figure, {key: handles[key] for key in keep}, 6)
        return save(figure, folder, name)


def nothing_beside(study: Study) -> str:
    """Return what figures of differences say where there are none."""
    return f"{method_label(study.baseline)} is the only method: there is no difference to show"


def _bars(
    axis: Axes, rows: pd.DataFrame, methods: list[str], columns: list[str], look: MethodStyle, label: MetricLabel
) -> None:
    width = 0.84 / max(len(methods), 1)
    for place, method in enumerate(methods):
        cells = rows[rows["method"] == method].set_index("column").reindex(columns)
        x = np.arange(len(columns)) + (place - (len(methods) - 1) / 2) * width
        height = cells["difference"].to_numpy(np.float64)
        error = np.abs(np.stack([height - cells["low"], cells["high"] - height]).astype(np.float64))
        known = np.isfinite(height)
        style: dict[str, Any] = {"color": look.color(method), "hatch": look.hatch(method), "edgecolor": "white"}
        axis.bar(x, np.where(known, height, 0), width * 0.94, label=method_label(method), **style)
        bars = known & np.isfinite(error).all(0)
        axis.errorbar(x[bars], height[bars], error[:, bars], fmt="none", ecolor="#1c1e21", elinewidth=0.7, capsize=1.5)
        if not known.all():
            axis.plot(x[~known], np.zeros((~known).sum()), "x", color=BAD, markersize=4, markeredgewidth=1)
    axis.axhline(0, color="#1c1e21", linewidth=0.7)
    axis.grid(axis="y")
    axis.tick_params(axis="x", length=0)
    axis.margins(x=0.01)
    axis.set_ylabel(f"difference in {label.axis}")


def gain_heatmap(summary: pd.DataFrame, study: Study, metric: str, folder: Path, name: str = "heatmap") -> list[Path]:
    """Draw the difference to the baseline of each method as a map of data sets (down) and degradations (across).

    Colours: orange is worse than the baseline, purple better, white equal; crossed cells failed or are missing.
    """
    label = metric_label(metric)
    rows = summary[(summary["metric"] == metric) & (summary["method"] != study.baseline)]
    scopes = [name for name in (*study.datasets, AVERAGE) if (rows["scope"] == name).any()]
    columns = [name for name in (*study.degradations, AVERAGE) if (rows["column"] == name).any()]
    panels = [(n, m) for n in study.networks for m in study.methods_of(n) if m not in (study.baseline, *study.seedless)]
    panels = panels or [(n, m) for n in study.networks for m in study.methods_of(n) if m != study.baseline]
    shown = rows[rows["method"].isin([method for _, method in panels])]
    reach = float(np.nanmax(np.abs(shown["difference"].to_numpy(np.float64)), initial=5 * 10.0**-label.decimals))
    across = 2 if len(panels) > 1 else 1
    down = -(-len(panels) // across)
    with styled(PAGE, max(2.2, 0.75 + down * (0.45 + 0.24 * len(scopes)))) as figure:
        if not panels:
            say(figure, nothing_beside(study))
            return save(figure, folder, name)
        axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        for axis in axes.flat[len(panels) :]:
            axis.set_visible(False)
        scale = colors.Normalize(-reach, reach)
        for place, (axis, (network, method)) in enumerate(zip(axes.flat, panels, strict=False)):
            cells = rows[(rows["network"] == network) & (rows["method"] == method)]
            table = cells.pivot(index="scope", columns="column", values="difference").reindex(scopes, columns=columns)
            planned = cells.pivot(index="scope", columns="column", values="state").reindex(scopes, columns=columns)
            values = table.to_numpy(np.float64) * (1 if label.higher_is_better else -1)
            image = axis.imshow(values, cmap="PuOr", norm=scale, aspect="auto")
            annotate(axis, table.to_numpy(np.float64), planned.notna().to_numpy(), image.to_rgba(values), label)
            title = method_label(method) if len(study.networks) == 1 else f"{network}: {method_label(method)}"
            axis.set_title(title, loc="left")
            axis.set_xticks(range(len(columns)), [short_degradation(name) for name in columns], rotation=45, ha="right")
            axis.tick_params(labelbottom=place + across >= len(panels))
            axis.set_yticks(range(len(scopes)), [drawable(scope) for scope in scopes])
            axis.tick_params(length=0)
            axis.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes.ravel().tolist(), shrink=0.9, pad=0.01, aspect=25)
        direction = "" if label.higher_is_better else "improvement: minus the "
        bar.set_label(f"{direction}difference to {study.baseline}" + (f" ({label.unit})" if label.unit else ""))
        bar.outline.set_visible(False)
        return save(figure, folder, name)


def annotate(
    axis: Axes,
    values: npt.NDArray[np.float64],
    planned: npt.NDArray[np.bool_],
    shades: npt.NDArray[np.float64],
    label: MetricLabel,
) -> None:
    """Write each cell's value in the ink that its shade (RGBA) leaves readable; cross those that have none."""
    luminance = shades[..., :3] @ np.array([0.2126, 0.7152, 0.0722])
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            ink = "white" if luminance[row, column] < 0.45 else "#1c1e21"
            axis.text(column, row, label.difference(float(value)), ha="center", va="center", fontsize=5.2, color=ink)
        elif planned[row, column]:
            axis.text(column, row, "×", ha="center", va="center", fontsize=8, color=BAD)
