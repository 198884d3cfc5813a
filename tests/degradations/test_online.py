"""Training noise: its strength, its clipping, and the same numbers for every regularizer and process."""

from __future__ import annotations

import pytest
import torch

from harness.degradations.online import carry_out, gaussian_noise, plan
from harness.degradations.spec import GaussianNoiseSpec, SecondOrderSpec, TrainingDegradation
from harness.degradations.usm import sharpen
from harness.foundation.rng import Draws, numpy_stream

Views = tuple[torch.Tensor, list[torch.Tensor]]

FIXED = GaussianNoiseSpec(noise="gaussian", sigma=(15.0, 15.0))


def images(count: int = 4, side: int = 64) -> torch.Tensor:
    return torch.from_numpy(numpy_stream("online").random((count, 3, side, side), "float32"))


def degrade_views(
    hr: torch.Tensor, spec: TrainingDegradation, scale: int, views: list[Draws], *, usm_target: bool
) -> Views:
    return carry_out([plan(spec, draws) for draws in views], hr, scale, usm_target=usm_target)


def test_noise_has_the_strength_asked_for() -> None:
    flat = torch.full((4, 3, 64, 64), 0.5)
    noise = (gaussian_noise(flat, FIXED, Draws(0, 1, 0, range(4))) - flat) * 255
    assert noise.std().item() == pytest.approx(15.0, rel=0.02)
    assert abs(noise.mean().item()) < 0.6


def test_strengths_of_a_range_differ_between_images() -> None:
    spec = GaussianNoiseSpec(noise="gaussian", sigma=(5.0, 50.0))
    flat = torch.full((8, 3, 32, 32), 0.5)
    spread = (gaussian_noise(flat, spec, Draws(0, 1, 0, range(8))) - flat).mul(255).flatten(1).std(dim=1)
    assert spread.min() > 4
    assert spread.max() < 55
    assert spread.max() - spread.min() > 10


def test_results_are_8_bit_levels_between_0_and_1() -> None:
    noisy = gaussian_noise(images(), FIXED, Draws(0, 1, 0, range(4)))
    assert noisy.min() == 0
    assert noisy.max() == 1
    assert torch.equal(noisy, (noisy * 255).round() / 255)


def test_rows_do_not_depend_on_their_batch_and_views_differ() -> None:
    hr = images()
    target, (first, second) = degrade_views(
        hr, FIXED, 1, [Draws(3, 7, view, range(4)) for view in range(2)], usm_target=False
    )
    _, (part,) = degrade_views(hr[2:], FIXED, 1, [Draws(3, 7, 0, range(2, 4))], usm_target=False)
    assert torch.equal(target, hr)
    assert torch.equal(part, first[2:])
    assert not torch.equal(first, second)
    assert first.shape == hr.shape


def test_a_sharpened_ground_truth_is_what_gets_the_noise() -> None:
    hr = images()
    target, (noisy,) = degrade_views(hr, FIXED, 1, [Draws(0, 1, 0, range(4))], usm_target=True)
    assert torch.equal(target, sharpen(hr))
    assert torch.equal(noisy, gaussian_noise(target, FIXED, Draws(0, 1, 0, range(4))))


def test_the_second_order_degradation_keeps_its_scale() -> None:
    _, (lr,) = degrade_views(images(2), SecondOrderSpec(), 4, [Draws(0, 1, 0, range(2))], usm_target=False)
    assert lr.shape == (2, 3, 16, 16)
