"""The zoo's changes of features, penalties and gradients, each against its formula written out."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.experiment.catalogues import Catalogues
from harness.foundation.errors import HarnessError
from harness.foundation.rng import Draws
from harness.networks.build import build_network
from harness.networks.taps import Taps
from harness.regularizers import Batch, build_regularizer
from harness.regularizers.attached import Attached as Step
from harness.regularizers.degradation_weighted import strength
from harness.spec import RegularizerSpec
from tests.regularizers.helpers import SEED, SMALL, Attached, images


class Quadratic(nn.Module):
    """Two weights, and an output that is linear in each."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([0.7, -1.3, 0.4]).view(1, 3, 1, 1))
        self.shift = nn.Parameter(torch.tensor(0.2))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * self.slope + self.shift.square()


def gradient(network: nn.Module, batch: Batch) -> list[Tensor]:
    loss = (network(batch.lr) - batch.target).abs().mean()
    return list(torch.autograd.grad(loss, list(network.parameters())))


@pytest.mark.parametrize(("adaptive", "rho"), [(False, 0.05), (True, 0.5), (False, 2.0)])
def test_sam_takes_the_gradient_at_the_worst_point_nearby(adaptive: bool, rho: float) -> None:
    network, batch = Quadratic(), Batch(images(4, 8, 1), images(4, 8, 2))
    spec = RegularizerSpec(regularizer="sam", options={"rho": rho, "adaptive": adaptive})
    step = Step(network, {}, build_regularizer(spec), lambda: Draws(SEED, 1, 0, range(4)))
    before = [weight.detach().clone() for weight in network.parameters()]
    parts = step.gradients(batch)

    slopes = gradient(Quadratic(), batch)
    sizes = [weight.abs() if adaptive else torch.ones_like(weight) for weight in before]
    norm = math.sqrt(sum(float((size * slope).square().sum()) for size, slope in zip(sizes, slopes, strict=True)))
    moved = Quadratic()
    with torch.no_grad():
        for weight, size, slope in zip(moved.parameters(), sizes, slopes, strict=True):
            weight += rho * size**2 * slope / norm
    for weight, old, expected in zip(network.parameters(), before, gradient(moved, batch), strict=True):
        assert torch.equal(weight, old)
        torch.testing.assert_close(weight.grad, expected)
    assert float(parts[0]) == pytest.approx(float((Quadratic()(batch.lr) - batch.target).detach().abs().mean()))


@pytest.mark.parametrize("network", SMALL)
@pytest.mark.parametrize("first", ["paper", "zero"])
def test_stochastic_depth_leaves_branches_out_image_by_image(network: str, first: str) -> None:
    plain, attached = Attached("baseline", network), Attached("stochastic_depth", network, rate=0.5, first=first)
    attached.at(4)
    inputs = images(4, 16)
    found, whole = attached.at_taps("branches", inputs), plain.at_taps("branches", inputs)
    blocks, dropped = len(found), 0
    for image in range(4):
        numbers = attached.draws.row("stochastic_depth", image).random(blocks, dtype=np.float32)
        for block in range(blocks):
            rate = 0.5 * (block + 1) / blocks if first == "paper" else 0.5 * block / (blocks - 1)
            kept = numbers[block] >= rate
            dropped += not kept
            if not kept:
                assert not found[block][image].any()
            elif block == 0:  # later ones have another input
                torch.testing.assert_close(found[0][image], whole[0][image] / (1 - rate))
    assert dropped


@pytest.mark.parametrize("network", SMALL)
def test_a_block_without_its_branch_is_the_identity(network: str) -> None:
    attached = Attached("stochastic_depth", network, rate=0.999, first="paper")
    attached.at(1)
    attached.regularizer._factors.zero_()
    first, *outputs = (
        attached.at_taps(role, images(4, 16))[index] for role, index in (("block_outputs", 0), ("block_outputs", -1))
    )
    torch.testing.assert_close(outputs[0], first)


def test_feature_noise_is_one_plus_a_learned_scale_times_a_normal_number() -> None:
    attached, inputs = Attached("feature_noise", sigma=0.3), images()
    (plain,) = Attached("baseline").at_taps("last", inputs)
    attached.at(2)
    (scale,) = attached.regularizer.parameters()
    with torch.no_grad():
        scale.copy_(torch.linspace(-1, 1, len(scale)))
    (found,) = attached.at_taps("last", inputs)
    for image in range(4):
        uniform = attached.draws.row("feature_noise", image).random(len(scale), dtype=np.float32)
        for channel in range(len(scale)):
            normal = float(torch.special.ndtri(torch.tensor(float(uniform[channel]), dtype=torch.float64)))
            factor = 1 + 0.3 * math.exp(float(scale.detach()[channel])) * normal
            torch.testing.assert_close(found[image, channel], plain[image, channel] * factor, rtol=1e-4, atol=1e-8)


def naive_barlow(first: Tensor, second: Tensor, redundancy: float) -> float:
    """Equation 1, pair of channels by pair of channels, divided by their number."""
    channels, total = first.shape[1], 0.0
    for i in range(channels):
        for j in range(channels):
            a, b = first[:, i] - first[:, i].mean(), second[:, j] - second[:, j].mean()
            correlation = float((a * b).sum() / (a.square().sum().sqrt() * b.square().sum().sqrt()))
            total += (1 - correlation) ** 2 if i == j else redundancy * correlation**2
    return total / channels


@pytest.mark.parametrize("network", SMALL)
def test_decorrelation_is_barlow_at_every_block(network: str) -> None:
    attached = Attached("decorrelation", network, rows=range(8), weight=0.5, redundancy=0.1)
    with torch.no_grad():  # initial features are alike to the last digits
        for parameter in attached.network.parameters():
            parameter.mul_(3)
    kept = [one.detach().double() for one in copy.copy(attached).at_taps("block_outputs", images(8, 16))]
    pooled = [one.mean(1) if one.dim() == 3 else one.mean((2, 3)) for one in kept]
    expected = [naive_barlow(one[:4], one[4:], 0.1) for one in pooled]
    penalty = attached.regularizer.penalty(None)
    assert float(penalty.detach()) == pytest.approx(0.5 * sum(expected) / len(expected), rel=2e-3)


def test_noise_of_either_kind_counts_as_noise() -> None:
    ends = {"blur": 3.0, "jpeg": 30.0, "gaussian": 30.0, "poisson": 0.0}
    numbers = {f"{name}{stage}": torch.full((2,), value) for name, value in ends.items() for stage in (1, 2)}
    numbers["gaussian2"], numbers["poisson2"] = torch.tensor([0.0, 0.0]), torch.tensor([3.0, 1.5])
    batch = Batch(torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4), numbers)
    assert strength(batch).tolist() == pytest.approx([1.0, 5.5 / 6])


def test_stochastic_depth_of_one_block_that_is_never_left_out_is_refused() -> None:
    network = Catalogues.load().networks["srresnet_small"].network
    spec = network.model_copy(update={"arguments": {**network.arguments, "num_block": 1}})
    built = build_network(spec, 0)
    regularizer = build_regularizer(RegularizerSpec(regularizer="stochastic_depth", options={"first": "zero"}))
    with pytest.raises(HarnessError, match="the network has one block, which would never be left out"):
        regularizer.attach(built, Taps(built, spec.taps), lambda: Draws(0, 1, 0, [0]))
