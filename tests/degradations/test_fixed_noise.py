"""The noises of denoising: their moments are those that were asked for, and every pixel is a function of the key."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.degradations.fixed import NOISES, degrade_all
from harness.degradations.fixed_noise import NoiseRecipe, add_noises
from harness.foundation.images import Pixels
from harness.foundation.rng import numpy_stream

SIDE = 256
KEY = ("v", "set", "image")


def gray(level: int) -> Pixels:
    return np.full((SIDE, SIDE, 3), level, np.uint8)


def residual(level: int, recipe: NoiseRecipe) -> np.ndarray:
    """The noise on a gray image, in levels; its estimates have errors of about 1 / sqrt(3 * 256 * 256) = 0.2%."""
    return add_noises(gray(level), recipe, *KEY).astype(float) - level


@pytest.mark.parametrize("sigma", [5.0, 15.0, 25.0])
def test_gaussian_noise_is_unbiased_and_as_strong_as_asked(sigma: float) -> None:
    noise = residual(128, NoiseRecipe(gaussian=sigma))
    assert abs(noise.mean()) < 0.02 * sigma
    assert noise.std() == pytest.approx(np.sqrt(sigma**2 + 1 / 12), rel=0.01)


def test_correlated_noise_is_a_third_as_strong_and_shared_by_neighbours() -> None:
    noise = residual(128, NoiseRecipe(correlated=45.0))
    assert noise.std() == pytest.approx(15.0, rel=0.02)
    for distance, expected in ((1, 2 / 3), (2, 1 / 3), (3, 0.0)):
        found = np.corrcoef(noise[:, distance:].ravel(), noise[:, :-distance].ravel())[0, 1]
        assert found == pytest.approx(expected, abs=0.03)


def test_correlated_noise_is_white_noise_after_a_box_filter() -> None:
    values = add_noises(gray(128), NoiseRecipe(correlated=45.0), *KEY).astype(float)
    white = numpy_stream(*KEY, "correlated").standard_normal((SIDE + 2, SIDE + 2, 3))
    expected = 128 + 45 * cv2.blur(white, (3, 3))[1:-1, 1:-1]
    assert np.abs(values - expected).max() < 0.5 + 1e-9


def test_poisson_noise_has_the_variance_of_counts() -> None:
    ramp = np.repeat(np.tile(np.arange(256, dtype=np.uint8), (SIDE, 1))[..., None], 3, axis=2)
    noise = add_noises(ramp, NoiseRecipe(poisson=1.0), *KEY).astype(float) - ramp
    for level in (64, 128):  # 256 levels: variance of counts / 256 is level / 255 / 256, in levels times 255 squared
        column = noise[:, level - 8 : level + 8]
        assert column.var() == pytest.approx(level * 255 / 256, rel=0.08)
        assert abs(column.mean()) < 0.4


def test_poisson_noise_grows_with_its_factor() -> None:
    weak, strong = (residual(100, NoiseRecipe(poisson=factor)) for factor in (0.05, 0.1))
    assert strong.std() > weak.std()


@pytest.mark.parametrize("level", [50, 150])
def test_speckle_is_uniform_and_grows_with_the_signal(level: int) -> None:
    noise = residual(level, NoiseRecipe(speckle=0.024))
    assert noise.std() == pytest.approx(level * np.sqrt(0.024), rel=0.02)
    assert np.abs(noise).max() <= level * np.sqrt(3 * 0.024) + 0.5


def test_salt_and_pepper_replace_the_share_asked_for() -> None:
    noisy = add_noises(gray(100), NoiseRecipe(salt_pepper=0.1), *KEY)
    values, counts = np.unique(noisy, return_counts=True)
    assert values.tolist() == [0, 100, 255]
    assert counts[[0, 2]] / noisy.size == pytest.approx([0.05, 0.05], rel=0.05)


def test_parts_of_a_mixture_draw_from_streams_of_their_own() -> None:
    alone = add_noises(gray(100), NoiseRecipe(salt_pepper=0.1), *KEY)
    mixed = add_noises(gray(100), NoiseRecipe(gaussian=5, salt_pepper=0.1), *KEY)
    assert np.array_equal(alone == 255, mixed == 255)


@given(level=st.integers(0, 255), other=st.sampled_from(["a", "b"]))
def test_every_noise_is_a_function_of_its_key(level: int, other: str) -> None:
    image = np.full((8, 6, 3), level, np.uint8)
    for recipe in (recipe.noises for recipe in NOISES.values()):
        assert recipe is not None
        first, again = (add_noises(image, recipe, "v", other) for _ in range(2))
        assert first.dtype == np.uint8
        assert np.array_equal(first, again)


def test_degraded_images_do_not_depend_on_what_else_is_asked_for() -> None:
    image = gray(90)[:16, :16]
    together = degrade_all(image, dict(NOISES), 1, *KEY)
    for name, recipe in NOISES.items():
        assert np.array_equal(together[name], degrade_all(image, {name: recipe}, 1, *KEY)[name])
    assert len({pixels.tobytes() for pixels in together.values()}) == len(NOISES)


@pytest.mark.parametrize("part", [{"gaussian": 0}, {"speckle": -1}, {"salt_pepper": 1.5}, {"rain": 1}])
def test_impossible_strengths_are_refused(part: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        NoiseRecipe(**part)
