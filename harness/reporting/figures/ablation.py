"""The figure of an ablation study: the effect of each level with its interval, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colors
from matplotlib.axes import Axes

from harness.reporting.figures.gains import annotate, widest_scope
from harness.reporting.figures.style import (
    BASELINE_COLOR,
    COLUMN,
    MARKERS,
    PAGE,
    PALETTE,
    drawable,
    legend_above,
    save,
    styled,
)
from harness.reporting.rows.compared import AVERAGE, Study
from harness.reporting.rows.labels import MetricLabel, metric_label, short_degradation

_BAD = "#a4262c"
_LETTER = 0.062  # inches of a letter of a level's name
_MARGIN = 0.9  # inches of the width that are left of the axes


@dataclass(frozen=True)
class Factor:
    """What the levels are levels of.

    Attributes:
        name: for the axis.
        axis: where levels stand: side by side, or at their numbers.
        values: the number of each level, None if it has none.
    """

    name: str
    axis: Literal["levels", "linear", "log"]
    values: dict[str, float | None]


def factor_figure(
    summary: pd.DataFrame, study: Study, factor: Factor, metric: str, folder: Path, name: str = "figure"
) -> list[Path]:
    """Draw a study: per network the differences to the control, and below them a map of what they are made of.

    Above: each level's difference, averaged over degradations and data sets, with its 95% interval; filled markers are
    significant in their table; small markers are single data sets. Below: the difference on each degradation
    (average over data sets) and on each data set (average over degradations). Red crosses failed or are missing.
    """
    label = metric_label(metric)
    rows = summary[summary["metric"] == metric]
    levels = {n: [m for m in study.methods_of(n) if m != study.baseline] for n in study.networks}
    most = max(len(names) for names in levels.values())
    lines = _lines(rows, study)
    width = float(np.clip(1.5 + 0.42 * most, COLUMN, PAGE))
    above, below = 1.7, 0.17 * len(lines)
    room = (width - _MARGIN) / most / _LETTER
    turned = any(len(level) + 1 > room for names in levels.values() for level in names)
    height = len(levels) * (above + below + (1.1 if turned else 0.7))
    with styled(width, height) as figure:
        ratios = [above, below] * len(levels)
        axes = figure.subplots(len(ratios), 1, squeeze=False, gridspec_kw={"height_ratios": ratios})[:, 0]
        for place, (network, names) in enumerate(levels.items()):
            own = rows[rows["network"] == network]
            top, bottom = axes[2 * place : 2 * place + 2]
            _effects(top, own, names, study, factor, label)
            _map(bottom, own, names, lines, label)
            _name_levels(bottom, names, turned)
            if factor.axis == "levels":
                top.set_xlim(bottom.get_xlim())
                top.set_xticks(range(len(names)), [])
            if len(levels) > 1:
                top.set_title(network, loc="left")
        axes[-1].set_xlabel(drawable(factor.name))
        handles, texts = axes[0].get_legend_handles_labels()
        legend_above(figure, dict(zip(texts, handles, strict=True)), max(2, int(width / 1.4)))
        return save(figure, folder, name)


def _lines(rows: pd.DataFrame, study: Study) -> list[tuple[str, str, str]]:
    """Return what the map shows: (scope, column, text) of each degradation and, if there are several, each data set."""
    scope = widest_scope(rows)
    wide = rows[rows["scope"] == scope]
    columns = [name for name in (*study.degradations, AVERAGE) if (wide["column"] == name).any()]
    lines = [(scope, column, short_degradation(column)) for column in columns]
    if scope == AVERAGE:
        last = rows.groupby("scope", sort=False)["column"].last()
        lines += [(name, str(last[name]), name) for name in study.datasets if name in last.index]
    return lines


def _effects(
    axis: Axes, rows: pd.DataFrame, names: list[str], study: Study, factor: Factor, label: MetricLabel
) -> None:
    """Draw the differences of all levels, over everything and on each data set."""
    scope = widest_scope(rows)
    numeric = factor.axis != "levels"
    at = np.array([_number(factor.values[name]) for name in names] if numeric else range(len(names)), np.float64)
    axis.axhline(0, color="#1c1e21", linewidth=0.7)
    if scope == AVERAGE:
        datasets = [name for name in study.datasets if (rows["scope"] == name).any()]
        for place, dataset in enumerate(datasets):
            cells = _last(rows, dataset, names)
            beside = 0.0 if numeric else 0.12 + 0.3 * place / len(datasets)
            look: dict[str, Any] = {"color": PALETTE[(place + 1) % len(PALETTE)], "markersize": 2.6, "linewidth": 0.5}
            marker = MARKERS[(place + 1) % len(MARKERS)]
            look |= {"linestyle": ":" if numeric else "", "label": drawable(dataset)}
            axis.plot(at + beside, cells["difference"], marker, **look)
    cells = _last(rows, scope, names)
    value = cells["difference"].to_numpy(np.float64)
    error = np.abs(np.stack([value - cells["low"], cells["high"] - value]).astype(np.float64))
    color = PALETTE[0]
    if numeric:
        axis.plot(at, value, color=color, linewidth=0.8)
    known = np.isfinite(error).all(0)
    axis.errorbar(at[known], value[known], error[:, known], fmt="none", ecolor=color, elinewidth=1.1, capsize=2)
    for chosen, face, meaning in (
        (cells["significant"].to_numpy(bool), color, "significant"),
        (~cells["significant"].to_numpy(bool), "white", "not significant"),
    ):
        show = chosen & np.isfinite(value)
        text = f"average, {meaning}"
        axis.plot(at[show], value[show], "o", color=color, markerfacecolor=face, markersize=4.4, label=text, zorder=4)
    absent = ~np.isfinite(value)
    if absent.any():
        axis.plot(
            at[absent], np.zeros(absent.sum()), "x", color=_BAD, markersize=5, label="failed or missing", zorder=5
        )
    control = factor.values.get(study.baseline)
    if numeric and control is not None:
        axis.plot([control], [0], "s", color=BASELINE_COLOR, markersize=4, zorder=3, label="control")
    if numeric:
        places = [value for value in [*at, control] if value is not None]
        axis.set_xscale(factor.axis)
        axis.set_xticks(places, [f"{value:g}" for value in places])
        axis.minorticks_off()
    axis.grid(axis="y")
    axis.margins(x=0.05, y=0.12)
    unit = f", {label.unit}" if label.unit else ""
    axis.set_ylabel(f"{label.title}{unit}:\ndifference to\n{drawable(study.baseline)}")


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _last(rows: pd.DataFrame, scope: str, names: list[str]) -> pd.DataFrame:
    """Return the widest column of a scope, one row per level."""
    inside = rows[rows["scope"] == scope]
    last = inside[inside["column"] == inside["column"].iloc[-1]].set_index("method")
    return last.reindex(names).astype({"significant": object}).fillna({"significant": False})


def _map(
    axis: Axes, rows: pd.DataFrame, names: list[str], lines: list[tuple[str, str, str]], label: MetricLabel
) -> None:
    """Draw the differences on every degradation and data set as a map of colours with numbers."""
    cells = rows.set_index(["scope", "column", "method"])["difference"].to_dict()
    table: npt.NDArray[np.float64] = np.array(
        [[cells.get((scope, column, name), np.nan) for name in names] for scope, column, _ in lines], np.float64
    )
    shown = table if label.higher_is_better else -table
    reach = float(np.nanmax(np.abs(shown), initial=5 * 10.0**-label.decimals))
    image = axis.imshow(shown, cmap="PuOr", norm=colors.Normalize(-reach, reach), aspect="auto")
    annotate(axis, table, np.ones(table.shape, bool), image.to_rgba(shown), label)
    for place in range(len(lines) - 1):
        if AVERAGE in (lines[place][2], lines[place + 1][2]):
            axis.axhline(place + 0.5, color="white", linewidth=1.5)
    axis.set_yticks(range(len(lines)), [drawable(text) for _, _, text in lines])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def _name_levels(axis: Axes, names: list[str], turned: bool) -> None:
    names = [drawable(name) for name in names]
    if turned:
        axis.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    else:
        axis.set_xticks(range(len(names)), names)
