"""Critical values of the largest studentized difference of a group of comparisons, by simulation of the hard cases.

Methods that are compared with one baseline form a group: differences D_k = u_k - u_0 of *arms* u. One arm's luck may
vary more than another's, and what varies may be skewed. A critical value is the largest one over a list of such cases,
so that the promise of :data:`ALPHA` holds in each of them, and not only for equal variances and normal effects.

The statistic of a comparison is |mean| / error. A variance below the group's mean variance is raised to that mean: two
or three seeds often agree by luck, and an error that is small by luck is what makes false claims (the "fudge factor" of
Tusher, Tibshirani & Chu 2001, taken from the group). The group's largest statistic is compared with its own
distribution (Westfall & Young 1993, single step), so no correction for the group's size is left to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from harness.foundation.rng import numpy_stream

Floats = npt.NDArray[np.float64]

ALPHA = 0.05
"""Rate of tables with at least one false claim, if effects are normal or have heavier symmetric tails."""

SKEWED_ALPHA = 0.07
"""The same if all effects are lognormal, with a skewness of 6."""

SPREAD = 3.0
"""How many times the standard deviation of one arm's luck may exceed that of the others."""

LEVELS = np.geomspace(1e-9, 1.0, 181)
"""The levels at which critical values are tabulated: twenty per decade."""

_BUDGET = 5_000_000  # random numbers per curve: a fifth of a second
_MOST, _FEWEST = 50_000, 2000  # simulated groups
_TAIL = 50  # the largest statistics, whose power law continues beyond what was simulated


@dataclass(frozen=True)
class _Case:
    """How far the arms of a group vary: standard deviations of K methods (K,) and of the baseline."""

    methods: Floats
    baseline: float


