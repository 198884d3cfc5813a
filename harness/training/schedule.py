"""The learning rate as a pure function of the iteration."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate

from harness.spec import ScheduleSpec


def learning_rate(iteration: int, iterations: int, base: float, schedule: ScheduleSpec) -> float:
    """Return the learning rate of one iteration: cosine annealing with warm restarts.

    Equal to BasicSR's ``CosineAnnealingRestartLR`` when periods fall on whole iterations: a restart position itself
    still belongs to the period that ends there, so the floor is reached exactly once per period.

    Args:
        iteration: 1-based number of the optimizer step; the first step uses the full base rate.
        iterations: length of the whole training.
        base: learning rate at the start, > 0.
        schedule: periods as fractions of ``iterations``.

    Returns:
        The rate, between ``schedule.floor`` and ``base`` times the largest restart weight.

    Source: Loshchilov & Hutter, "SGDR", arXiv 1608.03983, equation 5.
    """
    position = iteration - 1
    ends = list(accumulate(fraction * iterations for fraction in schedule.periods))
    period = min(bisect_left(ends, position), len(ends) - 1)
    start = ends[period - 1] if period else 0.0
    phase = math.pi * (position - start) / (ends[period] - start)
    height = schedule.restart_weights[period] * (base - schedule.floor)
    return schedule.floor + 0.5 * height * (1 + math.cos(phase))
