"""Taps: found in natural order, active in training only, gone when removed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from harness.foundation.errors import HarnessError
from harness.networks.build import build_network
from harness.networks.taps import Taps, find, per_channel
from harness.spec import NetworkSpec

SMALL = ("srresnet_small", "rrdb_small", "swinir_small")


class Twelve(nn.Module):
    """Twelve layers, so that "10" would come before "2" in alphabetical order."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.ModuleList(nn.Conv2d(3, 3, 1) for _ in range(12))
        self.unused = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.body:
            x = layer(x)
        return x


def hooks_in(network: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules())


def test_srresnet_has_17_sites_in_order(networks: dict[str, NetworkSpec]) -> None:
    spec = networks["srresnet"]
    taps = Taps(build_network(spec, 0), spec.taps)
    assert [str(p) for p in taps.points("blocks")] == [f"body.{i}.conv1:output" for i in range(16)]
    assert [str(p) for p in taps.points("last")] == ["conv_last:input"]
    assert taps.channels("blocks") == (64,) * 16


def test_indices_are_in_natural_order() -> None:
    assert [point.path for point in find(Twelve(), "body.*:output")] == [f"body.{i}" for i in range(12)]


@pytest.mark.parametrize("name", SMALL)
def test_every_role_of_the_catalogue_is_reached(networks: dict[str, NetworkSpec], name: str) -> None:
    spec = networks[name]
    network = build_network(spec, 0)
    taps = Taps(network, spec.taps)
    images = torch.rand(2, 3, 16, 16)
    for role in ("last", "blocks", "features", "first", "block_outputs"):
        captured = taps.capture(role)
        network(images)
        found = [t.shape[-1] if t.dim() == 3 else t.shape[1] for t in captured.tensors]
        assert tuple(found) == taps.channels(role)
        captured.remove()
    assert network.training
    assert hooks_in(network) == 0


def test_apply_replaces_the_tensor_before_the_activation(networks: dict[str, NetworkSpec]) -> None:
    network = build_network(networks["srresnet_small"], 0)
    taps = Taps(network, networks["srresnet_small"].taps)
    images = torch.rand(1, 3, 8, 8)
    block = network.body[2]
    seen: list[int] = []

    def negate(index: int, tensor: Tensor) -> Tensor:
        seen.append(index)
        return -tensor

    handles = taps.apply("blocks", negate, only={2})
    inputs: list[Tensor] = []
    block.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    outputs: list[Tensor] = []
    block.register_forward_hook(lambda _, given, output: outputs.append(output))
    network(images)
    handles.remove()
    x = inputs[0]
    assert torch.equal(outputs[0], x + block.conv2(torch.relu(-block.conv1(x))))
    assert seen == [2]
    network(images)
    assert seen == [2]


def test_none_leaves_the_tensor(networks: dict[str, NetworkSpec]) -> None:
    network = build_network(networks["srresnet_small"], 0)
    images = torch.rand(1, 3, 8, 8)
    expected = network(images)
    taps = Taps(network, networks["srresnet_small"].taps)
    taps.apply("blocks", lambda index, tensor: None)
    taps.apply("last", lambda index, tensor: None)
    assert torch.equal(network(images), expected)


def test_nothing_happens_in_eval(networks: dict[str, NetworkSpec]) -> None:
    network = build_network(networks["srresnet_small"], 0).eval()
    images = torch.rand(1, 3, 8, 8)
    expected = network(images)
    taps = Taps(network, networks["srresnet_small"].taps)
    taps.apply("last", lambda index, tensor: tensor * 0)
    captured = taps.capture("features")
    assert torch.equal(network(images), expected)
    with pytest.raises(RuntimeError, match="training mode"):
        _ = captured.tensors


def test_capture_keeps_gradients_and_lets_go(networks: dict[str, NetworkSpec]) -> None:
    network = build_network(networks["srresnet_small"], 0)
    captured = Taps(network, networks["srresnet_small"].taps).capture("features")
    network(torch.rand(2, 3, 8, 8))
    assert captured.tensor.shape == (2, 24, 32, 32)
    captured.tensor.sum().backward()
    assert network.conv_first.weight.grad is not None
    captured.clear()
    with pytest.raises(RuntimeError):
        _ = captured.tensor


@pytest.mark.parametrize(
    ("tap", "message"),
    [
        ("conv_lost:input", "Twelve has no such module; it has: body, body.*, unused"),
        ("body.*", "write module.path:input or module.path:output"),
        ("body.*:side", "write module.path:input"),
    ],
)
def test_taps_that_match_nothing(tap: str, message: str) -> None:
    with pytest.raises(HarnessError) as caught:
        Taps(Twelve(), {"last": [tap]})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_role_and_unreached_module() -> None:
    taps = Taps(Twelve(), {"last": ["unused:output"]})
    with pytest.raises(HarnessError, match="no role 'blocks' here, but: last"):
        taps.points("blocks")
    with pytest.raises(HarnessError, match="unused:output: the network's forward pass never reaches"):
        taps.channels("last")


def test_tensors_of_other_kinds_are_refused() -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Flatten()

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x)

    network = Flat()
    Taps(network, {"last": ["inner:output"]}).apply("last", lambda index, tensor: tensor)
    with pytest.raises(HarnessError, match="inner:output: must be features"):
        network(torch.rand(1, 3, 4, 4))


def test_per_channel_broadcasts_over_features_and_tokens() -> None:
    values = torch.rand(2, 5)
    features, tokens = torch.rand(2, 5, 3, 4), torch.rand(2, 12, 5)
    assert torch.equal(features * per_channel(values, features), features * values[:, :, None, None])
    assert torch.equal(tokens * per_channel(values, tokens), tokens * values[:, None, :])
