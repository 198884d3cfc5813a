"""Several devices on one run: the same global batch, the same mathematics, one process per device (torchrun).

Every process makes its rows of the global batch, gradients and losses are averaged in one message per step, and each
process applies the same update. Process 0 alone writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

_PATIENCE = timedelta(days=7)
"""How long processes wait for each other: process 0 may have to wait until another job that trains this run ends."""


@dataclass(frozen=True)
class World:
    """The processes that share a run.

    Attributes:
        rank: number of this process, from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def writes(self) -> bool:
        """Whether this process writes states, outputs and messages."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """Return this process's rows of ``count`` rows, a multiple of ``size``."""
        own = count // self.size
        return range(self.rank * own, (self.rank + 1) * own)

    def network_rows(self, ground_truths: int, views: int) -> list[int]:
        """Return the global row numbers of this process's network batch: its ground truths, view after view."""
        return [view * ground_truths + row for view in range(views) for row in self.share(ground_truths)]

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their mean over the processes, in place, in one message."""
        if self.size == 1:
            return
        listed = list(tensors)
        flat = torch.cat([tensor.detach().reshape(-1).float() for tensor in listed])
        dist.all_reduce(flat)
        flat /= self.size
        start = 0
        for tensor in listed:
            tensor.copy_(flat[start : start + tensor.numel()].view_as(tensor))
            start += tensor.numel()

    def average_gradients(self, parameters: Iterable[nn.Parameter], *others: Tensor) -> None:
        """Average gradients, and ``others`` with them."""
        if self.size > 1:
            self.average([*(p.grad for p in parameters if p.grad is not None), *others])

    def any(self, flag: bool) -> bool:
        """Return whether any process raises the flag; all processes must ask together."""
        if self.size == 1:
            return flag
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        count = torch.tensor(float(flag), device=device)
        dist.all_reduce(count)
        return bool(count > 0)

    def barrier(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def joined(processes: int, device: str) -> Iterator[tuple[World, str]]:
    """Join the processes that torchrun started; yield the world and this process's device.

    Args:
        processes: devices of the run; 1 joins nothing.
        device: ``cpu`` (gloo) or ``cuda`` (NCCL).
    """
    if processes == 1:
        yield World(), device
        return
    local = int(os.environ["LOCAL_RANK"])
    own = torch.device("cuda", local) if device == "cuda" else None
    if own is not None:
        torch.cuda.set_device(own)
    # With its device, NCCL connects at once, and a barrier need not guess which GPU is meant.
    dist.init_process_group("gloo" if own is None else "nccl", timeout=_PATIENCE, device_id=own)
    try:
        yield World(dist.get_rank(), dist.get_world_size()), f"cuda:{local}" if device == "cuda" else device
    finally:
        dist.destroy_process_group()
