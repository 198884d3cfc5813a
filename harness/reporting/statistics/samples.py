"""The columns of a table as arrays: one degradation, or the average over all, on one data set or on all together.

Real photographs are a scope of their own: a column per data set, and their average.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.reporting.rows.cells import ABSENT, FAILED, MISSING
from harness.reporting.rows.compared import AVERAGE, REAL, Study
from harness.reporting.rows.metric_rows import Block


@dataclass(frozen=True)
class Column:
    """The values behind one column of one table.

    Attributes:
        scope: a data set, "average" for the mean over data sets, or "real" for photographs that nobody degraded.
        name: a degradation, or "average" for the mean over degradations; of photographs a data set, or "average" for
            the mean over these.
        values: (M methods, S seeds, N images), NaN where there is none.
        strata: (N,) the index of each image's data set.
        failed, missing, total: (M, S) counts of single values; a total of 0 means that the study has no such run.
    """

    scope: str
    name: str
    values: npt.NDArray[np.float64]
    strata: npt.NDArray[np.int64]
    failed: npt.NDArray[np.int64]
    missing: npt.NDArray[np.int64]
    total: npt.NDArray[np.int64]


def columns(block: Block, study: Study) -> list[Column]:
    """Return all columns of a block: for each data set and then for their average, each degradation and the average.

    Data sets without this metric do not appear; with one data set, or one degradation, there is no average over it.
    Real photographs come last.
    """
    datasets = [name for name in study.datasets if any(key[0] == name and key[1] != REAL for key in block.values)]
    scopes = [(name, [name]) for name in datasets]
    if len(datasets) > 1:
        scopes.append((AVERAGE, datasets))
    result = []
    for scope, members in scopes:
        given = {degradation for dataset, degradation in block.values if dataset in members}
        names = [name for name in study.degradations if name in given and name != REAL]
        for name in names:
            parts = [_single(block, member, name) for member in members if (member, name) in block.values]
            result.append(_joined(scope, name, parts))
        if len(names) > 1:
            result.append(_joined(scope, AVERAGE, [part for m in members if (part := _mean(block, m, names))]))
    return result + _photographs(block, study)


def _photographs(block: Block, study: Study) -> list[Column]:
    parts = {name: _single(block, name, REAL) for name in study.datasets if (name, REAL) in block.values}
    result = [_joined(REAL, name, [part]) for name, part in parts.items()]
    return result if len(result) < 2 else [*result, _joined(REAL, AVERAGE, list(parts.values()))]


_Part = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]


def _single(block: Block, dataset: str, degradation: str) -> _Part:
    values, status = block.values[(dataset, degradation)], block.status[(dataset, degradation)]
    if values.shape[2] == 0:
        values = np.full((*values.shape[:2], 1), np.nan)
        status = np.where(status.any(2, keepdims=True), MISSING, MISSING) if status.size else _unmeasured(block)
    failed, missing = (status == FAILED).sum(2), (status == MISSING).sum(2)
    return values, failed, missing, (status != ABSENT).sum(2)


def _unmeasured(block: Block) -> npt.NDArray[np.int8]:
    return np.full((len(block.methods), len(block.seeds), 1), MISSING, np.int8)


def _mean(block: Block, dataset: str, degradations: list[str]) -> _Part | None:
    keys = [(dataset, name) for name in degradations if (dataset, name) in block.values]
    if not keys:
        return None
    parts = [_single(block, *key) for key in keys]
    names = block.images[keys[0]]
    if all(block.images[key] == names for key in keys):
        return np.stack([part[0] for part in parts]).mean(0), sum_of(parts, 1), sum_of(parts, 2), sum_of(parts, 3)
    common = set(names).intersection(*(block.images[key] for key in keys[1:]))
    picked = []
    for key, part in zip(keys, parts, strict=True):
        places = [index for index, name in enumerate(block.images[key]) if name in common]
        picked.append(part[0][:, :, places] if places else part[0][:, :, :1] * np.nan)
    stacked = np.stack(picked).mean(0)
    return stacked, sum_of(parts, 1), sum_of(parts, 2), sum_of(parts, 3)


def sum_of(parts: list[_Part], index: int) -> npt.NDArray[np.int64]:
    """Add up one of the counts of several parts."""
    return np.asarray(np.sum([part[index] for part in parts], axis=0), np.int64)


def _joined(scope: str, name: str, parts: list[_Part]) -> Column:
    strata = np.concatenate([np.full(part[0].shape[2], index, np.int64) for index, part in enumerate(parts)])
    values = np.concatenate([part[0] for part in parts], axis=2)
    return Column(scope, name, values, strata, sum_of(parts, 1), sum_of(parts, 2), sum_of(parts, 3))
