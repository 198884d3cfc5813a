"""Statistics of paired comparisons, as small functions, each with its source.

The unit of a comparison is an array of differences D (S seeds, N images): method minus baseline under common random
numbers, so both trained from the same initial weights on the same crops and degradations, and both are measured on
the same images. Seeds and images are *crossed*: every seed meets every image. ``strata`` (N,) holds the index of each
image's data set; all data sets weigh the same, as in the papers' averages.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEVEL = 0.95
"""Coverage of all intervals."""

DRAWS = 2000
"""Bootstrap draws: the Monte-Carlo error of a standard error is 1.6%."""

FLIPS = 9999
"""Random sign patterns of a permutation test: the smallest p-value is 0.0001."""

ENUMERATED = 16
"""Images up to which all sign patterns are tried, 32,768 without their mirror images."""

_FLOOR = 0.75  # of the larger component: chance can make the interaction's estimate eat up the sum
_DF_GRID = np.geomspace(1, 1e6, 4000)
_DF_QUANTILES = stats.t.ppf(0.5 + LEVEL / 2, _DF_GRID)


@dataclass(frozen=True)
class Components:
    """Where the uncertainty of K mean differences comes from; every array has shape (K,), in squared metric units.

    Attributes:
        mean: estimates, the mean over seeds of the weighted mean over images.
        seed: variance of the estimate that the seeds contribute, the interaction included.
        image: the same for the images.
        rest: the interaction's (seed x image) own share; both of the above contain it once.
        seed_df, image_df, rest_df: degrees of freedom of the three.
        sigma_seed, sigma_image, sigma_rest: standard deviations of one seed's effect, one image's effect and the
            interaction, in metric units; NaN where one seed or one image cannot tell.
    """

    mean: Floats
    seed: Floats
    image: Floats
    rest: Floats
    seed_df: float
    image_df: Floats
    rest_df: float
    sigma_seed: Floats
    sigma_image: Floats
    sigma_rest: Floats


@dataclass(frozen=True)
class Interval:
    """K estimates with 95% intervals; every array has shape (K,), in metric units."""

    estimate: Floats
    low: Floats
    high: Floats
    error: Floats
    df: Floats
    components: Components


def image_weights(strata: Ints) -> Floats:
    """Return the weight of each image (N,): data sets weigh the same, images within one too; the sum is 1."""
    counts = np.bincount(strata)
    return np.asarray(1.0 / (np.count_nonzero(counts) * counts[strata]), np.float64)


def variance_components(differences: Floats, strata: Ints) -> Components:
    """Split the variance of mean differences (K, S, N) into seeds, images and their interaction.

    Two-way crossed random effects without replication, by mean squares (Searle, Casella & McCulloch 1992, ch. 4), in
    each data set apart; data sets are fixed. A data set of one image borrows the pooled variance of the others.
    """
    k, s, n = differences.shape
    weights = image_weights(strata)
    groups = np.unique(strata)
    per_image = differences.mean(1)
    per_seed = differences @ weights
    seed = per_seed.var(1, ddof=1) / s if s > 1 else np.zeros(k)
    spread, rest_ms = np.full((len(groups), k), np.nan), np.zeros((len(groups), k))
    sizes = np.array([np.sum(strata == group) for group in groups])
    for row, group in enumerate(groups):
        inside = strata == group
        if sizes[row] < 2:
            continue
        spread[row] = per_image[:, inside].var(1, ddof=1)
        if s > 1:
            part = differences[:, :, inside]
            centred = (
                part - part.mean(2, keepdims=True) - part.mean(1, keepdims=True) + part.mean((1, 2), keepdims=True)
            )
            rest_ms[row] = (centred**2).sum((1, 2)) / ((s - 1) * (sizes[row] - 1))
    lone = sizes < 2
    if lone.all():
        spread[:] = per_image.var(1, ddof=1) if n > 1 else np.nan
    elif lone.any():
        spread[lone] = np.average(spread[~lone], axis=0, weights=sizes[~lone] - 1)
    share = 1.0 / len(groups) ** 2 / sizes[:, None]
    image_parts = share * spread
    image = image_parts.sum(0)
    freedom = np.where(lone, max(n - len(groups), n - 1 if lone.all() else 1), sizes - 1)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        image_df = np.where(image > 0, image**2 / (image_parts**2 / freedom).sum(0), freedom.sum())
    rest = (share * rest_ms).sum(0) / s
    return Components(
        mean=per_seed.mean(1),
        seed=seed,
        image=image,
        rest=rest,
        seed_df=float(s - 1),
        image_df=image_df,
        rest_df=float(max((s - 1) * (n - len(groups)), 1)),
        sigma_seed=np.sqrt(np.maximum(s * (seed - rest), 0)) if s > 1 else np.full(k, np.nan),
        sigma_image=np.sqrt(np.maximum(spread.mean(0) - rest_ms.mean(0) / s, 0)),
        sigma_rest=np.sqrt(rest_ms.mean(0)) if s > 1 else np.full(k, np.nan),
    )


def bootstrap_image_weights(strata: Ints, random: np.random.Generator, draws: int = DRAWS) -> Floats:
    """Return image weights (draws, N) of bootstrap samples drawn within each data set; the rows sum to 1.

    Deviations from the plain weights are stretched by sqrt(n / (n - 1)), so that the bootstrap variance of a mean is
    unbiased for samples as small as Set5 (Rao & Wu 1988).
    """
    weights = np.empty((draws, len(strata)))
    groups = np.unique(strata)
    for group in groups:
        inside = np.flatnonzero(strata == group)
        weights[:, inside] = _stretched(len(inside), random, draws) / len(groups)
    return weights


def bootstrap_seed_weights(seeds: int, random: np.random.Generator, draws: int = DRAWS) -> Floats:
    """Return seed weights (draws, S) of bootstrap samples, stretched likewise; with one seed all are 1."""
    return _stretched(seeds, random, draws)


def _stretched(count: int, random: np.random.Generator, draws: int) -> Floats:
    if count < 2:
        return np.ones((draws, count))
    drawn = random.multinomial(count, np.full(count, 1.0 / count), size=draws) / count
    return np.asarray(1.0 / count + (drawn - 1.0 / count) * np.sqrt(count / (count - 1)), np.float64)


def hierarchical_bootstrap(values: Floats, seed_draws: Floats, image_draws: Floats) -> Floats:
    """Return bootstrap means (draws, K) of values (K, S, N): seeds are drawn, then images, shared by all seeds.

    Because the same test images meet every seed, one sample of images serves all drawn seeds (the pigeonhole
    bootstrap, Owen 2007); drawing images anew for each seed would average the image noise away.
    """
    k, s, n = values.shape
    per_seed = (image_draws @ values.reshape(k * s, n).T).reshape(-1, k, s)
    return np.einsum("bks,bs->bk", per_seed, seed_draws)


def intervals(differences: Floats, strata: Ints, seed_draws: Floats, image_draws: Floats) -> Interval:
    """Return 95% intervals of the K mean differences (K, S, N).

    The standard error comes from the hierarchical bootstrap; the interaction, which that bootstrap counts three times
    (Owen 2007, theorem 3), is subtracted twice. The interval is the estimate +- a t quantile times the error (see
    :func:`effective_df`): with three seeds a percentile interval covers far less than 95% (measured in
    docs/statistics.md). With one seed the interval is over images only.
    """
    parts = variance_components(differences, strata)
    _, s, n = differences.shape
    boot = hierarchical_bootstrap(differences, seed_draws, image_draws).var(0, ddof=1)
    error = np.sqrt(np.maximum(boot - 2 * parts.rest, _FLOOR * np.fmax(parts.seed, parts.image)))
    if s < 2 and n < 2:
        error = np.full_like(error, np.nan)
    df = effective_df(parts)
    half = stats.t.ppf(0.5 + LEVEL / 2, df) * error
    return Interval(parts.mean, parts.mean - half, parts.mean + half, error, df, parts)


def effective_df(parts: Components) -> Floats:
    """Return degrees of freedom (K,) for a standard error that seeds and images make up together.

    With few seeds, Satterthwaite's approximation (1946) is too optimistic where seeds dominate, and Cochran's weighted
    quantile (Cochran & Cox 1957, section 4.14) too cautious where both matter. Their mean is the quantile used here,
    expressed as the degrees of freedom that have it; docs/statistics.md has the measured coverage of all three.
    """
    seed, image = parts.seed, np.nan_to_num(parts.image)
    seed_df, image_df = max(parts.seed_df, 1.0), np.maximum(parts.image_df, 1.0)
    total = np.where(seed + image > 0, seed + image, 1.0)
    terms = seed**2 / seed_df + image**2 / image_df
    satterthwaite = np.where(terms > 0, total**2 / np.where(terms > 0, terms, 1.0), parts.seed_df + image_df)
    level = 0.5 + LEVEL / 2
    cochran = (seed * stats.t.ppf(level, seed_df) + image * stats.t.ppf(level, image_df)) / total
    quantile = (stats.t.ppf(level, np.maximum(satterthwaite, 1.0)) + cochran) / 2
    quantile = np.where(seed + image > 0, quantile, stats.t.ppf(level, satterthwaite))
    return np.interp(-quantile, -_DF_QUANTILES, _DF_GRID)


def sign_patterns(count: int, random: np.random.Generator, flips: int = FLIPS) -> Floats:
    """Return sign patterns (B, N) of +-1: all of them up to 16 images, else ``flips`` random ones.

    Of all patterns only those whose last sign is + are listed, 2^(N - 1): a two-sided test gives both of a mirrored
    pair the same answer.
    """
    if count <= ENUMERATED:
        codes = np.arange(2 ** (count - 1))[:, None] >> np.arange(count)
        return np.asarray(1.0 - 2.0 * (codes & 1), np.float64)
    return np.asarray(1.0 - 2.0 * random.integers(0, 2, (flips, count)), np.float64)


def permutation_test(differences: Floats, strata: Ints, signs: Floats) -> Floats:
    """Return two-sided p-values (K,) of the paired permutation test on differences (K, N), averaged over seeds.

    If the method made no difference to an image, its difference would be as likely to have the other sign (Fisher
    1935). That takes differences that are distributed *symmetrically* about 0: if most are a little negative and few
    are large and positive, the test errs more often than it says. Exact when all patterns are enumerated; otherwise
    (b + 1) / (B + 1) (Phipson & Smyth 2010). The images are what is permuted: the p-value speaks about these trained
    networks, :func:`t_test` about other seeds as well. No star depends on it.
    """
    weighted = differences * image_weights(strata)
    observed = np.abs(weighted.sum(1))
    tolerance = 1e-12 * np.abs(weighted).sum(1)
    hits = (np.abs(signs @ weighted.T) >= observed - tolerance).sum(0)
    exact = len(signs) == 2.0 ** (differences.shape[1] - 1)
    return np.asarray(hits / len(signs) if exact else (hits + 1) / (len(signs) + 1), np.float64)


def t_test(interval: Interval) -> Floats:
    """Return two-sided p-values (K,) of the hypothesis "no difference", dual to the 95% intervals."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(interval.estimate == 0, 0.0, np.abs(interval.estimate) / interval.error)
    return np.asarray(2 * stats.t.sf(ratio, interval.df), np.float64)


