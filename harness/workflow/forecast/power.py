"""``python -m harness plan --power``: what an experiment could find, and what it would take to find more.

The chance is that of the rule which sets the stars, by simulation. What moves a difference (seeds, images, their
interaction) is declared, or estimated from the metrics of this experiment or of another one, a pilot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.datasets.manifests import read_manifest
from harness.datasets.resolve import resolve_images
from harness.experiment import Experiment
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.reporting.rows.compared import AVERAGE, REAL, Study, study_of
from harness.reporting.rows.labels import MetricLabel, degradation_label, metric_label
from harness.reporting.rows.metric_rows import load
from harness.reporting.statistics.claims import PRIMARY
from harness.reporting.statistics.power import (
    MOST_SEEDS,
    TARGET,
    Situation,
    chance,
    detectable,
    images_needed,
    seeds_needed,
)
from harness.reporting.statistics.rule import PRIMARY_SHARE, UNDECIDED
from harness.reporting.statistics.summary import summarize
from harness.reporting.tables.formats import markdown_table

_MULTIPLES = (0.5, 1.0, 2.0, 5.0)
"""True differences that are shown, in margins of equivalence; without a margin in parts of what is detectable."""


@dataclass(frozen=True)
class _Known:
    """What is known of a difference: where from, its standard deviations, and the degrees of freedom behind them."""

    source: str
    sigma: tuple[float, float, float]
    freedom: tuple[float, float]


def power_lines(
    experiment: Experiment, sigma: tuple[float, float, float] | None = None, pilot: Experiment | None = None
) -> list[str]:
    """Return the forecast as lines of text.

    Args:
        experiment: planned, under way or done.
        sigma: declared standard deviations of seed, image and rest, in units of the primary metric.
        pilot: another experiment, whose metrics are to tell them.

    Raises:
        HarnessError: nothing tells how far differences vary.
    """
    study = study_of(experiment)
    if not study.primary_methods:
        raise HarnessError(f"{experiment.path}: variants: nothing but the baseline; add a method to compare with it")
    sizes = _sizes(experiment, study)
    own = _summary(experiment, study)
    known = _known(experiment, study, sigma, pilot, own)
    others = len(study.primary_methods) < len(study.methods) - 1
    exploratory = others or len(study.degradations) > 1 or bool(study.seedless)
    factor = len(study.networks) / (PRIMARY_SHARE if exploratory else 1.0)
    methods = len(study.primary_methods)
    situation = Situation(methods, len(study.seeds), tuple(sizes.values()), known.sigma, known.freedom, factor)
    return [*_head(study, sizes, known), "", *_table(situation, study), "", *_open(own, situation, study)]


def _sizes(experiment: Experiment, study: Study) -> dict[str, int]:
    """Return how many images each data set of the primary column has, from its manifest or its folder."""
    metric = study.primary_metric
    names = [item.dataset for item in study.sets if metric in item.metrics and item.degradation != REAL]
    names = names or [item.dataset for item in study.sets if metric in item.metrics]
    found = {}
    for name in dict.fromkeys(names):
        path = experiment.catalogues.datasets[name].manifest_path
        if path is not None and path.is_file():
            found[name] = len(read_manifest(path).rows)
        else:
            found[name] = len(resolve_images(name, experiment.data_root))
    return found


def _summary(experiment: Experiment, study: Study) -> pd.DataFrame:
    """Return the primary rows of an experiment's summary; empty if it has no metrics yet."""
    path = layout.experiment_metrics(experiment.name)
    if not path.is_file():
        return pd.DataFrame()
    frame = load(path)
    summary = summarize(frame[frame["metric"] == study.primary_metric], study)
    return summary[summary["role"] == PRIMARY]


