"""Quality over training time on the test set that a choice sees and on others, with what is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from harness.reporting.figures.style import PAGE, MethodStyle, legend_above, save, styled
from harness.reporting.files import SELECTION_FIGURE
from harness.reporting.rows.compared import Study
from harness.reporting.rows.labels import method_label, metric_label
from harness.reporting.rows.selection import Course
from harness.reporting.statistics.selection import Choice, choose

Floats = npt.NDArray[np.float64]

_REST = "other sets"


def over_time(courses: Sequence[Course], on: str, study: Study, folder: Path) -> list[Path]:
    """Draw quality over training time, a row for each network: on the set that the choice sees, and on all others.

    Thick: the mean over seeds; thin: each run. Marks stand on the curve of their run. The axis leaves out the steep
    beginning.

    Args:
        courses: the runs.
        on: the test set that the choice sees.
        study: whose methods these are.
        folder: where to write.
    """
    look, label = MethodStyle(study.all_methods, study.seedless, study.baseline), metric_label(study.metrics[0])
    networks = [name for name in study.networks if any(one.network == name for one in courses)]
    panels = [on, *[_REST] * any(len(one.quality) > 1 for one in courses)]
    with styled(PAGE, 0.5 + 2.6 * len(networks)) as figure:
        axes = figure.subplots(len(networks), len(panels), squeeze=False)
        for line, network in zip(axes, networks, strict=True):
            for axis, panel in zip(line, panels, strict=True):
                own = [one for one in courses if one.network == network]
                _panel(axis, own, on, panel, look, label.higher_is_better)
                title = f"{on}, which the choice sees" if panel == on else "other sets, which it does not see"
                axis.set_title(f"{network}: {title}" if len(networks) > 1 else title, loc="left")
                axis.set_xlabel("iteration")
                axis.grid()
                axis.ticklabel_format(axis="y", useOffset=False)
            line[0].set_ylabel(label.axis)
        variants = [name for name in study.methods if any(one.variant == name for one in courses)]
        handles = {
            method_label(name): Line2D([], [], color=look.color(name), linestyle=look.dash(name)) for name in variants
        }
        legend_above(figure, {**handles, **_marks(on)}, 6)
        return save(figure, folder, SELECTION_FIGURE)


def _panel(axis: Axes, courses: Sequence[Course], on: str, panel: str, look: MethodStyle, higher: bool) -> None:
    curves = [_curve(one, on, panel) for one in courses]
    for variant in dict.fromkeys(one.variant for one in courses):
        style = {"color": look.color(variant), "linestyle": look.dash(variant)}
        own = [curve for one, curve in zip(courses, curves, strict=True) if one.variant == variant]
        steps = next(one.iterations for one in courses if one.variant == variant)
        if len(own) > 1:
            for curve in own:
                axis.plot(steps, curve, linewidth=0.5, alpha=0.45, **style)
        axis.plot(steps, np.mean(own, axis=0), **style)
    shown = []
    for one, curve in zip(courses, curves, strict=True):
        choice = choose(one, on, higher)
        if choice is not None:
            _mark(axis, one, curve, choice, look.color(one.variant))
            shown += [curve[choice.test], curve[choice.heldout], curve[-1]]
    _crop(axis, curves, shown, higher)


def _curve(course: Course, on: str, panel: str) -> Floats:
    """Return the mean over images (K,), data sets weighing the same."""
    names = [on] if panel == on else [name for name in course.quality if name != on]
    return np.asarray(np.mean([course.quality[name].mean(axis=1) for name in names], axis=0), np.float64)


def _mark(axis: Axes, course: Course, curve: Floats, choice: Choice, color: str) -> None:
    """Mark the choices; where both are the same weights, the open mark stands around the full one."""
    for place, marker, size, filled in ((choice.heldout, "o", 7.0, False), (choice.test, "D", 3.5, True)):
        axis.plot(
            course.iterations[place],
            curve[place],
            marker,
            markersize=size,
            color=color,
            markerfacecolor=color if filled else "none",
            clip_on=False,
            zorder=3,
        )


def _marks(on: str) -> dict[str, Line2D]:
    full = Line2D([], [], marker="D", markersize=3.5, linestyle="none", color="black")
    empty = Line2D([], [], marker="o", markersize=7, linestyle="none", color="black", markerfacecolor="none")
    return {f"chosen by {on}": full, "chosen by held-out images": empty}


def _crop(axis: Axes, curves: Sequence[Floats], shown: Sequence[float], higher: bool) -> None:
    """Leave out what is far worse than the middle: the first iterations would squeeze all differences into a line.

    What is ``shown``, the chosen and the last weights, is never left out.
    """
    values = np.concatenate(curves)
    values = values[np.isfinite(values)]
    if not len(values):
        return
    sign = 1 if higher else -1
    best, middle = (sign * values).max(), float(np.median(sign * values))
    worst = max((sign * values).min(), best - max(4 * (best - middle), 1e-6))
    worst = min([worst, *(sign * value for value in shown if np.isfinite(value))])
    pad = 0.06 * (best - worst) or 0.01
    axis.set_ylim(*sorted((sign * (worst - pad), sign * (best + pad))))
