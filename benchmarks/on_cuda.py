"""The benchmark on a GPU: iterations per second of every variant and precision, against BasicSR's pipeline."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks import degradation, limits
from benchmarks.cuda import measure_harness, measure_network, measure_reference, write_photographs
from benchmarks.floor import floor, rates
from benchmarks.specs import VARIANTS, bench_spec
from harness.spec import PerformanceSpec
from harness.training.train import settle


def measure(workers: int, quick: bool = False, small: bool = False, device: str = "cuda") -> dict[str, Any]:
    """Measure everything.

    Args:
        workers: of BasicSR's data loader.
        quick: fewer iterations.
        small: toy sizes.
        device: ``cuda``; ``cpu`` tests this code.

    Returns:
        Ratios of iterations per second, harness over reference: ``step_<precision>_<variant>``; ``degradation``: ratio
        of seconds. ``iterations_per_second``, hours of 500,000 iterations and the rest by side and name in ``runs``.
        ``slowdown``: of each variant against baseline, with the limits. ``network_seconds``: of the network's part of a
        step. ``floor``, ``conditions``.
    """
    settle(1)
    iterations = 4 if small else 50 if quick else 300
    sizes = bench_spec("baseline", device, small=small).training
    degraded = degradation.measure(3 if quick or small else 15, sizes.batch_size, sizes.crop, device=device)
    runs: dict[str, dict[str, dict[str, float]]] = {"reference": {}, "harness": {}}
    with tempfile.TemporaryDirectory() as folder:
        pack = write_photographs(Path(folder), 4 if small else 64, 80 if small else 1600)
        for variant in VARIANTS:
            if variant != "simple_align":
                spec = bench_spec(variant, device, "fp32", small)
                _say(f"BasicSR, {variant}")
                count = max(iterations // 4, 2)
                runs["reference"][variant] = measure_reference(spec, Path(folder), count, workers, device)
            for precision in ("fp32", "bf16"):
                for placement in ("host", "device"):
                    spec = bench_spec(variant, device, precision, small, placement=placement)
                    _say(f"harness, {variant}, {precision}, images on the {placement}")
                    name = f"{precision}_{variant}" + ("_resident" if placement == "device" else "")
                    runs["harness"][name] = measure_harness(spec, pack, iterations, device)
        for precision in ("fp32", "bf16"):
            plain = PerformanceSpec().model_dump(exclude={"precision"})
            spec = bench_spec("baseline", device, precision, small, **plain)
            _say(f"harness, baseline, {precision}, every option of performance off")
            runs["harness"][f"{precision}_baseline_plain"] = measure_harness(spec, pack, iterations, device)
    _say("network steps")
    steps = {
        f"{precision}_{variant}": measure_network(bench_spec(variant, device, precision, small), iterations, device)
        for precision in ("fp32", "bf16")
        for variant in VARIANTS
    }
    reached = rates(device, quick=small)
    bottom = {
        precision: floor(bench_spec("baseline", device, precision, small), reached) for precision in ("fp32", "bf16")
    }
    return {
        "degradation": degraded["ratio"],
        **_ratios(runs),
        "slowdown": limits.verdicts(_slowdowns(runs["harness"]), limits.shares(small)),
        "network_seconds": steps,
        "runs": runs,
        "seconds": {"degradation": degraded["seconds"]},
        "floor": {"rates": reached, **bottom},
        "conditions": degraded["conditions"] | {"gpu": _gpu(device), "workers": workers, "iterations": iterations},
    }


def table(result: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the table."""
    conditions = result["conditions"]
    sizes = f"batch {conditions['batch']}, crop {conditions['crop']}, {conditions['workers']} workers"
    yield f"{conditions['gpu']}, torch {conditions['torch']}, {sizes}"
    yield "\ndegradation of one batch"
    yield from degradation.table({"seconds": result["seconds"]["degradation"]})
    yield f"\n{'whole iterations':42} {'it/s':>8} {'hours/500k':>11} {'GPU busy':>9} {'peak GB':>8} {'ratio':>7}"
    for side, named in result["runs"].items():
        for name, run in named.items():
            busy = f"{run['gpu_utilization']:8.0%}" if "gpu_utilization" in run else "       ?"
            peak = f"{run.get('peak_memory_bytes', 0) / 1e9:8.2f}"
            ratio = f"{result[f'step_{name}']:6.1f}x" if side == "harness" and f"step_{name}" in result else ""
            rate = f"{run['iterations_per_second']:8.1f} {run['hours']:11.2f}"
            yield f"{side + ' ' + name:42} {rate} {busy:>9} {peak} {ratio:>7}"
    yield from limits.lines(result["slowdown"])
    yield ""
    for name, seconds in result["network_seconds"].items():
        yield f"{'network step ' + name:42} {seconds * 1e3:8.2f} ms"
    for precision in ("fp32", "bf16"):
        bottom = result["floor"][precision]
        yield (
            f"floor of the {precision} network step: {bottom['flops'] / 1e9:.0f} GFLOP take "
            f"{bottom['seconds_by_flops'] * 1e3:.2f} ms at the rate of matrix products; all bytes without any fusion "
            f"{bottom['seconds_by_bytes_unfused'] * 1e3:.2f} ms"
        )


def _ratios(runs: dict[str, dict[str, dict[str, float]]]) -> dict[str, float]:
    """Return harness over reference of the variants that BasicSR's components can train."""
    found = {}
    for name, run in runs["harness"].items():
        variant = name.split("_", 1)[1].removesuffix("_resident").removesuffix("_plain")
        if variant in runs["reference"]:
            other = runs["reference"][variant]["iterations_per_second"]
            found[f"step_{name}"] = run["iterations_per_second"] / other
    return found


def _slowdowns(runs: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return seconds per iteration over those of baseline in the same precision, images on the host."""
    found = {}
    for name, run in runs.items():
        precision, variant = name.split("_", 1)
        if variant in limits.MOST:
            found[name] = runs[f"{precision}_baseline"]["iterations_per_second"] / run["iterations_per_second"]
    return found


def _gpu(device: str) -> str:
    return torch.cuda.get_device_name() if device.startswith("cuda") else "no GPU"


def _say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)
