"""Both sides of the network comparison do the same work."""

from __future__ import annotations

import pytest
import torch

from benchmarks.floor import counts, floor, rates
from benchmarks.memory import gpu_bytes
from benchmarks.network import basicsr_step, harness_step, imitated_bf16, random_batch
from benchmarks.specs import VARIANTS, bench_spec
from benchmarks.utilization import Sampler, parse


@pytest.mark.parametrize("variant", VARIANTS)
def test_steps_run(variant: str) -> None:
    spec = bench_spec(variant, "cpu", small=True)
    batch = random_batch(spec, "cpu")
    assert batch.lr.shape == (4, 3, 8, 8)
    for make in (harness_step, basicsr_step):
        step = make(spec, "cpu")
        totals = [float(step(batch)) for _ in range(2)]
        assert 0 < totals[0] < totals[1]


def test_operations_are_those_of_the_formula() -> None:
    """Two operations per weight and output pixel; the backward pass takes twice the forward one."""
    spec = bench_spec("baseline", "cpu", small=True)
    pixels, features, colours = 8 * 8, 8, 3
    weights = [
        (pixels, colours * features),
        (pixels, 4 * features * features),  # two blocks of two
        (pixels, features * 4 * features),
        (4 * pixels, features * 4 * features),
        (16 * pixels, features * features),
        (16 * pixels, features * colours),
    ]
    forward = sum(2 * 9 * area * count for area, count in weights)
    first = 2 * 9 * pixels * colours * features  # images need no gradient
    assert counts(spec)["flops"] == 4 * (3 * forward - first)


def test_floor_and_rates_are_positive() -> None:
    spec = bench_spec("baseline", "cpu", small=True)
    threads = torch.get_num_threads()
    reached = rates("cpu", quick=True)
    assert torch.get_num_threads() == threads
    assert all(value > 0 for value in [*reached.values(), *floor(spec, reached).values()])


def test_imitated_bf16_runs() -> None:
    pass_once = imitated_bf16(bench_spec("baseline", "cpu", small=True))
    assert pass_once() > 0


def test_paper_experiment_fits_eight_gigabytes() -> None:
    for variant in VARIANTS:
        assert gpu_bytes(bench_spec(variant, "cuda"))["total"] < 8e9


def test_nvidia_smi_lines() -> None:
    assert parse(["97, 512.50", "99, 487.50"]) == {"gpu_utilization": pytest.approx(0.98), "watts": 500}
    assert parse(["50, [N/A]", ""]) == {"gpu_utilization": 0.5}
    with Sampler(None) as sampler:
        pass
    assert sampler.result() == {}
