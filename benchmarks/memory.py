"""Memory of the paper's experiment: measured on a CPU with a pack of DIV2K's sizes, calculated for a GPU.

python -m benchmarks.memory FOLDER        makes a sparse pack in FOLDER (6.6 GB in name only), trains on it, prints JSON
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.specs import bench_spec
from harness.datasets.pack_files import INDEX, PIXELS, PackedImage, pack_sha256
from harness.datasets.patches import Pack
from harness.degradations.spec import SecondOrderSpec
from harness.foundation.files import write_text
from harness.spec import RunSpec

DIV2K_WIDTH, DIV2K_HEIGHTS = 2040, (1356, 1404, 1152, 1536, 1356, 1356, 1200, 1356)
"""Typical sizes of DIV2K's photographs; 800 of them take 6.6 GB."""

_FLOAT = 4


def synthetic_pack(folder: Path, images: int = 800) -> Path:
    """Write a pack of black images whose file takes no room on the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    offset, listed = 0, list[PackedImage]()
    for number in range(images):
        height = DIV2K_HEIGHTS[number % len(DIV2K_HEIGHTS)]
        name = f"{number + 1:04d}"
        listed.append(PackedImage(name, DIV2K_WIDTH, height, offset, "0" * 64))
        offset += DIV2K_WIDTH * height * 3
    with open(folder / PIXELS, "wb") as stream:
        stream.truncate(offset)
    content = {"dataset": "synthetic", "sha256": pack_sha256(listed), "images": list(map(asdict, listed))}
    write_text(folder / INDEX, json.dumps(content))
    return folder


def train_on(folder: Path, iterations: int, small: bool) -> dict[str, Any]:
    """Train a few iterations at the paper's crop and batch in this process, then read every byte of the pack.

    Args:
        folder: of the pack.
        iterations: of training.
        small: use the smallest network and batch.

    Returns:
        In bytes: ``pack``; ``peak_training``: most memory of the process while it trained, mapped pages of the
        pack included; ``peak``: the same after all pages of the pack were read, the most that it can come to.
    """
    from harness.training.batches import BatchSource
    from harness.training.step import Learner
    from harness.training.train import settle

    spec = bench_spec("baseline", "cpu", small=small, crop=400)
    settle(1)
    pack = Pack.open(folder, compare=False)
    learner, source = Learner(spec, "cpu"), BatchSource(pack, spec, 1, "cpu")
    for iteration in range(1, iterations + 1):
        learner.step(iteration, source.batch(iteration))
    training = _peak()
    for index in range(len(pack)):
        np.add.reduce(pack.image(index).reshape(-1)[::4096], dtype=np.int64)
    return {"pack": pack.info.size, "peak_training": training, "peak": _peak()}


def measure(folder: Path, iterations: int = 3, small: bool = False) -> dict[str, Any]:
    """Run :func:`train_on` in a process of its own, on a pack made in ``folder``."""
    command = [sys.executable, "-m", "benchmarks.memory", str(folder), "--iterations", str(iterations)]
    answer = subprocess.run([*command, *(["--small"] if small else [])], capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(answer.stdout)
    return result


def gpu_bytes(spec: RunSpec) -> dict[str, int]:
    """Calculate the GPU memory of a run with ``placement: host``; ``docs/performance.md`` derives the parts.

    Returns:
        ``weights``: weights, gradients, two moments of Adam, average. ``activations``: kept for the backward pass, in
        float32, and once more the largest for gradients on their way. ``degradation``: twelve tensors of the largest
        size that a crop is resized to (factor 1.5), its spectra for the FFT among them. ``batches``: the next and the
        current one. ``context``: CUDA itself with cuDNN's workspaces. ``total``: with a quarter for fragmentation.
    """
    from benchmarks.floor import counts
    from harness.networks.build import build_network

    training, degradation = spec.training, spec.training.degradation
    assert isinstance(degradation, SecondOrderSpec)
    weights = sum(parameter.numel() for parameter in build_network(spec.network, 0).parameters())
    saved = counts(spec)["saved_bytes"]
    largest = 64 * training.batch_size * training.patch**2 * _FLOAT
    enlarged = training.batch_size * 3 * int(training.crop * degradation.first.resize_range[1]) ** 2 * _FLOAT
    pair = training.batch_size * 3 * (training.patch**2 + (training.patch // spec.scale) ** 2) * _FLOAT
    parts = {
        "weights": 5 * weights * _FLOAT,
        "activations": int(saved) + 4 * largest,
        "degradation": 12 * enlarged,
        "batches": 2 * pair,
        "context": 1_000_000_000,
    }
    return parts | {"total": int(sum(parts.values()) * 1.25)}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Make the pack, train on it, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="smallest network and batch")
    options = parser.parse_args()
    print(json.dumps(train_on(synthetic_pack(options.folder), options.iterations, options.small)))


if __name__ == "__main__":
    main()
