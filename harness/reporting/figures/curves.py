"""Training curves with seed bands, and the annealing of adaptive dropout."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter

from harness.reporting.figures.style import BAD, PAGE, MethodStyle, legend_above, save, styled
from harness.reporting.rows.compared import Study
from harness.reporting.rows.labels import method_label
from harness.reporting.rows.run_records import key_of

Histories = Mapping[tuple[str, str, int], pd.DataFrame]
"""(network, variant, seed) to the run's history."""

_PANELS = (
    ("l1", "training L1 (images in [0, 1])"),
    ("heldout_l1", "held-out L1 (images in [0, 1])"),
    ("learning_rate", "learning rate"),
)


def training_curves(histories: Histories, study: Study, folder: Path, name: str = "curves") -> list[Path]:
    """Draw training L1, held-out L1 and learning rate over iterations: the mean over seeds and the range of seeds.

    The learning rate is left out where it is the same for all methods: identical lines show nothing.
    """
    look = MethodStyle(study.all_methods, study.seedless, study.baseline)
    networks = study.networks
    panels = _PANELS if _rates_differ(histories) else _PANELS[:2]
    with styled(PAGE, 0.5 + 2.0 * len(networks)) as figure:
        axes = figure.subplots(len(networks), len(panels), squeeze=False)
        for row, network in enumerate(networks):
            for axis, (column, title) in zip(axes[row], panels, strict=True):
                for method in study.methods_of(network):
                    tables = [histories.get((network, method, seed)) for seed in study.seeds]
                    _curve(axis, [t for t in tables if t is not None], column, method, look)
                waiting = [run.variant for run in study.runs if run.network == network and key_of(run) not in histories]
                if column == "l1" and waiting:
                    _say_missing(axis, waiting)
                axis.set_ylabel(title)
                axis.set_xlabel("iteration")
                axis.grid(axis="y")
                if column == "learning_rate":
                    axis.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
                    axis.set_ylim(bottom=0)
                elif _spans_decades(axis):
                    axis.set_yscale("log")
                    axis.yaxis.set_major_formatter(LogFormatter())  # the usual ones write mathematics
                    axis.yaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(1.5, 0.6)))
                    axis.tick_params(axis="y", which="minor", labelsize=6)
            if len(networks) > 1:
                axes[row][0].set_title(network, loc="left")
        lines = [line for row in axes for line in row[1].lines]
        handles = {line.get_label(): line for line in lines if not str(line.get_label()).startswith("_")}
        legend_above(figure, {str(key): handle for key, handle in handles.items()}, 5)
        return save(figure, folder, name)


def _rates_differ(histories: Histories) -> bool:
    """Return whether the runs of a network have different learning rates at the same iteration."""
    for network in {key[0] for key in histories}:
        rates = [table.set_index("iteration")["learning_rate"] for key, table in histories.items() if key[0] == network]
        if any(not rates[0].equals(rate) for rate in rates[1:]):
            return True
    return False


def _spans_decades(axis: Axes) -> bool:
    """Return whether the lines span more than a factor of three, so that a logarithmic axis helps."""
    values = np.concatenate([np.asarray(line.get_ydata(), np.float64) for line in axis.lines] or [np.ones(1)])
    return bool(values.min() > 0 and values.max() > 3 * values.min())


def _curve(axis: Axes, tables: Sequence[pd.DataFrame], column: str, method: str, look: MethodStyle) -> None:
    if not tables:
        return
    merged = pd.concat([table.set_index("iteration")[column] for table in tables], axis=1).dropna()
    if column == "l1":
        merged = _smoothed(merged)
    if merged.empty:
        return
    x = merged.index.to_numpy(np.float64)
    values = merged.to_numpy(np.float64)
    style = {"color": look.color(method), "linestyle": look.dash(method)}
    axis.plot(x, values.mean(1), label=method_label(method), **style)
    if values.shape[1] > 1 and column != "learning_rate":
        axis.fill_between(x, values.min(1), values.max(1), color=look.color(method), alpha=0.18, linewidth=0)


def _say_missing(axis: Axes, waiting: Sequence[str]) -> None:
    """Write below the panel which methods lack how many runs."""
    counts = Counter(waiting)
    text = "not trained yet: " + ", ".join(f"{method_label(name)} ({count})" for name, count in counts.items())
    axis.text(0, -0.36, textwrap.fill(text, 110), transform=axis.transAxes, va="top", fontsize=6.5, color=BAD)


def _smoothed(table: pd.DataFrame) -> pd.DataFrame:
    """Average neighbouring rows so that at most about 100 points are left: batch noise hides curves otherwise."""
    size = max(1, len(table) // 100)
    groups = np.arange(len(table)) // size
    smoothed = table.groupby(groups).mean()
    smoothed.index = pd.Index(table.index.to_numpy(np.float64)).to_series().groupby(groups).mean()
    return smoothed


def annealing(
    weights: Mapping[str, npt.NDArray[np.float64]], iterations: int, folder: Path, name: str = "annealing"
) -> list[Path]:
    """Draw the weight k of every site over the training, one panel per variant.

    Args:
        weights: title to an array (sites, T): k of each site at T equally spaced moments from start to end; no sites
            for a variant without a finished run.
        iterations: of the whole training, for the axis.
    """
    with styled(PAGE * 0.75, 0.4 + 2.1 * max(len(weights), 1)) as figure:
        axes = figure.subplots(max(len(weights), 1), 1, sharex=True, squeeze=False)[:, 0]
        for axis, (title, table) in zip(axes, weights.items(), strict=False):
            sites = len(table)
            if not sites:
                axis.set_title(title, loc="left")
                axis.set_yticks([])
                axis.text(0.5, 0.5, "not trained yet", ha="center", color=BAD, transform=axis.transAxes)
                continue
            image = axis.imshow(
                table,
                cmap="cividis",
                vmin=0,
                vmax=1,
                aspect="auto",
                interpolation="nearest",
                extent=(0, iterations, sites + 0.5, 0.5),
            )
            axis.set_title(title, loc="left")
            axis.set_ylabel("site (1: first block)")
            axis.set_yticks(range(1, sites + 1, max(1, sites // 8)))
            axis.spines[:].set_visible(False)
            bar = figure.colorbar(image, ax=axis, pad=0.02)
            bar.set_label("weight k (1: no dropout)")
        axes[-1].set_xlabel("iteration")
        return save(figure, folder, name)
