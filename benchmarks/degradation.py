"""Time of the training degradation against BasicSR's own functions doing the same work, step by step.

Both sides get the same images and the same parameters (``kinds_per: batch``) and take turns within every repetition, so
that a busy machine slows both.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from harness.degradations.parameters import draw_parameters
from harness.degradations.second_order import Plan, degrade, steps
from harness.degradations.spec import SecondOrderSpec
from harness.degradations.strategy import strategy_of
from harness.degradations.threads import map_images
from harness.degradations.usm import sharpen
from harness.foundation.rng import Draws

if TYPE_CHECKING:
    from benchmarks.reference import Reference

STEPS = ("parameters", "usm", "blur1", "resize1", "noise1", "jpeg1", "blur2", "resize2", "noise2", "final")
"""The parts that are timed one by one, in their order."""

Seconds = dict[str, float]


def measure(
    repetitions: int = 7, batch: int = 16, crop: int = 400, scale: int = 4, device: str = "cpu", seed: int = 0
) -> dict[str, Any]:
    """Time whole batches and single steps of both implementations.

    Args:
        repetitions: batches that are timed; each has its own parameters.
        batch: images in a batch.
        crop: their side in pixels.
        scale: ratio to the degraded images.
        device: ``cpu`` or ``cuda``.
        seed: of images and parameters.

    Returns:
        ``ratio``: reference over harness, the ratio of the medians of whole batches; ``ratio_paired``: the median of
        the ratios of the same batch. ``seconds``: median per batch of both sides, ``total`` and step by step (steps
        of an image-by-image run: time over threads). ``conditions``: sizes, threads, torch version.
    """
    from benchmarks.reference import Reference  # here: photographs are made without BasicSR, too

    spec = SecondOrderSpec(kinds_per="batch")
    hr = synthetic_photographs(batch, crop, seed).to(device)
    reference = Reference(device)
    times: dict[str, list[Seconds]] = {"reference": [], "harness": []}
    for iteration in range(-1, repetitions):
        draws = Draws(seed, iteration + 1, 0, range(batch), device)
        own = _time_harness(hr, spec, scale, draws)
        other = _time_reference(hr, spec, scale, draws, reference)
        if iteration >= 0:  # the first one warms up
            times["harness"].append(own)
            times["reference"].append(other)
    seconds = {
        side: {name: median(t[name] for t in runs) for name in ("total", *STEPS)} for side, runs in times.items()
    }
    paired = [r["total"] / h["total"] for r, h in zip(times["reference"], times["harness"], strict=True)]
    return {
        "ratio": seconds["reference"]["total"] / seconds["harness"]["total"],
        "ratio_paired": median(paired),
        "seconds": seconds,
        "conditions": {
            "batch": batch,
            "crop": crop,
            "scale": scale,
            "device": device,
            "repetitions": repetitions,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
    }


def synthetic_photographs(count: int, side: int, seed: int) -> Tensor:
    """Return (count, 3, side, side) float32 8-bit images with the 1/f spectrum of photographs."""
    generator = torch.Generator().manual_seed(seed)
    spectrum = torch.fft.rfft2(torch.randn(count, 3, side, side, generator=generator))
    frequency = torch.hypot(torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None, :])
    images = torch.fft.irfft2(spectrum / frequency.clamp_min(1 / side), s=(side, side))
    images = images / images.std(dim=(1, 2, 3), keepdim=True) * 0.25 + 0.5
    return images.clamp(0, 1).mul(255).round().div(255)


def _time_harness(hr: Tensor, spec: SecondOrderSpec, scale: int, draws: Draws) -> Seconds:
    seconds: Seconds = defaultdict(float)
    seconds["total"] = _time(hr, lambda: degrade(hr, spec, scale, draws))
    seconds["parameters"] = _time(hr, lambda: draw_parameters(spec, draws))
    plan = Plan(draw_parameters(spec, draws), draws)

    def run_images(images: slice) -> None:
        watch = _Watch(hr, seconds)
        target = sharpen(hr[images])
        watch.lap("usm")
        for name, _ in steps(target, plan.select(images), scale):
            watch.lap(name)

    with torch.no_grad():
        if strategy_of(hr.device).image_by_image:
            map_images(lambda index: run_images(slice(index, index + 1)), len(hr))
            for name in STEPS[1:]:
                seconds[name] /= torch.get_num_threads()
        else:
            run_images(slice(None))
    return seconds


def _time_reference(hr: Tensor, spec: SecondOrderSpec, scale: int, draws: Draws, reference: Reference) -> Seconds:
    from benchmarks.reference import draw_kernels

    parameters = draw_parameters(spec, draws)
    seconds: Seconds = defaultdict(float)
    watch = _Watch(hr, seconds)
    for _ in draws.rows:
        draw_kernels(spec)
    watch.lap("parameters")
    target = reference.sharpen(hr)
    watch.lap("usm")
    for name, _ in reference.steps(target, parameters, scale):
        watch.lap(name)
    seconds["total"] = sum(seconds.values())
    return seconds


class _Watch:
    """Adds the time since the last lap to a table."""

    def __init__(self, hr: Tensor, seconds: Seconds) -> None:
        self._hr = hr
        self._seconds = seconds
        self._start = _now(hr)

    def lap(self, name: str) -> None:
        end = _now(self._hr)
        self._seconds[name] += end - self._start
        self._start = end


def _time(hr: Tensor, function: Callable[[], object]) -> float:
    start = _now(hr)
    function()
    return _now(hr) - start


def _now(hr: Tensor) -> float:
    if hr.device.type == "cuda":
        torch.cuda.synchronize(hr.device)
    return time.perf_counter()


def table(result: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a table of :func:`measure`'s result."""
    seconds = result["seconds"]
    yield f"{'step':12} {'BasicSR':>10} {'harness':>10} {'ratio':>7}"
    for name in (*STEPS, "total"):
        other, own = seconds["reference"][name], seconds["harness"][name]
        yield f"{name:12} {other * 1e3:8.1f}ms {own * 1e3:8.1f}ms {other / own:6.1f}x"
