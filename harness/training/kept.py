"""Degraded images made once and kept: every arm of a seed trains on the same, and they are 8-bit data.

Common random numbers give all regularizers of one seed the same crops, degradations and patches. The first arm writes
what it made into ``results/batches/<hash>/rows<B>/``, in chunks of some hundred iterations, one folder per view; the
others read. What decides the pixels is in the hash: the training images, the degradation, sizes, seed and view, the
code, the version of torch, and the kind of processor, whose rounding they have. Targets are cut from the training
images anew. A chunk that is missing, cut short or altered is made again; a deleted one harms nobody.

Time: a chunk says how long its maker took for each batch, and whoever reads it counts that instead of the reading
(:attr:`KeptBatches.credit`), so no arm looks cheaper because it came second.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from harness.foundation.errors import HarnessError
from harness.foundation.files import content_hash
from harness.foundation.provenance import code_digest, cpu_instructions, cpu_name, stage_modules
from harness.foundation.sums import altered, has_sum, sealed_path
from harness.spec import RunSpec

CHUNK = 256
"""Iterations in a file: 13 MB at the paper's sizes."""

_FORMAT = 1


@dataclass(frozen=True)
class KeptBatch:
    """One step's degraded images as they were kept.

    Attributes:
        views: each (B, 3, patch / scale, patch / scale) uint8 on the host.
        seconds: what making the batch took, crops and targets included.
    """

    views: tuple[Tensor, ...]
    seconds: float


class KeptBatches:
    """The degraded views of one seed's iterations, as far as they are kept.

    Reading and writing share nothing, so a thread may read ahead.

    Args:
        root: the folder of all kept batches.
        spec: the run.
        views: degraded views per ground truth.
        rows: ground truths per step.
        data: SHA-256 of the training images.
        device: where batches are made.
    """

    def __init__(self, root: Path, spec: RunSpec, views: int, rows: int, data: str, device: str) -> None:
        self._last = spec.training.iterations
        self._rows = rows
        self._reader = _Reader()
        self._folders = [root / _key(spec, view, data, device) for view in range(views)]
        # An image's bits depend on the rest of its batch on CUDA: there, a larger batch holds no smaller one.
        self._larger = device == "cpu"
        self._writable = True
        self._made: list[tuple[Tensor, ...]] = []
        self._making = 0.0
        self.credit = 0.0
        """Seconds that making would have taken longer than reading, so far."""

    def read(self, iteration: int) -> KeptBatch | None:
        """Return the batch of a 1-based iteration if all of its views are kept."""
        first = _first(iteration)
        found = [self._reader.chunk(self._candidates(folder, first)) for folder in self._folders]
        chunks = [chunk for chunk in found if chunk is not None]
        if len(chunks) < len(found):
            return None
        views = tuple(chunk.images[iteration - first, : self._rows] for chunk in chunks)
        return KeptBatch(views, chunks[-1].seconds)

    def add(self, iteration: int, views: Sequence[Tensor], seconds: float) -> None:
        """Keep what was made for an iteration. A chunk is written once all of it was made in order.

        Args:
            iteration: 1-based.
            views: each (B, 3, h, w) float32 at 8-bit levels, on any device.
            seconds: what making them took.
        """
        first = _first(iteration)
        if iteration == first:
            self._made, self._making = [], 0.0
        if not self._writable or len(self._made) != iteration - first:  # begun, or read, in the middle of a chunk
            return
        self._made.append(tuple(view.mul(255).round_().to(torch.uint8) for view in views))
        self._making += seconds
        if iteration == first + self._length(first) - 1:
            self._write(first)

    def _write(self, first: int) -> None:
        """Write the chunk that begins at ``first``, but what another arm has written meanwhile."""
        made, self._made = self._made, []
        try:
            for number, folder in enumerate(self._folders):
                if any(map(_whole, self._candidates(folder, first))):
                    continue
                images = torch.stack([views[number] for views in made]).cpu()
                with sealed_path(folder / f"rows{self._rows}" / _name(first, len(made))) as path:
                    notes = {"seconds": repr(self._making / len(made))}
                    path.write_bytes(safetensors.torch.save({"images": images}, notes))
        except HarnessError as error:
            self._writable = False
            print(f"warning: {error}; no more batches are kept, the run goes on", file=sys.stderr)

    def _length(self, first: int) -> int:
        return min(CHUNK, self._last - first + 1)

    def _candidates(self, folder: Path, first: int) -> list[Path]:
        """Return where a chunk may lie, best first: of this run's rows and length, or longer, or of more rows."""
        lengths = sorted({self._length(first), CHUNK})
        own = folder / f"rows{self._rows}"
        more = _larger_rows(folder, self._rows) if self._larger else []
        return [rows / _name(first, length) for rows in (own, *more) for length in lengths]


@dataclass(frozen=True)
class _Chunk:
    """A file of kept images (iterations, B, 3, h, w), and the seconds that each batch took."""

    path: Path
    images: Tensor
    seconds: float


class _Reader:
    """Holds the chunks that are in use: one per view, each read whole, so that deleting its file harms nobody."""

    def __init__(self) -> None:
        self._held: dict[Path, _Chunk] = {}
        self._warned: set[Path] = set()

    def chunk(self, candidates: Sequence[Path]) -> _Chunk | None:
        """Return the first of these files that is whole."""
        folder = candidates[0].parents[1]
        held = self._held.get(folder)
        if held is not None and held.path in candidates:
            return held
        self._held.pop(folder, None)
        for path in candidates:
            if path not in self._warned and (found := self._load(path)) is not None:
                self._held[folder] = found
                return found
        return None

    def _load(self, path: Path) -> _Chunk | None:
        if not has_sum(path):
            return None
        try:
            if (problem := altered(path)) is not None:
                raise HarnessError(f"{path}: {problem}")
            with safetensors.safe_open(path, "pt") as file:
                return _Chunk(path, file.get_tensor("images"), float(file.metadata()["seconds"]))
        except FileNotFoundError:  # deleted just now
            return None
        except HarnessError as error:
            self._warned.add(path)
            print(f"warning: {error}; made again, the run goes on", file=sys.stderr)
            return None


def _key(spec: RunSpec, view: int, data: str, device: str) -> str:
    """Return a hash of whatever decides the pixels of one view, besides the iteration and the row."""
    decides = {
        "format": _FORMAT,
        "data": data,
        "spec": spec.degraded_by(view),
        "code": _code(),
        "torch": torch.__version__,
        "processor": _processor(device),
    }
    return content_hash(decides)[:16]


@cache
def _code() -> str:
    return code_digest(stage_modules("degrade"))


def _processor(device: str) -> list[str]:
    """Return what decides how sums are rounded: the GPU's name, or the CPU's and the instructions that are used."""
    if device.startswith("cuda"):
        return ["cuda", torch.cuda.get_device_name(device)]
    return ["cpu", cpu_name(), cpu_instructions(), torch.backends.cpu.get_cpu_capability()]


def _whole(path: Path) -> bool:
    return path.is_file() and has_sum(path) and altered(path) is None


def _first(iteration: int) -> int:
    """Return the first iteration of the chunk that a 1-based iteration lies in."""
    return iteration - (iteration - 1) % CHUNK


def _name(first: int, length: int) -> str:
    return f"{first:09d}-{length:03d}.safetensors"


def _larger_rows(folder: Path, rows: int) -> list[Path]:
    """Return the folders of batches with more ground truths per step, the smallest first."""
    found = {path.name.removeprefix("rows"): path for path in folder.glob("rows*")}
    return [found[name] for name in sorted(filter(str.isdigit, found), key=int) if int(name) > rows]
