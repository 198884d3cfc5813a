"""A tape repeats operations on the same tensors, and only those."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.networks.tape import Tape


def test_a_training_step_is_repeated_exactly() -> None:
    torch.manual_seed(0)
    results = []
    for taped in (False, True):
        network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(2, 1, 1))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).view_as(parameter))
        optimizer = torch.optim.Adam(network.parameters(), fused=True)
        images, tape = torch.zeros(2, 1, 4, 4), Tape()

        def step(network: nn.Module = network, images: torch.Tensor = images, optimizer=optimizer) -> None:  # type: ignore[no-untyped-def]
            optimizer.zero_grad()
            network(images).square().mean().backward()
            optimizer.step()

        for number in range(6):
            images.copy_(torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(number)))
            if not taped or number < 2:
                step()
            elif number == 2:
                tape.capture(step)
            else:
                tape.replay()
        results.append(torch.cat([parameter.detach().flatten() for parameter in network.parameters()]))
    assert torch.equal(*results)


def test_what_python_does_in_between_is_stale() -> None:
    factor, total, tape = 1.0, torch.zeros(2), Tape()

    def add() -> None:
        total.add_(torch.ones(2) * factor)

    tape.capture(add)
    factor = 10.0
    tape.replay()
    assert total.tolist() == [2.0, 2.0]


def test_reading_a_value_back_is_refused() -> None:
    with pytest.raises(RuntimeError, match="a value is read back from a tensor"):
        Tape().capture(lambda: print(float(torch.ones(1) + 1)))
