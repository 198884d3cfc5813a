"""Quality against the cost of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.reporting.figures.gains import widest_scope
from harness.reporting.figures.style import BAD, COLUMN, MethodStyle, legend_above, save, styled
from harness.reporting.rows.compared import Study
from harness.reporting.rows.labels import MetricLabel, method_label, metric_label
from harness.reporting.statistics.summary import COMPARED


def quality_against_cost(
    summary: pd.DataFrame, costs: pd.DataFrame, study: Study, metric: str, folder: Path, name: str = "cost"
) -> list[Path]:
    """Draw each method's mean quality against its training time relative to the baseline's, one panel per network.

    ``costs`` has the columns network, method and relative (see :func:`harness.reporting.statistics.costs.costs`).
    """
    label = metric_label(metric)
    rows = summary[summary["metric"] == metric]
    rows = rows[rows["scope"] == widest_scope(rows)]
    look = MethodStyle(study.all_methods, study.seedless, study.baseline)
    networks = study.networks
    with styled(COLUMN * min(len(networks), 2) + 0.6, 2.7 * -(-len(networks) // 2)) as figure:
        across = min(len(networks), 2)
        axes = figure.subplots(-(-len(networks) // across), across, squeeze=False)
        for axis in axes.flat[len(networks) :]:
            axis.set_visible(False)
        for axis, network in zip(axes.flat, networks, strict=False):
            inside = rows[rows["network"] == network]
            last = inside["column"].iloc[-1] if len(inside) else ""
            for method in study.methods_of(network):
                cell = inside[(inside["method"] == method) & (inside["column"] == last)]
                cost = costs[(costs["network"] == network) & (costs["method"] == method)]
                state = "missing" if cell.empty else str(cell["state"].iloc[0])
                if state in COMPARED and np.isinf(cell["mean"].iloc[0]):
                    state = "infinite"
                if state not in COMPARED or cost.empty:
                    if method not in study.seedless:
                        reason = "not trained yet" if cost.empty else state
                        axis.plot([], [], "x", color=BAD, label=f"{method_label(method)}: {reason}")
                    continue
                x, y = float(cost["relative"].iloc[0]), float(cell["mean"].iloc[0])
                spread = float(cell["seed_std"].iloc[0])
                error = spread if np.isfinite(spread) else None
                clock = float(cost["spread"].iloc[0])
                noise = clock if np.isfinite(clock) else None
                name_shown = method_label(method)
                axis.errorbar(
                    x, y, error, noise, fmt=look.marker(method), color=look.color(method), capsize=2, label=name_shown
                )
            _give_room(axis, label)
            axis.grid()
            axis.set_xlabel(
                f"training time relative to {study.baseline}\nhorizontal bars: noise of the clock over seeds"
            )
            axis.set_ylabel(f"{label.axis}, vertical bars: std over seeds")
            if len(networks) > 1:
                axis.set_title(network, loc="left")
        handles: dict[str, Any] = {}
        for axis in axes.flat:
            found, names = axis.get_legend_handles_labels()
            handles |= dict(zip(names, found, strict=True))
        legend_above(figure, handles, 2 * across)
        return save(figure, folder, name)


def _give_room(axis: Axes, label: MetricLabel) -> None:
    """Widen axes so that differences below the printed digits do not fill the panel."""
    axis.margins(x=0.15, y=0.2)
    axis.ticklabel_format(useOffset=False)
    low, high = axis.get_ylim()
    least = 10 * 10.0**-label.decimals
    if high - low < least:
        axis.set_ylim((low + high - least) / 2, (low + high + least) / 2)
