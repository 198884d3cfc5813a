"""Banded products against dense ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from harness.degradations import banded
from harness.degradations.banded import Band, apply_bands, apply_bands_into
from harness.degradations.strategy import strategy_of

CPU = strategy_of(torch.device("cpu"))


def _band_matrix(rows: int, columns: int, reach: int) -> torch.Tensor:
    centre = torch.arange(rows)[:, None] * columns / rows
    near = (torch.arange(columns)[None, :] - centre).abs() <= reach
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(rows)) * near


@pytest.mark.parametrize("one", [True, False], ids=["one by one", "together"])
@pytest.mark.parametrize("step", [16, 80, None])
@pytest.mark.parametrize("shape", [(2, 3, 90, 70), (1, 3, 201, 33)])
def test_equals_dense_products(
    one: bool, step: int | None, shape: tuple[int, int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banded, "strategy_of", lambda device: replace(CPU, image_by_image=one))
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    rows, columns = _band_matrix(110, shape[2], 9), _band_matrix(50, shape[3], 9)
    bands = [Band.of(matrix.numpy(), images.device, step) for matrix in (rows, columns)]
    found = apply_bands(images, *bands)
    torch.testing.assert_close(found, rows @ images @ columns.T, rtol=1e-5, atol=1e-5)
    out, middle = torch.empty(110, 50), torch.empty(110, shape[3])
    apply_bands_into(out, images[0, 1], *bands, middle)
    torch.testing.assert_close(out, found[0, 1], rtol=1e-5, atol=1e-5)


def test_blocks_leave_the_empty_part_out() -> None:
    band = Band.of(torch.eye(400).numpy(), torch.device("cpu"), 64)
    assert [block[0] for block in band.blocks] == [block[2] for block in band.blocks]
    assert len(band.blocks) == -(-400 // 64)
