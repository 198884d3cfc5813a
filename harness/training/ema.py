"""The exponential moving average of the weights, which is what gets evaluated."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage:
    """Average of a network's weights: ``average <- decay * average + (1 - decay) * weights`` after each step.

    As in BasicSR the average starts at the initial weights and has no bias correction; buffers are copied.

    Args:
        network: the network that is trained. Make the average before any hook is attached to it.
        decay: in [0, 1); the papers use 0.999.
        foreach: one call for all weights, instead of one for each.
    """

    def __init__(self, network: nn.Module, decay: float, foreach: bool = True) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._averages = list(self.network.parameters())
        self._decay = decay
        self._update_all = get_ema_multi_avg_fn(decay) if foreach else None

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the weights of ``network``, of the same architecture and on the same device, into the average."""
        if self._update_all is not None:
            self._update_all(self._averages, list(network.parameters()), None)
        else:
            for own, weight in zip(self._averages, network.parameters(), strict=True):
                own.lerp_(weight, 1 - self._decay)
        for average, buffer in zip(self.network.buffers(), network.buffers(), strict=True):
            average.copy_(buffer)
