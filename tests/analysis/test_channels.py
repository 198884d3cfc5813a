"""Channels: saliency and the effect of leaving one out, against computations that share no code with them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.analysis.channels import channel_saliency, gradient_mass, leave_one_out, spread, without_channel
from harness.analysis.features import features_of
from harness.experiment.catalogues import Catalogues
from harness.networks.build import build_network
from harness.networks.taps import Taps, channels_of

NETWORKS = Catalogues.load().networks


def made(name: str) -> tuple[nn.Module, Taps]:
    spec = NETWORKS[name].network.model_copy(update={"initialization": "pytorch"})
    network = build_network(spec, 3).eval()
    taps = Taps(network, spec.taps)
    with torch.no_grad():  # untrained features are so small that no channel would move the result
        _, (hidden,) = features_of(network, taps, "last", image(flat=False), 4)
        network.conv_last.weight.div_(hidden.std())  # type: ignore[union-attr, operator]
    return network, taps


def image(flat: bool) -> Tensor:
    pixels = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(5))
    if flat:
        pixels[..., :, 4:] = 0.5
    return pixels


def tail(network: nn.Module, hidden: Tensor, given: Tensor) -> Tensor:
    """The last convolution and the skip of MSRResNet, written out."""
    assert isinstance(network.conv_last, nn.Conv2d)
    skip = F.interpolate(given, scale_factor=4, mode="bilinear", align_corners=False)
    return F.conv2d(hidden, network.conv_last.weight, network.conv_last.bias, padding=1) + skip


def test_saliency_equals_a_naive_computation_also_where_the_output_is_flat() -> None:
    network, taps = made("srresnet_small")
    network.conv_last.weight.data[:, 5:] = 0  # type: ignore[union-attr, index, operator]
    network.conv_last.weight.data[2] = 0  # type: ignore[union-attr, operator]
    network.conv_last.bias.data[2] = 0  # type: ignore[union-attr, operator]
    given = torch.full((1, 3, 16, 16), 0.5)
    given[..., :8] = image(flat=False)[..., :8]
    with torch.no_grad():
        # The network's own output: where it is flat but for rounding, rounding alone decides the slope's direction.
        output = features_of(network, taps, "last", given, 4)[0][0].double().numpy()
        weight = network.conv_last.weight.double().numpy()  # type: ignore[union-attr, operator]
    assert (np.hypot(np.diff(output, axis=2)[:, :-1], np.diff(output, axis=1)[..., :-1]) == 0).mean() > 0.1
    pull = np.zeros_like(output)  # the gradient of the objective with respect to the output, pixel by pixel
    for c, y, x in np.ndindex(3, 63, 63):
        dx, dy = output[c, y, x + 1] - output[c, y, x], output[c, y + 1, x] - output[c, y, x]
        size = math.hypot(dx, dy)
        if size > 0:
            pull[c, y, x + 1] += dx / size
            pull[c, y + 1, x] += dy / size
            pull[c, y, x] -= (dx + dy) / size
    padded = np.pad(pull, ((0, 0), (1, 1), (1, 1)))
    back = np.zeros((24, 64, 64))
    for i, j in np.ndindex(3, 3):
        back += np.einsum("oc,oyx->cyx", weight[:, :, i, j], padded[:, 2 - i : 66 - i, 2 - j : 66 - j])
    naive = (np.abs(back) / np.abs(back).max()).sum((1, 2))
    (found,) = channel_saliency(network, taps, "last", given, 4)
    assert found.numpy() == pytest.approx(naive, rel=1e-5, abs=1e-5)
    assert found[5:].abs().max() == 0


def test_flat_pixels_give_no_nan() -> None:
    flat = torch.full((1, 1, 5, 5), 0.25, requires_grad=True)
    (gradient,) = torch.autograd.grad(gradient_mass(flat), flat)
    assert gradient.abs().max() == 0
    network, taps = made("srresnet_tiny")
    network.conv_last.weight.data.zero_()  # type: ignore[union-attr, operator]
    network.conv_last.bias.data.zero_()  # type: ignore[union-attr, operator]
    (found,) = channel_saliency(network, taps, "last", torch.full((1, 3, 16, 16), 0.5), 4)
    assert found.tolist() == [0.0] * 16
    assert math.isnan(spread(found))


@pytest.mark.parametrize("name", ["srresnet_tiny", "rrdb_small", "swinir_small"])
@pytest.mark.parametrize("role", ["first", "block_outputs", "last"])
def test_every_network_has_saliency_and_is_left_as_it_was(name: str, role: str) -> None:
    network, taps = made(name)
    given = image(flat=True)[..., :13]  # SwinIR pads it
    with torch.inference_mode():
        before = network(F.pad(given, (0, 3, 0, 0), mode="reflect"))
    found = channel_saliency(network, taps, role, given, 4)
    assert [len(values) for values in found] == list(taps.channels(role))
    assert all(values.isfinite().all() and values.max() > 0 and spread(values) > 0 for values in found)
    with torch.inference_mode():
        assert torch.equal(before, network(F.pad(given, (0, 3, 0, 0), mode="reflect")))
    assert all(parameter.grad is None for parameter in network.parameters())


def test_the_first_layer_is_taken_before_the_activation_that_works_in_place() -> None:
    network, taps = made("srresnet_tiny")
    given = image(flat=False)
    with torch.no_grad():
        _, (first,) = features_of(network, taps, "first", given, 4)
        assert torch.equal(first, network.conv_first(given))  # type: ignore[operator]
    assert (first < 0).any()


def test_leave_one_out_equals_a_naive_loop() -> None:
    network, taps = made("srresnet_tiny")
    given = image(flat=False)
    truth = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(6))

    def score(output: Tensor) -> float:
        return float(((output - truth) ** 2).mean())

    found = leave_one_out(network, taps, "last", 0, given, 4, score)
    with torch.no_grad():
        _, (hidden,) = features_of(network, taps, "last", given, 4)
        masses = [float(hidden[0, c].abs().sum()) for c in range(16)]
        for channel in range(16):
            changed = hidden.clone()
            for other in range(16):
                changed[0, other] /= (sum(masses) - masses[channel]) / sum(masses)
            changed[0, channel] = 0
            assert found[channel] == pytest.approx(score(tail(network, changed, given)), rel=1e-5)
    assert len(set(found)) == 16
    assert np.ptp(found) > 1e-3 * np.mean(found)


def test_leave_one_out_takes_tokens_too() -> None:
    network, taps = made("swinir_small")
    found = leave_one_out(network, taps, "block_outputs", 1, image(flat=False), 4, lambda output: float(output.sum()))
    assert len(found) == taps.channels("block_outputs")[1] == len(set(found))


def test_what_is_left_keeps_the_mass() -> None:
    features = torch.rand(1, 6, 4, 4, generator=torch.Generator().manual_seed(7)) + 0.1
    tokens = features.flatten(2).transpose(1, 2)
    left = without_channel(features, 2)
    assert float(left.sum()) == pytest.approx(float(features.sum()), rel=1e-6)
    assert channels_of(tokens) == 6
    assert torch.equal(without_channel(tokens, 2), left.flatten(2).transpose(1, 2))
    alone = torch.zeros(1, 2, 2, 2)
    alone[:, 1] = 1
    assert without_channel(alone, 1).abs().max() == 0
