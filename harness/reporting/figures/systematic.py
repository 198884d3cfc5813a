"""Differences to the baseline over many degradations, sorted: a panel for each method."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from harness.foundation.files import write_text
from harness.reporting.figures.style import COLUMN, PAGE, MethodStyle, drawable, reach, save, say, styled
from harness.reporting.rows.compared import Study
from harness.reporting.rows.labels import method_label, metric_label
from harness.reporting.rows.metric_rows import blocks
from harness.reporting.statistics.degradations import degradation_gains

CAPTION = (
    "Difference to the baseline on each degradation, sorted for each method by itself; band: its 95% interval over "
    "seeds and images, paired, each by itself (none with one seed). Sorting alone turns noise into a slope; "
    "read where the band leaves zero, and of many degradations one in forty does so by chance on either side. The data "
    "behind the figure names the degradations in this order."
)

_ACROSS = 3


def systematic_curves(frame: pd.DataFrame, study: Study, folder: Path) -> list[Path]:
    """Draw ``systematic_<set>_<network>`` and write its numbers, for each set and network; return the files.

    Args:
        frame: the aggregated rows.
        study: the comparison.
        folder: where to write.
    """
    paths = []
    for part in study.systematic:
        own = study.on(part)
        metric = own.metrics[0]
        for block in blocks(frame, own):
            if block.metric != metric:
                continue
            gains = degradation_gains(block, own, part.part.dataset)
            name = f"systematic_{part.name}_{block.network}"
            paths += _draw(gains, study, metric, folder, name)
            text = gains.to_csv(index=False, float_format="%.6g", lineterminator="\n")
            write_text(folder / f"{name}.csv", text)
            paths.append(folder / f"{name}.csv")
    return paths


def _draw(gains: pd.DataFrame, study: Study, metric: str, folder: Path, name: str) -> list[Path]:
    methods = [m for m in dict.fromkeys(gains["method"]) if m not in study.references]
    look = MethodStyle(study.all_methods, study.seedless, study.baseline)
    label = metric_label(metric)
    if not methods:
        with styled(COLUMN, 1.5) as figure:
            say(figure, f"Nothing to compare with {method_label(study.baseline)} on all of these degradations.")
            return save(figure, folder, name)
    across = min(len(methods), _ACROSS)
    down = -(-len(methods) // across)
    scales = _scales(gains, methods, 10.0**-label.decimals)
    common = next(iter(scales.values()))
    with styled(COLUMN if across == 1 else PAGE, 0.5 + 1.9 * down) as figure:
        axes = figure.subplots(down, across, sharex=True, squeeze=False)
        for axis in axes.flat[len(methods) :]:
            axis.set_visible(False)
        for place, (axis, method) in enumerate(zip(axes.flat, methods, strict=False)):
            _panel(axis, gains[gains["method"] == method], look.color(method), look.color(study.baseline))
            axis.tick_params(labelbottom=place + across >= len(methods))
            axis.set_ylim(*scales[method])
            own = "" if scales[method] == common else " (scale of its own)"
            axis.set_title(f"{drawable(method_label(method))}{own}", loc="left")
        unit = f", {label.unit}" if label.unit else ""
        text = f"{label.title}:\ndifference to {drawable(method_label(study.baseline))}{unit}"
        figure.supylabel(text, fontsize=7.5, ma="center")
        figure.supxlabel("degradations, from the worst to the best for each method", fontsize=7.5)
        return save(figure, folder, name)


def _scales(gains: pd.DataFrame, methods: list[str], least: float) -> dict[str, tuple[float, float]]:
    """Return the ends of each method's axis: the same, but for methods that would squeeze all others into lines."""
    columns = ["difference", "low", "high"]
    ends = {name: gains.loc[gains["method"] == name, columns].to_numpy(np.float64) for name in methods}
    bounds = {name: (min(0.0, float(np.nanmin(own))), max(0.0, float(np.nanmax(own)))) for name, own in ends.items()}
    extents = {name: max(-low, high) for name, (low, high) in bounds.items()}
    alike = [name for name in methods if extents[name] <= reach(list(extents.values()))]
    low, high = (end(bounds[name][place] for name in alike) for place, end in ((0, min), (1, max)))
    found = {}
    for name in (*alike, *(name for name in methods if name not in alike)):
        below, above = (low, high) if name in alike else bounds[name]
        room = 0.06 * max(above - below, least)
        found[name] = (below - room, above + room)
    return found


def _panel(axis: Axes, rows: pd.DataFrame, color: str, zero: str) -> None:
    axis.axhline(0, color=zero, linewidth=0.8)
    axis.fill_between(rows["rank"], rows["low"], rows["high"], color=color, alpha=0.25, linewidth=0, step="mid")
    size = 2.5 if len(rows) < 40 else 1.2
    axis.plot(rows["rank"], rows["difference"], color=color, marker="o", markersize=size, linewidth=0.8)
    axis.grid(axis="y")
    axis.set_xlim(0.1, len(rows) + 0.9)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=2))
    above, below = rows["difference"] > 0, rows["difference"] < 0
    shown = "above"
    if rows["low"].notna().all():
        above, below, shown = rows["low"] > 0, rows["high"] < 0, "band above"
    text = f"{shown} zero on {int(above.sum())},\nbelow on {int(below.sum())} of {len(rows)}"
    box = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.5}
    axis.text(0.03, 0.97, text, transform=axis.transAxes, va="top", fontsize=6.5, bbox=box)
