"""The items of :mod:`benchmarks.gpu_day`, the most valuable first: what each proves, and what it measures."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import choices
from benchmarks.cuda import forget, measure_harness, write_photographs
from benchmarks.network import random_batch
from benchmarks.specs import VARIANTS, bench_spec
from harness.evaluation.upscalers import NetworkUpscaler, exact_float32
from harness.foundation import philox, quantiles
from harness.foundation.device_errors import device_problem
from harness.networks.build import build_network
from harness.networks.tape import Tape
from harness.regularizers import views
from harness.spec import RunSpec
from harness.training.batches import BatchSource
from harness.training.graph import WARM_UP, Captured, CudaRecorder
from harness.training.prefetch import ahead
from harness.training.step import Learner

RECORDED = {
    "uniform": "7dfa1963512fd77265de474f33bf216be7389d36c355dd613c62a2ea876a92d9",
    "normal": "b3170ac84917b6bced0af430023379c28c3e5275ded282994963fdb8d2901495",
    "integer": "01ddbea2a50a442875fe8a4c640b19680f34f0fa2a0075fd7fb73cbe0586c91d",
}
"""SHA-256 of 4 x 70001 numbers with keys 0 to 3, as a CPU makes them: every card must make the same."""

LEVELS = 1
"""By how much pixels of 8 bit may differ between a CPU and a GPU: sums of convolutions differ in their last bits."""

SHARE = 0.001
"""The most pixels, as a share of all, that may differ so."""


class Refuted(Exception):
    """A claim does not hold; the message says where. An assertion of torch or of ours is no such thing."""


class Skipped(Exception):
    """The item cannot run here; the message says why."""


@dataclass(frozen=True)
class Day:
    """What the items are given: ``device`` (``cpu`` or ``cuda``), ``small`` for toy sizes, ``seconds`` for the item."""

    device: str
    small: bool
    seconds: float


def imports(day: Day) -> dict[str, Any]:
    """Everything that training and evaluation import is there."""
    for name in ("harness.training.train", "harness.evaluation.evaluate", "harness.commands.app"):
        importlib.import_module(name)
    found = {"python": sys.version.split()[0], "torch": torch.__version__, "cuda": torch.version.cuda}
    for name in ("basicsr", "snakemake", "triton", "cv2", "pytest"):
        found[name] = "there" if importlib.util.find_spec(name) else "missing"
    if day.device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        found |= {"card": properties.name, "multiprocessors": str(properties.multi_processor_count)}
    return {"found": found}


def bits(day: Day) -> dict[str, Any]:
    """Random numbers have the recorded bits."""
    keys = torch.from_numpy(philox.words_of(list(range(4)))).to(day.device)
    found = {}
    for name, kind in quantiles.KINDS.items():
        made = torch.empty(4, 70001, dtype=torch.int32 if name == "integer" else torch.float32, device=day.device)
        found[name] = hashlib.sha256(philox.fill(made, keys, kind).cpu().numpy().tobytes()).hexdigest()
    _claim(found == RECORDED, f"other bits than recorded: {[name for name in found if found[name] != RECORDED[name]]}")
    return {"sha256": found}


def graph(day: Day) -> dict[str, Any]:
    """A captured step changes no bit of any variant and precision."""
    for variant, precision in _cases(day):
        spec = _spec(day, variant, precision)
        plain, captured = (_train(day, spec, on, range(1, 11)) for on in (False, True))
        assert captured.captured is not None
        _claim(captured.captured.state == "captured", f"{variant}, {precision}: {captured.captured.state}")
        _equal(plain, captured, f"{variant}, {precision}")
    return {"cases": [list(case) for case in _cases(day)]}


def resume(day: Day) -> dict[str, Any]:
    """A run that stops and goes on changes no bit."""
    for variant in VARIANTS:
        spec = _spec(day, variant, "fp32")
        whole, first = (_train(day, spec, True, range(1, last + 1)) for last in (12, 6))
        second = _learner(day, spec, True)
        second.restore({name: tensor.clone() for name, tensor in first.tensors().items()})
        _steps(day, spec, second, range(7, 13))
        _equal(whole, second, variant)
    return {"variants": list(VARIANTS)}


def capture(day: Day) -> dict[str, Any]:
    """A host read in a capture is refused in one line, and the stream is what it was."""
    if day.device != "cuda":
        raise Skipped("a host read fails in a CUDA graph's capture only")
    number, calls = torch.zeros((), device="cuda"), []
    captured = Captured(lambda: calls.append(number.add_(1).item()), CudaRecorder("cuda"))
    before = torch.cuda.current_stream()
    for _ in range(WARM_UP + 3):
        captured()
    _claim(captured.state == "refused", f"the state is {captured.state}")
    _claim(torch.cuda.current_stream() == before, "the stream of the capture is still the current one")
    torch.cuda.synchronize()
    return {"calls": len(calls), "number": number.item()}


def rates(day: Day) -> Iterator[dict[str, Any]]:
    """Yield the speed of every variant and precision, with host seconds, peak and reserved memory."""
    end, found = time.monotonic() + day.seconds, dict[str, Any]()
    with tempfile.TemporaryDirectory() as folder:
        pack = write_photographs(Path(folder), 4 if day.small else 16, 80 if day.small else 1200)
        for variant, precision in _cases(day):
            if time.monotonic() > end and found:
                found.setdefault("left_out", []).append(f"{precision}_{variant}")
                continue
            spec = bench_spec(variant, day.device, precision, day.small)
            found[f"{precision}_{variant}"] = measure_harness(spec, pack, 2 if day.small else 300, day.device)
            yield found
    yield found


def evaluation(day: Day) -> dict[str, Any]:
    """A network's 8-bit results are those of the CPU, but for ``SHARE`` of the pixels by ``LEVELS``."""
    spec = bench_spec("baseline", day.device, "fp32", day.small)
    side = 24 if day.small else 120
    pixels = np.random.default_rng(0).integers(0, 256, (side, side + 6, 3), np.uint8)
    with exact_float32():
        here, there = (
            NetworkUpscaler(build_network(spec.network, 0), spec.scale, device)(pixels)[0].cpu().int()
            for device in ("cpu", day.device)
        )
    off = (here - there).abs()
    share = float((off > 0).float().mean())
    _claim(int(off.max()) <= LEVELS and share <= SHARE, f"off by up to {int(off.max())} levels, {share:.2%} of pixels")
    return {"most_levels": int(off.max()), "share": share}


