"""Which trial is the best, and what the best of fewer trials would have been on average."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.reporting.rows.trials import Ended


def best_of(ended: Sequence[Ended]) -> Ended | None:
    """Return the trial with the least loss, the earliest of several; None if all diverged."""
    done = [one for one in ended if one.loss is not None]
    return min(done, key=lambda one: (one.loss, one.trial.number)) if done else None


def expected_best(losses: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the mean over all choices of n of the N trials of the least loss among these, for n = 1 .. N.

    Without replacement: with losses ``v_1 <= ... <= v_N`` the least of n is ``v_i`` in ``C(N - i, n - 1)`` of the
    ``C(N, n)`` choices. Dodge et al. 2019 (arXiv 1909.03004) draw with replacement, which is too pessimistic for few
    trials (Tang et al. 2020, arXiv 2004.13705); this is the estimate without bias. The last value is the best trial.

    Args:
        losses: of N trials, finite, in any order.
    """
    ordered = np.sort(np.asarray(losses, np.float64))
    total = len(ordered)
    shares = [
        [math.comb(total - place, chosen - 1) / math.comb(total, chosen) for place in range(1, total + 1)]
        for chosen in range(1, total + 1)
    ]
    means: npt.NDArray[np.float64] = np.array(shares).reshape(total, total) @ ordered
    return means


def counted(ended: Sequence[Ended], all_trials: Sequence[Ended]) -> list[float]:
    """Return the loss of each trial; one that diverged counts as the worst that is known.

    Args:
        ended: of one variant.
        all_trials: of all variants of the network: the worst is the largest loss of any of them, the untrained network
            included.
    """
    worst = max(value for one in all_trials for value in (one.initial, one.loss or 0.0))
    return [worst if one.loss is None else one.loss for one in ended]
