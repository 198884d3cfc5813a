"""Exact Poisson counts by table: the rates of image noise are few, so every distribution can be prepared.

An 8-bit level ``l`` has the rate ``l / 255 * 2 ** b`` with ``b`` in 0..8: 2,304 distributions. Walker's alias method
(1977; Vose 1991) splits each of them into 512 equally likely bins of at most two outcomes, so one uniform
integer gives one count: nine bits choose the bin and 22 bits one of its two outcomes. Probabilities are exact to 2e-9.
Torch's rejection sampler needs tens of times longer on a CPU.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import gammaln, xlogy
from torch import Tensor

BINS = 512
"""Bins of each distribution, and the number of outcomes: a rate of 256 exceeds 511 with a probability below 1e-40."""

_BIN_BITS = 9
_THRESHOLDS = 1 << 22
_LEVELS = 256
_MOST_BITS = 8


def sample_counts(levels: Tensor, bits: Tensor, numbers: Tensor) -> Tensor:
    """Return Poisson counts of the rates ``levels / 255 * 2 ** bits``.

    Args:
        levels: (N, C, H, W) uint8.
        bits: (N, 1, 1, 1) integers in 0..8.
        numbers: (N, C, H, W) int32, uniform in 0..2^31 - 1; equal numbers give equal counts for equal rates.

    Returns:
        (N, C, H, W) int32 in 0..511.
    """
    bins = numbers & (BINS - 1)
    index = torch.add(bins, levels.int(), alpha=BINS).add_(bits.int(), alpha=BINS * _LEVELS)
    entries = alias_table(levels.device).index_select(0, index.view(-1)).view_as(index)
    # Bin bits are the low ones on both sides, so this compares the threshold bits alone.
    own = numbers < (entries & -BINS)
    return torch.where(own, bins, entries.bitwise_and_(BINS - 1))


@lru_cache(maxsize=8)
def alias_table(device: torch.device) -> Tensor:
    """Return the table on a device: int32, one entry per (bits, level, bin), ``threshold * 512 + alias`` each."""
    return torch.from_numpy(_host_table()).to(device)


def table_probabilities(bits: int, level: int) -> npt.NDArray[np.float64]:
    """Return the (512,) probabilities of the counts that the table really gives; for checks."""
    entries = _host_table().reshape(_MOST_BITS + 1, _LEVELS, BINS)[bits, level]
    own = (entries >> _BIN_BITS) / _THRESHOLDS
    probabilities = own + np.bincount(entries & (BINS - 1), weights=1 - own, minlength=BINS)
    scaled: npt.NDArray[np.float64] = probabilities / BINS
    return scaled


@lru_cache(maxsize=1)
def _host_table() -> npt.NDArray[np.int32]:
    levels, bits = np.arange(_LEVELS), np.arange(_MOST_BITS + 1)
    rates = (levels / 255 * 2.0 ** bits[:, None]).reshape(-1, 1)
    counts = np.arange(BINS)
    with np.errstate(under="ignore"):
        probabilities = np.exp(xlogy(counts, rates) - rates - gammaln(counts + 1))
    thresholds, aliases = build_aliases(probabilities)
    packed = np.rint(thresholds * _THRESHOLDS).astype(np.int64)
    whole = packed >= _THRESHOLDS  # such a bin has one outcome; let its alias be the outcome itself
    aliases = np.where(whole, np.arange(BINS), aliases)
    packed = np.minimum(packed, _THRESHOLDS - 1)
    return (packed * BINS + aliases).astype(np.int32).ravel()


def build_aliases(probabilities: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Build alias tables of many distributions at once (Vose's algorithm, one step of all of them at a time).

    Args:
        probabilities: (D, K), rows summing to 1.

    Returns:
        Thresholds (D, K) in [0, 1] and aliases (D, K): bin ``k`` gives ``k`` with probability ``threshold``, else its
        alias.
    """
    count, bins = probabilities.shape
    shares = probabilities / probabilities.sum(axis=1, keepdims=True) * bins
    order = np.argsort(shares >= 1, axis=1, kind="stable")  # bins that lack something first
    thresholds, aliases = np.ones((count, bins)), np.tile(np.arange(bins), (count, 1))
    every = np.arange(count)
    lacking = (shares < 1).sum(axis=1)
    next_lacking, giver = np.zeros(count, np.int64), lacking.copy()
    current = order[every, next_lacking]  # the bin that is filled in this step
    rest = shares[every, order[every, np.minimum(giver, bins - 1)]]  # what the giver still has
    fill = shares[every, current]
    for _ in range(bins):
        active = (next_lacking < lacking) & (giver < bins)
        if not active.any():
            break
        source = order[every, np.minimum(giver, bins - 1)]
        rows = every[active]
        thresholds[rows, current[active]] = fill[active]
        aliases[rows, current[active]] = source[active]
        rest = np.where(active, rest - (1 - fill), rest)
        # A giver that has fallen below one share is itself filled next, by the giver after it.
        exhausted = active & (rest < 1)
        giver = giver + exhausted
        next_lacking = next_lacking + (active & ~exhausted)
        following = order[every, np.minimum(next_lacking, bins - 1)]
        current = np.where(exhausted, source, np.where(active, following, current))
        fill = np.where(exhausted, rest, np.where(active, shares[every, following], fill))
        rest = np.where(exhausted, shares[every, order[every, np.minimum(giver, bins - 1)]], rest)
    return thresholds, aliases
