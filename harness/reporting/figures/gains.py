"""Gains over the baseline: points per degradation, and a heat map of data sets against degradations."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from harness.reporting.figures.style import BAD, PAGE, MethodStyle, drawable, legend_above, reach, save, say, styled
from harness.reporting.rows.compared import AVERAGE, Study
from harness.reporting.rows.labels import MetricLabel, explain_letters, method_label, metric_label, short_degradation

_TOGETHER = 10  # methods beside each other in a panel of bars


def widest_scope(rows: pd.DataFrame) -> str:
    """Return "average" if there is an average over data sets, else the one data set."""
    names = list(dict.fromkeys(rows["scope"]))
    return AVERAGE if AVERAGE in names else names[0]


def gain_points(summary: pd.DataFrame, study: Study, metric: str, folder: Path, name: str = "gains") -> list[Path]:
    """Draw the difference to the baseline per degradation with 95% intervals, one panel per network.

    A cell that has no difference is marked with a cross on the zero line. Many methods take several panels. The axis
    leaves out what lies far beyond all others, with a triangle and its number.
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
        bounds = limits(rows[rows["method"] != study.baseline], study.seedless)
        for axis, (network, methods) in zip(axes, panels, strict=True):
            _points(axis, rows[rows["network"] == network], methods, columns, look, label, bounds)
            if len(networks) > 1:
                axis.set_title(network, loc="left")
        axes[-1].set_xticks(range(len(columns)), [short_degradation(name) for name in columns])
        letters = explain_letters(columns)
        axes[-1].set_xlabel(f"degradation ({letters})" if letters else "degradation")
        shown = [name for name in study.all_methods if name != study.baseline]
        found = [pair for axis in axes for pair in zip(*axis.get_legend_handles_labels(), strict=True)]
        handles = {str(text): handle for handle, text in found}
        keep = [method_label(name) for name in shown if method_label(name) in handles]
        legend_above(figure, {key: handles[key] for key in keep}, 6)
        return save(figure, folder, name)


def limits(rows: pd.DataFrame, controls: Collection[str] = ()) -> tuple[float, float]:
    """Return the ends of an axis of differences: it holds 0 and all intervals but those that lie far beyond.

    Controls do not widen it, unless nothing else is there.
    """
    rows = rows[~rows["method"].isin(controls)] if not rows["method"].isin(controls).all() else rows
    ends = [(row["network"], row["method"], *interval_of(row)[:3]) for row in rows.to_dict("records")]
    spans = [(low, high) for _, _, value, low, high in ends if np.isfinite(value)]
    farthest: dict[tuple[str, str], float] = {}
    for network, method, value, low, high in ends:
        if np.isfinite(value):
            key = (network, method)
            farthest[key] = max(farthest.get(key, 0.0), abs(low), abs(high))
    most = reach(list(farthest.values()))
    low = min((max(low, -most) for low, _ in spans), default=0.0)
    high = max((min(high, most) for _, high in spans), default=0.0)
    pad = 0.08 * (max(high, 0.0) - min(low, 0.0) or 1.0)
    return min(low, 0.0) - pad, max(high, 0.0) + pad


def interval_of(row: dict[Hashable, Any]) -> tuple[float, float, float, bool]:
    """Return a difference, the ends of its interval, and whether it is of one trained seed.

    One seed has no interval, as if it were certain: what is known of the images says nothing about other seeds.
    """
    value, single = float(row["difference"]), row["seeds"] == 1
    if single or not np.isfinite(row["low"]):
        return value, value, value, bool(single)
    return value, float(row["low"]), float(row["high"]), False


