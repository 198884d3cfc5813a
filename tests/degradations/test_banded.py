"""Banded products against dense ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from harness.degradations import banded
from harness.degradations.banded import Band, apply_bands
from harness.degradations.strategy import strategy_of

CPU = strategy_of(torch.device("cpu"))


def _band_matrix(rows: int, columns: int, reach: int) -> torch.Tensor:
    centre = torch.arange(rows)[:, None] * columns / rows
    near = (torch.arange(columns)[None, :] - centre).abs() <= reach
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(rows)) * near


@pytest.mark.parametrize("block", [16, 80, None])
@pytest.mark.parametrize("shape", [(2, 3, 90, 70), (1, 3, 201, 33)])
def test_equals_dense_products(
    block: int | None, shape: tuple[int, int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banded, "strategy_of", lambda device: replace(CPU, band_block=block))
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    rows, columns = _band_matrix(110, shape[2], 9), _band_matrix(50, shape[3], 9)
    bands = [Band.of(matrix, images.device) for matrix in (rows, columns)]
    torch.testing.assert_close(apply_bands(images, *bands), rows @ images @ columns.T, rtol=1e-5, atol=1e-5)


def test_blocks_leave_the_empty_part_out() -> None:
    band = Band.of(torch.eye(400), torch.device("cpu"))
    assert [block[0] for block in band.blocks] == [block[2] for block in band.blocks]
    assert len(band.blocks) == -(-400 // (CPU.band_block or 400))
