"""Building networks: seeded, by import path, with mistakes told in one line."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.foundation.errors import HarnessError
from harness.foundation.rng import derive_key
from harness.networks.build import build_network, import_network
from harness.spec import NetworkSpec

SMALL = ("srresnet_small", "rrdb_small", "swinir_small", "srresnet_x1_small", "swinir_x1_small")


class Swallowing(nn.Module):
    """Takes whatever it is given."""

    def __init__(self, width: int = 2, **kwargs: object) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, width, 1)


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("name", SMALL)
def test_weights_are_a_function_of_the_seed(networks: dict[str, NetworkSpec], name: str) -> None:
    first = build_network(networks[name], 1)
    torch.rand(3)
    assert same_weights(first, build_network(networks[name], 1))
    assert not same_weights(first, build_network(networks[name], 2))


@pytest.mark.parametrize("name", SMALL)
def test_global_random_state_is_untouched(networks: dict[str, NetworkSpec], name: str) -> None:
    before = torch.get_rng_state()
    network = build_network(networks[name], 1)
    assert torch.equal(before, torch.get_rng_state())
    assert network.training


@pytest.mark.parametrize(
    ("name", "parameters"), [("srresnet", 1_517_571), ("rrdb", 16_697_987), ("swinir", 11_900_199)]
)
def test_full_networks_have_the_published_size(networks: dict[str, NetworkSpec], name: str, parameters: int) -> None:
    assert sum(p.numel() for p in build_network(networks[name], 0).parameters()) == parameters


def test_default_initialization_is_basicsr_s(networks: dict[str, NetworkSpec]) -> None:
    weight = build_network(networks["srresnet"], 0).get_parameter("body.0.conv1.weight")
    assert weight.std().item() == pytest.approx(0.1 * (2 / (64 * 9)) ** 0.5, rel=0.05)
    bias = build_network(networks["srresnet"], 0).get_parameter("body.0.conv1.bias")
    assert not bias.any()


def test_pytorch_initialization_changes_the_residual_blocks_only(networks: dict[str, NetworkSpec]) -> None:
    spec = networks["srresnet"]
    default = build_network(spec, 0).state_dict()
    reset = build_network(spec.model_copy(update={"initialization": "pytorch"}), 0).state_dict()
    changed = {name for name in default if not torch.equal(default[name], reset[name])}
    assert changed == {name for name in default if name.startswith("body.")}
    bound = 1 / (64 * 9) ** 0.5  # Kaiming uniform with a = sqrt(5), PyTorch's default
    weight = reset["body.3.conv2.weight"]
    assert weight.abs().max().item() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)


def initialized(spec: NetworkSpec, initialization: str, seed: int = 0) -> dict[str, torch.Tensor]:
    return build_network(spec.model_copy(update={"initialization": initialization}), seed).state_dict()


def differing(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> set[str]:
    assert list(one) == list(other)
    return {name for name in one if not torch.equal(one[name], other[name])}


def test_released_initializations_change_what_the_releases_leave(networks: dict[str, NetworkSpec]) -> None:
    """BasicSR's own class draws all other layers, and the two released ones agree where both draw."""
    spec = networks["srresnet"]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_key("network init", 0) & (2**63 - 1))
        plain = import_network("basicsr.archs.srresnet_arch:MSRResNet")(3, 3, 64, 16, 4).state_dict()
    upconv, released, blocks = (initialized(spec, name) for name in ("released_upconv", "released", "pytorch"))
    assert differing(plain, upconv) == {"upconv1.weight", "upconv1.bias"}
    assert differing(plain, released) == {name for name in plain if name.startswith(("body.", "upconv1."))}
    assert differing(released, upconv) == {name for name in plain if name.startswith("body.")}
    assert differing(released, blocks) == {"upconv1.weight", "upconv1.bias"}
    assert differing(upconv, initialized(spec, "released_upconv", 1)) >= {"upconv1.weight", "upconv1.bias"}


