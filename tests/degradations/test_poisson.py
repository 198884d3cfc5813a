"""The tables give the Poisson distribution: exactly, by their entries, and in samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, poisson
from torch import Tensor

from harness.degradations.poisson import BINS, build_aliases, sample_counts, table_probabilities

COUNTS = np.arange(BINS)


@pytest.mark.parametrize("bits", range(9))
def test_table_holds_the_exact_distribution(bits: int) -> None:
    for level in range(256):
        expected = poisson.pmf(COUNTS, level / 255 * 2.0**bits)
        np.testing.assert_allclose(table_probabilities(bits, level), expected, rtol=0, atol=3e-9)


def _sample(level: int, bits: int, count: int, seed: int) -> Tensor:
    numbers = torch.empty(1, 1, 1, count, dtype=torch.int32)
    numbers.random_(generator=torch.Generator().manual_seed(seed))
    levels = torch.full(numbers.shape, level, dtype=torch.uint8)
    return sample_counts(levels, torch.full((1, 1, 1, 1), bits, dtype=torch.int32), numbers).flatten()


@pytest.mark.parametrize(("level", "bits"), [(1, 0), (255, 0), (37, 3), (128, 5), (3, 8), (100, 8), (255, 8)])
def test_samples_follow_the_distribution(level: int, bits: int) -> None:
    count = 200_000
    rate = level / 255 * 2.0**bits
    observed = np.bincount(_sample(level, bits, count, seed=level + bits).numpy(), minlength=BINS).astype(float)
    expected = poisson.pmf(COUNTS, rate) * count
    often = expected >= 5
    observed = np.append(observed[often], observed[~often].sum())
    expected = np.append(expected[often], max(expected[~often].sum(), 1e-9))
    statistic = ((observed - expected) ** 2 / np.maximum(expected, 1e-9))[:-1].sum()
    assert chi2.sf(statistic, df=max(often.sum() - 1, 1)) > 1e-3


def test_level_zero_gives_nothing() -> None:
    assert _sample(0, 8, 1000, seed=0).max() == 0


def test_equal_numbers_give_equal_counts() -> None:
    numbers = torch.empty(1, 1, 8, 8, dtype=torch.int32).random_(generator=torch.Generator().manual_seed(0))
    levels = torch.randint(0, 256, (1, 1, 8, 8), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    bits = torch.full((1, 1, 1, 1), 7)
    three = sample_counts(levels.expand(1, 3, 8, 8), bits, numbers.repeat(1, 3, 1, 1))
    assert torch.equal(three, sample_counts(levels, bits, numbers).expand(1, 3, 8, 8))


def test_every_image_has_its_own_bits() -> None:
    numbers = torch.full((2, 1, 1, 1), 12345 * BINS + 255, dtype=torch.int32)
    levels = torch.full((2, 1, 1, 1), 255, dtype=torch.uint8)
    bits = torch.tensor([8, 0]).view(2, 1, 1, 1)
    both = sample_counts(levels, bits, numbers)
    assert both[0] == sample_counts(levels[:1], bits[:1], numbers[:1])
    assert both[1] == sample_counts(levels[1:], bits[1:], numbers[1:])
    assert both[0] > 100
    assert both[1] < 20


@given(st.lists(st.lists(st.floats(0, 1), min_size=6, max_size=6), min_size=1, max_size=5))
def test_alias_tables_of_any_distribution(weights: list[list[float]]) -> None:
    probabilities = np.array(weights) + 1e-12
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    thresholds, aliases = build_aliases(probabilities)
    assert ((thresholds >= -1e-9) & (thresholds <= 1 + 1e-9)).all()
    for row in range(len(weights)):
        total = thresholds[row] + np.bincount(aliases[row], weights=1 - thresholds[row], minlength=6)
        np.testing.assert_allclose(total / 6, probabilities[row], atol=1e-12)
