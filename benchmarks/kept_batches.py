"""How long a batch takes that another arm of the seed has made: read, cut anew from the photographs, sharpened."""

from __future__ import annotations

import tempfile
import time
from functools import cache
from pathlib import Path
from statistics import median

import torch

from benchmarks.degradation import synthetic_photographs
from harness.datasets.pack_files import PackedImage, PackInfo
from harness.datasets.patches import Pack
from harness.spec import RunSpec
from harness.training.batches import BatchSource


def seconds_to_read(spec: RunSpec, repetitions: int) -> float:
    """Return the median seconds of a whole batch whose degraded images are kept, the first one's file apart.

    Args:
        spec: one view per ground truth; at least ``repetitions`` + 1 iterations.
        repetitions: batches that are timed.
    """
    training = spec.training
    with tempfile.TemporaryDirectory() as folder:
        first = _source(spec, Path(folder))
        assert first.kept is not None
        side = training.patch // spec.scale
        for iteration in range(1, training.iterations + 1):  # what the images show costs no reader anything
            views = [torch.rand(training.batch_size, 3, side, side)]
            first.kept.add(iteration, views, 1.0)
        second, seconds = _source(spec, Path(folder)), list[float]()
        for iteration in range(1, repetitions + 2):
            began = time.perf_counter()
            second.batch(iteration)
            seconds.append(time.perf_counter() - began)
        assert second.kept is not None
        assert second.kept.credit > 0.5 * repetitions, "batches were made, not read"
    return median(seconds[1:])


def _source(spec: RunSpec, folder: Path) -> BatchSource:
    return BatchSource(_photographs(spec.training.crop), spec, 1, "cpu", kept=folder)


@cache
def _photographs(side: int) -> Pack:
    """Return four synthetic photographs, larger than the crops."""
    side += 100
    pixels = synthetic_photographs(4, side, 0).mul(255).byte().permute(0, 2, 3, 1).contiguous().numpy().reshape(-1)
    size = 3 * side**2
    images = tuple(PackedImage(str(number), side, side, number * size, "") for number in range(4))
    return Pack(PackInfo("synthetic", images, "0" * 64), pixels)