class _Huge(nn.Module):
    """Asks for a pebibyte, which no device has."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.empty(2**50, dtype=torch.uint8, device=x.device)


def memory(day: Day) -> dict[str, Any]:
    """Out of memory in evaluation is told as the machine's fault, and what comes after works."""
    pixels = np.zeros((16, 16, 3), np.uint8)
    try:
        NetworkUpscaler(_Huge(), 4, day.device)(pixels)
    except Exception as error:
        told = device_problem(error)
    _claim(told is not None and told.startswith("out of"), f"told as {told!r}")
    network = build_network(bench_spec("baseline", day.device, "fp32", day.small).network, 0)
    result, finite = NetworkUpscaler(network, 4, day.device)(pixels)
    _claim(bool(finite) and result.shape == (64, 64, 3), "the next image fails")
    return {"told": told}


def options(day: Day) -> Iterator[dict[str, Any]]:
    """Yield for each network and option the time of a step with it over the time without."""
    end, found = time.monotonic() + day.seconds, dict[str, Any]()
    tried = ("channels_last", "cuda_graph", "compile") if day.device == "cuda" else ("channels_last",)
    batch, patch, steps = (2, 32, 1) if day.small else (16, 128, 50)
    networks = ("srresnet_small",) if day.small else ("srresnet", "rrdb", "swinir")
    for option in tried:
        for network in networks:
            if time.monotonic() > end:
                found.setdefault("left_out", []).append(f"{network}_{option}")
                continue
            try:
                found[f"{network}_{option}"] = choices.ratio(network, option, day.device, batch, patch, steps)
            except Exception as error:  # SwinIR without BasicSR, or a compiler that is missing
                found[f"{network}_{option}"] = f"failed: {_line(error)}"
            yield found
    yield found


