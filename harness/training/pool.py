"""The training pair pool of Real-ESRGAN: mixes batches, because resize factors are shared within one.

As in the reference, a full pool is shuffled, gives its first batch away and takes the new one in its place. A member
is a ground truth with all of its views, so that Simple-Align's pairs stay together.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.foundation.rng import numpy_stream


class PairPool:
    """A pool of ``batches`` batches. Order matters: one exchange per iteration.

    Args:
        batches: capacity in batches, at least 1.
        seed: the run's seed; shuffles are drawn from the stream ``pool``.
    """

    def __init__(self, batches: int, seed: int) -> None:
        self._batches = batches
        self._seed = seed
        self._members: Tensor | None = None
        self._targets: Tensor | None = None

    def exchange(self, iteration: int, views: list[Tensor], target: Tensor) -> tuple[list[Tensor], Tensor]:
        """Give a batch in, get a batch out; while the pool fills, the same one.

        Args:
            iteration: 1-based, the counter of the shuffle.
            views: V tensors (B, 3, h, w).
            target: (B, 3, H, W).
        """
        stacked, size = torch.stack(views, dim=1), len(target)
        if self._members is None or self._targets is None:
            self._members, self._targets = stacked.clone(), target.clone()
            return views, target
        if len(self._members) < self._batches * size:
            self._members, self._targets = torch.cat([self._members, stacked]), torch.cat([self._targets, target])
            return views, target
        order = torch.from_numpy(numpy_stream(self._seed, "pool", iteration).permutation(len(self._members)))
        order = order.to(target.device)
        self._members, self._targets = self._members[order], self._targets[order]
        out, out_target = self._members[:size].clone(), self._targets[:size].clone()
        self._members[:size], self._targets[:size] = stacked, target
        return list(out.unbind(dim=1)), out_target

    def tensors(self) -> dict[str, Tensor]:
        """Return what a resumed run needs: members (P, V, 3, h, w) and targets (P, 3, H, W)."""
        if self._members is None or self._targets is None:
            return {}
        return {"members": self._members, "targets": self._targets}

    def restore(self, tensors: dict[str, Tensor], device: str) -> None:
        """Take back what :meth:`tensors` gave."""
        if tensors:
            self._members, self._targets = tensors["members"].to(device), tensors["targets"].to(device)
