"""SRResNet at scale 1 is BasicSR's without the upsampling."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from harness.networks.build import build_network
from harness.networks.srresnet_x1 import SRResNetX1
from harness.spec import NetworkSpec


def test_layers_are_those_of_basicsr(networks: dict[str, NetworkSpec]) -> None:
    own = build_network(networks["srresnet_x1"], 0).state_dict()
    basicsr = build_network(networks["srresnet"], 0).state_dict()
    assert {k: v.shape for k, v in own.items()} == {k: v.shape for k, v in basicsr.items() if "upconv" not in k}


def test_formula() -> None:
    network = SRResNetX1(num_feat=8, num_block=2)
    images = torch.rand(2, 3, 9, 7)
    features = F.leaky_relu(network.conv_first(images), 0.1)
    for block in network.body:
        features = features + block.conv2(torch.relu(block.conv1(features)))
    expected = images + network.conv_last(F.leaky_relu(network.conv_hr(features), 0.1))
    assert torch.equal(network(images), expected)
