"""One row of statistics for every cell of every table; tables and figures only lay these rows out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.reporting import statistics as st
from harness.reporting.columns import Column, columns
from harness.reporting.labels import metric_label
from harness.reporting.results import Block, blocks
from harness.reporting.study import Study
from harness.rng import numpy_stream

Floats = npt.NDArray[np.float64]

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
        A row per metric, network, scope, column and method (see :class:`harness.reporting.columns.Column`) with
        ``state`` (ok, partial: some seeds have no values, failed, missing), ``mean`` (over the seeds and images that
        have values), ``seed_std``, ``seeds`` of ``seeds_total``, ``images``, ``failed``/``missing``/``total`` counts of
        values; and against the baseline ``difference``, its 95% interval ``low``..``high``, ``error``, ``df``, the
        p-values ``p_images`` (permutation), ``p_seeds`` (t) and ``p`` (the larger), ``p_holm`` (over all networks,
        methods and columns of a metric and scope), ``significant``, ``improvement`` (probability), ``detectable``
        (minimal effect at 80% power), ``sigma_seed``/``sigma_image``/``sigma_rest``; and ``best`` of its column,
        ``best_significant`` if it beats each other method significantly and none of them failed or is missing.
    """
    tables = [_summarize_block(block, study) for block in blocks(frame, study)]
    table = pd.concat(tables, ignore_index=True)
    for _, rows in table.groupby(["metric", "scope"], sort=False).groups.items():
        table.loc[rows, "p_holm"] = st.holm(table.loc[rows, "p"].to_numpy(np.float64))
        corrected = st.holm(np.array([value for cell in table.loc[rows, "_rivals"] for value in cell]))
        ends = np.cumsum([len(cell) for cell in table.loc[rows, "_rivals"]])
        for row, end in zip(rows, ends, strict=True):
            rivals = corrected[end - len(table.at[row, "_rivals"]) : end]
            table.at[row, "best_significant"] = bool(len(rivals) and np.all(rivals < st.ALPHA))
    table["significant"] = table["p_holm"] < st.ALPHA
    return table.drop(columns="_rivals")


def _summarize_block(block: Block, study: Study) -> pd.DataFrame:
    sign = 1.0 if metric_label(block.metric).higher_is_better else -1.0
    rows: list[dict[str, Any]] = []
    pairs: list[_Pair] = []
    for column in columns(block, study):
        first = len(rows)
        rows += [_cell(block, column, index, study) for index in range(len(block.methods))]
        pairs += _pairs(block, column, rows[first:], first, study.baseline, sign)
    _compare(pairs, rows)
    return pd.DataFrame(rows)


def _cell(block: Block, column: Column, index: int, study: Study) -> dict[str, Any]:
    """Describe one cell without comparing it."""
    method = block.methods[index]
    seeds = slice(0, 1) if method in study.references else slice(None)
    values = column.values[index, seeds]
    failed, missing, total = (counts[index, seeds] for counts in (column.failed, column.missing, column.total))
    planned = total > 0
    whole = (failed + missing == 0) & planned
    gone = (missing == total) & planned
    means = _means(values, column.strata)
    row: dict[str, Any] = {
        "metric": block.metric,
        "network": block.network,
        "scope": column.scope,
        "column": column.name,
        "method": method,
        "state": _state(int(failed.sum()), bool(gone.all()), bool((whole | gone | ~planned).all()), bool(gone.any())),
        "mean": float(np.nanmean(means)) if np.isfinite(means).any() else float("nan"),
        "seed_std": float(means[whole].std(ddof=1)) if whole.sum() > 1 else float("nan"),
        "seeds": int(whole.sum()) if method not in study.references else 0,
        "seeds_total": int(planned.sum()) if method not in study.references else 0,
        "images": values.shape[1],
        "failed": int(failed.sum()),
        "missing": int(missing.sum()),
        "total": int(total.sum()),
    }
    numbers = ("difference", "low", "high", "error", "df", "p_images", "p_seeds", "p", "p_holm")
    row |= dict.fromkeys((*numbers, "improvement", "detectable", "sigma_seed", "sigma_image", "sigma_rest"), np.nan)
    return row | {"significant": False, "best": False, "best_significant": False, "_rivals": []}


