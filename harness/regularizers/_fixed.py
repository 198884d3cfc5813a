"""Random numbers in tensors that stay where they are, so that a captured step reads those of the present step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.foundation.rng import Draws


def in_place(held: Tensor | None, values: Tensor) -> Tensor:
    """Return ``values`` in the tensor that held those of the step before, as a captured step reads it there.

    Args:
        held: that tensor; None before the first step.
        values: of the coming step. A tensor of another shape takes the place of the one that was held.
    """
    if held is None or held.shape != values.shape:
        return values
    return held.copy_(values, non_blocking=True)


class Shared:
    """A few numbers that all images of a step share: a fixed tensor, written on the host's side of each step."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        self._dtype = dtype
        self._tensor: Tensor | None = None

    def write(self, values: Sequence[float], device: str) -> None:
        """Write the numbers of the coming step; nothing waits for the copy."""
        host = torch.tensor(values, dtype=self._dtype)
        if device != "cpu":
            host = host.pin_memory()
        self._tensor = in_place(self._tensor, host.to(device, non_blocking=True))

    @property
    def tensor(self) -> Tensor:
        """The numbers, (K,).

        Raises:
            RuntimeError: ``set_progress`` was not called before the step.
        """
        if self._tensor is None:
            raise RuntimeError("set_progress must be called before a step")
        return self._tensor


class Fields:
    """One random number in [0, 1) for each pixel of each image, shared by its channels.

    The size is known when the images are first seen; from then on the numbers are drawn where the step begins.

    Args:
        stream: name of the random stream.
        normal: standard normal numbers instead.
    """

    def __init__(self, stream: str, normal: bool = False) -> None:
        self._stream, self._normal = stream, normal
        self._draws: Draws | None = None
        self._field: Tensor | None = None

    def draw(self, draws: Draws) -> None:
        """Draw the numbers of the coming step."""
        self._draws = draws
        if self._field is not None:
            self._fill(self._field)

    def like(self, images: Tensor) -> Tensor:
        """Return the numbers for ``images`` (N, C, H, W), float32 (N, 1, H, W), or for tokens (N, L, C), (N, L, 1).

        Raises:
            RuntimeError: ``draw`` was not called, or for another number of images.
        """
        shape = (len(images), *images.shape[1:2], 1) if images.dim() == 3 else (len(images), 1, *images.shape[2:])
        if self._field is None or self._field.shape != shape:
            self._field = torch.empty(shape, device=images.device)
            self._fill(self._field)
        return self._field

    def _fill(self, field: Tensor) -> None:
        if self._draws is None:
            raise RuntimeError("set_progress must be called before a step")
        if len(self._draws.rows) != len(field):
            raise RuntimeError(f"numbers for {len(self._draws.rows)} images, but the step has {len(field)}")
        self._draws.fill(self._stream, field, "normal" if self._normal else "uniform")