def _known(
    experiment: Experiment,
    study: Study,
    sigma: tuple[float, float, float] | None,
    pilot: Experiment | None,
    own: pd.DataFrame,
) -> _Known:
    if sigma is not None:
        if min(sigma) < 0 or not np.isfinite(sigma).all() or max(sigma[:2]) == 0:
            given = " ".join(f"{value:g}" for value in sigma)
            raise HarnessError(f"--sigma: {given}: give three standard deviations, not negative and not all 0")
        return _Known("declared with --sigma", sigma, (np.inf, np.inf))
    source, rows = experiment, own
    if pilot is not None:
        source, rows = pilot, _summary(pilot, study_of(pilot))
    if rows.empty or not np.isfinite(rows["sigma_seed"]).any():
        why = "has no metrics yet" if rows.empty else "compares over one seed, which cannot tell how far seeds vary"
        raise HarnessError(
            f"{source.path}: {why}; name an experiment that has run with --pilot, declare --sigma SEED IMAGE REST, "
            "or call `python -m harness aggregate EXPERIMENT --partial` once two seeds are evaluated"
        )
    rows = rows[np.isfinite(rows["sigma_seed"])]
    names = ("sigma_seed", "sigma_image", "sigma_rest")
    squares = [float(np.mean(rows[name].to_numpy(np.float64) ** 2)) for name in names]
    seeds, images = int(rows["seeds"].min()), int(rows["images"].iloc[0])
    methods = int(rows.groupby("network")["method"].nunique().max())
    shared = 1 / methods + 0.25 * (1 - 1 / methods)
    values = tuple(float(np.sqrt(value)) for value in squares)
    text = f"estimated from {source.name}: {methods} comparisons, {seeds} seeds, {images} images"
    return _Known(text, (values[0], values[1], values[2]), ((seeds - 1) / shared, max(images - 1, 1) / shared))


def _head(study: Study, sizes: dict[str, int], known: _Known) -> Iterator[str]:
    label, column = metric_label(study.primary_metric), study.primary.column
    where = "average over degradations" if column == AVERAGE else degradation_label(column)
    yield f"primary    {', '.join(sorted(study.primary_methods))} against {study.baseline}; {label.axis}, {where}"
    yield f"with       {len(study.seeds)} seeds; {', '.join(f'{name} {count}' for name, count in sizes.items())} images"
    seed, image, rest = (f"{value:.3g}" for value in known.sigma)
    yield f"sigma      seed {seed}, image {image}, rest {rest} ({known.source})"


def _table(situation: Situation, study: Study) -> Iterator[str]:
    """Yield what is found with these seeds and images, and what a chance of 80% takes."""
    label = metric_label(study.primary_metric)
    smallest = detectable(situation)
    if np.isfinite(smallest):
        yield f"smallest true difference found with a chance of {TARGET:.0%}: {_shown(smallest, label)}"
    else:
        yield "nothing can be found: one seed says nothing about other seeds"
    unit = study.margin(study.primary_metric) or (smallest / 2 if np.isfinite(smallest) else max(situation.sigma))
    rows = []
    for effect in (unit * multiple for multiple in _MULTIPLES):
        rows.append([_shown(effect, label), f"{_chance(situation, effect):.0%}", *_takes(situation, effect)])
    header = ["true difference", "chance of a star", f"seeds for {TARGET:.0%}", f"or images for {TARGET:.0%}"]
    yield from markdown_table(header, rows, frozenset(range(4))).splitlines()


def _chance(situation: Situation, effect: float) -> float:
    return float(chance(situation, np.array([effect]))[0]) if situation.seeds > 1 else 0.0


def _takes(situation: Situation, effect: float) -> tuple[str, str]:
    seeds = seeds_needed(situation, effect)
    times = images_needed(situation, effect) if situation.seeds > 1 else None
    return f"more than {MOST_SEEDS}" if seeds is None else str(seeds), "no number" if times is None else f"x{times}"


def _open(own: pd.DataFrame, situation: Situation, study: Study) -> Iterator[str]:
    """Yield for each comparison that is undecided what would decide it, if its difference is the true one."""
    label = metric_label(study.primary_metric)
    if own.empty:
        yield "nothing is measured yet; call this again when the first seeds are"
        return
    for row in own.to_dict("records"):
        text = f"{row['method']} on {row['network']}: {label.difference(row['difference'])}, {row['verdict']}"
        if row["verdict"] == UNDECIDED and row["difference"]:
            seeds, images = _takes(situation, float(row["difference"]))
            text += f"; if that is the true difference, it takes {seeds} seeds, or {images} as many images"
        yield text


def _shown(value: float, label: MetricLabel) -> str:
    return f"{value:.{max(label.decimals, 2)}f}" + (f" {label.unit}" if label.unit else "")