def probability_of_improvement(differences: Floats, strata: Ints) -> Floats:
    """Return (K,) probabilities that a random seed and image favour the method; ties count one half.

    The paired form of Agarwal et al. 2021 ("rliable"). ``differences`` (K, S, N) are positive where the method wins.
    """
    wins = (differences > 0) + 0.5 * (differences == 0)
    return np.asarray((wins.mean(1) @ image_weights(strata)), np.float64)


def rank_distribution(means: Floats) -> Floats:
    """Return P (M, M): the share of bootstrap draws (draws, M; larger is better) that give method m rank r + 1.

    Ties go to the method that stands first. Source: Agarwal et al. 2021, figure 4.
    """
    draws, methods = means.shape
    order = np.argsort(-means, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(methods), order.shape), 1)
    table = np.zeros((methods, methods))
    for method in range(methods):
        table[method] = np.bincount(ranks[:, method], minlength=methods) / draws
    return table


def concordance(means: Floats) -> float:
    """Return Kendall's W of the seeds' rankings (S, M): 1 if all seeds rank the methods alike, NaN for one seed."""
    seeds, methods = means.shape
    if seeds < 2 or methods < 2:
        return float("nan")
    totals = stats.rankdata(means, axis=1).sum(0)
    return float(12 * ((totals - totals.mean()) ** 2).sum() / (seeds**2 * (methods**3 - methods)))
