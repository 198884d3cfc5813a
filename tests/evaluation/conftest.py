"""A small benchmark on disk, in the layout that evaluation reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from harness.degradations.fixed import bicubic_downscale
from harness.foundation.images import Pixels, pixel_sha256, write_png
from harness.foundation.rng import numpy_stream

SCALE = 4


class TinyNetwork(nn.Module):
    """Bilinear upscaling plus a small learned residual: a network with the interface of the real ones."""

    def __init__(self, scale: int = SCALE) -> None:
        super().__init__()
        self.scale = scale
        self.conv = nn.Conv2d(3, 3 * scale**2, 3, padding=1)
        generator = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.02

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        base = functional.interpolate(images, scale_factor=self.scale, mode="bilinear")
        return base + functional.pixel_shuffle(self.conv(images), self.scale)


def photograph(height: int, width: int, *key: str | int) -> Pixels:
    """A smooth random image with some texture."""
    random = numpy_stream("test photograph", *key)
    coarse = random.uniform(0, 255, (height // 8 + 1, width // 8 + 1, 3))
    smooth = np.kron(coarse, np.ones((8, 8, 1)))[:height, :width]
    return np.clip(smooth + random.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


def write_set(folder: Path, images: dict[str, Pixels]) -> None:
    """Write PNG files and their manifest."""
    folder.mkdir(parents=True)
    lines = ["# version: test", "name\twidth\theight\tsha256"]
    for name, pixels in images.items():
        write_png(folder / f"{name}.png", pixels)
        lines.append(f"{name}\t{pixels.shape[1]}\t{pixels.shape[0]}\t{pixel_sha256(pixels)}")
    (folder / "manifest.tsv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def benchmarks(tmp_path: Path) -> Path:
    """``tiny``: three images, degradations ``clean`` and ``dark``; ``photos``: two photographs without ground truth."""
    root = tmp_path / "benchmarks"
    truth = {name: photograph(48 + 8 * i, 64, name) for i, name in enumerate(("ape", "bee", "cat"))}
    clean = {name: bicubic_downscale(pixels, SCALE) for name, pixels in truth.items()}
    write_set(root / "tiny" / "hr", truth)
    write_set(root / "tiny" / "clean", clean)
    write_set(root / "tiny" / "dark", {name: pixels // 2 for name, pixels in clean.items()})
    write_set(root / "photos" / "real", {name: photograph(30, 40, name) for name in ("one", "two")})
    return root
