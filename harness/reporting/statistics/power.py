"""What the rule would find: the chance of a star for a true difference, by simulation of the rule itself.

Differences are normal, as in a pilot's estimated components; the uncertainty of an estimate is part of the chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from harness.foundation.rng import numpy_stream
from harness.reporting.statistics.critical import ALPHA
from harness.reporting.statistics.groups import Judged
from harness.reporting.statistics.rule import Layout, group_pvalues

Floats = npt.NDArray[np.float64]

TARGET = 0.8
"""The chance that "would be found" means."""

DRAWS = 2000
"""Simulated experiments: a chance of 80% is known to 1.8 points (two standard errors)."""

MOST_SEEDS = 30
"""Seeds beyond which nobody is advised to go."""


@dataclass(frozen=True)
class Situation:
    """An experiment, done or planned, and one primary comparison of it.

    Attributes:
        methods: trained methods that are compared with the baseline, all of them primary.
        seeds: training seeds.
        sizes: images of each data set.
        sigma: standard deviations of seed, image and rest, of a difference, in units of the metric.
        freedom: degrees of freedom behind the first two; infinite if they are known or assumed.
        factor: by what the table multiplies a p-value of the group.
    """

    methods: int
    seeds: int
    sizes: tuple[int, ...]
    sigma: tuple[float, float, float]
    freedom: tuple[float, float] = (np.inf, np.inf)
    factor: float = 1.0

    @classmethod
    def estimated(cls, group: Judged, index: int, rest: float, factor: float) -> Situation:
        """Return the situation of one comparison of a group, from the variances that the rule used.

        Args:
            group: all comparisons of the column.
            index: the one in question.
            rest: standard deviation of the interaction; NaN counts as 0.
            factor: by what the table multiplies p-values.
        """
        layout = group.layout
        methods, seeds, share = max(sum(layout.pooled), 1), max(layout.seeds, 1), _share(layout.sizes)
        rest = 0.0 if np.isnan(rest) else rest
        seed = max(group.floor[0] * seeds - share * rest**2, 0.0)
        image = max(group.floor[1] / share - rest**2 / seeds, 0.0)
        shared = 1 / methods + 0.25 * (
            1 - 1 / methods
        )  # variances of differences to one baseline are correlated by 1/4
        freedom = tuple(max(count, 1) / shared for count in (seeds - 1, _image_freedom(layout.sizes)))
        sigma = (float(np.sqrt(seed)), float(np.sqrt(image)), rest)
        return cls(methods, layout.seeds, layout.sizes, sigma, (freedom[0], freedom[1]), factor)

    @property
    def layout(self) -> Layout:
        """What the rule has to know."""
        return Layout(self.seeds, self.sizes, (True,) * self.methods, (True,) * self.methods)


def _share(sizes: tuple[int, ...]) -> float:
    """Return the variance of the weighted mean of images that have variance 1."""
    return float(sum(1 / size for size in sizes) / len(sizes) ** 2)


def _image_freedom(sizes: tuple[int, ...]) -> float:
    """Return Satterthwaite's degrees of freedom of the weighted mean, if all data sets vary alike."""
    terms = sum(1 / size**2 / (size - 1) for size in sizes if size > 1)
    return float(sum(1 / size for size in sizes if size > 1) ** 2 / terms) if terms else 1.0


def chance(situation: Situation, effects: Floats) -> Floats:
    """Return the probability (E,) that the comparison gets its star if the true difference is each of ``effects``."""
    mean, seed, image = _experiments(replace(situation, factor=1.0))
    found = []
    for effect in effects:
        shifted = mean.copy()
        shifted[:, 0] += effect
        p = group_pvalues(shifted, seed, image, situation.layout)[:, 0] * situation.factor
        found.append(float((p < ALPHA).mean()))
    return np.array(found)


@lru_cache(maxsize=64)
def _experiments(situation: Situation) -> tuple[Floats, Floats, Floats]:
    """Return means and their estimated variances from seeds and images (draws, K) of experiments without effect."""
    random = numpy_stream("power", repr(situation))
    k, s = situation.methods, situation.seeds
    share = _share(situation.sizes)
    sigma = [
        np.full(DRAWS, value) if np.isinf(freedom) else value * np.sqrt(freedom / random.chisquare(freedom, DRAWS))
        for value, freedom in zip(situation.sigma[:2], situation.freedom, strict=True)
    ]
    rest = situation.sigma[2]
    arms = random.normal(0, 1, (DRAWS, k + 1, s)) / np.sqrt(2)
    luck = arms[:, 1:] - arms[:, :1]
    per_seed = np.sqrt(sigma[0] ** 2 + rest**2 * share)
    spread = luck.var(2, ddof=1) if s > 1 else np.zeros((DRAWS, k))
    seed = per_seed[:, None] ** 2 * spread / s
    per_image = sigma[1] ** 2 + rest**2 / s
    image = np.zeros((DRAWS, k))
    for size in situation.sizes:
        freedom = size - 1 if size > 1 else max(sum(situation.sizes) - len(situation.sizes), 1)
        image += random.chisquare(freedom, (DRAWS, k)) / freedom / size
    image *= per_image[:, None] / len(situation.sizes) ** 2
    error = np.sqrt(sigma[0] ** 2 / s + share * per_image)
    mean = random.normal(0, 1, (DRAWS, k)) * error[:, None]
    return mean, seed, image


def detectable(situation: Situation, target: float = TARGET) -> float:
    """Return the smallest true difference that the rule finds with probability ``target``; NaN if it never can."""
    if situation.seeds == 1:
        return float("nan")
    share = _share(situation.sizes)
    sigma = situation.sigma
    error = np.sqrt(sigma[0] ** 2 / situation.seeds + share * (sigma[1] ** 2 + sigma[2] ** 2 / situation.seeds))
    if not error > 0:
        return float("nan")
    low, high = 0.0, float(error)
    while chance(situation, np.array([high]))[0] < target:
        low, high = high, 2 * high
        if high > 1e6 * error:
            return float("nan")
    for _ in range(7):
        middle = (low + high) / 2
        low, high = (low, middle) if chance(situation, np.array([middle]))[0] >= target else (middle, high)
    return high


def seeds_needed(situation: Situation, effect: float, target: float = TARGET) -> int | None:
    """Return with how many seeds a true difference is found with probability ``target``; None if 30 are too few."""
    return _first(lambda seeds: replace(situation, seeds=seeds), range(2, MOST_SEEDS + 1), effect, target)


def images_needed(situation: Situation, effect: float, target: float = TARGET) -> int | None:
    """Return by how many times more images of every data set would do, at most 16; None if no number does."""
    return _first(
        lambda times: replace(situation, sizes=tuple(times * size for size in situation.sizes)),
        (1, 2, 4, 8, 16),
        effect,
        target,
    )


def _first(
    make: Callable[[int], Situation], choices: range | tuple[int, ...], effect: float, target: float
) -> int | None:
    """Return the first of ascending choices that suffices, by bisection: more of anything never finds less."""
    low, high = 0, len(choices)
    while low < high:
        middle = (low + high) // 2
        enough = chance(make(choices[middle]), np.array([abs(effect)]))[0] >= target
        low, high = (low, middle) if enough else (middle + 1, high)
    return choices[low] if low < len(choices) else None
