"""Adaptive Dropout against its formula; annealing at every boundary."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from harness.experiment.catalogues import Catalogues
from harness.foundation.rng import numpy_stream
from harness.networks.build import build_network
from harness.regularizers import resolve_options
from harness.regularizers.adaptive_dropout import AdaptiveDropoutOptions, annealing
from tests.regularizers.helpers import NETWORKS, SEED, SMALL, Attached, images

CHANNELS = 24
SITES = 5  # of srresnet_small: four blocks and the last convolution


def dropped(iteration: int, row: int, site: int, rate: float) -> Tensor:
    """Return (C,): D's factors of one image at one site."""
    numbers = numpy_stream(SEED, "adaptive_dropout", iteration, 0, row).random(SITES * CHANNELS, dtype=np.float32)
    own = numbers[site * CHANNELS : (site + 1) * CHANNELS]
    return torch.tensor(own >= rate) / (1 - rate)


def blended(f: Tensor, iteration: int, site: int, k: float, rate: float) -> Tensor:
    """Return ``k f + (1 - k) D(f)``."""
    masks = torch.stack([dropped(iteration, row, site, rate) for row in range(len(f))])[:, :, None, None]
    return k * f + (1 - k) * (f * masks)


def naive_srresnet(batch: Tensor, iteration: int, weights: list[float], rate: float) -> Tensor:
    """The small SRResNet written out, with blends where the release has them."""
    network = build_network(NETWORKS["srresnet_small"], SEED)
    x = F.leaky_relu(network.conv_first(batch), 0.1)
    for site, block in enumerate(network.body):
        x = x + block.conv2(torch.relu(blended(block.conv1(x), iteration, site, weights[site], rate)))
    x = F.leaky_relu(F.pixel_shuffle(network.upconv1(x), 2), 0.1)
    x = F.leaky_relu(F.pixel_shuffle(network.upconv2(x), 2), 0.1)
    x = blended(F.leaky_relu(network.conv_hr(x), 0.1), iteration, 4, weights[4], rate)
    output: Tensor = network.conv_last(x) + F.interpolate(batch, scale_factor=4, mode="bilinear", align_corners=False)
    return output


@pytest.mark.parametrize(("k", "rate"), [(0.3, 0.5), (0.7, 0.5), (0.0, 0.7), (0.99, 0.5)])
@pytest.mark.parametrize("iteration", [1, 4, 11, 19, 20, 100])
def test_formula(k: float, rate: float, iteration: int) -> None:
    attached = Attached("adaptive_dropout", initial_weight=k, rate=rate)
    attached.at(iteration)
    weights = [1.0 if iteration >= 4 * (site + 1) else k for site in range(SITES)]
    batch = images()
    expected = naive_srresnet(batch, iteration, weights, rate)
    torch.testing.assert_close(attached.forward(batch), expected, atol=1e-6, rtol=1e-5)


def weights_at(attached: Attached, iteration: int, total: int) -> list[bool]:
    """Return whether each site is annealed, read off the noise itself."""
    attached.at(iteration, total)
    noise = attached.regularizer._noise
    factors = [noise.factor(site, torch.empty(4, CHANNELS, 1, 1)) for site in range(SITES)]
    return [bool((factor == 1).all()) for factor in factors]


