"""One row of statistics for every cell of every table; tables and figures only lay these rows out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.foundation.rng import numpy_stream
from harness.reporting.rows.compared import Study
from harness.reporting.rows.labels import metric_label
from harness.reporting.rows.metric_rows import Block, blocks
from harness.reporting.statistics import paired as st
from harness.reporting.statistics.samples import Column, columns

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

COMPARED = ("ok", "partial")
"""States of cells that have a mean to compare; "failed" and "missing" cells lack values and are shown as such."""


@dataclass(frozen=True)
class _Pair:
    """One comparison: the differences (S, N) of two methods in one column, and where its result goes."""

    row: int
    kind: str
    differences: Floats
    column: Column
    sign: float


def summarize(frame: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Compute the statistics of all cells.

    Returns:
        A row per metric, network, scope, column and method (see
        :class:`harness.reporting.statistics.samples.Column`) with
        ``state`` (ok, partial: some seeds have no values, failed, missing), ``mean`` (over the seeds and images that
        have values), ``seed_std``, ``seeds`` of ``seeds_total``, ``images``, ``failed``/``missing``/``total`` counts of
        values; ``left_out``, the images on which a method is infinite, which have no part in any other number here;
        and against the baseline ``difference``, its 95% interval ``low``..``high``, ``error``, ``df``, the
        p-values ``p_images`` (permutation), ``p_seeds`` (t) and ``p`` (the larger), ``p_holm`` (over all networks,
        methods and columns of a metric and scope), ``significant``, ``improvement`` (probability), ``detectable``
        (minimal effect at 80% power), ``sigma_seed``/``sigma_image``/``sigma_rest``; and ``best`` of its column,
        ``best_significant`` if it beats each other method significantly and none of them failed or is missing.
    """
    return summarize_blocks(blocks(frame, study), study)


def summarize_blocks(laid_out: Sequence[Block], study: Study) -> pd.DataFrame:
    """Compute the statistics of all cells from values that are laid out already; see :func:`summarize`."""
    rows: list[dict[str, Any]] = []
    rivals: list[list[float]] = []
    for block in laid_out:
        _summarize_block(block, study, rows, rivals)
    table = pd.DataFrame(rows).astype(dict.fromkeys(_TEXT, object))
    pvalues = table["p"].to_numpy(np.float64)
    corrected, beats = np.full(len(rows), np.nan), np.zeros(len(rows), bool)
    families: dict[tuple[str, str], list[int]] = {}
    for index, row in enumerate(rows):
        families.setdefault((row["metric"], row["scope"]), []).append(index)
    for members in families.values():
        corrected[members] = st.holm(pvalues[members])
        adjusted = st.holm(np.array([value for index in members for value in rivals[index]]))
        start = 0
        for index in members:
            own = adjusted[start : start + len(rivals[index])]
            beats[index] = bool(len(own)) and bool(np.all(own < st.ALPHA))
            start += len(own)
    return table.assign(p_holm=corrected, significant=corrected < st.ALPHA, best_significant=beats)


def _summarize_block(block: Block, study: Study, rows: list[dict[str, Any]], rivals: list[list[float]]) -> None:
    """Append the rows of one block, and for each the p-values of the best method against every other one."""
    sign = 1.0 if metric_label(block.metric).higher_is_better else -1.0
    pairs: list[_Pair] = []
    twins: list[tuple[int, int]] = []
    for column in columns(block, study):
        first = len(rows)
        cells = _cells(block, column, study)
        rows += cells
        rivals += [[] for _ in cells]
        found, same = _pairs(block, column, cells, first, study.baseline, sign)
        pairs += found
        twins += same
    _compare(pairs, rows, rivals)
    for row, twin in twins:
        rivals[row].append(float(rows[twin]["p"]))


