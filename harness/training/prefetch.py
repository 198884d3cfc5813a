"""Batches made ahead while a step computes: in threads of the host, on a side stream of the device."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import torch

from harness.regularizers import Batch
from harness.training.batches import BatchSource, Recipe
from harness.training.graph import WARM_UP


class Batches(Protocol):
    """Whatever gives the batch of an iteration."""

    def batch(self, iteration: int) -> Batch:
        """Return the batch of a 1-based iteration."""
        ...


class Prefetcher:
    """Gives the batches of a source: the device is one ahead of what was asked for, the host two.

    Batches are pure functions of the iteration, so being ahead changes none of them, and a killed run loses nothing
    but what lay ready.

    Args:
        source: without a pool, whose state would be ahead of the run's.
        device: where it makes batches; elsewhere than on CUDA, without a side stream.
        last: the last iteration of the run.
        apart: also launch what the device makes in a thread of its own, but for the first batches, so that a step is
            captured alone; by default on CUDA.
    """

    def __init__(self, source: BatchSource, device: str, last: int, apart: bool | None = None) -> None:
        self._source = source
        self._last = last
        self._device = torch.device(device)
        self._side = torch.cuda.Stream(self._device) if self._device.type == "cuda" else None
        if self._side is not None:
            # Tensors that were made so far, such as images on the device, are read on the side stream from now on.
            self._side.wait_stream(torch.cuda.current_stream(self._device))
        self._worker = ThreadPoolExecutor(1, "prepare", initializer=self._choose_device)
        launches = self._side is not None if apart is None else apart
        self._maker = ThreadPoolExecutor(1, "make", initializer=self._choose_device) if launches else None
        self._started = 0
        self._recipe: tuple[int, Future[Recipe]] | None = None
        self._ready: tuple[int, Future[Batch]] | None = None

    def batch(self, iteration: int) -> Batch:
        """Return the batch of ``iteration`` for the current stream, and start on the next one.

        Raises:
            HarnessError: as the source, for this iteration or the next one.
        """
        if self._ready is None or self._ready[0] != iteration:
            if self._ready is not None:
                wait([self._ready[1]])
            self._ready = (iteration, self._done(iteration))
        batch = self._ready[1].result()
        if self._side is not None:
            current = torch.cuda.current_stream(self._device)
            current.wait_stream(self._side)
            for tensor in (batch.lr, batch.target, *batch.degradation.values()):
                tensor.record_stream(current)
        self._ready = (iteration + 1, self._start(iteration + 1)) if iteration < self._last else None
        return batch

    def close(self) -> None:
        """End the threads."""
        if self._maker is not None:
            self._maker.shutdown(cancel_futures=True)
        self._worker.shutdown(cancel_futures=True)

    def _start(self, iteration: int) -> Future[Batch]:
        self._started += 1
        if self._maker is None or self._started <= WARM_UP + 1:
            return self._done(iteration)
        return self._maker.submit(self._make, iteration)

    def _done(self, iteration: int) -> Future[Batch]:
        done: Future[Batch] = Future()
        done.set_result(self._make(iteration))
        return done

    def _make(self, iteration: int) -> Batch:
        if self._recipe is None or self._recipe[0] != iteration:
            self._recipe = self._prepare(iteration)
        recipe = self._recipe[1].result()
        self._recipe = self._prepare(iteration + 1) if iteration < self._last else None
        with self._beside():
            return self._source.make(iteration, recipe)

    def _prepare(self, iteration: int) -> tuple[int, Future[Recipe]]:
        return iteration, self._worker.submit(self._source.prepare, iteration)

    def _beside(self) -> AbstractContextManager[Any]:
        return nullcontext() if self._side is None else torch.cuda.stream(self._side)

    def _choose_device(self) -> None:
        if self._device.index is not None:  # else pinned memory would belong to the first GPU
            torch.cuda.set_device(self._device)


@contextmanager
def ahead(source: BatchSource, device: str, last: int) -> Iterator[Batches]:
    """Yield a :class:`Prefetcher` of ``source`` if its spec asks for one, else ``source`` itself."""
    if not source.prefetch:
        yield source
        return
    prefetcher = Prefetcher(source, device, last)
    try:
        yield prefetcher
    finally:
        prefetcher.close()
