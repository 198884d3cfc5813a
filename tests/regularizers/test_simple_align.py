"""Simple-Align against its formula, pair by pair, as the release computes it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from harness.foundation.rng import numpy_stream
from harness.regularizers.simple_align import fourier_parameters
from tests.regularizers.helpers import SEED, SMALL, Attached, images


def naive_align(u: Tensor, v: Tensor, first: bool, second: bool) -> Tensor:
    """Align two vectors (C,)."""
    total = torch.zeros((), dtype=u.dtype)
    if first:
        total = total + ((u - v) ** 2).mean()
    if second:
        total = total + ((torch.outer(u, u) - torch.outer(v, v)) ** 2).mean()
    return total


def naive_fourier(u: Tensor, w: float, b: Tensor) -> Tensor:
    m = w * u + b
    m = (m - m.min()) / (m - m.min()).max() * (math.pi / 2)
    return math.sqrt(2) * (torch.cos(m) + torch.sin(m))


def naive_penalty(
    features: Tensor,
    iteration: int,
    weight: float = 1.0,
    first: bool = True,
    second: bool = True,
    rff: bool | str = True,
) -> Tensor:
    """Sum over pairs, in float64; random numbers as documented, one pair after the other."""
    pooled = features.double().mean((2, 3))
    pairs, channels = len(pooled) // 2, pooled.shape[1]
    views = [pooled[:pairs] - pooled[:pairs].mean(0), pooled[pairs:] - pooled[pairs:].mean(0)]
    total = torch.zeros((), dtype=torch.float64)
    for pair in range(pairs):
        u, v = views[0][pair], views[1][pair]
        if rff != "only":
            total = total + naive_align(u, v, first, second)
        if rff:
            stream = numpy_stream(SEED, "simple_align/fourier", iteration, 0, pair)
            numbers = stream.random(channels + 2, dtype=np.float32).astype(np.float64)
            w = math.sqrt(-2 * math.log(1 - numbers[0])) * math.cos(2 * math.pi * numbers[1])
            b = torch.tensor(2 * math.pi * numbers[2:])
            total = total + naive_align(naive_fourier(u, w, b), naive_fourier(v, w, b), first, second)
    return weight * total


def random_features(pairs: int = 2, channels: int = 24) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2 * pairs, channels, 6, 5, generator=generator) + torch.randn(
        2 * pairs, channels, 1, 1, generator=generator
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight": 0.25},
        {"first_order": False},
        {"second_order": False},
        {"rff": False},
        {"rff": "only"},
        {"rff": "only", "first_order": False},
        {"rff": False, "second_order": False, "weight": 3.0},
    ],
)
@pytest.mark.parametrize("iteration", [1, 2, 99])
def test_formula(options: dict[str, Any], iteration: int) -> None:
    attached = Attached("simple_align", **options)
    attached.at(iteration - 1 or 50)
    attached.at(iteration)
    features = random_features()
    names = {"first_order": "first", "second_order": "second"}
    expected = naive_penalty(features, iteration, **{names.get(k, k): v for k, v in options.items()})
    penalty = attached.regularizer.penalty(features)
    assert penalty.dtype == torch.float32
    assert penalty.item() == pytest.approx(expected.item(), rel=2e-5)


def test_gradient_of_the_formula() -> None:
    attached = Attached("simple_align")
    attached.at(5)
    mine, naive = random_features().requires_grad_(), random_features().double().requires_grad_()
    attached.regularizer.penalty(mine).backward()
    naive_penalty(naive, 5).backward()
    assert mine.grad is not None
    assert naive.grad is not None
    torch.testing.assert_close(mine.grad.double(), naive.grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("network", SMALL)
def test_features_of_networks(network: str) -> None:
    attached = Attached("simple_align", network)
    attached.at(4)
    features = attached.at_taps("features", images())[0]
    penalty = attached.regularizer.penalty(features)
    assert penalty.item() == pytest.approx(naive_penalty(features.detach(), 4).item(), rel=1e-3, abs=1e-10)
    penalty.backward()
    assert attached.network.conv_first.weight.grad.abs().max() > 0
    assert attached.network.conv_last.weight.grad is None


def test_equal_views_cost_nothing() -> None:
    attached = Attached("simple_align")
    attached.at(1)
    features = random_features()
    features[2:] = features[:2]
    assert attached.regularizer.penalty(features).item() == 0


def test_a_shift_of_a_whole_view_costs_nothing() -> None:
    attached = Attached("simple_align")
    attached.at(1)
    features = random_features()
    expected = attached.regularizer.penalty(features).item()
    features[2:] += torch.randn(24, 1, 1, generator=torch.Generator().manual_seed(2))
    assert attached.regularizer.penalty(features).item() == pytest.approx(expected, rel=1e-4)


def test_weight_0_is_two_views_and_no_penalty() -> None:
    attached = Attached("simple_align", weight=0)
    attached.at(1)
    assert attached.regularizer.views == 2
    assert not attached.regularizer.uses_features
    assert attached.regularizer.penalty(random_features()) is None


def test_features_without_variation_stay_finite() -> None:
    attached = Attached("simple_align")
    attached.at(1)
    features = torch.zeros(4, 24, 3, 3, requires_grad=True)
    penalty = attached.regularizer.penalty(features)
    penalty.backward()
    assert penalty.item() == 0
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_bf16_features_are_pooled_in_float32() -> None:
    attached = Attached("simple_align")
    attached.at(1)
    features = random_features().bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        penalty = attached.regularizer.penalty(features)
    assert penalty.dtype == torch.float32
    assert penalty.item() == pytest.approx(naive_penalty(features.float(), 1).item(), rel=2e-5)


def test_tokens_are_pooled_over_their_length() -> None:
    attached = Attached("simple_align")
    attached.at(1)
    features = random_features()
    tokens = features.flatten(2).transpose(1, 2)
    expected = attached.regularizer.penalty(features).item()
    assert attached.regularizer.penalty(tokens).item() == pytest.approx(expected, rel=1e-5)


def test_fourier_parameters_have_the_right_distribution() -> None:
    attached = Attached("simple_align", rows=range(2000))
    w, b = fourier_parameters(lambda: attached.draws, 24)
    assert w.shape == (1000, 1)
    assert b.shape == (1000, 24)
    assert w.mean().item() == pytest.approx(0, abs=0.1)
    assert w.std().item() == pytest.approx(1, abs=0.07)
    assert (w.abs() < 1).float().mean().item() == pytest.approx(0.683, abs=0.045)
    assert b.mean().item() == pytest.approx(math.pi, abs=0.04)
    assert b.min().item() >= 0
    assert b.max().item() <= 2 * math.pi


def test_fourier_needs_set_progress() -> None:
    with pytest.raises(RuntimeError, match="set_progress"):
        Attached("simple_align").regularizer.penalty(random_features())


def share(rank: int, folder: str) -> None:
    """Compute the penalty's gradient on this process's two of four pairs."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    pairs = [2 * rank, 2 * rank + 1]
    rows = [*pairs, *(4 + pair for pair in pairs)]
    attached = Attached("simple_align", rows=rows)
    attached.at(3)
    features = random_features(4)[rows].requires_grad_()
    penalty = attached.regularizer.penalty(features)
    penalty.backward()
    torch.save((rows, penalty.detach(), features.grad), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_give_the_penalty_of_one(tmp_path: Path) -> None:
    mp.spawn(share, args=(str(tmp_path),), nprocs=2)
    attached = Attached("simple_align", rows=range(8))
    attached.at(3)
    features = random_features(4).requires_grad_()
    expected = attached.regularizer.penalty(features)
    expected.backward()
    assert features.grad is not None
    shares = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    mean = sum(penalty for _, penalty, _ in shares) / 2
    torch.testing.assert_close(mean, expected.detach(), rtol=1e-5, atol=0)
    for rows, _, gradient in shares:
        torch.testing.assert_close(gradient / 2, features.grad[rows], rtol=1e-4, atol=1e-8)
