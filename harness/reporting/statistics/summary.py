"""One row of statistics for every cell of every table; tables and figures only lay these rows out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.reporting.rows.compared import REAL, Study
from harness.reporting.rows.labels import metric_label
from harness.reporting.rows.metric_rows import Block, blocks
from harness.reporting.statistics import paired as st
from harness.reporting.statistics.claims import EXPLORATORY, PRIMARY, claim
from harness.reporting.statistics.groups import BASELINE, RIVAL, SECOND, Group, Judged, draws, groups_of, measure
from harness.reporting.statistics.samples import Column, columns

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

COMPARED = ("ok", "partial")
"""States of cells that have a mean to compare; "failed" and "missing" cells lack values and are shown as such."""


def summarize(frame: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Compute the statistics of all cells.

    Returns:
        A row per metric, network, scope, column and method (see
        :class:`harness.reporting.statistics.samples.Column`) with
        ``state`` (ok, partial: some seeds have no values, failed, missing), ``mean`` (over the seeds and images that
        have values), ``seed_std``, ``seeds`` of ``seeds_total``, ``images``, ``failed``/``missing``/``total`` counts of
        values; ``left_out``, the images on which a method is infinite, which have no part in any other number here;
        and against the baseline ``difference``, its 95% interval ``low``..``high``, ``error``, ``df``, what each test
        says of this comparison alone, ``p`` (t over seeds and images, dual to the interval) and ``p_images``
        (permutation over images, of these trained networks); ``role`` (primary, exploratory), ``p_family`` (by the rule
        for the whole table, :mod:`harness.reporting.statistics.rule`), ``significant``, ``needed`` (standard errors
        that are enough for a star), ``p_equivalent`` and ``verdict`` (better, worse, equivalent,
        undecided); ``improvement`` (probability), ``detectable`` (of primary
        comparisons: the effect that the rule would find with probability 80%),
        ``sigma_seed``/``sigma_image``/``sigma_rest``; and ``best`` of its column, ``best_significant`` if the rule says
        so against each other method and none of them failed or is missing; ``second_significant`` likewise of the
        second best against each method but the best.
    """
    return summarize_blocks(blocks(frame, study), study)


def summarize_blocks(laid_out: Sequence[Block], study: Study) -> pd.DataFrame:
    """Compute the statistics of all cells from values that are laid out already; see :func:`summarize`."""
    rows: list[dict[str, Any]] = []
    tables: dict[tuple[str, str], list[Judged]] = {}
    for block in laid_out:
        for judged in _summarize_block(block, study, rows):
            row = rows[judged.rows[0]]
            tables.setdefault((row["metric"], row["scope"]), []).append(judged)
    for (metric, _), groups in tables.items():
        claim(groups, rows, _sign(metric), study.share)
    return pd.DataFrame(rows).astype(dict.fromkeys(_TEXT, object))


def _sign(metric: str) -> float:
    return 1.0 if metric_label(metric).higher_is_better else -1.0


def _summarize_block(block: Block, study: Study, rows: list[dict[str, Any]]) -> list[Judged]:
    """Append the rows of one block and judge its groups."""
    found = columns(block, study)
    scope, name = _primary_column(found, study)
    groups: list[Group] = []
    for column in found:
        first = len(rows)
        cells = _cells(block, column, study)
        rows += cells
        claims = block.metric == study.primary_metric and (column.scope, column.name) == (scope, name)
        for group in _groups(block, column, cells, study, claims=claims):
            places = tuple(first + index for index in group.rows)
            groups.append(replace(group, centre=first + group.centre, rows=places))
    return measure(groups, rows, study.name, _sign(block.metric), study.margin(block.metric))


def _primary_column(found: Sequence[Column], study: Study) -> tuple[str, str]:
    """Return scope and name of the column whose comparisons are primary: the widest scope, and what the study says.

    Where there is one degradation alone, that one stands for the average.
    """
    degraded = [column for column in found if column.scope != REAL] or list(found)
    scope = degraded[-1].scope if degraded else ""
    names = [column.name for column in degraded if column.scope == scope]
    return scope, study.primary.column if study.primary.column in names else names[-1] if names else ""


def _groups(block: Block, column: Column, cells: list[dict[str, Any]], study: Study, *, claims: bool) -> list[Group]:
    """List the comparisons of one column: all methods with the baseline, with the best, and with the second best."""
    usable = [index for index, cell in enumerate(cells) if cell["state"] in COMPARED]
    trained = [method not in study.seedless for method in block.methods]
    primary = [claims and method in study.primary_methods for method in block.methods]
    result = []
    if study.baseline in block.methods and (base := block.methods.index(study.baseline)) in usable:
        others = [index for index in usable if index != base]
        result += groups_of(BASELINE, column, base, others, trained, primary)
        for group in result:
            for index, flag in zip(group.rows, group.layout.primary, strict=True):
                cells[index]["role"] = PRIMARY if flag else EXPLORATORY
    if len(usable) > 1:
        sign = _sign(block.metric)
        best = max(usable, key=lambda index: sign * cells[index]["mean"])
        cells[best]["best"] = True
        if len(usable) == len(cells):
            others = [index for index in usable if index != best]
            result += groups_of(RIVAL, column, best, others, trained, [False] * len(cells))
            second = max(others, key=lambda index: sign * cells[index]["mean"])
            others = [index for index in usable if index != second]
            result += groups_of(SECOND, column, second, others, trained, [False] * len(cells))
    return result


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


_TEXT = ("metric", "network", "scope", "column", "method", "state", "left_out", "role", "verdict")
_NUMBERS = (
    *("difference", "low", "high", "error", "df", "p", "p_images", "p_family", "p_equivalent", "needed"),
    *("improvement", "detectable", "sigma_seed", "sigma_image", "sigma_rest"),
)
_NOTHING = (
    dict.fromkeys(_NUMBERS, float("nan"))
    | {"role": "", "verdict": ""}
    | {"significant": False, "best": False, "best_significant": False, "second_significant": False}
)


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
            boot = st.hierarchical_bootstrap(picked, *draws(study.name, column.strata.tobytes(), int(seeds.sum())))
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
