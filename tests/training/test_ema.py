"""The moving average against its recursion, written out."""

from __future__ import annotations

import torch
from torch import nn

from harness.training.ema import MovingAverage


def test_follows_the_recursion_and_copies_buffers() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    average = MovingAverage(network, 0.9)
    expected = {k: v.clone() for k, v in network.named_parameters()}
    for step in range(5):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(step + 1)
            network[1].running_mean.add_(1)
        average.update(network)
        for name, parameter in network.named_parameters():
            expected[name] = 0.9 * expected[name] + 0.1 * parameter.detach()
    for name, parameter in average.network.named_parameters():
        torch.testing.assert_close(parameter, expected[name])
    assert torch.equal(average.network[1].running_mean, network[1].running_mean)
    assert not average.network.training


def test_starts_at_the_weights_and_is_apart_from_them() -> None:
    network = nn.Linear(2, 2)
    average = MovingAverage(network, 0.999)
    before = average.network.weight.clone()
    assert torch.equal(before, network.weight)
    with torch.no_grad():
        network.weight.add_(1)
    assert torch.equal(average.network.weight, before)
