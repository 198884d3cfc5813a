"""The figure of tuning: the held-out loss to be expected of the best of n trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from harness.reporting.figures.style import BAD, PAGE, REFERENCE_COLORS, MethodStyle, legend_above, save, say, styled
from harness.reporting.rows.compared import Study
from harness.reporting.rows.labels import method_label
from harness.reporting.statistics.trials import expected_best

Losses = Mapping[str, Sequence[float]]
"""Variant to the held-out loss of each of its trials, in thousandths of the range of the images."""

_LIMIT = 4.0  # times the spread of the upper half of all trials: what is worse leaves the picture


def search_figure(
    losses: Mapping[str, Losses], untrained: Mapping[str, float], study: Study, folder: Path, name: str = "search"
) -> list[Path]:
    """Draw, for each network, the expected best held-out loss against the number of trials, and all trials beside it.

    Args:
        losses: network to the losses of its variants; a variant whose trials have not ended has none.
        untrained: network to its loss before training; a dotted line shows it where it is near.
        study: whose variants these are.
        folder: where to write.
        name: of the files.
    """
    look = MethodStyle(study.all_methods, study.seedless, study.baseline)
    with styled(PAGE * 0.75, 0.3 + 2.3 * max(len(losses), 1)) as figure:
        if not any(len(own) for variants in losses.values() for own in variants.values()):
            say(figure, "No trial has ended.")
            return save(figure, folder, name)
        panels = figure.subplots(len(losses), 2, squeeze=False, width_ratios=(2, 1), sharey="row")
        for (curves, points), (network, variants) in zip(panels, losses.items(), strict=True):
            _curves(curves, variants, look)
            _points(points, variants, look)
            _limit(curves, variants)
            _untrained((curves, points), untrained[network])
            curves.set_ylabel("held-out L1 (1/1000)")
            if len(losses) > 1:
                curves.set_title(network, loc="left")
        handles = {str(line.get_label()): line for row in panels for line in row[0].lines if line.get_label()[0] != "_"}
        legend_above(figure, handles, 4)
        return save(figure, folder, name)


def _curves(axis: Axes, variants: Losses, look: MethodStyle) -> None:
    for variant, own in variants.items():
        if len(own):
            style = {"color": look.color(variant), "linestyle": look.dash(variant), "marker": look.marker(variant)}
            counts = np.arange(1, len(own) + 1)
            axis.plot(counts, expected_best(own), label=method_label(variant), markersize=3, **style)
    axis.set_xlabel("trials n")
    axis.set_title("expected best of n trials", loc="right")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(axis="y")


def _points(axis: Axes, variants: Losses, look: MethodStyle) -> None:
    for place, (variant, own) in enumerate(variants.items()):
        places = [place] * len(own)
        axis.scatter(places, list(own), 9, color=look.color(variant), marker=look.marker(variant), alpha=0.6)
    axis.set_xticks([])
    axis.set_xlim(-0.7, len(variants) - 0.3)
    axis.set_xlabel("all trials, by method")
    axis.grid(axis="y")


def _untrained(axes: Sequence[Axes], loss: float) -> None:
    low, high = axes[0].get_ylim()
    if low < loss < high:
        for axis in axes:
            axis.axhline(loss, color=REFERENCE_COLORS[3], linestyle=":", linewidth=0.8)
        place = ("axes fraction", "data")
        axes[1].annotate("untrained", (1.02, loss), xycoords=place, ha="left", va="center", fontsize=6.5)


def _limit(axis: Axes, variants: Losses) -> None:
    """Let failures not press everything else into a line: what is far above the better half is left out and counted."""
    values = np.sort([value for own in variants.values() for value in own])
    low, middle = values[0], values[len(values) // 2]
    limit = middle + _LIMIT * max(middle - low, 1e-3 * middle)
    beyond = int((values > limit).sum())
    if beyond:
        axis.set_ylim(low - 0.06 * (limit - low), limit)
        text = f"above: {beyond} of {len(values)} trials"
        axis.text(0.99, 0.98, text, transform=axis.transAxes, ha="right", va="top", fontsize=6.5, color=BAD)
