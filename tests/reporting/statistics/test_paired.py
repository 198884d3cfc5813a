"""Statistics against scipy, against hand calculation, and on simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.foundation.rng import numpy_stream
from harness.reporting.statistics import paired as st

ONE = np.zeros(12, np.int64)


def draws(seeds: int, strata: np.ndarray, count: int = st.DRAWS) -> tuple[np.ndarray, np.ndarray]:
    random = numpy_stream("test", seeds, len(strata))
    return st.bootstrap_seed_weights(seeds, random, count), st.bootstrap_image_weights(strata, random, count)


def simulate(k: int, s: int, n: int, seed: float, image: float, rest: float, mean: float = 0.0) -> np.ndarray:
    random = numpy_stream("simulate", k, s, n, str(seed), str(image), str(rest), str(mean))
    effects = random.normal(0, 1, (k, s, 1)) * seed + random.normal(0, 1, (k, 1, n)) * image
    return mean + effects + random.normal(0, 1, (k, s, n)) * rest


def test_one_seed_interval_is_the_t_interval_over_images() -> None:
    values = simulate(1, 1, 12, 0, 1, 0)
    interval = st.intervals(values, ONE, *draws(1, ONE, 200_000))
    expected = stats.t.interval(0.95, 11, values.mean(), stats.sem(values[0, 0]))
    np.testing.assert_allclose([interval.low[0], interval.high[0]], expected, rtol=0.01)
    np.testing.assert_allclose(st.t_test(interval), stats.ttest_1samp(values[0, 0], 0).pvalue, rtol=0.03)


def test_interval_is_the_t_interval_over_seeds_if_only_they_vary() -> None:
    values = simulate(1, 3, 12, 1, 0, 0)
    interval = st.intervals(values, ONE, *draws(3, ONE, 50_000))
    expected = stats.t.interval(0.95, 2, values.mean(), stats.sem(values[0, :, 0]))
    np.testing.assert_allclose([interval.low[0], interval.high[0]], expected, rtol=0.02)


def test_variance_components_are_unbiased() -> None:
    parts = st.variance_components(simulate(4000, 4, 12, 0.3, 0.5, 0.2), ONE)
    assert np.mean(parts.seed) == pytest.approx((0.3**2 + 0.2**2 / 12) / 4, rel=0.05)
    assert np.mean(parts.image) == pytest.approx((0.5**2 + 0.2**2 / 4) / 12, rel=0.05)
    assert np.mean(parts.rest) == pytest.approx(0.2**2 / 48, rel=0.05)
    assert np.median(parts.sigma_image) == pytest.approx(0.5, rel=0.06)


def test_data_sets_weigh_the_same() -> None:
    strata = np.array([0] * 2 + [1] * 8)
    weights = st.image_weights(strata)
    np.testing.assert_allclose(weights, [0.25] * 2 + [1 / 16] * 8)
    seed_draws, image_draws = draws(2, strata)
    np.testing.assert_allclose(image_draws.sum(1), 1)
    np.testing.assert_allclose(seed_draws.sum(1), 1)
    np.testing.assert_allclose(image_draws.mean(0), weights, atol=0.02)


def test_stratified_variance_is_the_sum_of_the_strata() -> None:
    strata = np.array([0] * 4 + [1] * 8)
    values = simulate(1, 1, 12, 0, 1, 0)
    expected = (values[0, 0, :4].var(ddof=1) / 4 + values[0, 0, 4:].var(ddof=1) / 8) / 4
    assert st.variance_components(values, strata).image[0] == pytest.approx(expected)


@pytest.mark.parametrize("strata", [[0], [0, 0], [0, 1], [0, 1, 1]])
@pytest.mark.parametrize("seeds", [1, 2])
def test_tiny_samples_give_numbers_or_nan_but_no_warning(strata: list[int], seeds: int) -> None:
    groups = np.array(strata)
    values = simulate(3, seeds, len(strata), 1, 1, 1)
    interval = st.intervals(values, groups, *draws(seeds, groups))
    assert np.isfinite(interval.estimate).all()
    assert np.isnan(interval.error).all() == (len(strata) == 1 and seeds == 1)
    assert ((interval.low <= interval.estimate) | np.isnan(interval.low)).all()
    assert np.isnan(st.t_test(interval)).all() == (len(strata) == 1 and seeds == 1)


def test_constant_differences_have_no_width() -> None:
    interval = st.intervals(np.full((1, 3, 12), 0.5), ONE, *draws(3, ONE))
    assert interval.low[0] == pytest.approx(0.5)
    assert st.t_test(interval)[0] == pytest.approx(0, abs=1e-12)


def test_no_difference_at_all_is_never_significant() -> None:
    interval = st.intervals(np.zeros((1, 3, 12)), ONE, *draws(3, ONE))
    assert st.t_test(interval)[0] == 1.0
    assert st.permutation_test(np.zeros((1, 12)), ONE, st.sign_patterns(12, numpy_stream("a")))[0] == 1.0


def test_permutation_test_equals_scipy_when_enumerated() -> None:
    values = simulate(1, 1, 10, 0, 1, 0, 0.5)[0]
    signs = st.sign_patterns(10, numpy_stream("a"))
    assert len(signs) == 512, "mirrored patterns are left out"
    found = st.permutation_test(values, np.zeros(10, np.int64), signs)[0]
    expected = stats.permutation_test(
        (values[0],), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert found == pytest.approx(expected.pvalue)


def test_permutation_by_chance_is_near_the_exact_one() -> None:
    values = simulate(1, 1, 12, 0, 1, 0, 0.4)[0]
    exact = st.permutation_test(values, ONE, st.sign_patterns(12, numpy_stream("a")))[0]
    random = 1.0 - 2.0 * numpy_stream("b").integers(0, 2, (20_000, 12))
    assert st.permutation_test(values, ONE, random)[0] == pytest.approx(exact, abs=0.01)


def test_fourteen_images_are_enumerated() -> None:
    signs = st.sign_patterns(14, numpy_stream("a"))
    assert len(np.unique(signs, axis=0)) == len(signs) == 2**13
    p = st.permutation_test(np.ones((1, 14)), np.zeros(14, np.int64), signs)
    assert p[0] == pytest.approx(2 / 2**14), "9,999 random patterns gave .0005"


def test_five_images_cannot_be_significant() -> None:
    p = st.permutation_test(np.ones((1, 5)), np.zeros(5, np.int64), st.sign_patterns(5, numpy_stream("a")))
    assert p[0] == pytest.approx(2 / 32)


def test_probability_of_improvement_counts_ties_half() -> None:
    differences = np.array([[[1.0, -1.0, 0.0, 2.0]]])
    assert st.probability_of_improvement(differences, np.zeros(4, np.int64))[0] == pytest.approx(0.625)


@pytest.mark.parametrize(
    ("seeds", "images", "seed", "image", "rest"),
    [(3, 14, 0.05, 0.1, 0.05), (3, 100, 0.05, 0.1, 0.02), (1, 14, 0, 0.1, 0), (5, 14, 0.1, 0.1, 0.1)],
)
def test_intervals_cover_the_truth(seeds: int, images: int, seed: float, image: float, rest: float) -> None:
    values = simulate(2000, seeds, images, seed, image, rest, 0.3)
    strata = np.zeros(images, np.int64)
    interval = st.intervals(values, strata, *draws(seeds, strata))
    covered = np.mean((interval.low <= 0.3) & (interval.high >= 0.3))
    assert 0.93 <= covered <= 0.975


def test_rank_distribution_and_concordance() -> None:
    means = np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]])
    table = st.rank_distribution(means)
    np.testing.assert_allclose(table, [[0, 0, 1], [0.5, 0.5, 0], [0.5, 0.5, 0]])
    assert st.concordance(np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 9.0]])) == pytest.approx(1)
    assert st.concordance(means) == pytest.approx(0.75)
    assert np.isnan(st.concordance(means[:1]))