def _cells(block: Block, column: Column, study: Study) -> list[dict[str, Any]]:
    """Describe the cells of one column without comparing them; what has no seed counts once, not once per seed."""
    trained = np.array([method not in study.seedless for method in block.methods])
    used = trained[:, None] | (np.arange(len(block.seeds)) == 0)
    failed, missing, total = column.failed * used, column.missing * used, column.total * used
    planned = total > 0
    whole, gone = (failed + missing == 0) & planned, (missing == total) & planned
    means = np.where(used, seed_means(column.values, column.strata), np.nan)
    average, spread = _mean_of_known(means), _mean_of_known(np.where(whole, means, np.nan), spread=True)
    average = np.where(np.isnan(column.infinite), average, column.infinite)
    broken, absent, count = failed.sum(1), missing.sum(1), total.sum(1)
    rows = []
    for index, method in enumerate(block.methods):
        row: dict[str, Any] = {
            "metric": block.metric,
            "network": block.network,
            "scope": column.scope,
            "column": column.name,
            "method": method,
            "state": _state(failed[index], whole[index], gone[index], planned[index]),
            "mean": float(average[index]),
            "seed_std": float(spread[index]),
            "seeds": int(whole[index].sum()) if trained[index] else 0,
            "seeds_total": int(planned[index].sum()) if trained[index] else 0,
            "images": column.values.shape[2],
            "failed": int(broken[index]),
            "missing": int(absent[index]),
            "total": int(count[index]),
            "left_out": column.left_out,
        }
        rows.append(row | _NOTHING)
    return rows


def _mean_of_known(values: Floats, *, spread: bool = False) -> Floats:
    """Return the means (M,) of rows (M, S) over what is not NaN, or their standard deviations; NaN if too little is."""
    known = ~np.isnan(values)
    count = known.sum(1)
    mean = np.where(known, values, 0.0).sum(1) / np.maximum(count, 1)
    if not spread:
        return np.where(count > 0, mean, np.nan)
    squares = np.where(known, (values - mean[:, None]) ** 2, 0.0).sum(1)
    return np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1)), np.nan)


_TEXT = ("metric", "network", "scope", "column", "method", "state", "left_out")
_NUMBERS = (
    *("difference", "low", "high", "error", "df", "p_images", "p_seeds", "p", "p_holm", "improvement", "detectable"),
    *("sigma_seed", "sigma_image", "sigma_rest"),
)
_NOTHING = dict.fromkeys(_NUMBERS, float("nan")) | {"significant": False, "best": False, "best_significant": False}


def _state(failed: Counts, whole: Flags, gone: Flags, planned: Flags) -> str:
    if failed.any():
        return "failed"
    if not whole.any() or not (whole | gone | ~planned).all():
        return "missing"
    return "partial" if gone.any() else "ok"


def seed_means(values: Floats, strata: npt.NDArray[np.int64]) -> Floats:
    """Return the means (M, S) of values (M, S, N) over the images that have one, data sets weighing the same."""
    weights = np.where(np.isnan(values), 0.0, st.image_weights(strata))
    total = weights.sum(2)
    there = np.where(weights > 0, values, 0.0)
    return np.where(total > 0, (there * weights).sum(2) / np.where(total > 0, total, 1.0), np.nan)


def _pairs(
    block: Block, column: Column, cells: list[dict[str, Any]], first: int, baseline: str, sign: float
) -> tuple[list[_Pair], list[tuple[int, int]]]:
    """List the comparisons of one column: every method with the baseline, and the best with every other.

    Where one of these two is the baseline, the comparison is there already and its p-value serves: such pairs of rows
    are listed apart.
    """
    usable = [index for index, cell in enumerate(cells) if cell["state"] in COMPARED]
    result, twins, base = [], [], -1
    if baseline in block.methods and (base := block.methods.index(baseline)) in usable:
        result += [_pair(first + other, "baseline", column, other, base, sign) for other in usable if other != base]
    if len(usable) > 1:
        best = max(usable, key=lambda index: sign * cells[index]["mean"])
        cells[best]["best"] = True
    if len(usable) == len(cells) > 1:
        for other in usable:
            if base in (best, other) and other != best:
                twins.append((first + best, first + (other if best == base else best)))
            elif other != best:
                result.append(_pair(first + best, "rival", column, best, other, sign))
    return [pair for pair in result if pair.differences.size], twins


def _pair(row: int, kind: str, column: Column, method: int, other: int, sign: float) -> _Pair:
    differences = column.values[method] - column.values[other]
    complete = np.isfinite(differences).all(1)
    return _Pair(row, kind, differences[complete], column, sign)


