"""Some images of a batch: those that undergo one of two things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from harness.degradations.parameters import Flags


@dataclass(frozen=True)
class Members:
    """Some images of a batch.

    Attributes:
        positions: (n,) their indices on the host.
        index: the same on the device; None if these are all images, in order.
    """

    positions: npt.NDArray[np.int64]
    index: Tensor | None

    def of(self, values: Tensor) -> Tensor:
        """Return the members' share of a tensor with one row per image."""
        return values if self.index is None else values.index_select(0, self.index)


def split(flags: Flags, order: Tensor) -> tuple[Members, Members]:
    """Return the images with and without a flag; ``order`` holds their indices in this order, on the device."""
    positions = np.flatnonzero(flags), np.flatnonzero(~flags)
    count, every = len(positions[0]), len(flags)
    indices = order.long().split([count, every - count]) if 0 < count < every else (None, None)
    return Members(positions[0], indices[0]), Members(positions[1], indices[1])


def put(images: Tensor, members: Members, function: Callable[[Tensor, Members], Tensor]) -> Tensor:
    """Return the batch with ``function`` applied to some of its images."""
    if len(members.positions) == 0:
        return images
    changed = function(members.of(images), members)
    return changed if members.index is None else images.index_copy(0, members.index, changed)