def _cases(pooled: int) -> Iterator[_Case]:
    """Yield equal arms, then one method, half of the methods, or the baseline as the one that varies most.

    A baseline that does not vary at all makes the comparisons independent.
    """
    equal, one, half = np.ones(pooled), np.ones(pooled), np.ones(pooled)
    one[0] = SPREAD
    half[: (pooled + 1) // 2] = SPREAD
    for methods in (equal, one, half):
        yield _Case(methods, 0.0)
        yield _Case(methods, 1.0)
    yield _Case(equal, SPREAD)


@lru_cache(maxsize=256)
def critical_values(tested: int, pooled: int, sizes: tuple[int, ...]) -> Floats:
    """Return the critical value at each of :data:`LEVELS` for a group in which one thing varies: seeds, or images.

    Args:
        tested: comparisons whose largest statistic counts.
        pooled: comparisons whose mean variance is the floor; the tested ones are among them.
        sizes: how many seeds, as (S,), or the images of each data set; data sets weigh the same.

    Returns:
        (181,) decreasing to 0 at the level 1; all infinite where a single seed or image tells nothing.
    """
    sizes = (len(sizes),) if max(sizes) < 2 else sizes
    if max(sizes) < 2:
        return np.append(np.full(len(LEVELS) - 1, np.inf), 0.0)
    limits = np.zeros(len(LEVELS))
    for statistics, lenience in _simulated(tested, pooled, sizes):
        limits = np.maximum(limits, _quantiles(statistics, LEVELS * lenience))
    least = min(size for size in sizes if size > 1)
    if len(sizes) > 1:  # whichever data set varies most
        limits = np.maximum(limits, critical_values(tested, pooled, (least,)))
    limits[-1] = 0.0
    return np.maximum.accumulate(limits[::-1])[::-1]


def _simulated(tested: int, pooled: int, sizes: tuple[int, ...]) -> Iterator[tuple[Floats, float]]:
    """Yield the largest statistics (B,) of simulated groups without any effect, case by case, and their lenience."""
    normal, skewed = _moments(pooled, sizes)
    for moments, lenience in ((normal, 1.0), (skewed, SKEWED_ALPHA / ALPHA)):
        for case in _cases(pooled):
            mean = case.methods * moments.mean[:, 1:] - case.baseline * moments.mean[:, :1]
            variance = case.methods**2 * moments.variance[:, 1:] + case.baseline**2 * moments.variance[:, :1]
            variance -= 2 * case.methods * case.baseline * moments.covariance
            error = np.sqrt(np.maximum(raised(variance), 1e-300))
            yield (np.abs(mean) / error)[:, :tested].max(1), lenience


def raised(variance: Floats) -> Floats:
    """Return variances (..., K), those below the group's mean raised to it."""
    return np.maximum(variance, variance.mean(-1, keepdims=True))


@dataclass(frozen=True)
class _Moments:
    """Of B groups of arms without effect, the baseline first: means and their estimated variances (B, 1 + K).

    ``covariance`` (B, K) is that of each method's arm with the baseline's.
    """

    mean: Floats
    variance: Floats
    covariance: Floats


def _moments(pooled: int, sizes: tuple[int, ...]) -> tuple[_Moments, _Moments]:
    """Draw groups of arms with normal and, from the same numbers, with lognormal effects."""
    random = numpy_stream("critical values", pooled, repr(sizes))
    arms, count = pooled + 1, sum(sizes)
    groups = int(np.clip(_BUDGET // (arms * count), _FEWEST, _MOST))
    step = max(1, 2_000_000 // (arms * count))
    parts: list[tuple[_Moments, _Moments]] = []
    for start in range(0, groups, step):
        drawn = random.normal(0, 1, (min(step, groups - start), arms, count))
        skewed = (np.exp(drawn) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)
        parts.append((_moments_of(drawn, sizes), _moments_of(skewed, sizes)))
    return _joined([part[0] for part in parts]), _joined([part[1] for part in parts])


def _joined(parts: list[_Moments]) -> _Moments:
    columns = zip(*((part.mean, part.variance, part.covariance) for part in parts), strict=True)
    return _Moments(*(np.concatenate(column) for column in columns))


def _moments_of(values: Floats, sizes: tuple[int, ...]) -> _Moments:
    """Return the moments of arms (B, 1 + K, N); a data set of one image borrows the variance of the others."""
    counts = np.array(sizes)
    freedom = counts - 1
    share = 1.0 / len(counts) ** 2 / counts
    share = share * (counts > 1) + share[counts < 2].sum() * freedom / freedom.sum()
    mean = np.zeros(values.shape[:2])
    for size, scale, start in zip(counts, share, np.cumsum(counts) - counts, strict=True):
        part = values[..., start : start + size]
        centre = part.mean(-1, keepdims=True)
        mean += centre[..., 0] / len(counts)
        part -= centre
        part *= np.sqrt(scale / max(size - 1, 1))
    variance = np.einsum("bki,bki->bk", values, values)
    covariance = np.einsum("bki,bi->bk", values[:, 1:], values[:, 0])
    return _Moments(mean, variance, covariance)


def _quantiles(statistics: Floats, levels: Floats) -> Floats:
    """Return the values that are exceeded with probability ``levels``; the tail follows a power law (Hill 1975)."""
    ordered = np.sort(statistics)[::-1]
    place = levels * len(ordered)
    inside = np.interp(place, np.arange(1, len(ordered) + 1), ordered)
    pivot = ordered[_TAIL]
    index = float(np.log(ordered[:_TAIL] / pivot).mean())
    beyond = pivot * (_TAIL / np.maximum(place, 1e-300)) ** index
    return np.asarray(np.where(place < _TAIL, beyond, inside), np.float64)


def pvalues(mean: Floats, seed: Floats, image: Floats, over_seeds: Floats, over_images: Floats) -> Floats:
    """Return the smallest level at which |mean| exceeds sqrt(c_s^2 seed + c_i^2 image).

    c_s and c_i are the critical values of that level where only the seeds, or only the images, vary. Where both do, the
    weighted sum of squares is at least Cochran's limit (Cochran & Cox 1957), which is too low far out in the tail.

    Args:
        mean, seed, image: estimates and the two parts of their variance, of any one shape; raised already.
        over_seeds, over_images: (181,) curves of :func:`critical_values`.
    """
    square = mean**2
    seeds, images = np.minimum(over_seeds, 1e150) ** 2, np.minimum(over_images, 1e150) ** 2
    low, high = np.zeros(mean.shape, np.int64), np.full(mean.shape, len(LEVELS) - 1)
    while np.any(low < high):
        middle = (low + high) // 2
        above = seeds[middle] * seed + images[middle] * image > square
        low, high = np.where(above, middle + 1, low), np.where(above, high, middle)
    before = np.maximum(high - 1, 0)
    upper = seeds[before] * seed + images[before] * image
    lower = seeds[high] * seed + images[high] * image
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where((upper > square) & (lower > 0), np.log(upper / square) / np.log(upper / lower), 1.0)
    exponent = np.log(LEVELS[before]) + np.clip(np.nan_to_num(part, nan=1.0), 0, 1) * np.log(
        LEVELS[high] / LEVELS[before]
    )
    found = np.where(square > 0, np.exp(exponent), 1.0)
    return np.where(np.isfinite(square) & np.isfinite(seed) & np.isfinite(image), found, np.nan)
