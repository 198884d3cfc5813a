"""The rule that sets stars, bold numbers and verdicts: from differences to p-values that hold for a whole table.

Tables, the benchmark of the rule (``python -m benchmarks.familywise``) and the forecast of power all call
:func:`group_pvalues` and :func:`table_pvalues`; nothing else decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.reporting.statistics.critical import ALPHA, LEVELS, critical_values, pvalues

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

PRIMARY_SHARE = 0.8
"""Share of :data:`ALPHA` that the primary comparisons of a table get if it has exploratory ones as well."""

BETTER, WORSE, EQUIVALENT, UNDECIDED = "better", "worse", "equivalent", "undecided"


@dataclass(frozen=True)
class Layout:
    """What the groups that are judged together have in common.

    Attributes:
        seeds: S training seeds; 0 if nothing that is compared was trained by the study, so that images alone vary.
        sizes: images of each data set.
        pooled: (K,) which comparisons are between trained methods: their mean variance is the floor of all.
        primary: (K,) which comparisons are primary; they are tested apart from the others.
    """

    seeds: int
    sizes: tuple[int, ...]
    pooled: tuple[bool, ...]
    primary: tuple[bool, ...]

    @property
    def tests(self) -> tuple[int, int]:
        """How many tests the primary comparisons of one group are, and the exploratory ones.

        Those between trained methods are one test together, however many they are; each other one is a test of its own.
        """
        roles = list(zip(self.pooled, self.primary, strict=True))
        first, later = (((True, role) in roles) + roles.count((False, role)) for role in (True, False))
        return first, later


def group_pvalues(mean: Floats, seed: Floats, image: Floats, layout: Layout) -> Floats:
    """Return p-values (..., K) of groups of comparisons with one baseline, corrected for the size of the group.

    Args:
        mean: (..., K) mean differences.
        seed, image: (..., K) their variances from seeds and from images
            (:class:`harness.reporting.statistics.paired.Components`).
        layout: what all groups have in common.

    Returns:
        NaN where nothing can be said: with one seed nobody knows what another training would have given.
    """
    found = np.full(mean.shape, np.nan)
    if layout.seeds == 1:
        return found
    pooled, primary = np.array(layout.pooled, bool), np.array(layout.primary, bool)
    trained = int(pooled.sum())
    floors = [part[..., pooled].mean(-1, keepdims=True) if trained else np.zeros(1) for part in (seed, image)]
    raised_seed, raised_image = np.maximum(seed, floors[0]), np.maximum(image, floors[1])
    for chosen in (pooled & primary, pooled & ~primary):
        if count := int(chosen.sum()):
            curves = [critical_values(count, trained, sizes) for sizes in ((layout.seeds,), layout.sizes)]
            parts = (mean[..., chosen], raised_seed[..., chosen], raised_image[..., chosen])
            found[..., chosen] = pvalues(*parts, *curves)
    if not pooled.all():
        alone = ~pooled
        over_images = critical_values(1, 1, layout.sizes)
        if layout.seeds == 0:
            nothing = np.zeros_like(mean[..., alone])
            found[..., alone] = pvalues(mean[..., alone], nothing, image[..., alone], over_images, over_images)
        else:
            over_seeds = critical_values(1, max(trained, 1), (layout.seeds,))
            parts = (mean[..., alone], raised_seed[..., alone], image[..., alone])
            found[..., alone] = pvalues(*parts, over_seeds, over_images)
    return found


def table_pvalues(found: Sequence[Floats], layouts: Sequence[Layout]) -> list[Floats]:
    """Correct p-values of groups for all others in the same table, so that p < :data:`ALPHA` is a claim.

    The primary comparisons share 80% of the level and the exploratory ones 20%; each share is divided by its number of
    tests (Bonferroni). Where all primary comparisons are claims, the exploratory ones have the whole level: then a
    false primary claim has been made already, or there is none to be made (serial gatekeeping, Westfall & Krishen
    2001). A table with one kind alone has the whole level for it.

    Args:
        found: for each group of the table, p-values (..., K) of :func:`group_pvalues`.
        layouts: their layouts, in the same order.
    """
    if not found:
        return []
    factors = table_factors(layouts)
    tests = sum(layout.tests[1] for layout in layouts)
    roles = [np.array(layout.primary, bool) for layout in layouts]
    first = [np.minimum(values * factors[0], 1.0) for values in found]
    claimed = [np.nan_to_num(values[..., role], nan=1.0) for values, role in zip(first, roles, strict=True)]
    gate = np.concatenate(claimed, axis=-1).max(-1, keepdims=True, initial=0.0)
    result = []
    for values, early, role in zip(found, first, roles, strict=True):
        late = np.minimum(np.minimum(values * factors[1], np.maximum(values * tests, gate)), 1.0)
        result.append(np.where(role, early, late))
    return result


def table_factors(layouts: Sequence[Layout]) -> tuple[float, float]:
    """Return by what the p-values of a group are multiplied in a table of these groups: primary, exploratory ones."""
    primary = sum(layout.tests[0] for layout in layouts)
    exploratory = sum(layout.tests[1] for layout in layouts)
    share = PRIMARY_SHARE if primary and exploratory else 1.0
    return primary / share, exploratory / (1 - share if share < 1 else 1.0)


def verdict(difference: float, p: float, p_equivalent: float, sign: float) -> str:
    """Return one of four words; "" if there is no difference.

    Args:
        difference: mean difference to the baseline.
        p: of "no difference", corrected; NaN decides nothing.
        p_equivalent: of "the difference is the margin or more", corrected.
        sign: 1 if higher is better, else -1.
    """
    if not np.isfinite(difference):
        return ""
    if p < ALPHA:
        return BETTER if sign * difference > 0 else WORSE
    return EQUIVALENT if p_equivalent < ALPHA else UNDECIDED


def errors_needed(layout: Layout, factors: tuple[float, float]) -> Floats:
    """Return how many standard errors (K,) are enough for each difference of a group to be claimed.

    The larger of the critical values for seeds and for images: which of the two varies more is not asked. NaN if
    nothing can ever be claimed: one seed, or one image.

    Args:
        layout: of the group.
        factors: of the table, from :func:`table_factors`.
    """
    pooled, primary = np.array(layout.pooled, bool), np.array(layout.primary, bool)
    trained = int(pooled.sum())
    result = np.full(len(pooled), np.nan)
    if layout.seeds == 1 or sum(layout.sizes) < 2:
        return result
    for index, own in enumerate(primary):
        level = int(np.searchsorted(LEVELS, ALPHA / factors[0 if own else 1], side="right")) - 1
        tested = int((pooled & (primary == own)).sum()) if pooled[index] else 1
        limits = [critical_values(tested, trained if pooled[index] else 1, layout.sizes)]
        if layout.seeds:
            limits.append(critical_values(tested, max(trained, 1), (layout.seeds,)))
        result[index] = max(float(limit[level]) for limit in limits)
    return result
