"""Weights that are converted together give autocast's numbers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from harness.networks.build import build_network
from harness.training.lowered import Lowered
from tests.training.conftest import CATALOGUES


def gradients(network: nn.Module, run: nn.Module | Lowered, lr: Tensor) -> list[Tensor]:
    for parameter in network.parameters():
        parameter.grad = None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = run(lr)
        output.float().square().mean().backward()
    return [output, *(parameter.grad for parameter in network.parameters() if parameter.grad is not None)]


@pytest.mark.parametrize("name", ["srresnet_tiny", "rrdb_small", "swinir_small"])
def test_outputs_and_gradients_have_autocasts_bits(name: str) -> None:
    network = build_network(CATALOGUES.networks[name].network, 0).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    taken: list[Tensor] = []
    layer = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    layer.register_forward_hook(lambda module, given, made: taken.append(made) or made * 2)  # type: ignore[func-returns-value]
    lr = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected, found = (gradients(network, run, lr) for run in (network, Lowered(network)))
    assert len(expected) == len(found) > 10
    assert len(taken) == 2
    for one, other in zip(expected, found, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())


def test_a_network_without_such_layers_and_weights_that_do_not_learn() -> None:
    plain = nn.PReLU()
    assert torch.equal(Lowered(plain)(-torch.ones(1)), plain(-torch.ones(1)))
    network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)).requires_grad_(False)
    network[1].requires_grad_(True)
    _, *grads = gradients(network, Lowered(network), torch.rand(1, 3, 8, 8))
    assert len(grads) == 2
    assert network[0].weight.grad is None