def test_the_released_upsampling_has_pytorch_s_statistics(networks: dict[str, NetworkSpec]) -> None:
    """Uniform within 1 / sqrt(576): standard deviation 0.0241, biases up to 0.042; BasicSR's are 0.0059 and 0."""
    spec = networks["srresnet"]
    default = initialized(spec, "default")
    assert default["upconv1.weight"].std().item() == pytest.approx(0.0059, abs=5e-5)
    assert not default["upconv1.bias"].any()
    for name in ("released_upconv", "released"):
        weight, bias = (initialized(spec, name)[f"upconv1.{part}"] for part in ("weight", "bias"))
        assert weight.std().item() == pytest.approx(0.0241, abs=2e-4)
        assert weight.mean().item() == pytest.approx(0, abs=2e-4)
        assert 0.0416 < weight.abs().max().item() <= 1 / 24
        assert 0.035 < bias.abs().max().item() <= 1 / 24
        assert bias.std().item() == pytest.approx(0.0241, rel=0.15)


@pytest.mark.parametrize(("name", "upconv"), [("rrdb_small", None), ("srresnet_x1_small", None), ("srresnet", "lrelu")])
def test_released_initializations_need_an_upsampling_convolution(
    networks: dict[str, NetworkSpec], name: str, upconv: str | None
) -> None:
    for initialization in ("released_upconv", "released"):
        spec = networks[name].model_copy(update={"initialization": initialization, "upconv": upconv})
        with pytest.raises(HarnessError, match=f"{spec.path}: initialization '{initialization}' needs 'upconv'"):
            build_network(spec, 0)


def test_pytorch_initialization_needs_blocks() -> None:
    spec = NetworkSpec(path="torch.nn:Conv2d", arguments={"in_channels": 3, "out_channels": 3, "kernel_size": 1})
    with pytest.raises(HarnessError, match="needs taps 'blocks'"):
        build_network(spec.model_copy(update={"initialization": "pytorch"}), 0)


@pytest.mark.parametrize("name", ["srresnet", "srresnet_tiny", "swinir_small"])
def test_zero_last_starts_at_the_global_skip(networks: dict[str, NetworkSpec], name: str) -> None:
    network = build_network(networks[name].model_copy(update={"initialization": "zero_last"}), 0).eval()
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        result = network(image)
    if name == "swinir_small":  # has none at scale 4: what it adds is a constant
        assert result.flatten(2).std(2).max().item() < 1e-6
    else:
        skip = nn.functional.interpolate(image, scale_factor=4, mode="bilinear", align_corners=False)
        assert torch.equal(result, skip)
    first = network.get_parameter("conv_first.weight")
    bound = 1 / first[0].numel() ** 0.5  # Kaiming uniform with a = sqrt(5), PyTorch's default
    assert 0.9 * bound < first.abs().max().item() <= bound


def test_zero_last_learns_in_every_layer(networks: dict[str, NetworkSpec]) -> None:
    network = build_network(networks["srresnet_tiny"], 0)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    for _ in range(2):  # the first step moves the last convolution alone
        optimizer.zero_grad()
        network(image).square().mean().backward()
        optimizer.step()
    assert all(p.grad is not None and bool(p.grad.any()) for p in network.parameters())


@pytest.mark.parametrize("taps", [{}, {"last": ("body.1:input",)}])
def test_zero_last_needs_a_last_convolution(networks: dict[str, NetworkSpec], taps: dict[str, tuple[str, ...]]) -> None:
    spec = networks["srresnet_tiny"].model_copy(update={"taps": taps})
    with pytest.raises(HarnessError, match="'zero_last' needs taps 'last' that name a convolution"):
        build_network(spec, 0)


@pytest.mark.parametrize(
    ("path", "arguments", "message"),
    [
        ("no.such.module:Net", {}, "'no.such.module' cannot be imported"),
        ("basicsr.archs.srresnet_arch:MSRResNets", {}, "there are: MSRResNet"),
        ("math:sin", {}, "no network class 'sin' there; there are: none"),
        (
            "basicsr.archs.srresnet_arch:MSRResNet",
            {"num_feats": 3},
            "unknown argument 'num_feats'; it takes: num_in_ch",
        ),
        ("basicsr.archs.rrdbnet_arch:RRDBNet", {"num_feat": 8}, "num_in_ch, num_out_ch required, but not given"),
        ("basicsr.archs.srresnet_arch:MSRResNet", {"upscale": 1}, "upscale"),
        (f"{__name__}:Swallowing", {"widht": 3}, "unknown argument 'widht'; it takes: width"),
    ],
)
def test_mistakes_are_one_line(path: str, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(HarnessError) as caught:
        build_network(NetworkSpec(path=path, arguments=arguments), 0)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_any_class_by_import_path() -> None:
    assert import_network("torch.nn:Conv2d") is nn.Conv2d
