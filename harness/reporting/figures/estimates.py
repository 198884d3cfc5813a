"""Forest plot of paired differences, and the stability of the ranking."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from harness.reporting.figures.gains import interval_of, limits, nothing_beside
from harness.reporting.figures.style import BAD, COLUMN, PAGE, MethodStyle, drawable, legend_above, save, say, styled
from harness.reporting.rows.compared import AVERAGE, REAL, Study
from harness.reporting.rows.labels import MetricLabel, method_label, metric_label, short_degradation

_MOST_ROWS = 40
"""Rows of a panel beyond which single data sets are left out: the heat map has them."""


def forest(summary: pd.DataFrame, study: Study, metric: str, folder: Path, name: str = "forest") -> list[Path]:
    """Draw each method's difference to the baseline with its 95% interval and its numbers: a row per method.

    References are rows like the others: the control. Below the average over data sets come single ones, if there are
    few rows. Filled markers are significant in their table. The differences are those of the average over degradations,
    or of the one degradation there is.
    """
    label = metric_label(metric)
    rows = summary[(summary["metric"] == metric) & (summary["scope"] != REAL)]
    last = (
        rows.drop_duplicates(["network", "scope", "column"]).groupby(["network", "scope"], sort=False)["column"].last()
    )
    methods = {n: [m for m in study.methods_of(n) if m != study.baseline] for n in study.networks}
    scopes = [s for s in (AVERAGE, *study.datasets) if (rows["scope"] == s).any()]
    most = max(len(names) for names in methods.values())
    scopes = scopes if len(scopes) * most <= _MOST_ROWS else scopes[:1]
    lines = [len(names) * len(scopes) + len(scopes) * (len(scopes) > 1) for names in methods.values()]
    with styled(PAGE * 0.75, 0.7 + 0.19 * sum(lines) + 0.25 * len(lines)) as figure:
        if not most or not scopes:
            say(figure, nothing_beside(study) if not most else "No values yet.")
            return save(figure, folder, name)
        panels = figure.subplots(
            len(methods), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": [max(n, 1) for n in lines]}
        )
        look = MethodStyle(study.all_methods, study.seedless, study.baseline)
        known = {(r["network"], r["scope"], r["method"], r["column"]): r for r in rows.to_dict("records")}
        shown = [row for key, row in known.items() if key[3] == last.get(key[:2]) and key[1] in scopes]
        bounds = limits(pd.DataFrame(shown)[lambda frame: frame["method"] != study.baseline], study.seedless)
        for axis, network in zip(panels[:, 0], study.networks, strict=True):
            cells = {
                (s, m): known.get((network, s, m, last.get((network, s)))) for s in scopes for m in methods[network]
            }
            _rows(axis, cells, look, label, bounds)
            if len(study.networks) > 1:
                axis.set_title(network, loc="left")
        unit = f" ({label.unit})" if label.unit else ""
        column = str(last.iloc[-1]) if len(last) else AVERAGE
        where = "average over degradations" if column == AVERAGE else short_degradation(column)
        text = f"{label.title}: difference to {method_label(study.baseline)}{unit}, {where}"
        panels[-1, 0].set_xlabel(f"{text}\nfilled: significant; hollow: not shown to differ")
        return save(figure, folder, name)


def _rows(
    axis: Axes,
    cells: Mapping[tuple[str, str], dict[Hashable, Any] | None],
    look: MethodStyle,
    label: MetricLabel,
    bounds: tuple[float, float],
) -> None:
    scopes = list(dict.fromkeys(scope for scope, _ in cells))
    ticks, y = [], 0
    for scope in scopes:
        if len(scopes) > 1:
            heading = "average over data sets" if scope == AVERAGE else drawable(scope)
            axis.text(-0.02, y, heading, transform=axis.get_yaxis_transform(), ha="right", va="center", style="italic")
            y += 1
        for method in (method for own, method in cells if own == scope):
            text = _whisker(axis, cells[(scope, method)], y, method, look, label, bounds)
            axis.text(1.02, y, text, transform=axis.get_yaxis_transform(), va="center", fontsize=6.5)
            ticks.append((y, method_label(method)))
            y += 1
    axis.axvline(0, color="#1c1e21", linewidth=0.7)
    axis.set_yticks([place for place, _ in ticks], [text for _, text in ticks])
    axis.set_ylim(y - 0.4, -0.6)
    axis.set_xlim(*bounds)
    axis.xaxis.set_major_locator(MaxNLocator(5))  # of small differences the numbers are long
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x")


def _whisker(
    axis: Axes,
    cell: dict[Hashable, Any] | None,
    y: int,
    method: str,
    look: MethodStyle,
    label: MetricLabel,
    bounds: tuple[float, float],
) -> str:
    """Draw one row and return its numbers."""
    if cell is None or not np.isfinite(cell["difference"]):
        axis.plot([0], [y], "x", color=BAD, markersize=4)
        return "missing" if cell is None else "infinite" if np.isinf(cell["mean"]) else str(cell["state"])
    value, low, high, single = interval_of(cell)
    color, marker = look.color(method), look.marker(method)
    if high > low:
        axis.plot(np.clip((low, high), *bounds), [y, y], color=color, linewidth=1.1, solid_capstyle="butt")
    for end, side, sign in ((bounds[0], "<", -1), (bounds[1], ">", 1)):
        if max(sign * low, sign * high) > sign * end:
            axis.plot([end], [y], side, color=color, markersize=4.5, clip_on=False)
    if bounds[0] <= value <= bounds[1]:
        face = color if cell["significant"] else "white"
        axis.plot([value], [y], marker, color=color, markerfacecolor=face, markersize=4.2)
    star = "*" if cell["significant"] else ""
    interval = f" [{label.difference(low)}, {label.difference(high)}]" if high > low else ""
    return f"{label.difference(value)}{star}{interval}" + (" one seed" if single else "")


def rank_bars(
    ranks: pd.DataFrame,
    study: Study,
    metric: str,
    folder: Path,
    name: str = "ranks",
    *,
    summary: pd.DataFrame | None = None,
) -> list[Path]:
    """Draw how often each method takes each rank when seeds and images are drawn anew, one panel per network.

    Each share has its rank written in; ``summary`` tells which methods are not shown to differ from the baseline.
    """
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
        shades = [str(value) for value in np.linspace(0.1, 0.95, most)]
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
                ink = "white" if float(shades[rank]) < 0.55 else "#1c1e21"
                for place in np.flatnonzero(share > 0.07):
                    middle = left[place] + share[place] / 2
                    axis.text(middle, place, label, ha="center", va="center", fontsize=6, color=ink)
                left += share
            for place in np.flatnonzero(left == 0):
                reason = "no complete values" if len(methods) > 1 else "the only method: nothing to rank"
                axis.text(0.02, place, reason, va="center", color=BAD, fontsize=6.5)
            open_ = _not_shown_to_differ(summary, study, network, metric, scope)
            names = [method_label(method) + " \u2248" * (method in open_) for method in methods]
            axis.set_yticks(range(len(methods)), names)
            axis.set_ylim(len(methods) - 0.5, -0.5)
            axis.set_xlim(0, 1)
            axis.set_xlabel("share of bootstrap draws" + ("" if scope == AVERAGE else f",\n{drawable(scope)}"))
            axis.tick_params(axis="y", length=0)
            if len(networks) > 1:
                axis.set_title(network, loc="left")
        handles, names = axes.flat[0].get_legend_handles_labels()
        legend_above(figure, dict(zip(names, handles, strict=True)), 9, title="rank", handlelength=1)
        return save(figure, folder, name)


def _not_shown_to_differ(
    summary: pd.DataFrame | None, study: Study, network: str, metric: str, scope: str
) -> frozenset[str]:
    """Return the trained methods whose difference to the baseline is not significant in the widest column."""
    if summary is None or summary.empty:
        return frozenset()
    rows = summary[(summary["metric"] == metric) & (summary["network"] == network) & (summary["scope"] == scope)]
    rows = rows[rows["column"] == rows["column"].iloc[-1]] if len(rows) else rows
    own = rows[rows["method"].isin(set(study.methods) - {study.baseline}) & ~rows["significant"].astype(bool)]
    return frozenset(own["method"])
