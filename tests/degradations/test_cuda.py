"""CPU and CUDA give the same images from the same parameters and the same noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from harness.degradations import jpeg
from harness.degradations.filters import filter2d
from harness.degradations.kernels import sinc_kernels
from harness.degradations.noise import add_gaussian_noise, add_poisson_noise, poisson_sampler
from harness.degradations.poisson import sample_counts
from harness.degradations.resize import resize_by
from harness.degradations.second_order import aligned_crop, degrade
from harness.degradations.spec import SecondOrderSpec
from harness.degradations.usm import sharpen
from harness.foundation import philox
from harness.foundation.quantiles import KINDS
from harness.foundation.rng import Draws, Kind

pytestmark = pytest.mark.gpu

SPEC = SecondOrderSpec()


def _images(count: int = 4, side: int = 128) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    images = F.interpolate(torch.rand(count, 3, 9, 9, generator=generator), size=(side, side), mode="bicubic")
    return images.clamp(0, 1).mul(255).round().div(255)


def _column(*values: float) -> Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1)


def _close(on_cuda: Tensor, on_cpu: Tensor, tolerance: float = 1e-5) -> bool:
    return torch.allclose(on_cuda.cpu(), on_cpu, rtol=0, atol=tolerance)


def test_filters() -> None:
    kernels = torch.from_numpy(sinc_kernels(np.array([7, 13, 21, 9]), np.array([1.1, 2.0, 3.0, 1.5]), 21)).float()
    assert _close(filter2d(_images().cuda(), kernels.cuda()), filter2d(_images(), kernels))


def test_unsharp_mask() -> None:
    difference = (sharpen(_images().cuda()).cpu() - sharpen(_images())).abs()
    assert (difference > 1e-5).float().mean() < 0.05  # neighbours of pixels on the threshold
    assert difference.max() < 1e-3


@pytest.mark.parametrize("factor", [0.4, 1.3])
@pytest.mark.parametrize("mode", ["area", "bilinear", "bicubic"])
def test_resize(factor: float, mode: str) -> None:
    assert _close(resize_by(_images().cuda(), factor, mode), resize_by(_images(), factor, mode))


def test_noise_from_the_same_numbers() -> None:
    images, strength = _images(), _column(1.0, 2.0, 0.5, 3.0)
    normals = torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    numbers = torch.empty(images.shape, dtype=torch.int32).random_(generator=torch.Generator().manual_seed(1))
    assert _close(
        add_gaussian_noise(images.cuda(), normals.cuda(), strength.cuda()),
        add_gaussian_noise(images, normals, strength),
    )
    gray = _column(1, 0, 1, 0).bool()
    numbers[[0, 2]] = numbers[[0, 2], :1]
    on_cuda = add_poisson_noise(images.cuda(), strength.cuda(), gray.cuda(), poisson_sampler(numbers.cuda()))
    on_cpu = add_poisson_noise(images, strength, gray, poisson_sampler(numbers))
    assert ((on_cuda.cpu() - on_cpu).abs() > 1e-5).float().mean() < 1e-3  # luma on the edge between two levels
    levels = (images * 255).round().to(torch.uint8)
    bits = torch.full((4, 1, 1, 1), 8)
    counts = sample_counts(levels.cuda(), bits.cuda(), numbers.cuda())
    assert torch.equal(counts.cpu(), sample_counts(levels, bits, numbers))


def test_jpeg() -> None:
    factors = torch.from_numpy(jpeg.quality_factors(np.array([30.0, 50.0, 70.0, 95.0]))).float()
    difference = (jpeg.compress(_images().cuda(), factors.cuda()).cpu() - jpeg.compress(_images(), factors)).abs()
    assert (difference > 1e-5).float().mean() < 0.02  # units with a coefficient on a tie


@pytest.mark.parametrize("shared", [{}, {"kinds_per": "batch"}, {"kinds_per": "batch", "gray_pattern": "batch"}])
def test_whole_degradation_from_the_same_numbers(shared: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    # Torch's engine is the CPU's: both sides get the GPU's numbers here.
    original = Draws.fill

    def of_the_gpu(
        draws: Draws, name: str, out: Tensor, kind: Kind, rows: Sequence[int | None] | None = None
    ) -> Tensor:
        if out.is_cuda:
            return original(draws, name, out, kind, rows)
        keys = draws.keys(name, draws.rows if rows is None else rows)
        philox.by_torch(out, torch.from_numpy(philox.words_of(keys)), KINDS[kind])
        return out

    monkeypatch.setattr(Draws, "fill", of_the_gpu)
    spec = SPEC.model_copy(update=shared)
    for iteration in range(6):
        target, lr = degrade(_images(), spec, 4, Draws(0, iteration, 0, range(4)))
        other_target, other_lr = degrade(_images().cuda(), spec, 4, Draws(0, iteration, 0, range(4), "cuda"))
        assert _close(other_target, target, 1e-3)
        difference = (other_lr.cpu() - lr).abs()
        assert (difference > 1e-5).float().mean() < 0.1
        assert difference.mean() < 1e-3


def test_nothing_waits_for_the_device() -> None:
    draws = Draws(0, 0, 0, range(4), "cuda")
    images = _images().cuda()
    degrade(images, SPEC, 4, draws)  # builds the tables, once
    torch.cuda.set_sync_debug_mode("error")
    try:
        for iteration in range(4):
            draws = Draws(0, iteration, 0, range(4), "cuda")
            target, lr = aligned_crop(*degrade(images, SPEC, 4, draws), 32, 4, draws)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert target.isfinite().all()
    assert lr.isfinite().all()


def test_same_draws_give_the_same_images() -> None:
    draws = Draws(0, 5, 0, range(4), "cuda")
    one, other = (degrade(_images().cuda(), SPEC, 4, draws) for _ in range(2))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])
