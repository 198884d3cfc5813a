"""The fixed degradations against the released script's operations, written out, and BasicSR's MATLAB resize."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

import harness.foundation.compat  # noqa: F401
from harness.degradations import fixed
from harness.degradations.fixed import DEGRADATIONS, STANDARD, Recipe, degrade_all
from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels
from harness.foundation.rng import numpy_stream

KEY = ("v", "set", "image")


def photograph(width: int = 96, height: int = 64) -> Pixels:
    small = numpy_stream("fixed").integers(0, 256, (9, 13, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    grain = numpy_stream("grain").integers(-20, 21, smooth.shape)
    return np.clip(smooth + grain, 0, 255).astype(np.uint8)


def released(hr: Pixels, name: str, noise: np.ndarray | None = None) -> Pixels:
    """The released script's operations, in its own order, types and channel layout."""
    image = Image.fromarray(hr)
    if "blur" in name:
        image = Image.fromarray(cv2.GaussianBlur(np.array(image), (21, 21), 2).astype(np.uint8))
    image = image.resize((int(image.width / 4), int(image.height / 4)), Image.BICUBIC)
    if noise is not None:
        planes = np.array(image).transpose(2, 0, 1).astype(np.float32) / 255.0
        noisy = np.clip(planes + noise.transpose(2, 0, 1) * (20 / 255.0), 0, 1).astype(np.float32)
        image = Image.fromarray(np.clip(noisy * 255, 0, 255).astype(np.uint8).transpose(1, 2, 0))
    if "jpeg" in name:
        with io.BytesIO() as stream:
            image.save(stream, format="JPEG", quality=50)
            stream.seek(0)
            image = Image.open(stream).convert("RGB")
    return np.array(image)


def test_the_eight_standard_sets_are_the_combinations_of_three_parts() -> None:
    assert len(STANDARD) == 8
    parts = {(r.blur, r.noise, r.jpeg) for r in (DEGRADATIONS[name] for name in STANDARD)}
    assert parts == {(b, n, j) for b in (None, 2.0) for n in (None, 20.0) for j in (None, 50)}
    for name in STANDARD:
        recipe = DEGRADATIONS[name]
        assert ("blur" in name, "noise" in name, "jpeg" in name) == (
            recipe.blur is not None,
            recipe.noise is not None,
            recipe.jpeg is not None,
        )


@pytest.mark.parametrize("name", STANDARD)
def test_pixels_are_those_of_the_released_operations(name: str) -> None:
    hr = photograph()
    noise = fixed.gaussian_noise((16, 24, 3), *KEY, name) if "noise" in name else None
    result = degrade_all(hr, fixed.select([name]), 4, *KEY)[name]
    np.testing.assert_array_equal(result, released(hr, name, noise))


def test_each_intermediate_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for function in ("blur", "bicubic_downscale"):
        original = getattr(fixed, function)
        monkeypatch.setattr(fixed, function, lambda *a, f=original, n=function: calls.append(n) or f(*a))
    degrade_all(photograph(), fixed.select(STANDARD), 4, *KEY)
    assert sorted(calls) == ["bicubic_downscale", "bicubic_downscale", "blur"]


def test_noise_depends_on_every_part_of_its_key_and_on_nothing_else() -> None:
    hr = photograph()
    both = degrade_all(hr, fixed.select(["noise", "blur_noise"]), 4, *KEY)
    alone = degrade_all(hr, fixed.select(["noise"]), 4, *KEY)
    np.testing.assert_array_equal(both["noise"], alone["noise"])
    for key in (("w", "set", "image"), ("v", "other", "image"), ("v", "set", "other")):
        other = degrade_all(hr, fixed.select(["noise"]), 4, *key)["noise"]
        assert (other != alone["noise"]).mean() > 0.5


