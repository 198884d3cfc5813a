"""The whole degradation: against BasicSR's functions, and what must and must not change its result."""

from __future__ import annotations

import harness.foundation.compat  # noqa: F401

# isort: split
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from basicsr.data.degradations import generate_gaussian_noise_pt
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.reference import Reference
from harness.degradations import banded, filters, noise, resize, second_order, usm
from harness.degradations.parameters import draw_parameters
from harness.degradations.second_order import Plan, aligned_crop, degrade, degrade_views, exact_products, steps
from harness.degradations.spec import SecondOrderSpec, SecondStageSpec, StageSpec
from harness.degradations.strategy import strategy_of
from harness.foundation.errors import HarnessError
from harness.foundation.rng import Draws

SPEC = SecondOrderSpec()
SILENT = {"gaussian_sigma": (0.0, 0.0), "poisson_scale": (0.0, 0.0)}


def _photographs(count: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(height)
    coarse = torch.rand(count, 3, 8, 8, generator=generator)
    images = F.interpolate(coarse, size=(height, width), mode="bicubic")
    images += (images[:, :1] > 0.5) * 0.2 + torch.randn(images.shape, generator=generator) * 0.02
    return images.clamp(0, 1).mul(255).round().div(255)


HR = _photographs(6, 96, 96)


def _draws(rows: range = range(6), iteration: int = 0, seed: int = 0, view: int = 0) -> Draws:
    return Draws(seed, iteration, view, rows)


@contextmanager
def _the_way_of_cuda() -> Iterator[None]:
    """All images at once, kinds gathered by index, FFT and interpolation for everything."""
    strategy = strategy_of(torch.device("cuda"))
    with pytest.MonkeyPatch.context() as patch:
        for module in (banded, filters, noise, resize, second_order, usm):
            patch.setattr(module, "strategy_of", lambda device: strategy)
        for cached in (resize._band, usm._gaussian_band):
            cached.cache_clear()
        yield
    for cached in (resize._band, usm._gaussian_band):
        cached.cache_clear()


class _NoWaiting(TorchDispatchMode):
    """Refuses operations that bring a value or a shape from the device to the host."""

    REFUSED = (
        "_local_scalar_dense",
        "nonzero",
        "bincount",
        "unique",
        "masked_select",
        "aten.equal",
        "aten.index.Tensor",
    )

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert not any(name in str(func) for name in self.REFUSED), f"{func} waits for the device"
        return func(*args, **(kwargs or {}))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("iteration", range(8))
def test_equals_basicsr_without_noise(iteration: int) -> None:
    spec = SecondOrderSpec(first=StageSpec(**SILENT), second=SecondStageSpec(**SILENT), kinds_per="batch")
    draws = _draws(iteration=iteration)
    target, lr = degrade(HR, spec, 4, draws)
    reference = Reference()
    expected_target = reference.sharpen(HR)
    torch.testing.assert_close(target, expected_target, rtol=0, atol=1e-4)  # the mask's threshold, see test_usm
    # From the same target: rounding decides a few ties of JPEG's coefficients and of the last 8 bits; ties are rare,
    # and one tie moves a 16 x 16 unit by part of a quantization step.
    expected = list(reference.steps(target, draw_parameters(spec, draws), 4))[-1][1]
    difference = (lr - expected).abs()
    assert (difference > 1e-5).float().mean() < 0.05
    assert difference.mean() < 5e-4


def test_steps_equal_basicsr_up_to_the_first_rounding() -> None:
    spec = SecondOrderSpec(first=StageSpec(**SILENT), second=SecondStageSpec(**SILENT), kinds_per="batch")
    for iteration in range(6):
        draws = _draws(iteration=iteration)
        parameters = draw_parameters(spec, draws)
        own = steps(HR, Plan(parameters, draws), 4)
        for (name, images), (other_name, expected) in zip(own, Reference().steps(HR, parameters, 4), strict=True):
            assert name == other_name
            assert images.shape == expected.shape
            if name in ("blur1", "resize1", "noise1"):
                torch.testing.assert_close(images, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shared", [{}, {"kinds_per": "batch"}, {"kinds_per": "batch", "gray_pattern": "batch"}])
@pytest.mark.parametrize("rows", [range(3), range(3, 6), range(5, 6)])
def test_rows_are_independent_bit_for_bit(shared: dict[str, str], rows: range) -> None:
    spec = SecondOrderSpec.model_validate(shared)
    for iteration in range(3):
        target, lr = degrade(HR, spec, 4, _draws(iteration=iteration))
        own_target, own_lr = degrade(HR[rows.start : rows.stop], spec, 4, _draws(rows, iteration))
        assert torch.equal(own_target, target[rows.start : rows.stop])
        assert torch.equal(own_lr, lr[rows.start : rows.stop])


def test_odd_sizes_are_independent_bit_for_bit() -> None:
    hr = _photographs(4, 83, 71)
    target, lr = degrade(hr, SPEC, 4, _draws(range(4)))
    own_target, own_lr = degrade(hr[1:], SPEC, 4, _draws(range(1, 4)))
    assert torch.equal(own_target, target[1:])
    assert torch.equal(own_lr, lr[1:])


def test_number_of_threads_does_not_matter() -> None:
    results = []
    for count in (1, 2, 3):
        with _threads(count):
            results.append([degrade(HR, SPEC, 4, _draws(iteration=iteration)) for iteration in range(3)])
    for result in results[1:]:
        for (target, lr), (first_target, first_lr) in zip(result, results[0], strict=True):
            assert torch.equal(target, first_target)
            assert torch.equal(lr, first_lr)


@pytest.mark.parametrize("change", [{"seed": 1}, {"iteration": 1}, {"view": 1}, {"rows": range(6, 12)}])
def test_every_counter_changes_the_result(change: dict[str, object]) -> None:
    target, lr = degrade(HR, SPEC, 4, _draws())
    other_target, other_lr = degrade(HR, SPEC, 4, replace(_draws(), **change))
    assert torch.equal(target, other_target)
    assert all((lr[row] - other_lr[row]).abs().mean() > 0.005 for row in range(6))


def test_views_are_those_of_single_calls() -> None:
    views = [_draws(), _draws(view=1)]
    target, lrs = degrade_views(HR, SPEC, 4, views)
    for draws, lr in zip(views, lrs, strict=True):
        single_target, single_lr = degrade(HR, SPEC, 4, draws)
        assert torch.equal(target, single_target)
        assert torch.equal(lr, single_lr)


@settings(max_examples=12)
@given(
    st.integers(24, 70),
    st.integers(24, 70),
    st.sampled_from([1, 2, 3, 4]),
    st.integers(0, 10**6),
    st.booleans(),
)
def test_shapes_levels_and_ranges(height: int, width: int, scale: int, iteration: int, usm_target: bool) -> None:
    hr = _photographs(2, height, width)
    before = hr.clone()
    target, lr = degrade(hr, SPEC, scale, _draws(range(2), iteration), usm_target=usm_target)
    assert torch.equal(hr, before)
    assert target.shape == hr.shape
    assert lr.shape == (2, 3, height // scale, width // scale)
    for images in (target, lr):
        assert images.dtype == torch.float32
        assert images.isfinite().all()
        assert 0 <= images.min() <= images.max() <= 1
    levels = lr * 255
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)


def test_without_usm_the_plain_image_is_target_and_source() -> None:
    target, lr = degrade(HR, SPEC, 4, _draws(), usm_target=False)
    assert torch.equal(target, HR)
    sharp_target, sharp_lr = degrade(HR, SPEC, 4, _draws())
    assert not torch.equal(target, sharp_target)
    assert not torch.equal(lr, sharp_lr)


def test_channels_last_images_are_accepted() -> None:
    target, lr = degrade(HR, SPEC, 4, _draws())
    strided = HR.to(memory_format=torch.channels_last)
    strided_target, strided_lr = degrade(strided, SPEC, 4, _draws())
    assert torch.equal(target, strided_target)
    assert torch.equal(lr, strided_lr)


@pytest.mark.parametrize("kinds_per", ["image", "batch"])
def test_the_batched_way_agrees(kinds_per: str) -> None:
    spec = SecondOrderSpec.model_validate({"kinds_per": kinds_per})
    for iteration in range(6):
        draws = _draws(iteration=iteration)
        target, lr = degrade(HR, spec, 4, draws)
        with _the_way_of_cuda():
            other_target, other_lr = degrade(HR, spec, 4, draws)
        torch.testing.assert_close(target, other_target, rtol=0, atol=1e-4)
        # Rounding moves a few levels: 8-bit levels of Poisson's rates, ties of JPEG, the last 8 bits.
        difference = (lr - other_lr).abs()
        assert (difference > 1e-5).float().mean() < 0.1
        assert difference.mean() < 1e-3


def test_the_batched_way_never_waits_for_the_device() -> None:
    with _the_way_of_cuda():
        for iteration in range(4):
            draws = _draws(iteration=iteration)
            degrade(HR, SPEC, 4, draws)  # builds the tables, once
            with _NoWaiting():
                aligned_crop(*degrade(HR, SPEC, 4, draws), 32, 4, draws)


def test_too_small_crops_are_a_user_error() -> None:
    spec = SecondOrderSpec(first=StageSpec(resize={"up": 0, "down": 1, "keep": 0}, resize_range=(0.01, 1.0)))
    tiny = HR[:1, :, :16, :16]
    iteration = next(i for i in range(99) if draw_parameters(spec, _draws(range(1), i)).first.factor < 1 / 16)
    with pytest.raises(HarnessError, match=r"training\.crop"):
        degrade(tiny, spec, 4, _draws(range(1), iteration))


def test_rows_and_images_must_match() -> None:
    with pytest.raises(ValueError, match="6 images, but random numbers for 5 rows"):
        degrade(HR, SPEC, 4, _draws(range(5)))


def test_crops_are_aligned() -> None:
    rows = torch.arange(96).view(1, 1, 96, 1).expand(6, 1, 96, 96)
    columns = torch.arange(96).view(1, 1, 1, 96).expand(6, 1, 96, 96)
    target = torch.cat([rows, columns, rows], dim=1).float()
    lr = target[:, :, ::4, ::4]
    large, small = aligned_crop(target, lr, 32, 4, _draws())
    assert large.shape == (6, 3, 32, 32)
    assert torch.equal(large[:, :, ::4, ::4], small)
    corners = large[:, :2, 0, 0]
    assert len({tuple(corner.tolist()) for corner in corners}) > 3
    assert (corners % 4 == 0).all()


@given(st.integers(0, 10**6))
def test_crops_are_shared_by_views_and_independent_of_the_batch(iteration: int) -> None:
    lr = HR[:, :, ::4, ::4]
    large, small = aligned_crop(HR, lr, 32, 4, _draws(iteration=iteration))
    other_large, other_small = aligned_crop(HR, lr, 32, 4, _draws(iteration=iteration, view=1))
    assert torch.equal(large, other_large)
    assert torch.equal(small, other_small)
    part, _ = aligned_crop(HR[2:4], lr[2:4], 32, 4, _draws(range(2, 4), iteration))
    assert torch.equal(part, large[2:4])


def test_crops_reach_all_corners() -> None:
    lr = torch.arange(16.0).view(1, 1, 4, 4)
    target = lr.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    tops = {float(aligned_crop(target, lr, 4, 2, _draws(range(1), i))[1][0, 0, 0, 0]) for i in range(200)}
    assert tops == {0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 9.0, 10.0}


@pytest.mark.parametrize("patch", [30, 100])
def test_patches_that_do_not_fit_are_a_user_error(patch: int) -> None:
    with pytest.raises(
        HarnessError, match=rf"training\.patch: {patch} must be a multiple of the scale 4 and at most 96"
    ):
        aligned_crop(HR, HR[:, :, ::4, ::4], patch, 4, _draws())


def test_precision_is_restored() -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with exact_products():
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)


GRAY: dict[str, Any] = {
    "gray_probability": 1.0,
    "gaussian_probability": 1.0,
    "gaussian_sigma": (2.0, 8.0),
    "blur_probability": 0.0,
    "resize": {"up": 0.0, "down": 0.0, "keep": 1.0},
}


def _patterns(gray_pattern: str, rows: range, view: int = 0, stage: str = "2") -> Tensor:
    """What a stage adds to gray images, divided by each image's sigma: (N, H, W); mid-gray, so nothing is clipped."""
    spec = SecondOrderSpec.model_validate({"first": GRAY, "second": GRAY, "gray_pattern": gray_pattern})
    draws = _draws(rows, view=view)
    parameters = draw_parameters(spec, draws)
    own = parameters.first if stage == "1" else parameters.second
    flat = torch.full((len(rows), 3, 40, 40), 0.5)
    by_name = dict(steps(flat, Plan(parameters, draws), 1))
    noise = (by_name["noise" + stage] - by_name["resize" + stage]).double()
    assert noise[:, 0].sub(noise[:, 2]).abs().max() < 1e-6, "the channels share their noise"
    return noise[:, 0] / torch.from_numpy(own.strength).view(-1, 1, 1) * 255


@pytest.mark.parametrize("stage", ["1", "2"])
def test_gray_noise_is_one_pattern_per_batch_as_in_basicsr(stage: str) -> None:
    sigma = torch.tensor([2.0, 5.0, 8.0])
    drawn = generate_gaussian_noise_pt(torch.zeros(3, 3, 40, 40), sigma=sigma, gray_noise=torch.ones(3))
    released = drawn[:, 0].double() / sigma.view(-1, 1, 1) * 255
    torch.testing.assert_close(released, released[:1].expand_as(released), rtol=0, atol=1e-5)

    shared = _patterns("batch", range(3), stage=stage)
    torch.testing.assert_close(shared, shared[:1].expand_as(shared), rtol=0, atol=1e-4)
    assert 0.9 < float(shared[0].std()) < 1.1
    own = _patterns("image", range(3), stage=stage)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert abs(float(torch.corrcoef(torch.stack([own[first].flatten(), own[second].flatten()]))[0, 1])) < 0.2
    # Whoever makes the rows, and all at once as on CUDA: the same pattern. Another view: another one.
    torch.testing.assert_close(_patterns("batch", range(2, 4), stage=stage)[1], shared[0], rtol=0, atol=1e-4)
    with _the_way_of_cuda():
        torch.testing.assert_close(_patterns("batch", range(3), stage=stage), shared, rtol=0, atol=1e-4)
    assert (_patterns("batch", range(3), view=1, stage=stage)[0] - shared[0]).abs().max() > 1


def test_the_stages_have_different_gray_patterns_and_colour_stays_each_images_own() -> None:
    one, two = (_patterns("batch", range(1), stage=stage)[0] for stage in "12")
    assert (one - two).abs().max() > 1
    colour = {"second": SILENT, "first": GRAY | {"gray_probability": 0.0}}
    plain, released = (
        degrade(HR, SecondOrderSpec.model_validate({**colour, "gray_pattern": pattern}), 4, _draws())[1]
        for pattern in ("image", "batch")
    )
    assert torch.equal(plain, released)
