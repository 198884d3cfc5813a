"""The next batch, made on a side stream of the GPU while the step before it computes."""

from __future__ import annotations

from typing import Protocol

import torch

from harness.training.batches import Batch, BatchSource


class Batches(Protocol):
    """Whatever gives the batch of an iteration."""

    def batch(self, iteration: int) -> Batch:
        """Return the batch of a 1-based iteration."""
        ...


class Prefetcher:
    """Gives the batches of a source on CUDA, always one ahead.

    Batches are pure functions of the iteration, so being ahead changes none of them, and a killed run loses nothing
    but the batch that lay ready.

    Args:
        source: without a pool, whose state would be one batch ahead of the run's.
        device: ``cuda``, or with its number.
        last: the last iteration of the run.
    """

    def __init__(self, source: BatchSource, device: str, last: int) -> None:
        self._source = source
        self._last = last
        self._device = torch.device(device)
        self._side = torch.cuda.Stream(self._device)
        # Tensors that were made so far, such as images on the device, are read on the side stream from now on.
        self._side.wait_stream(torch.cuda.current_stream(self._device))
        self._ready: tuple[int, Batch] | None = None

    def batch(self, iteration: int) -> Batch:
        """Return the batch of ``iteration`` for the current stream, and start on the next one."""
        if self._ready is None or self._ready[0] != iteration:
            self._ready = (iteration, self._make(iteration))
        batch = self._ready[1]
        current = torch.cuda.current_stream(self._device)
        current.wait_stream(self._side)
        for tensor in (batch.lr, batch.target):
            tensor.record_stream(current)
        self._ready = (iteration + 1, self._make(iteration + 1)) if iteration < self._last else None
        return batch

    def _make(self, iteration: int) -> Batch:
        with torch.cuda.stream(self._side):
            return self._source.batch(iteration)


def ahead(source: BatchSource, device: str, last: int) -> Batches:
    """Return ``source``, or where it pays a :class:`Prefetcher` of it: on CUDA, without a pool."""
    if device.startswith("cuda") and source.pool is None:
        return Prefetcher(source, device, last)
    return source
