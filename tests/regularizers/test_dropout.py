"""Dropout against its formula, at every position, in both kinds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from harness.foundation.errors import HarnessError
from harness.foundation.rng import numpy_stream, torch_stream
from harness.networks.build import build_network
from tests.regularizers.helpers import NETWORKS, SEED, SMALL, Attached, images


def channel_mask(iteration: int, rows: range, channels: int, rate: float) -> Tensor:
    """1 / (1 - rate) with probability 1 - rate, else 0, for each image and channel."""
    numbers = [numpy_stream(SEED, "dropout", iteration, 0, row).random(channels, dtype=np.float32) for row in rows]
    return (torch.tensor(np.stack(numbers)) >= rate)[:, :, None, None] / (1 - rate)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.7, 0.9])
def test_last_position_of_srresnet(rate: float) -> None:
    attached = Attached("dropout", rate=rate)
    attached.at(3)
    batch = images()
    network = build_network(NETWORKS["srresnet_small"], SEED)
    x = network.body(F.leaky_relu(network.conv_first(batch), 0.1))
    x = F.leaky_relu(F.pixel_shuffle(network.upconv1(x), 2), 0.1)
    x = F.leaky_relu(F.pixel_shuffle(network.upconv2(x), 2), 0.1)
    x = F.leaky_relu(network.conv_hr(x), 0.1)
    x = x * channel_mask(3, range(4), 24, rate)
    expected = network.conv_last(x) + F.interpolate(batch, scale_factor=4, mode="bilinear", align_corners=False)
    torch.testing.assert_close(attached.forward(batch), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("network", SMALL)
def test_element_wise(network: str) -> None:
    attached = Attached("dropout", network, rate=0.4, kind="element")
    batch = images()
    plain = Attached("baseline", network).at_taps("last", batch)[0]
    for iteration in (3, 4):  # the sizes are learned in the first pass
        attached.at(iteration)
        numbers = [
            torch.rand(plain.shape[1:], generator=torch_stream(SEED, "dropout/0", iteration, 0, row))
            for row in range(4)
        ]
        expected = plain * (torch.stack(numbers) >= 0.4) / 0.6
        torch.testing.assert_close(attached.at_taps("last", batch)[0], expected, atol=1e-6, rtol=1e-5)


def test_positions() -> None:
    batch = images()

    def dropped(role: str, *positions: str) -> list[bool]:
        attached = Attached("dropout", rate=0.5, positions=list(positions))
        attached.at(1)
        maps = attached.at_taps(role, batch)
        return [bool((tensor.abs().amax((2, 3)) == 0).any()) for tensor in maps]

    assert dropped("last", "last") == [True]
    assert dropped("first", "last") == [False]
    assert dropped("first", "first") == [True]
    assert dropped("last", "first") == [False]
    assert dropped("block_outputs", "block_3") == [False, False, True, False]
    assert dropped("block_outputs", "block_4", "block_1", "last") == [True, False, False, True]
    assert dropped("last", "block_4", "block_1", "last") == [True]
    assert dropped("block_outputs", "blocks") == [True] * 4
    assert dropped("last", "blocks") == [False]
    assert [dropped(role, "all") for role in ("first", "block_outputs", "last")] == [[True], [True] * 4, [True]]


def test_a_position_named_twice_acts_once() -> None:
    batch = images()
    outputs = []
    for positions in (["block_2"], ["block_2", "block_2"]):
        attached = Attached("dropout", positions=positions)
        attached.at(1)
        outputs.append(attached.forward(batch))
    assert torch.equal(*outputs)


def test_dropping_after_the_first_convolution_is_dropping_after_its_activation() -> None:
    attached = Attached("dropout", rate=0.5, positions=["first"])
    attached.at(1)
    batch = images()
    network = build_network(NETWORKS["srresnet_small"], SEED)
    kept: list[Tensor] = []
    attached.network.body.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    attached.forward(batch)
    released = F.leaky_relu(network.conv_first(batch), 0.1) * channel_mask(1, range(4), 24, 0.5)
    torch.testing.assert_close(kept[0], released, atol=1e-7, rtol=1e-6)


def test_tokens_lose_channels_too() -> None:
    attached = Attached("dropout", "swinir_small", rate=0.5, positions=["block_2"])
    attached.at(1)
    tokens = attached.at_taps("block_outputs", images())[1]
    assert tokens.dim() == 3
    gone = tokens.abs().amax(1) == 0
    assert torch.equal(gone, channel_mask(1, range(4), 12, 0.5)[:, :, 0, 0] == 0)


def test_a_block_that_is_not_there() -> None:
    with pytest.raises(HarnessError, match="positions: 'block_5': the network has 4 blocks"):
        Attached("dropout", positions=["block_5"])


@pytest.mark.parametrize("kind", ["channel", "element"])
def test_noise_has_mean_1_and_the_right_rate(kind: str) -> None:
    attached = Attached("dropout", rate=0.3, kind=kind)
    batch = images()
    plain = Attached("baseline").at_taps("last", batch)[0]
    total = torch.zeros_like(plain)
    count = 300
    for iteration in range(1, count + 1):
        attached.at(iteration, count)
        total += attached.at_taps("last", batch)[0] / plain
    error = (0.3 / 0.7 / count) ** 0.5  # standard deviation of the mean of `count` draws
    mean = (total / count).flatten(2).mean(-1) if kind == "element" else (total / count)[:, :, 0, 0]
    assert (mean - 1).abs().max().item() < 4.5 * error
    assert mean.mean().item() == pytest.approx(1, abs=4 * error / mean.numel() ** 0.5)


def test_another_batch_size_is_noticed() -> None:
    for kind in ("channel", "element"):
        attached = Attached("dropout", kind=kind)
        attached.at(1)
        with pytest.raises(RuntimeError, match="noise for"):
            attached.forward(images(3))


def test_a_pass_before_set_progress_is_noticed() -> None:
    for kind in ("channel", "element"):
        with pytest.raises(RuntimeError, match="set_progress must be called"):
            Attached("dropout", kind=kind).forward(images())


def test_batch_size_may_change_between_steps() -> None:
    for kind in ("channel", "element"):
        attached = Attached("dropout", kind=kind)
        attached.at(1)
        attached.forward(images(4))
        attached.rows = range(2)
        attached.at(2)
        two = attached.forward(images(4)[:2])
        fresh = Attached("dropout", kind=kind, rows=range(2))
        fresh.at(2)
        assert torch.equal(two, fresh.forward(images(4)[:2]))
