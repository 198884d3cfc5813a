"""The expected best of n trials is the mean over all choices of n; the best trial is the best that ended."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.foundation.rng import numpy_stream
from harness.reporting.rows.trials import Ended
from harness.reporting.statistics.trials import best_of, counted, expected_best


def trial(number: int, loss: float | None, initial: float = 0.05) -> Ended:
    part: Any = SimpleNamespace(number=number)
    return Ended(part, initial, loss, None if loss is not None else 3)


@pytest.mark.parametrize("total", [1, 2, 5, 8])
def test_expected_best_is_the_mean_over_all_choices(total: int) -> None:
    losses = numpy_stream(total, "losses").normal(size=total).round(1)
    means = [np.mean([min(part) for part in combinations(losses, n)]) for n in range(1, total + 1)]
    assert expected_best(losses) == pytest.approx(means)


def test_expected_best_ends_at_the_best_and_never_rises() -> None:
    losses = numpy_stream(0, "losses").random(200)
    found = expected_best(losses)
    assert found[0] == pytest.approx(losses.mean())
    assert found[-1] == losses.min()
    assert (np.diff(found) <= 1e-15).all()
    assert len(expected_best([])) == 0


def test_it_is_without_bias_where_drawing_with_replacement_is_not() -> None:
    """The least of 3 uniform numbers is 1/4 in the mean: of 5 trials this says so, that of Dodge et al. says more."""
    trials = numpy_stream(1, "uniform").random((4000, 5))
    ours = np.mean([expected_best(losses)[2] for losses in trials])
    shares = np.arange(5, -1, -1) / 5
    theirs = np.mean(np.sort(trials) @ (shares[:-1] ** 3 - shares[1:] ** 3))
    assert ours == pytest.approx(0.25, abs=0.008)
    assert theirs > 0.29


def test_the_best_is_the_least_loss_and_the_earliest_of_equals() -> None:
    ended = [trial(0, 0.3), trial(1, None), trial(2, 0.1), trial(3, 0.1)]
    assert best_of(ended) is ended[2]
    assert best_of([trial(0, None), trial(1, None)]) is None


def test_a_trial_that_diverged_counts_as_the_worst_of_all() -> None:
    own, other = [trial(0, 0.1), trial(1, None)], [trial(0, 0.4), trial(1, 0.2)]
    assert counted(own, [*own, *other]) == [0.1, 0.4]
    assert counted(own, own) == [0.1, 0.1]
    assert counted([trial(0, None)], [trial(0, None, initial=0.7)]) == [0.7]
