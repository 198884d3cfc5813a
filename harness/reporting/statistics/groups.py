"""The comparisons of one column as groups: every method with the baseline, and the best method with every other.

A group is what the rule judges at once (:mod:`harness.reporting.statistics.rule`). Values are let go as soon as a group
is measured: of a large study only a few numbers per comparison are kept until its tables are complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.foundation.rng import numpy_stream
from harness.reporting.statistics import paired as st
from harness.reporting.statistics.rule import Layout, group_pvalues
from harness.reporting.statistics.samples import Column

Floats = npt.NDArray[np.float64]

BASELINE, RIVAL, SECOND = "baseline", "rival", "second"


@dataclass(frozen=True)
class Group:
    """Comparisons of one column with one method, the centre, over the same number of seeds.

    Attributes:
        kind: "baseline", "rival" or "second": the centre is the baseline, the best method, or the second best.
        centre: its row.
        rows: the row of each of the K other methods.
        methods: how many methods the column has.
        differences: (K, S, N) the others minus the centre; S is 1 if neither side was trained by the study.
        strata: (N,) the data set of each image.
        layout: what the rule has to know.
    """

    kind: str
    centre: int
    rows: tuple[int, ...]
    methods: int
    differences: Floats
    strata: npt.NDArray[np.int64]
    layout: Layout


@dataclass(frozen=True)
class Judged:
    """A group after the rule; its values are gone.

    Attributes:
        kind, centre, rows, methods, layout: as in :class:`Group`.
        mean: (K,) differences.
        pvalues: (K,) of "no difference", corrected for the group alone.
        equivalent: (K,) of "a difference of the margin or more", likewise; NaN without a margin.
        floor: mean variance from seeds and from images of the comparisons between trained methods; 0 without any.
    """

    kind: str
    centre: int
    rows: tuple[int, ...]
    methods: int
    layout: Layout
    mean: Floats
    pvalues: Floats
    equivalent: Floats
    floor: tuple[float, float]


def groups_of(
    kind: str, column: Column, centre: int, others: Sequence[int], trained: Sequence[bool], primary: Sequence[bool]
) -> list[Group]:
    """Return the comparisons of some methods of a column with one of them, by the number of seeds that both have.

    Comparisons without a common seed are left out.

    Args:
        kind: what the centre is.
        column: the values.
        centre, others: indices of methods.
        trained: (M,) which methods the study trained.
        primary: (M,) which methods' comparisons are primary.

    Returns:
        Groups whose ``centre`` and ``rows`` are indices of methods.
    """
    found: dict[int, list[tuple[int, Floats]]] = {}
    for other in others:
        differences = column.values[other] - column.values[centre]
        differences = differences[np.isfinite(differences).all(1)]
        if not differences.size:
            continue
        fixed = not (trained[other] or trained[centre])
        found.setdefault(0 if fixed else len(differences), []).append(
            (other, differences[:1] if fixed else differences)
        )
    sizes = tuple(np.unique(column.strata, return_counts=True)[1].tolist())
    result = []
    for seeds, members in found.items():
        names = tuple(name for name, _ in members)
        layout = Layout(seeds, sizes, tuple(trained[n] for n in names), tuple(primary[n] for n in names))
        stacked = np.stack([values for _, values in members])
        result.append(Group(kind, centre, names, len(trained), stacked, column.strata, layout))
    return result


def measure(
    groups: Sequence[Group], rows: list[dict[str, Any]], name: str, sign: float, margin: float | None
) -> list[Judged]:
    """Judge groups, and write what is known of each comparison with the baseline into its row.

    Groups of equal layout are measured together.

    Args:
        groups: their ``rows`` are indices of ``rows``.
        rows: of the summary.
        name: of the study; it seeds the bootstrap and the permutations.
        sign: 1 if higher is better, else -1.
        margin: the difference below which methods count as equivalent.
    """
    alike: dict[tuple[str, Layout, bytes], list[Group]] = {}
    for group in groups:
        alike.setdefault((group.kind, group.layout, group.strata.tobytes()), []).append(group)
    result = []
    for (kind, layout, _), members in alike.items():
        stacked = np.concatenate([group.differences for group in members])
        strata = members[0].strata
        if kind == BASELINE:
            parts = _describe(stacked, strata, [row for group in members for row in group.rows], rows, name, sign)
        else:
            parts = st.variance_components(stacked, strata)
        shape = (len(members), len(layout.pooled))
        mean, seed, image = (part.reshape(shape) for part in (parts.mean, parts.seed, parts.image))
        pvalues = group_pvalues(mean, seed, image, layout)
        equivalent = np.full(shape, np.nan)
        if margin is not None and kind == BASELINE:
            equivalent = group_pvalues(np.maximum(margin - np.abs(mean), 0.0), seed, image, layout)
        pooled = np.array(layout.pooled, bool)
        for index, group in enumerate(members):
            floor = (float(seed[index, pooled].mean()), float(image[index, pooled].mean())) if pooled.any() else (0, 0)
            found = (mean[index], pvalues[index], equivalent[index], floor)
            result.append(Judged(kind, group.centre, group.rows, group.methods, layout, *found))
    return result


def _describe(
    stacked: Floats,
    strata: npt.NDArray[np.int64],
    places: Sequence[int],
    rows: list[dict[str, Any]],
    name: str,
    sign: float,
) -> st.Components:
    """Write estimates, intervals and what each test alone says into the rows at ``places``; return the components."""
    interval = st.intervals(stacked, strata, *draws(name, strata.tobytes(), stacked.shape[1]))
    parts = interval.components
    columns = {
        "difference": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "error": interval.error,
        "df": interval.df,
        "p": st.t_test(interval),
        "p_images": st.permutation_test(stacked.mean(1), strata, _signs(name, len(strata))),
        "improvement": st.probability_of_improvement(stacked * sign, strata),
        "sigma_seed": parts.sigma_seed,
        "sigma_image": parts.sigma_image,
        "sigma_rest": parts.sigma_rest,
    }
    for index, place in enumerate(places):
        rows[place] |= {key: values[index] for key, values in columns.items()}
    return parts


@lru_cache(maxsize=32)
def draws(name: str, strata: bytes, seeds: int) -> tuple[Floats, Floats]:
    """Return bootstrap weights of seeds and of images; one set serves all comparisons of a study on the same images."""
    groups = np.frombuffer(strata, np.int64)
    random = numpy_stream("reporting", "bootstrap", name, len(groups), seeds)
    image_draws = st.bootstrap_image_weights(groups, random)
    return st.bootstrap_seed_weights(seeds, random), image_draws


@lru_cache(maxsize=8)
def _signs(name: str, count: int) -> Floats:
    return st.sign_patterns(count, numpy_stream("reporting", "signs", name, count))
