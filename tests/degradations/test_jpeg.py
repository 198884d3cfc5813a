"""Batched JPEG against BasicSR's DiffJPEG, with a quality per image."""

from __future__ import annotations

import harness.foundation.compat  # noqa: F401

# isort: split
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from basicsr.utils import DiffJPEG
from basicsr.utils.diffjpeg import c_table, quality_to_factor, y_table
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from harness.degradations import jpeg

QUALITIES = (31.3, 50.0, 94.9)


def _images(height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(height)
    smooth = F.interpolate(torch.rand(3, 3, 6, 7, generator=generator), size=(height, width), mode="bicubic")
    return (smooth + torch.randn(smooth.shape, generator=generator) * 0.03).clamp(0, 1)


def _factors(qualities: tuple[float, ...] = QUALITIES) -> Tensor:
    return torch.from_numpy(jpeg.quality_factors(np.array(qualities))).float()


@pytest.mark.parametrize("size", [(64, 64), (50, 77), (16, 33), (7, 5)])
def test_equals_basicsr(size: tuple[int, int]) -> None:
    images = _images(*size)
    expected = DiffJPEG(differentiable=False)(images, quality=torch.tensor(QUALITIES)).detach()
    result = jpeg.compress(images, _factors())
    difference = (result - expected).abs()
    # A coefficient that lies between two multiples of its step within rounding may be rounded either way; then the
    # two coding units (16 x 16, because chroma is halved) differ by a wave. Everywhere else they are equal.
    tied = F.interpolate(_units_with_ties(images).float(), scale_factor=16)[..., : size[0], : size[1]] > 0
    assert difference[~tied.expand_as(difference)].max() <= 1e-5
    assert tied.float().mean() < 0.2


def _units_with_ties(images: Tensor) -> Tensor:
    """Return (N, 1, rows, columns), for 16 x 16 units: whether a quantized coefficient is within 1e-4 of a tie."""
    padded = F.pad(images.double(), (0, -images.shape[3] % 16, 0, -images.shape[2] % 16)) * 255
    matrix = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]).double()
    planes = torch.einsum("dc,nchw->ndhw", matrix, padded)
    waves = torch.from_numpy(jpeg.dct_matrix())
    ties = []
    for plane, table in ((planes[:, :1] - 128, y_table), (F.avg_pool2d(planes[:, 1:], 2), c_table)):
        steps = table.detach().double().reshape(1, 64, 1) * _factors().double().view(-1, 1, 1)
        blocks = F.unfold(plane.flatten(0, 1)[:, None], 8, stride=8)
        steps = steps.repeat_interleave(plane.shape[1], dim=0)
        levels = torch.einsum("pw,bpl->bwl", waves, blocks) / steps
        near = ((levels - levels.floor() - 0.5).abs() < 1e-4).any(dim=1)
        rows, columns = plane.shape[2] // 8, plane.shape[3] // 8
        near = near.view(plane.shape[0], plane.shape[1], rows, columns).any(dim=1, keepdim=True).double()
        ties.append(F.max_pool2d(near, 2) if len(ties) == 0 else near)
    return (ties[0] + ties[1]) > 0


@given(st.floats(1, 99))
def test_quality_factor_equals_basicsr(quality: float) -> None:
    assert jpeg.quality_factors(np.array([quality]))[0] == pytest.approx(quality_to_factor(quality), rel=1e-12)


def test_waves_are_orthonormal() -> None:
    waves = jpeg.dct_matrix()
    np.testing.assert_allclose(waves.T @ waves, np.eye(64), atol=1e-12)


def test_lower_quality_loses_more() -> None:
    images = _images(64, 64)[:1].repeat(3, 1, 1, 1)
    losses = (jpeg.compress(images, _factors()) - images).square().mean(dim=(1, 2, 3))
    assert losses[0] > losses[1] > losses[2] > 0


def test_strided_input_is_accepted_and_kept() -> None:
    images = _images(40, 40)
    strided = images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    before = strided.clone()
    torch.testing.assert_close(jpeg.compress(strided, _factors()), jpeg.compress(images, _factors()), rtol=0, atol=0)
    assert torch.equal(strided, before)
    aligned = _images(32, 32)
    before = aligned.clone()
    jpeg.compress(aligned, _factors())
    assert torch.equal(aligned, before)