def _points(
    axis: Axes,
    rows: pd.DataFrame,
    methods: list[str],
    columns: list[str],
    look: MethodStyle,
    label: MetricLabel,
    bounds: tuple[float, float],
) -> None:
    known = {(row["method"], row["column"]): row for row in rows.to_dict("records")}
    for place in range(0, len(columns), 2):
        axis.axvspan(place - 0.5, place + 0.5, color="#F5F6F8", linewidth=0, zorder=0)
    for place, method in enumerate(methods):
        color, marker = look.color(method), look.marker(method)
        axis.plot([], [], marker, color=color, label=method_label(method), markersize=4)
        for index, column in enumerate(columns):
            x = index + (place - (len(methods) - 1) / 2) * 0.84 / len(methods)
            row = known.get((method, column))
            if row is None or not np.isfinite(row["difference"]):
                axis.plot([x], [0], "x", color=BAD, markersize=4, markeredgewidth=1)
                continue
            value, low, high, _ = interval_of(row)
            low, high = np.clip((low, high), *bounds)
            axis.plot([x, x], [low, high], color=color, linewidth=0.8, alpha=0.75)
            if bounds[0] <= value <= bounds[1]:
                face = color if row["significant"] else "white"
                axis.plot([x], [value], marker, color=color, markerfacecolor=face, markersize=3.6)
                continue
            above = value > 0
            end = bounds[above]
            axis.plot([x], [end], "^" if above else "v", color=color, markersize=4.5, clip_on=False)
            text = label.difference(value)
            at: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "top" if above else "bottom"}
            at["path_effects"] = [withStroke(linewidth=2, foreground="white")]  # its own interval lies below it
            axis.annotate(text, (x, end), (0, -4 if above else 4), fontsize=5, rotation=90, color=color, **at)
    axis.axhline(0, color="#1c1e21", linewidth=0.7)
    axis.grid(axis="y")
    axis.tick_params(axis="x", length=0)
    axis.set_xlim(-0.5, len(columns) - 0.5)
    axis.set_ylim(*bounds)
    axis.set_ylabel(f"difference in {label.axis}")


def nothing_beside(study: Study) -> str:
    """Return what figures of differences say where there are none."""
    return f"{method_label(study.baseline)} is the only method: there is no difference to show"


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
    farthest = shown["difference"].abs().groupby([shown["network"], shown["method"]]).max()
    most = max(reach(list(farthest)) if farthest.notna().any() else 0.0, 5 * 10.0**-label.decimals)
    beyond = bool((farthest > most).any())
    across = 2 if len(panels) > 1 else 1
    down = -(-len(panels) // across)
    with styled(PAGE, max(2.2, 0.75 + down * (0.45 + 0.24 * len(scopes)))) as figure:
        if not panels:
            say(figure, nothing_beside(study))
            return save(figure, folder, name)
        axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        texts = [short_degradation(name) for name in columns]
        for axis in axes.flat[len(panels) :]:
            _headings(axis, texts)
        scale = colors.Normalize(-most, most)
        for place, (axis, (network, method)) in enumerate(zip(axes.flat, panels, strict=False)):
            cells = rows[(rows["network"] == network) & (rows["method"] == method)]
            table = cells.pivot(index="scope", columns="column", values="difference").reindex(scopes, columns=columns)
            planned = cells.pivot(index="scope", columns="column", values="state").reindex(scopes, columns=columns)
            values = table.to_numpy(np.float64) * (1 if label.higher_is_better else -1)
            image = axis.imshow(values, cmap="PuOr", norm=scale, aspect="auto")
            annotate(axis, table.to_numpy(np.float64), planned.notna().to_numpy(), image.to_rgba(values), label)
            title = method_label(method) if len(study.networks) == 1 else f"{network}: {method_label(method)}"
            axis.set_title(title, loc="left")
            axis.set_xticks(range(len(columns)), texts, rotation=45, ha="right")
            axis.tick_params(labelbottom=place // across == down - 1)
            axis.set_yticks(range(len(scopes)), [drawable(scope) for scope in scopes])
            axis.tick_params(length=0)
            axis.spines[:].set_visible(False)
        bar = figure.colorbar(
            image, ax=axes.ravel().tolist(), shrink=0.9, pad=0.01, aspect=25, extend="both" if beyond else "neither"
        )
        direction = "" if label.higher_is_better else "improvement: minus the "
        bar.set_label(f"{direction}difference to {study.baseline}" + (f" ({label.unit})" if label.unit else ""))
        bar.outline.set_visible(False)
        return save(figure, folder, name)


def _headings(axis: Axes, texts: list[str]) -> None:
    """Write in the free place of the last row what the columns above it are: no gap is needed for that."""
    axis.spines[:].set_visible(False)
    axis.xaxis.set_visible(False)
    axis.yaxis.set_visible(False)
    for place, text in enumerate(texts):
        where: dict[str, Any] = {
            "transform": axis.get_xaxis_transform(),
            "rotation": 45,
            "ha": "right",
            "va": "top",
            "fontsize": 7,
        }
        axis.text(place + 0.3, 1.0, text, **where).set_in_layout(False)


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
