"""The benchmark on a CPU: degradation stage by stage, network step by variant and precision, whole step, floor."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from benchmarks import degradation, limits
from benchmarks.floor import floor, rates
from benchmarks.kept_batches import seconds_to_read
from benchmarks.network import imitated_bf16
from benchmarks.sides import Sides, Timing
from benchmarks.specs import VARIANTS, bench_spec
from harness.training.precision import arithmetic

WHOLE = ("baseline", "dropout", "adaptive_dropout")
"""Variants whose whole step is compared: one view, so the same batch on both sides."""


def measure(threads: int, quick: bool = False, small: bool = False) -> dict[str, Any]:
    """Measure everything.

    Args:
        threads: of each side.
        quick: three repetitions instead of seven.
        small: toy sizes.

    Returns:
        Ratios, reference over harness: ``degradation``; ``step_<precision>_<variant>`` of a whole training step
        (degradation and network); ``second_arm_<precision>_<variant>`` the same where another arm of the seed has
        made the batches; ``network_<precision>_<variant>`` of the network's part alone. ``cpu_time``: the
        network's ratios by processor time, which other programs on the machine disturb less. ``seconds``: the medians.
        ``slowdown``: harness steps of each variant over baseline's, by the least processor time, with the limits.
        ``floor``: counted operations and bytes, and what the machine reaches. ``conditions``.
    """
    torch.set_num_threads(threads)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    repetitions = 3 if quick or small else 7
    sizes = bench_spec("baseline", "cpu", small=small).training
    _say("degradation")
    degraded = degradation.measure(repetitions, sizes.batch_size, sizes.crop)
    _say("a batch that another arm has made")
    short = bench_spec("baseline", "cpu", small=small, threads=threads, iterations=repetitions + 1)
    read = seconds_to_read(short, repetitions)
    networks = _networks(threads, repetitions, small)
    result: dict[str, Any] = {"degradation": degraded["ratio"], "degradation_paired": degraded["ratio_paired"]}
    own, other = (degraded["seconds"][side]["total"] for side in ("harness", "reference"))
    for name, pair in networks.items():
        result[f"network_{name}"] = pair["reference"].wall / pair["harness"].wall
        if name.split("_", 1)[1] in WHOLE:
            result[f"step_{name}"] = (other + pair["reference"].wall) / (own + pair["harness"].wall)
            result[f"second_arm_{name}"] = (other + pair["reference"].wall) / (read + pair["harness"].wall)
    _say("floor")
    reached = rates("cpu", quick=small)
    result["slowdown"] = limits.verdicts(_slowdowns(networks), limits.shares(small))
    return result | {
        "cpu_time": {name: pair["reference"].cpu / pair["harness"].cpu for name, pair in networks.items()},
        "seconds": {
            "degradation": degraded["seconds"],
            "kept_batch": read,
            "network": {name: {side: vars(timing) for side, timing in p.items()} for name, p in networks.items()},
        },
        "imitated_bf16": _imitation(small),
        "floor": {"rates": reached, **floor(bench_spec("baseline", "cpu", small=small), reached)},
        "conditions": degraded["conditions"] | {"bf16_arithmetic": arithmetic("bf16", "cpu")},
    }


def table(result: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the table."""
    conditions, seconds = result["conditions"], result["seconds"]
    yield (
        f"{conditions['cpu']}, {conditions['threads']} threads, torch {conditions['torch']}, "
        f"batch {conditions['batch']}, crop {conditions['crop']}"
    )
    yield "\ndegradation of one batch"
    yield from degradation.table({"seconds": seconds["degradation"]})
    yield f"a batch that another arm of the seed has made: {seconds['kept_batch']:.3f} s"
    yield "\nnetwork step                    BasicSR    harness   ratio   by CPU time   whole step   second arm"
    for name, pair in seconds["network"].items():
        other, own = pair["reference"]["wall"], pair["harness"]["wall"]
        ratios = [result[f"{kind}_{name}"] for kind in ("step", "second_arm") if f"{kind}_{name}" in result]
        whole = " ".join(f"{ratio:10.1f}x" for ratio in ratios)
        yield f"{name:28} {other:9.2f}s {own:9.2f}s {other / own:6.1f}x {result['cpu_time'][name]:12.1f}x {whole}"
    if conditions["bf16_arithmetic"] == "fp32":
        yield "bf16: this CPU has no instructions for it, so the harness computes in fp32; imitating it by autocast"
        yield f"would take {result['imitated_bf16']['ratio']:.1f} times as long as fp32"
    yield from limits.lines(result["slowdown"])
    bottom = result["floor"]
    yield (
        f"\nfloor of the network step: {bottom['flops'] / 1e9:.1f} GFLOP, at the {_giga(bottom, 'gemm')} GFLOP/s of "
        f"matrix products {bottom['seconds_by_flops']:.2f} s ({_giga(bottom, 'conv')} GFLOP/s in one convolution)"
    )


def _networks(threads: int, repetitions: int, small: bool) -> dict[str, dict[Any, Timing]]:
    """Return the timings of every precision and variant; bf16 that is carried out in fp32 is not timed again."""
    found: dict[str, dict[Any, Timing]] = {}
    with Sides(threads) as sides:
        for precision in ("fp32", "bf16"):
            for variant in VARIANTS:
                _say(f"network step, {variant}, {precision}")
                name = f"{precision}_{variant}"
                if arithmetic(precision, "cpu") == precision:
                    spec = bench_spec(variant, "cpu", precision, small, threads=threads)
                    found[name] = sides.compare(spec, repetitions)
                else:
                    found[name] = found[f"fp32_{variant}"]
    return found


def _slowdowns(networks: dict[str, dict[Any, Timing]]) -> dict[str, float]:
    """Return processor time of the harness's step over that of baseline in the same precision.

    The least of the repetitions: variants are timed minutes apart, and a median would compare the load of the machine.
    """
    return {
        name: pair["harness"].least_cpu / networks[f"{name.split('_', 1)[0]}_baseline"]["harness"].least_cpu
        for name, pair in networks.items()
        if not name.endswith("_baseline")
    }


def _imitation(small: bool) -> dict[str, float]:
    """Return seconds of processor time of one image's passes under bf16 autocast and in fp32, and their ratio."""
    spec = bench_spec("baseline", "cpu", small=small)
    autocast, plain = (_cpu_seconds(imitated_bf16(spec, enabled)) for enabled in (True, False))
    return {"autocast_seconds": autocast, "fp32_seconds": plain, "ratio": autocast / plain}


def _cpu_seconds(function: Callable[[], object]) -> float:
    seconds = []
    for _ in range(4):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds[1:])


def _giga(bottom: dict[str, Any], kind: str) -> str:
    return f"{bottom['rates'][f'{kind}_fp32_flops'] / 1e9:.0f}"


def _say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)
