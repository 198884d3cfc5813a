"""What the main thread of the host does for an iteration, in processor time: ``python -m tests.emulated.host``.

The code runs as for a GPU, but on a few small images of the host: each operation then costs Python and torch's
dispatch, and a few microseconds in place of its launch. Transforms only allocate their results, and so do our own
kernels. Not in it: the launch of the captured step, one call. The least and the median of many iterations, in ms.
"""

from __future__ import annotations

import json
import sys
import time
from inspect import signature
from typing import Any

import numpy as np
import torch

from benchmarks.specs import bench_spec
from harness.datasets.pack_files import PackedImage, PackInfo
from harness.datasets.patches import Pack
from harness.degradations import strategy
from harness.foundation import philox
from harness.foundation.rng import numpy_stream
from harness.training.batches import BatchSource
from harness.training.graph import WARM_UP
from harness.training.prefetch import Prefetcher
from harness.training.step import Learner

DEVICE = "cpu:0"
"""No other memory than ``cpu``, but the harness takes it for a device."""

_APART = {"apart": True} if "apart" in signature(Prefetcher).parameters else {}
_SIZES = {"batch_size": 8, "crop": 40, "patch": 16, "prefetch": False}


def pretend() -> None:
    """Choose as for a GPU; let memory be pinned by name alone, and transforms and kernels compute nothing."""
    torch.set_num_threads(1)
    torch.cuda.set_device = lambda device: None  # type: ignore[assignment]
    strategy._STRATEGIES["cpu"] = strategy._STRATEGIES["cuda"]
    plain = torch.empty
    torch.empty = lambda *sizes, pin_memory=False, **options: plain(*sizes, **options)
    torch.Tensor.pin_memory = lambda tensor, *_: tensor  # type: ignore[assignment, method-assign]
    torch.fft.rfft2 = lambda x, s: plain(*x.shape[:-2], s[0], s[1] // 2 + 1, dtype=torch.complex64).zero_()
    torch.fft.irfft2 = lambda x, s: plain(*x.shape[:-2], *s).zero_()
    philox.by_torch = lambda out, keys, kind: None
    try:
        from harness.degradations import fused
    except ImportError:  # an older commit
        return
    fused.noise_by_torch = fused.edges_by_torch = fused.sharpened_by_torch = lambda images, *_: torch.empty_like(images)


class Never:
    """Captures nothing."""

    def capture(self, function: Any) -> None:
        """Do nothing."""

    def replay(self) -> None:
        """Do nothing."""


def measure(variant: str, rounds: int) -> dict[str, list[float]]:
    """Return milliseconds, the least and the median: of the main thread, and of launching a batch in any thread."""
    spec = bench_spec(variant, "cuda", **_SIZES)
    pixels = numpy_stream("noise").integers(0, 256, 64 * 64 * 3, dtype=np.uint8)
    pack = Pack(PackInfo("noise", (PackedImage("noise", 64, 64, 0, ""),), ""), pixels)
    learner = Learner(spec, DEVICE, recorder=Never())
    source = BatchSource(pack, spec, learner.regularizer.views, DEVICE, regularizer=learner.regularizer)
    making: list[float] = []
    plain = source.make

    def make(iteration: int, recipe: Any) -> Any:
        began = time.thread_time()
        batch = plain(iteration, recipe)
        making.append(time.thread_time() - began)
        return batch

    source.make = make  # type: ignore[method-assign]
    batches = Prefetcher(source, DEVICE, rounds, **_APART)
    taken: list[tuple[float, float]] = []
    for iteration in range(1, rounds + 1):
        began = time.thread_time()
        batch = batches.batch(iteration)
        made = time.thread_time()
        learner._prepare(iteration)
        learner._take(batch)
        taken.append((time.thread_time() - began, time.thread_time() - made))
    batches.close()
    first = WARM_UP + 3  # batches of a thread of their own
    columns = {"main thread": [one for one, _ in taken[first:-1]], "of it step": [one for _, one in taken[first:-1]]}
    return {
        name: [round(float(value) * 1e3, 2) for value in (min(seconds), np.median(seconds))]
        for name, seconds in (columns | {"launching a batch": making[first:]}).items()
    }


def main(rounds: str = "150", *chosen: str) -> None:
    """Measure the paper's variants, or those that are named, and print JSON."""
    pretend()
    variants = chosen or ("baseline", "dropout", "adaptive_dropout", "simple_align")
    print(json.dumps({variant: measure(variant, int(rounds)) for variant in variants}))


if __name__ == "__main__":
    main(*sys.argv[1:])
