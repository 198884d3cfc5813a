"""Tables of a systematic evaluation: published networks, or an experiment's own methods, against two lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.foundation.errors import HarnessError
from harness.reporting.rows.compared import REAL, Study
from harness.reporting.rows.lines import read_columns, read_lines
from harness.reporting.rows.metric_rows import Block
from harness.reporting.statistics import paired
from harness.reporting.statistics.degradations import complete_methods
from harness.reporting.statistics.groups import draws
from harness.reporting.statistics.systematic import LEAST, Scores, acceptance_rate, counted, scores

Floats = npt.NDArray[np.float64]

PUBLISHED = ("ar", "rpr_i", "rpr_a", "rpr_u")
_FIELDS = ("acceptance_rate", "spread", "accepted", "unaccepted")
_LINE_NAME = "deg_{}"


class NoLines(HarnessError):
    """Methods that were named as lines cannot be any: one is incomplete, or they are nowhere apart."""


def published_scores(models: Path, lines: Path, metric: str, *, unfiltered: bool = False) -> pd.DataFrame:
    """Return what published lines say of published networks: method, mean, ar, rpr_i, rpr_a, rpr_u.

    Args:
        models, lines: CSV files, see :mod:`harness.reporting.rows.lines`.
        metric: ``psnr`` or ``ssim``.
        unfiltered: compare on all degradations, as the released script does.

    Raises:
        HarnessError: a file is wrong, or they are not about the same degradations.
    """
    names, columns = read_columns(models, metric)
    own, acceptance, excellence = read_lines(lines, metric)
    if names != own:
        raise HarnessError(f"{models}: its {len(names)} degradations are not the {len(own)} of {lines}, in their order")
    kept = _kept(acceptance, excellence, metric, unfiltered, str(lines))
    found = scores(np.stack(list(columns.values())), acceptance, excellence, kept)
    data = {"method": list(columns), "mean": found.mean}
    return pd.DataFrame(data | {name: _measure(found, name) for name in PUBLISHED})


def measured_scores(
    rows: Path, lines: Path, metric: str, *, unfiltered: bool = False, models: Path | None = None
) -> pd.DataFrame:
    """Return what published lines say of rows that ``evaluate --output`` wrote: as :func:`published_scores`.

    Args:
        rows: CSV file of one method on one data set, whose degradations are called ``deg_i``.
        lines: see :mod:`harness.reporting.rows.lines`.
        metric: a metric of the rows, such as ``psnr_y_whole``.
        unfiltered: compare on all degradations, as the released script does.
        models: published networks, whose rows come first.

    Raises:
        HarnessError: a file is wrong, the metric or a value is missing, or a degradation of the lines was not measured.
    """
    kind = metric.partition("_")[0]
    try:
        frame = pd.read_csv(rows)
        own = frame[frame["metric"] == metric]
        table = own.pivot_table("value", "degradation", "variant", aggfunc=lambda values: values.mean(skipna=False))
    except (OSError, ValueError, KeyError) as error:
        raise HarnessError(f"{rows}: no rows of `evaluate --output` ({error}); write them as .csv") from error
    if kind not in LEAST or own.empty:
        known = ", ".join(sorted(set(frame["metric"])))
        raise HarnessError(f"{rows}: --metric: {metric!r}: lines judge measured psnr or ssim; there are: {known}")
    given, acceptance, excellence = read_lines(lines, kind)
    names = [_LINE_NAME.format(name) for name in given]
    if lacking := [name for name in names if name not in table.index or not np.isfinite(table.loc[name]).all()]:
        raise HarnessError(f"{rows}: {lacking[0]}: not measured, or not on every image; see docs/systematic.md")
    kept = _kept(acceptance, excellence, kind, unfiltered, str(lines))
    found = scores(table.loc[names].to_numpy(np.float64).T, acceptance, excellence, kept)
    data = {"method": [str(name) for name in table.columns], "mean": found.mean}
    result = pd.DataFrame(data | {name: _measure(found, name) for name in PUBLISHED})
    if models is None:
        return result
    return pd.concat([published_scores(models, lines, kind, unfiltered=unfiltered), result], ignore_index=True)


def own_scores(
    block: Block,
    study: Study,
    dataset: str,
    lines: Path | None,
    acceptance: str,
    excellence: str,
    *,
    unfiltered: bool = False,
) -> pd.DataFrame:
    """Return what lines say of an experiment's methods, with 95% intervals over seeds and images.

    The intervals are percentiles of a bootstrap that draws seeds and images, the same for all methods and for lines
    that are methods. Of published lines single images are not known: there they move with the images as the baseline
    does, so that only what a method differs in from it counts as chance of the images. ``*_gain`` is the difference to
    the baseline in the same draws; that of the mean has the interval of all tables
    (:func:`harness.reporting.statistics.paired.intervals`). With lines of the experiment's own, the columns are called
    ``own_ar``, ...: such numbers cannot be compared with published ones. Where a part was trained with one seed only
    there is no interval. ``attrs["compared"]`` holds how many degradations count, and of how many.

    Args:
        block: one metric on one network.
        study: the experiment.
        dataset: a data set that is evaluated in many degradations.
        lines: published lines, whose degradation ``i`` is called ``deg_i``; None for methods as lines.
        acceptance, excellence: names of these methods. Without excellence only the acceptance rate is known, and
            without acceptance only the mean.
        unfiltered: compare on all degradations.

    Raises:
        NoLines: a method that is a line is missing or incomplete, or the lines are nowhere apart.
        HarnessError: the data set is missing, or the degradations are not those of the lines.
    """
    kind = block.metric.partition("_")[0]
    if kind not in LEAST:
        raise HarnessError(f"--metric: {block.metric!r}: lines are for {' and '.join(LEAST)} only")
    names, given = _compared(block, study, dataset, lines, kind)
    complete = complete_methods(block, dataset, names)
    methods = [block.methods[m] for m in complete]
    values = np.stack([block.values[dataset, name][complete] for name in names], axis=1)  # (M, D, S, I)
    quality, sampled = values.mean((2, 3)), _sampled(values, study.name)
    own = [] if lines is not None else [_place(methods, *one) for one in _named(acceptance, excellence)]
    points = given or [quality[place] for place in own]
    kept = np.ones(len(names), bool)
    if len(points) == 2:
        kept = _kept(points[0], points[1], kind, unfiltered, f"{dataset}, {block.metric}")
    found = _judged(quality, points, kept)
    drawn_lines = [sampled[:, place][:, None] for place in own]
    if given is not None and study.baseline in methods:
        moved = _moved(values[methods.index(study.baseline)], study.name)
        drawn_lines = [line + moved for line in given]
    drawn = _judged(sampled, drawn_lines or points, kept)
    known = np.array([values.shape[2] > 1 or name in study.seedless for name in methods], bool)
    known &= all(known[place] for place in own)
    table: dict[str, object] = {"method": methods}
    for name, value in found.items():
        title = name if name == "mean" or lines is not None else f"own_{name}"
        table[title] = value
        table[f"{title}_low"], table[f"{title}_high"] = _bounds(drawn[name], known)
        if study.baseline in methods:
            base = methods.index(study.baseline)
            bounds = _bounds(drawn[name] - drawn[name][:, base, None], known & known[base])
            if name == "mean":
                bounds = _paired(values.mean(1), base, study.name, known & known[base])
            table[f"{title}_gain"] = value - value[base]
            table[f"{title}_gain_low"], table[f"{title}_gain_high"] = bounds
    result = pd.DataFrame(table)
    result.attrs["compared"] = (int(kept.sum()), len(names))
    return result


def _compared(
    block: Block, study: Study, dataset: str, lines: Path | None, kind: str
) -> tuple[list[str], list[Floats] | None]:
    """Return the degradations to compare on, and published lines there if these are given."""
    given = None
    if lines is None:
        names = [name for name in study.degradations if (dataset, name) in block.values and name != REAL]
    else:
        listed, *given = read_lines(lines, kind)
        names = [_LINE_NAME.format(name) for name in listed]
        if lacking := [name for name in names if (dataset, name) not in block.values]:
            raise HarnessError(
                f"{lines}: degradation {lacking[0]} is not evaluated on {dataset}; see docs/systematic.md"
            )
    if len(names) < 2:
        known = ", ".join(dict.fromkeys(key[0] for key in block.values))
        raise HarnessError(f"--dataset: {dataset!r}: not evaluated in several degradations; there are: {known}")
    return names, given


def _named(acceptance: str, excellence: str) -> list[tuple[str, str]]:
    """Return the methods that are lines, each with the option that names it."""
    pairs = [(acceptance, "acceptance"), (excellence, "excellence")]
    return [pair for pair in pairs if pair[0]] if acceptance else []


def _judged(quality: Floats, lines: Sequence[Floats], kept: npt.NDArray[np.bool_]) -> dict[str, Floats]:
    """Return the mean of quality (..., D) and what one or two lines (..., D), as far as there are any, say of it."""
    found = {"mean": np.asarray(quality.mean(-1), np.float64)}
    if len(lines) == 1:
        found[PUBLISHED[0]] = acceptance_rate(quality, lines[0])
    elif lines:
        judged = scores(quality, lines[0], lines[1], kept)
        found |= {name: _measure(judged, name) for name in PUBLISHED}
    return found


def _paired(values: Floats, base: int, name: str, known: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the ends of the intervals of the mean differences of values (M, S, I) to those of one method."""
    strata = np.zeros(values.shape[2], np.int64)
    interval = paired.intervals(values - values[base], strata, *draws(name, strata.tobytes(), values.shape[1]))
    return np.where(known, interval.low, np.nan), np.where(known, interval.high, np.nan)


