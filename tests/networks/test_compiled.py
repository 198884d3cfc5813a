"""Compiled networks run their own hooks, whatever was compiled before them."""

from __future__ import annotations

import torch

from harness.networks.build import build_network
from harness.networks.compiled import compile_network
from harness.networks.taps import Taps
from harness.spec import NetworkSpec


def test_hooks_are_not_taken_from_another_network(networks: dict[str, NetworkSpec]) -> None:
    spec = networks["srresnet_small"]
    images = torch.rand(1, 3, 8, 8)
    plain, hooked = build_network(spec, 0), build_network(spec, 0)
    Taps(hooked, spec.taps).apply("last", lambda index, tensor: tensor * 3)
    expected = plain(images), hooked(images)
    assert not torch.equal(*expected)
    networks_compiled = [compile_network(n, backend="eager", fullgraph=True) for n in (plain, hooked)]
    assert torch.equal(networks_compiled[0](images), expected[0])
    assert torch.equal(networks_compiled[1](images), expected[1])
    assert torch.equal(networks_compiled[0](images), expected[0])
    torch.compiler.reset()
