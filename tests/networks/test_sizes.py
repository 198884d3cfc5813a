"""Sizes that networks accept, and what they make of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.foundation.errors import HarnessError
from harness.networks.build import build_network
from harness.networks.sizes import check_scale, forward_padded, input_multiple, probe_image
from harness.spec import NetworkSpec


class Halving(nn.Module):
    """Accepts multiples of 6 only, and says so."""

    input_multiple = 6

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[-1] % 6 == 0
        assert x.shape[-2] % 6 == 0
        return F.interpolate(x, scale_factor=2)


def test_multiples_of_the_catalogue(networks: dict[str, NetworkSpec]) -> None:
    expected = {"srresnet_small": 1, "rrdb_small": 1, "swinir_small": 8, "srresnet_x1_small": 1}
    assert {name: input_multiple(build_network(networks[name], 0)) for name in expected} == expected
    unshuffling = networks["rrdb_small"].model_copy(
        update={"arguments": networks["rrdb_small"].arguments | {"scale": 2}}
    )
    assert input_multiple(build_network(unshuffling, 0)) == 2
    assert input_multiple(Halving()) == 6
    assert probe_image(Halving()).shape == (1, 3, 18, 18)


def test_any_size_goes_through_a_transformer(networks: dict[str, NetworkSpec]) -> None:
    network = build_network(networks["swinir_small"], 0).eval()
    with torch.no_grad():
        assert forward_padded(network, torch.rand(1, 3, 13, 22), 4).shape == (1, 3, 52, 88)
        assert forward_padded(network, torch.rand(1, 3, 3, 9), 4).shape == (1, 3, 12, 36)


def test_padding_reflects_and_is_cut_off() -> None:
    images = torch.rand(1, 3, 10, 12)
    expected = F.interpolate(F.pad(images, (0, 0, 0, 2), mode="reflect"), scale_factor=2)[..., :20, :]
    assert torch.equal(forward_padded(Halving(), images, 2), expected)


def test_sizes_that_fit_are_not_padded(networks: dict[str, NetworkSpec]) -> None:
    network = build_network(networks["srresnet_small"], 0).eval()
    images = torch.rand(1, 3, 7, 9)
    with torch.no_grad():
        assert torch.equal(forward_padded(network, images, 4), network(images))


@pytest.mark.parametrize("name", ["srresnet_small", "rrdb_small", "swinir_small"])
def test_scale_is_checked(networks: dict[str, NetworkSpec], name: str) -> None:
    network = build_network(networks[name], 0)
    check_scale(network, 4, name)
    assert network.training
    with pytest.raises(HarnessError, match=f"{name}: enlarges by 4, but the experiment's scale is 2"):
        check_scale(network, 2, name)


@pytest.mark.parametrize("name", ["srresnet_x1_small", "swinir_x1_small"])
def test_scale_1(networks: dict[str, NetworkSpec], name: str) -> None:
    check_scale(build_network(networks[name], 0), 1, name)