def _state(failed: int, all_gone: bool, seeds_whole: bool, any_gone: bool) -> str:
    if failed:
        return "failed"
    if all_gone or not seeds_whole:
        return "missing"
    return "partial" if any_gone else "ok"


def _means(values: Floats, strata: npt.NDArray[np.int64]) -> Floats:
    """Return the mean of each seed (S,) over the images that have values, data sets weighing the same."""
    weights = np.where(np.isnan(values), 0.0, st.image_weights(strata))
    total = weights.sum(1)
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, np.where(weights > 0, values * weights, 0.0).sum(1) / total, np.nan)


def _pairs(
    block: Block, column: Column, cells: list[dict[str, Any]], first: int, baseline: str, sign: float
) -> list[_Pair]:
    """List the comparisons of one column: every method with the baseline, and the best with every other."""
    usable = [index for index, cell in enumerate(cells) if cell["state"] in COMPARED]
    result = []
    if baseline in block.methods and (base := block.methods.index(baseline)) in usable:
        result += [_pair(first + other, "baseline", column, other, base, sign) for other in usable if other != base]
    if len(usable) > 1:
        best = max(usable, key=lambda index: sign * cells[index]["mean"])
        cells[best]["best"] = True
    if len(usable) == len(cells) > 1:
        result += [_pair(first + best, "rival", column, best, other, sign) for other in usable if other != best]
    return [pair for pair in result if pair.differences.size]


def _pair(row: int, kind: str, column: Column, method: int, other: int, sign: float) -> _Pair:
    differences = column.values[method] - column.values[other]
    complete = np.isfinite(differences).all(1)
    return _Pair(row, kind, differences[complete], column, sign)


def _compare(pairs: list[_Pair], rows: list[dict[str, Any]]) -> None:
    """Run all comparisons, those of equal shape and data sets together, and write the results into ``rows``."""
    groups: dict[tuple[int, bytes], list[_Pair]] = {}
    for pair in pairs:
        groups.setdefault((pair.differences.shape[0], pair.column.strata.tobytes()), []).append(pair)
    for (seeds, _), members in groups.items():
        strata = members[0].column.strata
        stacked = np.stack([pair.differences for pair in members])
        random = numpy_stream("reporting", "bootstrap", len(strata), seeds)
        image_draws = st.bootstrap_image_weights(strata, random)
        interval = st.intervals(stacked, strata, st.bootstrap_seed_weights(seeds, random), image_draws)
        signs = st.sign_patterns(len(strata), numpy_stream("reporting", "signs", len(strata)))
        p_images = st.permutation_test(stacked.mean(1), strata, signs)
        p_seeds = st.t_test(interval)
        both = st.joint_test(p_images, p_seeds)
        parts = st.variance_components(stacked, strata)
        wins = st.probability_of_improvement(stacked * members[0].sign, strata)
        effect = st.minimal_detectable_effect(interval.error, interval.df)
        for index, pair in enumerate(members):
            row = rows[pair.row]
            if pair.kind == "rival":
                row["_rivals"].append(both[index])
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


def rank_table(frame: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return how stable the ranking is: a row per metric, network, scope and method for the widest column.

    Columns: ``mean_rank``, ``concordance`` (Kendall's W over seeds) and ``rank_1`` .. ``rank_M``, the shares of
    bootstrap draws (seeds, then images) in which the method has that rank.
    """
    rows: list[dict[str, Any]] = []
    for block in blocks(frame, study):
        sign = 1.0 if metric_label(block.metric).higher_is_better else -1.0
        last = {column.scope: column for column in columns(block, study)}
        for column in last.values():
            values = np.where(column.total[..., None] > 0, column.values, np.nan)
            methods = [index for index in range(len(block.methods)) if np.isfinite(values[index]).all(1).any()]
            seeds = np.isfinite(values[methods]).all((0, 2)) if methods else np.zeros(0, bool)
            if len(methods) < 2 or not seeds.any():
                continue
            picked = sign * values[methods][:, seeds]
            random = numpy_stream("reporting", "ranks", len(column.strata), int(seeds.sum()))
            draws = st.bootstrap_image_weights(column.strata, random)
            boot = st.hierarchical_bootstrap(picked, st.bootstrap_seed_weights(int(seeds.sum()), random), draws)
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
