"""The moving average of the weights, which is what gets evaluated."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from harness.spec import TrainingSpec


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

    def set_iteration(self, iteration: int) -> None:
        """Prepare the update of a 1-based iteration; an exponential average is the same in all."""

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


class PlainAverage(MovingAverage):
    """The mean of the weights after each step of the last part of the training; before it, the weights themselves.

    Stochastic weight averaging (Izmailov et al., UAI 2018, arXiv 1803.05407), with a step for each epoch. The update is
    ``average <- average + (weights - average) / n`` for the n-th step, so nothing but the average has to be kept.

    Args:
        network: as for :class:`MovingAverage`.
        begin: the last iteration before the mean begins.
        device: of the network.
    """

    def __init__(self, network: nn.Module, begin: int, device: str) -> None:
        super().__init__(network, 0.0, foreach=False)
        self._begin = begin
        self._share = torch.ones((), device=device)

    def set_iteration(self, iteration: int) -> None:
        """Write 1 / n into a tensor that stays where it is, so that a captured step reads the new one."""
        self._share.fill_(1 / max(1, iteration - self._begin))

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the weights of ``network`` into the mean."""
        for own, weight in zip(self._averages, network.parameters(), strict=True):
            own.lerp_(weight, self._share)
        for average, buffer in zip(self.network.buffers(), network.buffers(), strict=True):
            average.copy_(buffer)


def moving_average(network: nn.Module, training: TrainingSpec, device: str) -> MovingAverage:
    """Return the average that a run's spec asks for; make it before any hook is attached to the network."""
    if training.averaging == "swa":
        return PlainAverage(network, math.floor(training.swa_start * training.iterations), device)
    return MovingAverage(network, training.ema, training.foreach_ema)
