"""Whole iterations on a GPU: this harness against BasicSR's data loader with workers and its degradation on the GPU.

Both train on the same PNG photographs, the reference from the files, as its ``RealESRGANDataset`` does, the harness
from its pack. With ``device="cpu"`` and small sizes the same code runs without a GPU, for the tests.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

import harness.foundation.compat  # noqa: F401
from benchmarks.degradation import synthetic_photographs
from benchmarks.network import basicsr_step, harness_step, random_batch
from benchmarks.utilization import Sampler
from harness.datasets.pack_files import PackedImage, PackInfo
from harness.datasets.patches import Pack
from harness.degradations.kernels import FAMILIES
from harness.degradations.parameters import draw_parameters
from harness.degradations.second_order import aligned_crop
from harness.degradations.spec import SecondOrderSpec, StageSpec
from harness.foundation.images import write_png
from harness.foundation.rng import Draws
from harness.regularizers import Batch, views
from harness.spec import RunSpec
from harness.training.batches import BatchSource
from harness.training.graph import WARM_UP, warm_up
from harness.training.prefetch import ahead

ITERATIONS = 500_000
"""Length of the papers' trainings, for the hours of a whole one."""


def measure_harness(spec: RunSpec, pack: Pack, iterations: int, device: str = "cuda") -> dict[str, float]:
    """Time whole iterations of the harness: crops, degradation, step."""
    forget()
    seen = views(spec.regularizer.regularizer, dict(spec.regularizer.options))
    source = BatchSource(pack, spec, seen, device)
    warm = warm_up(device) + 1  # a CUDA graph is captured before the clock starts
    step, number = harness_step(spec, device), 0
    with ahead(source, device, warm + iterations) as batches:

        def iterate() -> None:
            nonlocal number
            number += 1
            step(batches.batch(number))

        return _rate(iterate, warm, iterations, device)


def measure_reference(
    spec: RunSpec, folder: Path, iterations: int, workers: int, device: str = "cuda"
) -> dict[str, float]:
    """Time whole iterations put together from BasicSR's components: loader, transfers, degradation, step.

    cuDNN may choose its fastest algorithms, TF32 among them, as BasicSR's training lets it.
    """
    from benchmarks.reference import Reference  # here: the harness alone is timed without BasicSR, too

    forget()
    training = spec.training
    assert isinstance(training.degradation, SecondOrderSpec)
    degradation = training.degradation.model_copy(update={"kinds_per": "batch"})
    rows = range(training.batch_size)
    # Drawn before the clock starts: BasicSR draws these with a few calls of Python's random.
    drawn = [draw_parameters(degradation, Draws(0, number, 0, rows, device)) for number in range(16)]
    reference, step = Reference(device), basicsr_step(spec, device)
    batches = _loader(folder, degradation, training.batch_size, workers)
    number = 0

    def iterate() -> None:
        nonlocal number
        number += 1
        data = next(batches)
        hr, *_ = (data[name].to(device, non_blocking=True) for name in ("gt", "kernel1", "kernel2", "sinc_kernel"))
        target = reference.sharpen(hr)
        for _, lr in reference.steps(target, drawn[number % len(drawn)], spec.scale):  # noqa: B007
            pass
        target, lr = aligned_crop(target, lr, training.patch, spec.scale, Draws(0, number, 0, rows, device))
        step(Batch(lr, target))

    with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True):
        return _rate(iterate, warm_up(device) if device.startswith("cuda") else 2, iterations, device)


def measure_network(spec: RunSpec, steps: int, device: str = "cuda") -> float:
    """Return the seconds of one network step on a ready batch: between events on the GPU, or by processor time."""
    forget()
    step, batch = harness_step(spec, device), random_batch(spec, device)
    for _ in range(WARM_UP + 2):
        step(batch)
    if not device.startswith("cuda"):
        before = time.process_time()
        for _ in range(steps):
            step(batch)
        return (time.process_time() - before) / steps
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(steps):
        step(batch)
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3 / steps


def forget() -> None:
    """Free what was measured before: learners refer to themselves, and peak memory would count them."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def write_photographs(folder: Path, images: int, side: int) -> Pack:
    """Write synthetic photographs as PNG files and as a pack; return the pack."""
    folder.mkdir(parents=True, exist_ok=True)
    packed, parts, offset = [], [], 0
    for number in range(images):
        (image,) = synthetic_photographs(1, side, number)
        pixels = image.permute(1, 2, 0).mul(255).round().to(torch.uint8).numpy()
        write_png(folder / f"{number}.png", np.ascontiguousarray(pixels))
        packed.append(PackedImage(str(number), side, side, offset, ""))
        parts.append(pixels.reshape(-1))
        offset += pixels.size
    (folder / "meta_info.txt").write_text("".join(f"{number}.png\n" for number in range(images)), encoding="utf-8")
    return Pack(PackInfo("synthetic", tuple(packed), ""), np.concatenate(parts))


def _loader(folder: Path, spec: SecondOrderSpec, batch: int, workers: int) -> Iterator[dict[str, Any]]:
    """Yield batches as BasicSR's train loader makes them: shuffled, pinned, workers that stay."""
    from basicsr.data.realesrgan_dataset import RealESRGANDataset

    first, second = _stage(spec.first, ""), _stage(spec.second, "2")
    options = {
        "dataroot_gt": str(folder),
        "meta_info": str(folder / "meta_info.txt"),
        "io_backend": {"type": "disk"},
        "use_hflip": True,
        "use_rot": False,
        "final_sinc_prob": spec.final_sinc_probability,
        **first,
        **second,
    }
    dataset = RealESRGANDataset(options)
    pinned = torch.cuda.is_available()
    loader = DataLoader(
        dataset, batch, shuffle=True, num_workers=workers, pin_memory=pinned, drop_last=True,
        persistent_workers=workers > 0,
    )  # fmt: skip
    while True:
        yield from loader


def _stage(stage: StageSpec, suffix: str) -> dict[str, Any]:
    return {
        f"blur_kernel_size{suffix}": 21,
        f"kernel_list{suffix}": FAMILIES,
        f"kernel_prob{suffix}": [getattr(stage.kernels, family) for family in FAMILIES],
        f"blur_sigma{suffix}": stage.sigma,
        f"betag_range{suffix}": stage.beta_generalized,
        f"betap_range{suffix}": stage.beta_plateau,
        f"sinc_prob{suffix}": stage.sinc_probability,
    }


def _rate(iterate: Callable[[], None], warm: int, iterations: int, device: str) -> dict[str, float]:
    gpu = device.startswith("cuda")
    for _ in range(warm):
        iterate()
    if gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    with Sampler(f"GPU-{torch.cuda.get_device_properties(0).uuid}" if gpu else None) as sampler:
        start, busy = time.perf_counter(), time.process_time()
        for _ in range(iterations):
            iterate()
        launched = time.perf_counter() - start
        if gpu:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - start
        busy = time.process_time() - busy
    result = {
        "iterations_per_second": iterations / seconds,
        "hours": ITERATIONS * seconds / iterations / 3600,
        "host_seconds_per_iteration": busy / iterations,
        "launch_seconds_per_iteration": launched / iterations,
    }
    if gpu:
        result["peak_memory_bytes"] = float(torch.cuda.max_memory_allocated())
        result["reserved_memory_bytes"] = float(torch.cuda.max_memory_reserved())
    return result | sampler.result()
