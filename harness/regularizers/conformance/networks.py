"""The networks that trials run on: small ones of each kind, whose features are of order 1.

Initial weights of super-resolution networks are so small that features at the last convolution have a standard
deviation of 3e-5 in a small SRResNet: whatever a regularizer does to them hides behind rounding. Here each layer is
scaled so that what comes out of it has the standard deviation 1, as in layer-sequential unit-variance initialization
(Mishkin and Matas, ICLR 2016, arXiv 1511.06422).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from functools import lru_cache

import torch
from torch import Tensor, nn

from harness.foundation.project import ROOT
from harness.foundation.rng import torch_stream
from harness.foundation.yamlfile import load_mapping
from harness.networks.build import build_network
from harness.networks.sizes import input_multiple
from harness.spec import NetworkEntry, NetworkSpec

_CATALOGUE = ROOT / "configs" / "networks.yaml"
_LEAST_SIDE = 8  # pixels
_LEAST_DEVIATION = 1e-12
_SCALED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def small_networks() -> dict[str, NetworkSpec]:
    """Return a small one of each kind of network in ``configs/networks.yaml``, by name."""
    networks = load_mapping(_CATALOGUE, NetworkEntry, "network")
    return {name: entry.network for name, entry in networks.items() if name.endswith("_small") and "_x1" not in name}


def fitting(networks: Mapping[str, NetworkSpec], roles: Collection[str] | None) -> dict[str, NetworkSpec]:
    """Return the networks that have all of a regularizer's roles, such as those of attention."""
    return {name: spec for name, spec in networks.items() if roles is None or set(roles) <= set(spec.taps)}


def trial_network(spec: NetworkSpec, seed: int) -> nn.Module:
    """Return the network in training mode, each of its layers scaled; the same weights at each call."""
    return deepcopy(_scaled(spec.model_dump_json(include=set(NetworkSpec.model_fields)), seed))


def trial_images(network: nn.Module, rows: list[int]) -> Tensor:
    """Return one random image for each row, (rows, 3, H, W) in [0, 1], of a size that the network takes."""
    side = max(_LEAST_SIDE, input_multiple(network))
    return torch.stack([torch.rand(3, side, side, generator=torch_stream("conformance", row)) for row in rows])


def trial_scale(spec: NetworkSpec) -> int:
    """Return how much the network enlarges."""
    return _scale_of(spec.model_dump_json(include=set(NetworkSpec.model_fields)))


@lru_cache(maxsize=16)
def _scale_of(spec: str) -> int:
    network = _scaled(spec, 0)
    images = trial_images(network, [0])
    with torch.no_grad():
        return int(network(images).shape[-1]) // images.shape[-1]


@lru_cache(maxsize=16)
def _scaled(spec: str, seed: int) -> nn.Module:
    network = build_network(NetworkSpec.model_validate_json(spec), seed).eval()
    handles = [m.register_forward_hook(_scale) for m in network.modules() if isinstance(m, _SCALED)]
    with torch.no_grad():
        network(trial_images(network, [0, 1]))
    for handle in handles:
        handle.remove()
    return network.train()


def _scale(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    """Divide a layer's weights, and what it has just computed, by the standard deviation of that."""
    deviation = output.std().clamp_min(_LEAST_DEVIATION)
    for parameter in module.parameters(recurse=False):
        parameter.div_(deviation)
    return output / deviation
