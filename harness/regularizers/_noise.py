"""Multiplicative noise with mean 1 at many taps, all of it drawn at once before the forward pass.

Hooks only multiply by tensors that stay at the same address for the whole training, so the forward pass waits for
nothing and can be captured in a CUDA graph or compiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from harness.foundation.rng import Draws
from harness.networks.taps import channels_of, per_channel


class ChannelNoise:
    """One factor per image and channel at each of several sites.

    At a site with weight k, a channel keeps its value times ``k + (1 - k) / (1 - rate)`` with probability 1 - rate, and
    times ``k`` otherwise: ``k f + (1 - k) D(f)`` with D channel dropout. Weight 0 is plain channel dropout; weight 1
    is exactly no noise.

    Args:
        stream: name of the random stream.
        channels: number of channels at each site.
        rate: of dropout, in [0, 1).
    """

    def __init__(self, stream: str, channels: Sequence[int], rate: float) -> None:
        self._stream = stream
        self._channels = tuple(channels)
        self._rate = rate
        self._weights: tuple[float, ...] | None = None
        self._kept = self._dropped = torch.empty(0)
        self._buffers: dict[torch.dtype, Tensor] = {}
        self._sites: dict[torch.dtype, list[Tensor]] = {}

    def draw(self, draws: Draws, weights: Sequence[float]) -> None:
        """Draw the factors of one step.

        Args:
            draws: the random numbers of the step; its rows are the images of the batch.
            weights: k of each site, in [0, 1].
        """
        changed = tuple(weights) != self._weights
        rows, total = len(draws.rows), sum(self._channels)
        previous = self._buffers.get(torch.float32)
        if previous is not None and previous.shape[0] == rows and not changed and min(weights, default=1) == 1:
            return
        numbers = draws.uniform(self._stream, total)
        if changed:
            self._set_weights(tuple(weights), numbers.device)
        factors = torch.where(numbers >= self._rate, self._kept, self._dropped)
        if previous is None or previous.shape != factors.shape:
            self._buffers, self._sites = {}, {}
            self._add_buffer(factors)
        else:
            for buffer in self._buffers.values():
                buffer.copy_(factors)

    def factor(self, index: int, like: Tensor) -> Tensor:
        """Return the factors of site ``index``, shaped to broadcast over ``like`` and in its precision.

        In bf16 they are rounded like any bf16 weight (relative error at most 2^-9).

        Raises:
            RuntimeError: ``draw`` was not called, or for another number of images.
        """
        if like.dtype not in self._sites:
            if torch.float32 not in self._buffers:
                raise RuntimeError("set_progress must be called before a forward pass in training mode")
            self._add_buffer(self._buffers[torch.float32].to(like.dtype))
        values = self._sites[like.dtype][index]
        if values.shape != (like.shape[0], channels_of(like)):
            raise RuntimeError(f"noise for (images, channels) {tuple(values.shape)} meets features {tuple(like.shape)}")
        return per_channel(values, like)

    def _set_weights(self, weights: tuple[float, ...], device: torch.device) -> None:
        kept = [k + (1 - k) / (1 - self._rate) for k in weights]
        self._kept = self._spread(kept, device)
        self._dropped = self._spread(list(weights), device)
        self._weights = weights

    def _spread(self, per_site: list[float], device: torch.device) -> Tensor:
        values = [value for value, count in zip(per_site, self._channels, strict=True) for _ in range(count)]
        return torch.tensor([values], dtype=torch.float32, device=device)

    def _add_buffer(self, factors: Tensor) -> None:
        ends = [0]
        for count in self._channels:
            ends.append(ends[-1] + count)
        self._buffers[factors.dtype] = factors
        self._sites[factors.dtype] = [factors[:, start:end] for start, end in pairwise(ends)]


class ElementNoise:
    """Element-wise dropout at several sites: one factor per image, channel and pixel, 0 or ``1 / (1 - rate)``.

    The sizes of the features are learned in the first forward pass; from then on all factors are drawn before it.

    Args:
        stream: name of the random stream.
        rate: of dropout, in [0, 1).
    """

    def __init__(self, stream: str, rate: float) -> None:
        self._stream = stream
        self._rate = rate
        self._draws: Draws | None = None
        self._sites: dict[int, Tensor] = {}

    def draw(self, draws: Draws) -> None:
        """Draw the factors of one step, at the sites whose sizes are known."""
        self._draws = draws
        self._sites = {index: buffer for index, buffer in self._sites.items() if buffer.shape[0] == len(draws.rows)}
        for index, buffer in self._sites.items():
            self._fill(index, buffer)

    def factor(self, index: int, like: Tensor) -> Tensor:
        """Return the factors of site ``index``, of the shape and precision of ``like``.

        Raises:
            RuntimeError: ``draw`` was not called, or for another number of images.
        """
        buffer = self._sites.get(index)
        if buffer is None or buffer.shape != like.shape or buffer.dtype != like.dtype:
            buffer = torch.empty(like.shape, dtype=like.dtype, device=like.device)
            self._fill(index, buffer)
            self._sites[index] = buffer
        return buffer

    def _fill(self, index: int, buffer: Tensor) -> None:
        if self._draws is None:
            raise RuntimeError("set_progress must be called before a forward pass in training mode")
        if len(self._draws.rows) != buffer.shape[0]:
            raise RuntimeError(f"noise for {len(self._draws.rows)} images meets features {tuple(buffer.shape)}")
        shape = tuple(buffer.shape)
        numbers = self._draws.fill(f"{self._stream}/{index}", torch.empty(shape, device=buffer.device), "uniform")
        buffer.copy_((numbers >= self._rate).to(buffer.dtype).mul_(1 / (1 - self._rate)))