def test_noise_has_the_stated_strength_and_the_bias_of_truncation() -> None:
    gray = np.full((200, 200, 3), 128, np.uint8)
    noise = fixed.gaussian_noise(gray.shape, "strength")
    truncated = fixed.add_noise(gray, noise, 20.0).astype(float)
    nearest = fixed.add_noise(gray, noise, 20.0, "nearest").astype(float)
    assert truncated.std() == pytest.approx(20, abs=0.2)
    assert nearest.mean() - truncated.mean() == pytest.approx(0.5, abs=0.01)
    assert nearest.mean() == pytest.approx(128, abs=0.2)


def test_noise_at_the_ends_is_clipped() -> None:
    for level in (0, 255):
        flat = np.full((16, 16, 3), level, np.uint8)
        noisy = fixed.add_noise(flat, fixed.gaussian_noise(flat.shape, level), 40.0)
        assert (noisy == level).any()
        assert noisy.dtype == np.uint8


@pytest.mark.parametrize(
    ("width", "height", "factor"), [(8, 19, (1, 4)), (13, 9, (4, 1)), (11, 8, (1, 2)), (9, 10, (3, 1))], ids=str
)
def test_matlab_resize_has_basicsr_weights_and_rounds_after_each_pass(
    width: int, height: int, factor: tuple[int, int]
) -> None:
    import torch
    from basicsr.utils.matlab_functions import imresize

    numerator, denominator = factor
    pixels = photograph(width * denominator, height * denominator)
    down = fixed._matlab_weights(height * denominator, *factor)
    across = fixed._matlab_weights(width * denominator, *factor)
    exact = np.einsum("yh,xw,hwc->cyx", down, across, pixels / 255)
    basicsr = imresize(torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255), numerator / denominator)
    np.testing.assert_allclose(exact, basicsr.numpy(), atol=1e-5)  # float32 there

    rows = np.clip(np.floor(np.einsum("yh,hwc->ywc", down, pixels) + 0.5), 0, 255)
    both = np.clip(np.floor(np.einsum("xw,ywc->yxc", across, rows) + 0.5), 0, 255)
    np.testing.assert_array_equal(fixed.matlab_resize(pixels, *factor), both)


def test_matlab_weights_are_exact_for_powers_of_two() -> None:
    for numerator, denominator in ((1, 4), (4, 1), (1, 2), (2, 1)):
        matrix = fixed._matlab_weights(40, numerator, denominator)
        assert (matrix * 2**13 == np.rint(matrix * 2**13)).all()
        np.testing.assert_array_equal(matrix.sum(1), 1)


def test_flat_images_stay_flat() -> None:
    flat = np.full((16, 20, 3), 77, np.uint8)
    for name in ("clean", "blur", "jpeg", "clean_matlab"):
        result = degrade_all(flat, fixed.select([name]), 4, *KEY)[name]
        assert result.shape == (4, 5, 3)
        assert abs(result.astype(int) - 77).max() <= 1
    assert (fixed.bicubic_upscale(flat, 4) == 77).all()
    assert fixed.bicubic_upscale(flat, 4).shape == (64, 80, 3)


@pytest.mark.parametrize("shape", [(30, 32, 3), (32, 30, 3), (0, 32, 3)])
def test_a_size_that_is_no_multiple_of_the_scale_is_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(HarnessError, match=r"v/set/image: size \d+ x \d+ is no positive multiple of the scale 4"):
        degrade_all(np.zeros(shape, np.uint8), fixed.select(["clean"]), 4, *KEY)


def test_an_unknown_degradation_lists_the_known_ones() -> None:
    with pytest.raises(HarnessError, match="'jepg': unknown; allowed: clean, blur, noise, jpeg,"):
        fixed.select(["jepg"])


def test_recipes_reject_nonsense() -> None:
    for wrong in ({"jpeg": 0}, {"jpeg": 101}, {"noise": -1.0}, {"blur": 0.0}, {"downscale": "cubic"}, {"sigma": 1}):
        with pytest.raises(ValueError, match="validation error"):
            Recipe.model_validate(wrong)
