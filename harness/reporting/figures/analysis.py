"""Figures of what networks have learned, of one message each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.reporting.figures.style import (
    MARKERS,
    PAGE,
    PALETTE,
    MethodStyle,
    legend_above,
    save,
    say,
    styled,
)
from harness.reporting.files import ANALYSES_OVER_TIME
from harness.reporting.rows.compared import Study
from harness.reporting.rows.labels import degradation_label, method_label
from harness.reporting.statistics.analyses import INDICES, rank_correlation

_COLUMNS = 3
_MOST_NAMES = 9  # of layers below a panel


def saliency(rows: pd.DataFrame, study: Study, folder: Path) -> list[Path]:
    """Draw how the saliency of a layer is spread over its channels: sorted, as multiples of the layer's mean.

    Args:
        rows: of all analyses, last weights only.
        study: whose methods these are.
        folder: where to write.
    """
    own = rows[rows["measure"] == "saliency"]
    networks = _networks(own, study)
    with styled(PAGE, 0.4 + 2.1 * max(len(networks), 1)) as figure:
        if own.empty:
            say(figure, "The analysis 'saliency' was not asked for.")
            return save(figure, folder, "saliency")
        look = _look(study)
        panels = figure.subplots(len(networks), 3, squeeze=False)
        for axes, network in zip(panels, networks, strict=True):
            of_network = own[own["network"] == network]
            shown = _three_layers(of_network)
            for axis in axes[len(shown) :]:
                axis.set_axis_off()
            for axis, layer in zip(axes, shown, strict=False):
                part = of_network[of_network["layer"] == layer]
                for variant in _variants(part, study):
                    table = part[part["variant"] == variant].pivot_table(
                        index=["seed", "degradation"], columns="channel", values="value"
                    )
                    shares = np.sort(table.to_numpy(np.float64), axis=1)[:, ::-1]
                    shares = shares / np.maximum(shares.mean(1, keepdims=True), 1e-12)
                    place = np.arange(1, shares.shape[1] + 1)
                    marks = _marks(look, study, variant, len(place))
                    axis.plot(place, shares.mean(0), **_line(look, variant), **marks)
                axis.axhline(1, color="#8A8A8A", linewidth=0.6, zorder=0)
                axis.set_title(_of(network, networks, layer), loc="left")
                axis.set_xlabel("channel, by saliency")
                axis.grid(axis="y")
            axes[0].set_ylabel("saliency / mean of the layer")
        _legend(figure, panels[0])
        return save(figure, folder, "saliency")


def left_out(rows: pd.DataFrame, study: Study, folder: Path) -> list[Path]:
    """Draw what PSNR loses without each channel: sorted, the mean and the middle 80% over images and seeds.

    A row of panels per network, and up to three of the layers that were looked at: the first, one between, the last.
    """
    own = rows[(rows["measure"] == "loss") & (rows["image"] != "")]
    networks = [name for name in study.networks if (own["network"] == name).any()]
    with styled(PAGE, 0.2 + 2.3 * max(len(networks), 1)) as figure:
        if own.empty:
            say(figure, "The analysis 'leave_one_out' was not asked for.")
            return save(figure, folder, "leave_one_out")
        look, shown = _look(study), {name: _three_layers(own[own["network"] == name]) for name in networks}
        axes = figure.subplots(len(networks), max(map(len, shown.values())), squeeze=False)
        for line, network in zip(axes, networks, strict=True):
            for axis in line[len(shown[network]) :]:
                axis.set_axis_off()
            for axis, layer in zip(line, shown[network], strict=False):
                part = own[(own["network"] == network) & (own["layer"] == layer)]
                for variant in _variants(part, study):
                    _sorted_losses(axis, part[part["variant"] == variant], look, study, variant)
                axis.axhline(0, color="#8A8A8A", linewidth=0.6, zorder=0)
                axis.set_title(f"{network}: {layer}" if len(networks) > 1 else layer, loc="left")
                axis.set_xlabel("channel, by what it is worth")
                axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
                axis.grid(axis="y")
            line[0].set_ylabel("loss without it, dB")
        _legend(figure, list(axes[0]))
        return save(figure, folder, "leave_one_out")


def _three_layers(rows: pd.DataFrame) -> list[str]:
    layers = list(dict.fromkeys(rows.sort_values("depth")["layer"]))
    return list(dict.fromkeys([layers[0], layers[len(layers) // 2], layers[-1]]))


def _sorted_losses(axis: Axes, rows: pd.DataFrame, look: MethodStyle, study: Study, variant: str) -> None:
    table = rows.pivot_table(index=["seed", "image"], columns="channel", values="value")
    sorted_runs = []
    for _, run in table.groupby(level="seed"):
        values = run.to_numpy(np.float64)
        sorted_runs.append(values[:, np.argsort(-values.mean(0), kind="stable")])
    losses = np.concatenate(sorted_runs)
    place, style = np.arange(1, losses.shape[1] + 1), _line(look, variant)
    axis.plot(place, losses.mean(0), **style, **_marks(look, study, variant, len(place)))
    axis.fill_between(place, *np.quantile(losses, (0.1, 0.9), axis=0), color=style["color"], alpha=0.15, linewidth=0)


def over_time(values: pd.DataFrame, study: Study, folder: Path) -> list[Path]:
    """Draw each index over training time: the mean over seeds and the range of seeds.

    Args:
        values: of :func:`harness.reporting.statistics.analyses.per_weights`.
        study: whose methods these are.
        folder: where to write.
    """
    names = [name for name in INDICES if (values["index"] == name).any()]
    networks = [name for name in study.networks if (values["network"] == name).any()]
    panels = [(network, name) for network in networks for name in names]
    lines = -(-len(panels) // _COLUMNS)
    with styled(PAGE, 0.4 + 2.0 * max(lines, 1)) as figure:
        if not panels:
            say(figure, "No analysis that gives an index was asked for.")
            return save(figure, folder, ANALYSES_OVER_TIME)
        look = _look(study)
        axes = figure.subplots(lines, min(_COLUMNS, len(panels)), squeeze=False).ravel()
        for axis, (network, name) in zip(axes, panels, strict=False):
            part = values[(values["network"] == network) & (values["index"] == name)]
            for variant in _variants(part, study):
                table = part[part["variant"] == variant].pivot_table(index="iteration", columns="seed", values="value")
                mean, style = table.mean(axis=1), _line(look, variant)
                axis.plot(mean.index, mean, marker=look.marker(variant), markersize=3, **style)
                low, high = table.min(axis=1), table.max(axis=1)
                axis.fill_between(mean.index, low, high, color=style["color"], alpha=0.15, linewidth=0)
            title = INDICES[name].title
            axis.set_title(f"{network}: {title}" if len(networks) > 1 else title, loc="left", fontsize=7)
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axis.set_xlabel("iteration")
            axis.grid()
        for axis in axes[len(panels) :]:
            axis.set_axis_off()
        _legend(figure, list(axes[:1]))
        return save(figure, folder, ANALYSES_OVER_TIME)


def blocks(rows: pd.DataFrame, study: Study, folder: Path) -> list[Path]:
    """Draw over depth how well features tell degradations apart, and how similar they stay to clean ones."""
    panels = [
        ("silhouette", "silhouette by degradation"),
        ("similarity", "similarity to clean features"),
        ("saliency_spread", "saliency spread"),
    ]
    there = [(measure, title) for measure, title in panels if (rows["measure"] == measure).any()]
    networks = _networks(rows, study)
    with styled(PAGE, 0.4 + 2.1 * max(len(networks), 1)) as figure:
        if not there:
            say(figure, "No analysis by layer was asked for.")
            return save(figure, folder, "blocks")
        look = _look(study)
        grid = figure.subplots(len(networks), len(there), squeeze=False)
        places = [(network, *one) for network in networks for one in there]
        for axis, (network, measure, title) in zip(grid.flat, places, strict=True):
            part = rows[(rows["measure"] == measure) & (rows["network"] == network)]
            layers = part.drop_duplicates("depth").sort_values("depth")
            for variant in _variants(part, study):
                own = part[part["variant"] == variant]
                per_seed = own.pivot_table(index="seed", columns="depth", values="value")
                mean = per_seed.mean()
                style = _line(look, variant)
                axis.plot(mean.index, mean, marker=look.marker(variant), markersize=3, **style)
                if len(per_seed) > 1:
                    axis.fill_between(
                        mean.index, per_seed.min(), per_seed.max(), color=style["color"], alpha=0.15, linewidth=0
                    )
            ticks = layers[:: -(-len(layers) // _MOST_NAMES)]
            axis.set_xticks(list(ticks["depth"]), list(ticks["layer"]), rotation=45, ha="right")
            axis.set_title(_of(network, networks, title), loc="left")
            axis.grid(axis="y")
        _legend(figure, grid[0])
        return save(figure, folder, "blocks")


def pictures(rows: pd.DataFrame, study: Study, folder: Path) -> list[Path]:
    """Draw the t-SNE picture of the features of each method's first seed, for the eye alone."""
    own = rows[rows["analysis"] == "picture"]
    if len(own):
        own = own[(own["network"] == own["network"].iloc[0]) & (own["seed"] == own["seed"].min())]
    variants = _variants(own, study)
    lines = -(-len(variants) // _COLUMNS)
    with styled(PAGE, 0.6 + 2.0 * max(lines, 1)) as figure:
        if not variants:
            say(figure, "The analysis 'picture' was not asked for.")
            return save(figure, folder, "picture")
        axes = figure.subplots(lines, min(_COLUMNS, len(variants)), squeeze=False).ravel()
        degradations = list(dict.fromkeys(own["degradation"]))
        for axis, variant in zip(axes, variants, strict=False):
            part = own[own["variant"] == variant]
            points = part.pivot_table(index=["degradation", "image"], columns="measure", values="value")
            for place, name in enumerate(degradations):
                some = points.loc[name]
                axis.scatter(
                    some["x"],
                    some["y"],
                    20,
                    color=PALETTE[place % len(PALETTE)],
                    marker=MARKERS[place % len(MARKERS)],
                    linewidths=0.3,
                    edgecolors="white",
                    label=degradation_label(name),
                )
            axis.set_title(method_label(variant), loc="left")
            axis.set_xticks([])
            axis.set_yticks([])
        for axis in axes[len(variants) :]:
            axis.set_axis_off()
        handles, names = axes[0].get_legend_handles_labels()
        legend_above(figure, dict(zip(names, handles, strict=True)), 8)
        return save(figure, folder, "picture")


def prediction(values: pd.DataFrame, gap: pd.DataFrame, study: Study, folder: Path, unit: str) -> list[Path]:
    """Draw each index of every run against its generalization gap, with the rank correlation.

    Args:
        values: of :func:`harness.reporting.statistics.analyses.per_run`.
        gap: of :func:`harness.reporting.statistics.analyses.gaps`.
        study: whose methods these are.
        folder: where to write.
        unit: of the gap.
    """
    joined = values.merge(gap, on=["network", "variant", "seed"], suffixes=("", "_gap")).dropna(
        subset=["value", "value_gap"]
    )
    networks = _networks(joined, study)
    names = [name for name in INDICES if (joined["index"] == name).any()]
    columns = min(_COLUMNS, len(names))
    lines = len(networks) * -(-len(names) // _COLUMNS)
    with styled(PAGE, 0.4 + 2.3 * max(lines, 1)) as figure:
        if not names:
            say(figure, "There is no run with both an index and a gap.")
            return save(figure, folder, "prediction")
        panels = figure.subplots(lines, columns, squeeze=False).reshape(len(networks), -1)
        for axes, network in zip(panels, networks, strict=True):
            for axis, name in zip(axes, names, strict=False):
                part = joined[(joined["index"] == name) & (joined["network"] == network)]
                _prediction(axis, part, name, study)
                text = axis.get_title(loc="left")
                axis.set_title(_of(network, networks, text), loc="left", fontsize=7)
            for axis in axes[::_COLUMNS]:
                axis.set_ylabel(f"generalization gap{unit}")
            for axis in axes[len(names) :]:
                axis.set_axis_off()
        _legend(figure, panels[0])
        return save(figure, folder, "prediction")


def _prediction(axis: Axes, rows: pd.DataFrame, name: str, study: Study) -> None:
    """Draw one index of the runs of one network; runs of several would correlate because networks differ."""
    look = _look(study)
    for variant in _variants(rows, study):
        some = rows[rows["variant"] == variant]
        axis.scatter(
            some["value"],
            some["value_gap"],
            18,
            color=look.color(variant),
            marker=look.marker(variant),
            label=method_label(variant),
            linewidths=0,
        )
    rho, low, high = rank_correlation(rows["value"].to_numpy(), rows["value_gap"].to_numpy(), name)
    text = f"{rho:+.2f} [{low:+.2f}, {high:+.2f}]" if np.isfinite(rho) else "none: too few runs"
    axis.set_title(f"rank correlation, {len(rows)} runs:\n{text}", loc="left", fontsize=7)
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.set_xlabel(INDICES[name].title)
    axis.grid()


def _networks(rows: pd.DataFrame, study: Study) -> list[str]:
    there = set(rows["network"])
    return [name for name in study.networks if name in there]


def _of(network: str, networks: Sequence[str], text: str) -> str:
    return text if len(networks) == 1 else f"{network}: {text}"


def _look(study: Study) -> MethodStyle:
    return MethodStyle(study.all_methods, study.seedless, study.baseline)


def _variants(rows: pd.DataFrame, study: Study) -> list[str]:
    there = set(rows["variant"])
    return [name for name in study.methods if name in there]


def _line(look: MethodStyle, variant: str) -> dict[str, Any]:
    return {"color": look.color(variant), "linestyle": look.dash(variant), "label": method_label(variant)}


def _marks(look: MethodStyle, study: Study, variant: str, count: int) -> dict[str, Any]:
    """Return markers for a line of many points: few, and those of each method at places of their own."""
    step = max(1, count // 5)
    first = study.methods.index(variant) * step // len(study.methods)
    return {"marker": look.marker(variant), "markersize": 3, "markevery": (first, step)}


def _legend(figure: Figure, axes: Sequence[Axes]) -> None:
    handles, names = axes[0].get_legend_handles_labels()
    legend_above(figure, dict(zip(names, handles, strict=True)), 6)