@pytest.mark.parametrize("total", [500_000, 25, 26, 99, 100, 101, 1000, 33_333])
def test_annealing_at_every_boundary(total: int) -> None:
    attached = Attached("adaptive_dropout")
    for site in range(1, SITES + 1):
        boundary = -(-site * total // 25)  # ceil(site * 4% * total), in integers
        for iteration in (boundary - 1, boundary, boundary + 1):
            expected = [25 * iteration >= other * total for other in range(1, SITES + 1)]
            assert weights_at(attached, max(iteration, 0), total) == expected
            assert expected[site - 1] == (iteration >= boundary)


@pytest.mark.parametrize("site", range(1, 18))
def test_released_schedule_of_17_sites(site: int) -> None:
    turns = annealing(AdaptiveDropoutOptions(), 17)
    turn = turns[site - 1]
    assert turn == Fraction(20_000 * site, 500_000)
    assert Fraction(20_000 * site - 1, 500_000) < turn <= Fraction(20_000 * site, 500_000)


def test_a_span_is_shared_by_all_sites() -> None:
    spread = AdaptiveDropoutOptions(span=0.68)
    assert annealing(spread, 17) == annealing(AdaptiveDropoutOptions(), 17)
    assert annealing(spread, 3) == [Fraction(68, 300), Fraction(136, 300), Fraction(68, 100)]
    assert annealing(spread, 24)[-1] == Fraction(68, 100)
    assert annealing(AdaptiveDropoutOptions(span=0.68, order="all_at_once"), 5) == [Fraction(68, 100)] * 5


def test_srresnet_keeps_the_released_interval_and_its_spec_and_others_get_the_span() -> None:
    catalogues = Catalogues.load()
    released = {"initial_weight": 0.3, "rate": 0.5, "interval": 0.04, "order": "first_first", "sites": "all"}
    for network in catalogues.networks:
        options = resolve_options("adaptive_dropout", catalogues.variant("adaptive_dropout").options_for(network))
        own = {} if network in ("srresnet", "srresnet_x1") else {"span": 0.68}
        assert options == released | {"gate": "none"} | own, network
        fixed = catalogues.variant("adaptive_dropout_fixed_interval").options_for(network)
        assert resolve_options("adaptive_dropout", fixed) == released | {"gate": "none"}


def test_intervals_are_exact_decimals() -> None:
    for interval, exact in ((0.04, Fraction(1, 25)), (0.1, Fraction(1, 10)), (0.005, Fraction(1, 200)), (1.0, 1)):
        assert annealing(AdaptiveDropoutOptions(interval=interval), 3)[2] == 3 * exact


def test_orders() -> None:
    def turns(order: str, seed: int = 0) -> list[Fraction | None]:
        return annealing(AdaptiveDropoutOptions.model_validate({"order": order}), 17, seed)

    first_first = turns("first_first")
    assert first_first == [Fraction(n, 25) for n in range(1, 18)]
    assert turns("last_first") == first_first[::-1]
    assert turns("all_at_once") == [Fraction(17, 25)] * 17
    assert turns("none") == [None] * 17
    assert sorted(turns("random", 1), key=float) == first_first  # type: ignore[arg-type]
    assert turns("random", 1) == turns("random", 1)
    assert turns("random", 1) not in (turns("random", 2), first_first)


@pytest.mark.parametrize("order", ["first_first", "last_first", "all_at_once", "random", "none"])
def test_orders_act_on_the_network(order: str) -> None:
    attached = Attached("adaptive_dropout", order=order)
    turns = annealing(attached.regularizer.options, SITES, SEED)
    for iteration in range(26):
        expected = [turn is not None and Fraction(iteration, 25) >= turn for turn in turns]
        assert weights_at(attached, iteration, 25) == expected


@pytest.mark.parametrize(("sites", "count"), [("all", 5), ("blocks", 4), ("last", 1)])
def test_sites(sites: str, count: int) -> None:
    attached = Attached("adaptive_dropout", sites=sites, initial_weight=0.0, order="none")
    attached.at(1)
    assert len(attached.regularizer._turns) == count
    batch = images()
    gone = [bool((t.abs().amax((2, 3)) == 0).any()) for t in attached.at_taps("last", batch)]
    assert gone == [sites != "blocks"]
    gone = [bool((t.abs().amax((2, 3)) == 0).any()) for t in attached.at_taps("blocks", batch)]
    assert gone == [sites != "last"] * 4


def test_annealing_is_a_function_of_the_iteration_alone() -> None:
    resumed, through = Attached("adaptive_dropout"), Attached("adaptive_dropout")
    batch = images()
    for iteration in range(1, 61):
        through.at(iteration)
    resumed.at(60)
    through_30, resumed_30 = [], []
    for iteration in (60, 13, 30, 8):  # forth and back
        through.at(iteration)
        through_30.append(through.forward(batch))
        fresh = Attached("adaptive_dropout")
        fresh.at(iteration)
        resumed_30.append(fresh.forward(batch))
    assert all(torch.equal(a, b) for a, b in zip(through_30, resumed_30, strict=True))
    assert torch.equal(resumed.forward(batch), through_30[0])


@pytest.mark.parametrize("network", SMALL)
def test_annealed_networks_are_plain_networks(network: str) -> None:
    attached = Attached("adaptive_dropout", network)
    attached.at(100)
    batch = images()
    assert torch.equal(attached.forward(batch), build_network(NETWORKS[network], SEED)(batch))


@pytest.mark.parametrize("k", [0.3, 0.7])
def test_noise_has_mean_1_and_the_right_variance(k: float) -> None:
    attached = Attached("adaptive_dropout", rows=range(500), initial_weight=k)
    attached.at(1)
    noise = attached.regularizer._noise
    factors = torch.cat([noise.factor(site, torch.empty(500, CHANNELS, 1, 1)) for site in range(SITES)]).flatten()
    assert set(factors.tolist()) == {torch.tensor(k).item(), torch.tensor(k + (1 - k) * 2).item()}
    deviation = 1 - k  # of k + (1 - k) m with m = 0 or 2
    assert factors.mean().item() == pytest.approx(1, abs=4 * deviation / factors.numel() ** 0.5)
    assert factors.std().item() == pytest.approx(deviation, rel=0.02)


def test_rows_are_drawn_apart() -> None:
    batch = images(4)
    whole, part = Attached("adaptive_dropout"), Attached("adaptive_dropout", rows=range(1, 3))
    whole.at(2)
    part.at(2)
    noise = [a.regularizer._noise._buffers[torch.float32] for a in (whole, part)]
    assert torch.equal(noise[0][1:3], noise[1])
    torch.testing.assert_close(whole.forward(batch)[1:3], part.forward(batch[1:3]))


def test_buffers_stay_where_they_are() -> None:
    attached = Attached("adaptive_dropout")
    addresses = set()
    for iteration in (1, 2, 30, 100):
        attached.at(iteration)
        for dtype in (torch.float32, torch.bfloat16):
            like = torch.empty(4, CHANNELS, 1, 1, dtype=dtype)
            addresses.add((dtype, attached.regularizer._noise.factor(2, like).data_ptr()))
    assert len(addresses) == 2


def test_bf16_noise_is_the_rounded_noise() -> None:
    attached = Attached("adaptive_dropout")
    like = torch.empty(4, CHANNELS, 1, 1)
    noise = attached.regularizer._noise
    for iteration in (1, 2, 50):
        attached.at(iteration)
        assert torch.equal(noise.factor(1, like.bfloat16()), noise.factor(1, like).bfloat16())


def test_gate_formula() -> None:
    attached = Attached("adaptive_dropout", gate="learned", order="none", sites="last", rate=0.4)
    attached.at(3)
    weight1, bias1, weight2, bias2 = attached.regularizer.parameters()
    with torch.no_grad():
        for parameter in (weight1, bias1, weight2, bias2):
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
    batch = images()
    f = Attached("baseline").at_taps("last", batch)[0]
    pooled = f.mean((2, 3))
    k = torch.sigmoid(F.leaky_relu(pooled @ weight1.T + bias1, 0.1) @ weight2.T + bias2)[:, :, None, None]
    numbers = [numpy_stream(SEED, "adaptive_dropout", 3, 0, row).random(CHANNELS, dtype=np.float32) for row in range(4)]
    masks = (torch.tensor(np.stack(numbers)) >= 0.4)[:, :, None, None] / 0.6
    assert weight1.shape == (CHANNELS // 8, CHANNELS)
    torch.testing.assert_close(attached.at_taps("last", batch)[0], k * f + (1 - k) * f * masks, atol=1e-6, rtol=1e-5)


def test_the_released_gate_leaves_the_last_convolution_alone() -> None:
    """Catalogued beside the gate at all sites, and as noisy at each block, but plain behind the blocks."""
    named = {name: Catalogues.load().variant(f"adaptive_dropout_{name}") for name in ("gate", "gate_blocks")}
    assert named["gate_blocks"].fixed == named["gate"].fixed == ("initial_weight",)
    everywhere, blocks = (Attached("adaptive_dropout", **entry.options) for entry in named.values())
    assert len(list(everywhere.regularizer.parameters())) == 4 * SITES
    assert len(list(blocks.regularizer.parameters())) == 4 * (SITES - 1)
    blocks.at(90)  # never annealed
    batch = images()
    f = Attached("baseline").at_taps("blocks", batch)[0]
    gate = blocks.regularizer._gates[0]
    streams = [numpy_stream(SEED, "adaptive_dropout", 90, 0, row) for row in range(4)]
    numbers = np.stack([stream.random(CHANNELS, dtype=np.float32) for stream in streams])  # of the first block
    masks = (torch.tensor(numbers) >= 0.5)[:, :, None, None] / 0.5
    k = gate(f)
    torch.testing.assert_close(blocks.at_taps("blocks", batch)[0], k * f + (1 - k) * f * masks, atol=1e-6, rtol=1e-5)
    assert everywhere.network.conv_last._forward_pre_hooks
    assert not blocks.network.conv_last._forward_pre_hooks


@pytest.mark.parametrize("network", SMALL)
def test_gates_learn(network: str) -> None:
    attached = Attached("adaptive_dropout", network, gate="learned")
    parameters = list(attached.regularizer.parameters())
    assert len(parameters) == 4 * len(attached.regularizer._turns)
    attached.at(1)
    attached.forward(images()).square().mean().backward()
    biases = parameters[3::4]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in parameters)
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in biases)


def test_gates_start_near_one_half_and_with_the_seed() -> None:
    one, other = (Attached("adaptive_dropout", gate="learned") for _ in range(2))
    pairs = zip(one.regularizer.parameters(), other.regularizer.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    gate = one.regularizer._gates[0]
    assert gate(torch.rand(2, CHANNELS, 4, 4)).sub(0.5).abs().max().item() < 0.05


def test_an_annealed_gate_is_exactly_1() -> None:
    attached = Attached("adaptive_dropout", gate="learned")
    attached.at(100)
    batch = images()
    assert torch.equal(attached.forward(batch), build_network(NETWORKS["srresnet_small"], SEED)(batch))
