"""Both noise models against BasicSR's functions, given the same random numbers."""

from __future__ import annotations

import harness.foundation.compat  # noqa: F401

# isort: split
import pytest
import torch
import torch.nn.functional as F
from basicsr.data import degradations as basicsr
from torch import Tensor

from harness.degradations.noise import add_gaussian_noise, add_poisson_noise, poisson_sampler


def _images(count: int = 3) -> Tensor:
    """Images that leave [0, 1], as bicubic interpolation and sinc filters make them, with few to many levels."""
    generator = torch.Generator().manual_seed(0)
    smooth = F.interpolate(torch.rand(count, 3, 5, 6, generator=generator) * 1.2 - 0.1, size=(40, 53), mode="bicubic")
    smooth[0] = (smooth[0] * 7).round() / 7
    return smooth


def _column(*values: float) -> Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1)


@pytest.mark.parametrize("gray", [0.0, 1.0])
def test_gaussian_noise_equals_basicsr(gray: float) -> None:
    images, sigma = _images(), _column(1.0, 12.5, 30.0)
    torch.manual_seed(5)
    expected = basicsr.add_gaussian_noise_pt(images, sigma=sigma.flatten(), gray_noise=torch.full((3,), gray))
    # BasicSR draws one gray pattern for the whole batch first, and colour noise always.
    torch.manual_seed(5)
    shared = torch.randn(40, 53).expand(3, 1, 40, 53) if gray else None
    colour = torch.randn(3, 3, 40, 53)
    result = add_gaussian_noise(images, colour if shared is None else shared, sigma)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)


def _pretend_poisson(rates: Tensor) -> Tensor:
    """Stands for the random draw on both sides: any fixed function of the rate."""
    return (rates * 1.37 + 0.4).floor()


def _pretend_counts(levels: Tensor, bits: Tensor) -> Tensor:
    return _pretend_poisson(levels / 255.0 * 2.0**bits)


@pytest.mark.parametrize("gray", [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (1.0, 0.0, 1.0)])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_poisson_noise_equals_basicsr(
    gray: tuple[float, ...], as_tensor: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not as_tensor and len(set(gray)) > 1:
        pytest.skip("one flag for all images")
    images, scale = _images(), _column(0.05, 1.0, 3.0)
    monkeypatch.setattr(torch, "poisson", _pretend_poisson)
    expected = basicsr.add_poisson_noise_pt(images, scale=scale.flatten(), gray_noise=torch.tensor(gray))
    flags = _column(*gray).bool() if as_tensor else bool(gray[0])
    result = add_poisson_noise(images, scale, flags, _pretend_counts)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)


def test_poisson_noise_has_the_moments_of_the_reference() -> None:
    levels = torch.arange(256).to(torch.float32).view(1, 1, 16, 16).repeat(1, 3, 20, 20) / 255
    numbers = torch.empty(levels.shape, dtype=torch.int32).random_(generator=torch.Generator().manual_seed(0))
    noisy = add_poisson_noise(levels * 0.5 + 0.25, _column(1.0), False, poisson_sampler(numbers))
    noise = noisy - (levels * 0.5 + 0.25)
    assert noise.mean().abs() < 1e-3
    # 129 levels or fewer: v = 256 or 128 by count; here 128 distinct levels are rounded from 256, so v = 256 / 2.
    expected = ((levels * 0.5 + 0.25) / 128).mean().sqrt()
    assert noise.std() == pytest.approx(float(expected), rel=0.02)


@pytest.mark.parametrize(("different", "bits"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (128, 7), (129, 8), (256, 8)])
def test_levels_are_counted_as_in_the_reference(different: int, bits: int) -> None:
    values = (torch.arange(3 * 16 * 16) % different).view(1, 3, 16, 16).float() / 255
    seen: list[int] = []

    def remember(levels: Tensor, found: Tensor) -> Tensor:
        seen.append(int(found))
        return levels.int()

    add_poisson_noise(values, _column(1.0), False, remember)
    assert seen == [bits]