def profile(day: Day) -> dict[str, Any]:
    """Profile 20 iterations: what takes the most time on the device and on the host."""
    spec = bench_spec("baseline", day.device, "fp32", day.small)
    count, warm = (2, 4) if day.small else (20, 200)
    activities = [torch.profiler.ProfilerActivity.CPU]
    activities += [torch.profiler.ProfilerActivity.CUDA] if day.device == "cuda" else []
    learner = Learner(spec, day.device)
    with tempfile.TemporaryDirectory() as folder:
        pack = write_photographs(Path(folder), 4, 80 if day.small else 1200)
        source = BatchSource(pack, spec, views(spec.regularizer.regularizer, {}), day.device)
        with ahead(source, day.device, warm + count) as batches:
            for number in range(1, warm + 1):
                learner.step(number, batches.batch(number))
            with torch.profiler.profile(activities=activities) as measured:
                for number in range(warm + 1, warm + count + 1):
                    learner.step(number, batches.batch(number))
                _wait(day)
    rows = sorted(measured.key_averages(), key=lambda row: -(row.self_device_time_total or row.self_cpu_time_total))
    return {
        "iterations": count,
        "rows": [[row.key[:100], row.count, row.self_device_time_total, row.self_cpu_time_total] for row in rows[:40]],
        "columns": ["name", "calls", "microseconds on the device", "microseconds on the host"],
    }


def tests(day: Day) -> dict[str, Any]:
    """``pytest -m gpu`` passes."""
    if day.device != "cuda":
        raise Skipped("tests marked gpu need a CUDA device")
    missing = [name for name in ("pytest", "hypothesis", "basicsr") if importlib.util.find_spec(name) is None]
    if missing:
        raise Skipped(f"not installed: {', '.join(missing)}")
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "--continue-on-collection-errors", "tests"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=max(day.seconds - 10, 10), env=os.environ)
    _claim(done.returncode == 0, done.stdout[-4000:])
    return {"output": re.sub(r"\s+\n", "\n", done.stdout[-2000:])}


Item = Callable[[Day], dict[str, Any] | Iterator[dict[str, Any]]]

ITEMS: dict[str, tuple[Item, float]] = {
    "imports": (imports, 1),
    "bits": (bits, 1),
    "graph": (graph, 3),
    "resume": (resume, 2),
    "capture": (capture, 1),
    "rates": (rates, 10),
    "evaluation": (evaluation, 1),
    "memory": (memory, 1),
    "options": (options, 5),
    "profile": (profile, 2),
    "tests": (tests, 5),
}
"""By name: the item and its share of the time."""


def _cases(day: Day) -> list[tuple[str, str]]:
    precisions = ("fp32",) if day.small else ("fp32", "bf16", "tf32")
    return [(variant, precision) for precision in precisions for variant in VARIANTS]


def _spec(day: Day, variant: str, precision: str) -> RunSpec:
    return bench_spec(variant, day.device, precision, small=True)


def _learner(day: Day, spec: RunSpec, captured: bool) -> Learner:
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"cuda_graph": False})})
    recorder = partial(CudaRecorder, "cuda") if day.device == "cuda" else Tape
    return Learner(spec, day.device, recorder=recorder() if captured else None)


def _train(day: Day, spec: RunSpec, captured: bool, iterations: range) -> Learner:
    learner = _learner(day, spec, captured)
    _steps(day, spec, learner, iterations)
    return learner


def _steps(day: Day, spec: RunSpec, learner: Learner, iterations: range) -> None:
    batch = random_batch(spec, day.device)
    for iteration in iterations:
        learner.step(iteration, batch)
    _wait(day)


def _equal(one: Learner, other: Learner, case: str) -> None:
    expected, found = one.tensors(), other.tensors()
    different = [name for name in expected if not torch.equal(expected[name], found[name])]
    _claim(expected.keys() == found.keys() and not different, f"{case}: other bits in {different[:5]}")
    forget()


def _wait(day: Day) -> None:
    if day.device == "cuda":
        torch.cuda.synchronize()


def _claim(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Refuted(otherwise)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
