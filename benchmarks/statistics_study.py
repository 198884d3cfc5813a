"""How often the intervals of the tables cover the truth, and how often a permutation test errs, by simulation.

``python -m benchmarks.statistics_study`` prints the tables of ``docs/statistics.md``. Truth is known: differences are
mean + seed effect + image effect + interaction, normal unless stated, as
:mod:`harness.reporting.statistics.paired` assumes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.foundation.rng import numpy_stream
from harness.reporting.statistics import paired as st
from harness.reporting.statistics.critical import ALPHA
from harness.reporting.tables.formats import markdown_table

Floats = npt.NDArray[np.float64]

TRIALS = 10_000
"""Simulated experiments per row: a coverage of 95% is measured to +-0.4 points (two standard errors)."""

CHUNK = 500
FRESH = 1000


@dataclass(frozen=True)
class Truth:
    """One row of the study.

    Attributes:
        seeds: training seeds.
        images: images per data set.
        sigma: standard deviations of seed, image and interaction effects, dB.
        skewed: image effects from a shifted exponential distribution instead of a normal one.
    """

    seeds: int
    images: tuple[int, ...]
    sigma: tuple[float, float, float]
    skewed: bool = False

    def strata(self) -> npt.NDArray[np.int64]:
        """Return the data set's index of each image."""
        return np.repeat(np.arange(len(self.images)), self.images)

    def draw(self, trials: int, mean: float, chunk: int) -> Floats:
        """Return simulated differences (trials, S, N)."""
        random = numpy_stream("study", repr(self), str(mean), chunk)
        n = sum(self.images)
        image = random.exponential(1, (trials, 1, n)) - 1 if self.skewed else random.normal(0, 1, (trials, 1, n))
        seed, rest = random.normal(0, 1, (trials, self.seeds, 1)), random.normal(0, 1, (trials, self.seeds, n))
        return mean + self.sigma[0] * seed + self.sigma[1] * image + self.sigma[2] * rest

    def error(self) -> float:
        """Return the true standard error of the estimate."""
        seed, image, rest = (value**2 for value in self.sigma)
        share = sum(1 / count for count in self.images) / len(self.images) ** 2
        return float(np.sqrt(seed / self.seeds + image * share + rest * share / self.seeds))


PLAUSIBLE = tuple(
    Truth(seeds, images, sigma)
    for seeds in (3, 5)
    for images in ((14,), (100,), (5, 14, 100))
    for sigma in ((0.02, 0.15, 0.05), (0.05, 0.15, 0.05), (0.05, 0.10, 0.10))
)
"""Three to five seeds; data sets of Set14's and B100's size and the average with Set5; seeds that matter or do not."""

HARD = (
    Truth(1, (14,), (0.0, 0.15, 0.0)),
    Truth(1, (100,), (0.0, 0.15, 0.0)),
    Truth(1, (14,), (0.0, 0.15, 0.0), skewed=True),
    Truth(1, (100,), (0.0, 0.15, 0.0), skewed=True),
    Truth(1, (100,), (0.05, 0.15, 0.05)),
    Truth(3, (5,), (0.05, 0.15, 0.05)),
    Truth(3, (14,), (0.05, 0.15, 0.05), skewed=True),
    Truth(3, (100,), (0.20, 0.10, 0.02)),
    Truth(2, (14,), (0.05, 0.15, 0.05)),
    Truth(2, (100,), (0.05, 0.15, 0.05)),
)
"""One seed although seeds matter, two seeds, five images, skewed image effects, seeds that dominate."""


@dataclass
class Rates:
    """What was measured of one row: shares of trials."""

    corrected: float
    percentile: float
    images_only: float
    permutation: float


