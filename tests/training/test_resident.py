"""Crops cut on the device are the crops cut on the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harness.datasets.pack_files import PackedImage, PackInfo
from harness.datasets.patches import Pack, sample_crops
from harness.foundation.errors import HarnessError
from harness.foundation.rng import Draws
from harness.training.batches import BatchSource
from harness.training.resident import ResidentPack
from tests.training.conftest import tiny_spec


def odd_pack() -> Pack:
    """Images larger than the crop, smaller than it, and smaller on one side only."""
    sizes, offset, images = [(60, 50), (20, 70), (64, 17), (24, 24)], 0, []
    for number, (width, height) in enumerate(sizes):
        images.append(PackedImage(str(number), width, height, offset, ""))
        offset += width * height * 3
    pixels = np.random.default_rng(0).integers(0, 256, offset, np.uint8)
    return Pack(PackInfo("odd", tuple(images), ""), pixels)


@pytest.mark.parametrize("flip", [True, False])
def test_same_crops_as_on_the_host(flip: bool) -> None:
    pack = odd_pack()
    resident = ResidentPack(pack, 32, "cpu")
    for iteration in range(8):
        draws = Draws(3, iteration, 0, range(6))
        crops = resident.crops(resident.windows(draws, flip))
        np.testing.assert_array_equal(crops.numpy(), sample_crops(pack, 32, draws, flip))


def test_placement_changes_no_batch(packs: Path) -> None:
    pack = Pack.open(packs / "embedded_train")
    host, device = (BatchSource(pack, tiny_spec(placement=place), 2, "cpu").batch(5) for place in ("host", "device"))
    assert torch.equal(host.lr, device.lr)
    assert torch.equal(host.target, device.target)


def test_says_what_to_do_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 1000))
    with pytest.raises(HarnessError, match="placement: host"):
        ResidentPack(odd_pack(), 32, "cuda")
