"""The columns of a table as arrays: one degradation, or the average over all, on one data set or on all together.

Real photographs are a scope of their own: a column per data set, and their average.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.reporting.rows.cells import ABSENT, FAILED, MISSING
from harness.reporting.rows.compared import AVERAGE, REAL, Study
from harness.reporting.rows.metric_rows import Block

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


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
        infinite: (M,) the mean of methods that are infinite wherever it matters, NaN for all others.
        left_out: the images on which some method is infinite: no part of ``values``; see :func:`without_infinite`.
    """

    scope: str
    name: str
    values: npt.NDArray[np.float64]
    strata: npt.NDArray[np.int64]
    failed: npt.NDArray[np.int64]
    missing: npt.NDArray[np.int64]
    total: npt.NDArray[np.int64]
    infinite: npt.NDArray[np.float64]
    left_out: tuple[str, ...]


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


class _Part(NamedTuple):
    """One data set's share of a column; ``names`` are those of the N images, with the data set's."""

    values: Floats
    failed: Counts
    missing: Counts
    total: Counts
    names: tuple[str, ...]


def _single(block: Block, dataset: str, degradation: str) -> _Part:
    key = (dataset, degradation)
    values, status = block.values[key], block.status[key]
    names = tuple(f"{dataset}/{image}" for image in block.images[key])
    if values.shape[2] == 0:
        values = np.full((*values.shape[:2], 1), np.nan)
        status = np.where(status.any(2, keepdims=True), MISSING, MISSING) if status.size else _unmeasured(block)
        names = ("",)
    return _Part(values, (status == FAILED).sum(2), (status == MISSING).sum(2), (status != ABSENT).sum(2), names)


def _unmeasured(block: Block) -> npt.NDArray[np.int8]:
    return np.full((len(block.methods), len(block.seeds), 1), MISSING, np.int8)


def _mean(block: Block, dataset: str, degradations: list[str]) -> _Part | None:
    parts = [_single(block, dataset, name) for name in degradations if (dataset, name) in block.values]
    if not parts:
        return None
    names = parts[0].names
    values = [part.values for part in parts]
    if any(part.names != names for part in parts):
        common = set(names).intersection(*(part.names for part in parts[1:]))
        places = [[index for index, name in enumerate(part.names) if name in common] for part in parts]
        values = [
            part.values[:, :, own] if own else part.values[:, :, :1] * np.nan
            for part, own in zip(parts, places, strict=True)
        ]
        names = tuple(name for name in names if name in common) or ("",)
    return _Part(np.stack(values).mean(0), *_counts(parts), names)


def _counts(parts: list[_Part]) -> tuple[Counts, Counts, Counts]:
    """Add up how many values of several parts failed, are missing, and should be there."""
    failed, missing, total = (
        np.asarray(np.sum(counts, axis=0), np.int64)
        for counts in zip(*((part.failed, part.missing, part.total) for part in parts), strict=True)
    )
    return failed, missing, total


def _joined(scope: str, name: str, parts: list[_Part]) -> Column:
    strata = np.concatenate([np.full(part.values.shape[2], index, np.int64) for index, part in enumerate(parts)])
    values, infinite, kept = without_infinite(np.concatenate([part.values for part in parts], axis=2), strata)
    names = np.array([image for part in parts for image in part.names], object)
    return Column(scope, name, values[:, :, kept], strata[kept], *_counts(parts), infinite, tuple(names[~kept]))


def without_infinite(values: Floats, strata: Counts) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Set apart what no mean can hold: the PSNR of a result that is the ground truth itself is infinite.

    An image on which some method is infinite is left out for all of them, so that means and differences are over the
    same images. Exempt are methods for which that would leave nothing: those that are infinite on every image, and, if
    a data set would lose all its images, those that are infinite on any. Their mean is infinite, and they are compared
    with nothing.

    Args:
        values: (M, S, N).
        strata: (N,) the data set of each image.

    Returns:
        The values, of which those kept are finite or NaN; the infinite mean (M,) of each exempt method, NaN for the
        others; and which images are kept (N,), some of every data set.
    """
    bad = np.isinf(values)
    if not bad.any():
        return values, np.full(len(values), np.nan), np.ones(len(strata), bool)
    cells = values.reshape(len(values), -1)
    touched = np.asarray(np.isinf(cells).any(1), np.bool_)
    exempt = np.logical_and(touched, np.logical_not(np.isfinite(cells).any(1)))
    kept = np.asarray(~bad[~exempt].reshape(-1, len(strata)).any(0), np.bool_)
    if set(strata[kept]) != set(strata):
        exempt, kept = touched, np.ones(len(strata), bool)
    signs = np.where((cells == np.inf).any(1), np.inf, -np.inf)
    return np.where(exempt[:, None, None], np.nan, values), np.where(exempt, signs, np.nan), kept
