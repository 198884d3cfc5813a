"""The forecast of power keeps its promise, and says how many seeds or images it takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import power_promise
from harness.reporting.statistics.power import Situation, chance, detectable, images_needed, seeds_needed

THREE = Situation(4, 3, (100,), (0.05, 0.15, 0.05))


@pytest.mark.parametrize("place", [0, 1, 4])
def test_what_is_promised_comes(place: int) -> None:
    truth, effect = power_promise.SITUATIONS[place]
    found = power_promise.outcome(truth, effect, trials=1000, pilots=1)
    assert found.promised == pytest.approx(found.came, abs=0.05)


def test_what_is_detectable_is_found_four_times_in_five() -> None:
    assert chance(THREE, np.array([detectable(THREE)]))[0] == pytest.approx(0.8, abs=0.02)


def test_one_seed_finds_nothing() -> None:
    assert np.isnan(detectable(replace(THREE, seeds=1)))


def test_seeds_needed_are_the_fewest_that_suffice() -> None:
    needed = seeds_needed(THREE, 0.15)
    assert needed is not None
    chances = [chance(replace(THREE, seeds=count), np.array([0.15]))[0] for count in (needed - 1, needed)]
    assert chances[0] < 0.8 <= chances[1]
    assert seeds_needed(THREE, 0.001) is None


def test_images_help_only_where_images_are_the_trouble() -> None:
    assert images_needed(replace(THREE, sizes=(14,), sigma=(0.0, 0.3, 0.0)), 0.2) in (2, 4)
    assert images_needed(replace(THREE, sigma=(0.2, 0.1, 0.0)), 0.2) is None


def test_what_is_not_known_well_lowers_the_chance() -> None:
    effect = np.array([detectable(THREE)])
    assert chance(replace(THREE, freedom=(4.0, 50.0)), effect)[0] < 0.8