def _compare(pairs: list[_Pair], rows: list[dict[str, Any]], rivals: list[list[float]]) -> None:
    """Run all comparisons, those of equal shape and data sets together, and write the results into ``rows``."""
    groups: dict[tuple[int, bytes], list[_Pair]] = {}
    for pair in pairs:
        groups.setdefault((pair.differences.shape[0], pair.column.strata.tobytes()), []).append(pair)
    for (seeds, _), members in groups.items():
        strata = members[0].column.strata
        stacked = np.stack([pair.differences for pair in members])
        seed_draws, image_draws = _draws(strata.tobytes(), seeds)
        interval = st.intervals(stacked, strata, seed_draws, image_draws)
        signs = _signs(len(strata))
        p_images = st.permutation_test(stacked.mean(1), strata, signs)
        p_seeds = st.t_test(interval)
        both = st.joint_test(p_images, p_seeds)
        parts = interval.components
        wins = st.probability_of_improvement(stacked * members[0].sign, strata)
        effect = st.minimal_detectable_effect(interval.error, interval.df)
        for index, pair in enumerate(members):
            row = rows[pair.row]
            if pair.kind == "rival":
                rivals[pair.row].append(float(both[index]))
                continue
            row |= {"difference": interval.estimate[index], "low": interval.low[index], "high": interval.high[index]}
            row |= {"error": interval.error[index], "df": interval.df[index], "p_images": p_images[index]}
            row |= {
                "p_seeds": p_seeds[index],
                "p": both[index],
                "improvement": wins[index],
                "detectable": effect[index],
            }
            row |= {"sigma_seed": parts.sigma_seed[index], "sigma_image": parts.sigma_image[index]}
            row |= {"sigma_rest": parts.sigma_rest[index]}


@lru_cache(maxsize=32)
def _draws(strata: bytes, seeds: int) -> tuple[Floats, Floats]:
    """Return bootstrap weights of seeds and of images; one set serves all comparisons on the same images."""
    groups = np.frombuffer(strata, np.int64)
    random = numpy_stream("reporting", "bootstrap", len(groups), seeds)
    image_draws = st.bootstrap_image_weights(groups, random)
    return st.bootstrap_seed_weights(seeds, random), image_draws


@lru_cache(maxsize=8)
def _signs(count: int) -> Floats:
    return st.sign_patterns(count, numpy_stream("reporting", "signs", count))


def rank_table(laid_out: Sequence[Block], study: Study) -> pd.DataFrame:
    """Return how stable the ranking is: a row per metric, network, scope and method for the widest column.

    Columns: ``mean_rank``, ``concordance`` (Kendall's W over seeds) and ``rank_1`` .. ``rank_M``, the shares of
    bootstrap draws (seeds, then images) in which the method has that rank.
    """
    rows: list[dict[str, Any]] = []
    for block in laid_out:
        sign = 1.0 if metric_label(block.metric).higher_is_better else -1.0
        last = {column.scope: column for column in columns(block, study)}
        for column in last.values():
            values = np.where(column.total[..., None] > 0, column.values, np.nan)
            methods = [index for index in range(len(block.methods)) if np.isfinite(values[index]).all(1).any()]
            seeds = np.isfinite(values[methods]).all((0, 2)) if methods else np.zeros(0, bool)
            if len(methods) < 2 or not seeds.any():
                continue
            picked = sign * values[methods][:, seeds]
            boot = st.hierarchical_bootstrap(picked, *_draws(column.strata.tobytes(), int(seeds.sum())))
            table = st.rank_distribution(boot)
            agreement = st.concordance((picked @ st.image_weights(column.strata)).T)
            for place, index in enumerate(methods):
                key = {"metric": block.metric, "network": block.network, "scope": column.scope, "column": column.name}
                shares = {f"rank_{rank + 1}": share for rank, share in enumerate(table[place])}
                mean = float(table[place] @ np.arange(1, len(methods) + 1))
                rows.append(
                    key | {"method": block.methods[index], "mean_rank": mean, "concordance": agreement} | shares
                )
    return pd.DataFrame(rows)
