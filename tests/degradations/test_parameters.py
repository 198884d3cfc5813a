"""Parameters are functions of (seed, iteration, view, row) and follow the specification."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.degradations.parameters import Parameters, draw_parameters
from harness.degradations.spec import SecondOrderSpec, SecondStageSpec, StageSpec
from harness.foundation.rng import Draws

SPEC = SecondOrderSpec()
MANY = draw_parameters(SPEC, Draws(0, 0, 0, range(3000)))
BATCHES = [draw_parameters(SPEC, Draws(1, iteration, 0, range(1))) for iteration in range(1500)]


def _leaves(value: Any) -> list[Any]:
    if hasattr(value, "__dataclass_fields__"):
        return [leaf for name in value.__dataclass_fields__ for leaf in _leaves(getattr(value, name))]
    return [value]


def _assert_equal(one: Parameters, other: Parameters) -> None:
    for left, right in zip(_leaves(one), _leaves(other), strict=True):
        np.testing.assert_array_equal(left, right)


@given(st.integers(0, 2**40), st.integers(0, 10**6), st.integers(0, 1), st.integers(0, 15), st.integers(1, 16))
def test_rows_do_not_depend_on_their_neighbours(seed: int, iteration: int, view: int, first: int, count: int) -> None:
    whole = draw_parameters(SPEC, Draws(seed, iteration, view, range(32)))
    part = draw_parameters(SPEC, Draws(seed, iteration, view, range(first, first + count)))
    _assert_equal(part, whole.select(slice(first, first + count)))


@pytest.mark.parametrize("change", [{"seed": 1}, {"iteration": 1}, {"view": 1}, {"rows": range(4, 8)}])
def test_everything_else_changes_them(change: dict[str, Any]) -> None:
    draws = Draws(0, 0, 0, range(4))
    one, other = draw_parameters(SPEC, draws), draw_parameters(SPEC, replace(draws, **change))
    assert not np.array_equal(one.first.quality, other.first.quality)
    assert not np.array_equal(one.first.blur.kernels, other.first.blur.kernels)
    assert (one.first.factor == other.first.factor) == ("rows" in change)


def test_a_changed_range_leaves_other_choices_alone() -> None:
    narrow = SecondOrderSpec(first=StageSpec(jpeg_quality=(50.0, 60.0)))
    draws = Draws(0, 3, 0, range(8))
    one, other = draw_parameters(SPEC, draws), draw_parameters(narrow, draws)
    assert not np.array_equal(one.first.quality, other.first.quality)
    _assert_equal(one, replace(other, first=replace(other.first, quality=one.first.quality)))


@pytest.mark.parametrize("name", ["first", "second"])
def test_values_lie_in_their_ranges(name: str) -> None:
    stage, spec = getattr(MANY, name), getattr(SPEC, name)
    for values, bounds in (
        (stage.quality, spec.jpeg_quality),
        (stage.strength[stage.gaussian], spec.gaussian_sigma),
        (stage.strength[~stage.gaussian], spec.poisson_scale),
    ):
        assert bounds[0] <= values.min() < bounds[0] + 0.01 * (bounds[1] - bounds[0])
        assert bounds[1] - 0.01 * (bounds[1] - bounds[0]) < values.max() <= bounds[1]
    np.testing.assert_allclose(stage.blur.kernels.sum(axis=(1, 2)), 1, atol=1e-5)
    assert set(stage.blur.sizes.tolist()) == set(range(7, 22, 2)) | ({1} if name == "second" else set())


def test_probabilities() -> None:
    def near(observed: float, probability: float, count: int = 3000) -> None:
        assert observed == pytest.approx(probability, abs=4 * (probability * (1 - probability) / count) ** 0.5)

    for stage, spec in ((MANY.first, SPEC.first), (MANY.second, SPEC.second)):
        near(stage.gaussian.mean(), spec.gaussian_probability)
        near(stage.gray.mean(), spec.gray_probability)
        near((stage.blur.sizes > 1).mean(), spec.blur_probability)
        factors = np.array([batch.first.factor if stage is MANY.first else batch.second.factor for batch in BATCHES])
        near((factors > 1).mean(), spec.resize.up, len(BATCHES))
        near((factors < 1).mean(), spec.resize.down, len(BATCHES))
        assert spec.resize_range[0] <= factors.min()
        assert factors.max() <= spec.resize_range[1]
    near((MANY.sinc.sizes > 1).mean(), SPEC.final_sinc_probability)
    near(MANY.sinc_first.mean(), 0.5)
    for modes in ([batch.first.mode for batch in BATCHES], [batch.mode for batch in BATCHES]):
        for mode in ("area", "bilinear", "bicubic"):
            near(modes.count(mode) / len(BATCHES), 1 / 3, len(BATCHES))


def test_only_sinc_kernels_have_negative_lobes() -> None:
    share = (MANY.first.blur.kernels.min(axis=(1, 2)) < -1e-6).mean()
    assert share == pytest.approx(SPEC.first.sinc_probability, abs=0.02)


def test_a_switched_off_blur_is_a_pulse() -> None:
    blur = MANY.second.blur
    off = blur.kernels[blur.sizes == 1]
    assert (off[:, 10, 10] == 1).all()
    assert (np.abs(off).sum(axis=(1, 2)) == 1).all()


def test_kinds_per_batch() -> None:
    spec = SecondOrderSpec(kinds_per="batch")
    seen = set()
    for iteration in range(40):
        parameters = draw_parameters(spec, Draws(0, iteration, 0, range(16)))
        kinds = (
            parameters.first.gaussian,
            parameters.second.gaussian,
            parameters.second.blur.sizes > 1,
            parameters.sinc_first,
        )
        assert all(kind.all() or not kind.any() for kind in kinds)
        seen.add(tuple(bool(kind[0]) for kind in kinds))
        # Strengths stay those of the image's own stream.
        own = draw_parameters(SPEC, Draws(0, iteration, 0, range(16)))
        np.testing.assert_array_equal(parameters.first.quality, own.first.quality)
        np.testing.assert_array_equal(parameters.first.gray, own.first.gray)
    assert len(seen) > 8


def test_fixed_values_are_possible() -> None:
    spec = SecondOrderSpec(
        first=StageSpec(gaussian_sigma=(5, 5), gaussian_probability=1, gray_probability=0, kernel_sizes=(9, 9)),
        second=SecondStageSpec(blur_probability=0),
        final_sinc_probability=0,
    )
    parameters = draw_parameters(spec, Draws(0, 0, 0, range(20)))
    assert set(parameters.first.strength.tolist()) == {5.0}
    assert set(parameters.first.blur.sizes.tolist()) == {9}
    assert not parameters.first.gray.any()
    assert (parameters.second.blur.sizes == 1).all()
    assert (parameters.sinc.sizes == 1).all()


def test_streams_stay_where_they_are() -> None:
    # Recorded once: another value here means other training data for every seed.
    parameters = draw_parameters(SPEC, Draws(7, 11, 1, range(3, 5)))
    assert parameters.first.factor == pytest.approx(0.6036164402)
    assert (parameters.first.mode, parameters.second.mode, parameters.mode) == ("bilinear", "bilinear", "area")
    assert parameters.second.factor == 1.0
    np.testing.assert_allclose(parameters.first.quality, [59.62520377, 45.85657503])
    np.testing.assert_allclose(parameters.second.strength, [1.48969357, 1.71125098])
    np.testing.assert_allclose(parameters.first.blur.kernels[:, 10, 10], [0.02672544, 0.03472262], rtol=1e-5)
    assert parameters.sinc.sizes.tolist() == [13, 9]