def study(truth: Truth, trials: int = TRIALS) -> Rates:
    """Simulate ``trials`` experiments without an effect and count."""
    strata = truth.strata()
    counts = dict.fromkeys(("corrected", "percentile", "images_only", "permutation"), 0.0)
    for chunk in range(trials // CHUNK):
        random = numpy_stream("study draws", repr(truth), chunk)
        seed_draws = st.bootstrap_seed_weights(truth.seeds, random, FRESH)
        image_draws = st.bootstrap_image_weights(strata, random, FRESH)
        signs = st.sign_patterns(len(strata), random, 1999)
        nothing = truth.draw(CHUNK, 0.0, chunk)
        interval = st.intervals(nothing, strata, seed_draws, image_draws)
        counts["corrected"] += _covered(interval.low, interval.high)
        plain = st.hierarchical_bootstrap(nothing, _plain(seed_draws), _plain_images(image_draws, strata))
        counts["percentile"] += _covered(*np.quantile(plain, [0.025, 0.975], axis=0))
        averaged = nothing.mean(1, keepdims=True)
        alone = st.intervals(averaged, strata, np.ones((FRESH, 1)), image_draws)
        counts["images_only"] += _covered(alone.low, alone.high)
        p_images = st.permutation_test(nothing.mean(1), strata, signs)
        counts["permutation"] += float((p_images < ALPHA).mean())
    return Rates(**{name: value / (trials // CHUNK) for name, value in counts.items()})


def _covered(low: Floats, high: Floats) -> float:
    return float(((low <= 0) & (high >= 0)).mean())


def _plain(weights: Floats) -> Floats:
    """Undo the stretching of bootstrap weights of one sample: what a textbook bootstrap uses."""
    count = weights.shape[1]
    return weights if count < 2 else 1 / count + (weights - 1 / count) * np.sqrt((count - 1) / count)


def _plain_images(weights: Floats, strata: npt.NDArray[np.int64]) -> Floats:
    groups = np.unique(strata)
    parts = [_plain(weights[:, strata == group] * len(groups)) / len(groups) for group in groups]
    return np.concatenate(parts, axis=1)


def rows(truths: tuple[Truth, ...], trials: int) -> Iterator[list[str]]:
    """Yield one table row of text per truth."""
    for truth in truths:
        found = study(truth, trials=trials)
        images = "+".join(map(str, truth.images)) + (" skewed" if truth.skewed else "")
        sigma = ", ".join(f"{value:.2f}" for value in truth.sigma)
        shares = (found.corrected, found.percentile, found.images_only, found.permutation)
        yield [str(truth.seeds), images, sigma, *(f"{value:.1%}" for value in shares)]


def wide_grid(seeds: int, trials: int) -> tuple[float, float]:
    """Return the lowest and highest coverage over shares of the variance from one extreme to the other.

    The variance of the estimate is 1; the seeds' share of what is no interaction goes from 2% to 98%, the
    interaction's share from 0 to 60%, images from 5 to 100.
    """
    found = []
    for images in (5, 14, 100):
        for rest in (0.0, 0.1, 0.3, 0.6):
            for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98):
                seed, image = (1 - rest) * share * seeds, (1 - rest) * (1 - share) * images
                sigma = (float(np.sqrt(seed)), float(np.sqrt(image)), float(np.sqrt(rest * seeds * images)))
                truth = Truth(seeds, (images,), sigma)
                random = numpy_stream("study grid", repr(truth))
                draws = st.bootstrap_seed_weights(seeds, random), st.bootstrap_image_weights(truth.strata(), random)
                interval = st.intervals(truth.draw(trials, 0.0, 0), truth.strata(), *draws)
                found.append(_covered(interval.low, interval.high))
    return min(found), max(found)


def main(trials: int = TRIALS) -> None:
    """Print the study as Markdown."""
    header = ["seeds", "images", "sigma seed, image, rest (dB)", "tables", "percentile", "images only"]
    header += ["permutation errs"]
    for name, truths in (("Plausible", PLAUSIBLE), ("Hard", HARD)):
        print(f"{name}\n\n{markdown_table(header, list(rows(truths, trials)), frozenset(range(7)))}")
    for seeds in (2, 3, 5):
        low, high = wide_grid(seeds, min(trials, 4000))
        print(f"{seeds} seeds, any mixture of variances: coverage from {low:.1%} to {high:.1%}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS)