def _moved(values: Floats, name: str) -> Floats:
    """Return by how much draws of images alone move the means of one method's values (D, S, I): (draws, 1, D)."""
    _, s, n = values.shape
    _, image_draws = draws(name, np.zeros(n, np.int64).tobytes(), s)
    per_image = values.mean(1)
    return np.asarray(image_draws @ (per_image - per_image.mean(1, keepdims=True)).T, np.float64)[:, None]


def _sampled(values: Floats, name: str) -> Floats:
    """Return bootstrap means (draws, M, D) of values (M, D, S, I)."""
    m, d, s, n = values.shape
    strata = np.zeros(n, np.int64)
    drawn = paired.hierarchical_bootstrap(values.reshape(m * d, s, n), *draws(name, strata.tobytes(), s))
    return drawn.reshape(-1, m, d)


def _place(methods: list[str], name: str, option: str) -> int:
    if name not in methods:
        raise NoLines(f"--{option}: {name!r}: no method with all values; there are: {', '.join(methods)}")
    return methods.index(name)


def _kept(acceptance: Floats, excellence: Floats, metric: str, unfiltered: bool, place: str) -> npt.NDArray[np.bool_]:
    kept = np.ones(len(acceptance), bool) if unfiltered else counted(acceptance, excellence, LEAST[metric])
    if not kept.any():
        raise NoLines(f"{place}: the lines are nowhere {LEAST[metric]} apart; choose another excellence line")
    return kept


def _measure(found: Scores, name: str) -> Floats:
    return np.asarray(getattr(found, _FIELDS[PUBLISHED.index(name)]), np.float64)


def _bounds(drawn: Floats, known: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the ends of percentile intervals of draws (B, M), NaN for methods of which none is known."""
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)
