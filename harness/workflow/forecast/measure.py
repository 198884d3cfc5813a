"""Timing a few real steps of every kind of run whose speed is not known."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from harness.datasets.pack_files import INDEX
from harness.datasets.patches import Pack, pack
from harness.experiment import Run
from harness.foundation import layout
from harness.spec import RunSpec
from harness.training.batches import BatchSource
from harness.training.graph import warm_up
from harness.training.prefetch import ahead
from harness.training.step import Learner
from harness.training.train import settle
from harness.workflow.forecast.rates import Rate, work_of

_FEWEST = 3  # steps that are timed
_STAND_IN = "embedded_train"
"""Photographs to time with where the training images are not packed yet: the work does not depend on what they show."""


def measure(runs: Iterable[Run], seconds: float) -> dict[str, Rate]:
    """Train each kind of run for a moment and return its speed, by the name of its work.

    Enter with a leased device. Nothing is saved. Runs in several processes are left out: one process says nothing
    about their speed.

    Args:
        runs: of which one of each kind is timed.
        seconds: how long to time each, beside a few steps to warm up.
    """
    kinds = {work_of(run.spec): run for run in runs if run.spec.training.processes == 1}
    found = {}
    for work, run in kinds.items():
        with _images(run.spec.training.data) as images:
            speed = images_per_second(run.spec, images, seconds)
        print(f"measured {run.network} {run.variant}: {speed:.1f} images/s", flush=True)
        found[work] = Rate(speed, 0)
    return found


def images_per_second(spec: RunSpec, images: Pack, seconds: float) -> float:
    """Return how many degraded images of ``images`` a run with this spec trains on in a second."""
    training = spec.training
    settle(training.threads, training.precision)
    learner = Learner(spec, training.device)
    views = learner.regularizer.views
    source = BatchSource(images, spec, views, training.device, regularizer=learner.regularizer)
    steps, start, warm = 0, 0.0, warm_up(training.device)
    with ahead(source, training.device, training.iterations) as batches:
        for iteration in range(1, training.iterations + 1):
            if iteration == min(warm, training.iterations - 1) + 1:
                _wait(training.device)
                start = time.perf_counter()
            learner.step(iteration, batches.batch(iteration))
            steps += bool(start)
            if steps >= _FEWEST and time.perf_counter() - start > seconds:
                break
        _wait(training.device)
    return steps * training.batch_size / (time.perf_counter() - start)


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


@contextmanager
def _images(dataset: str) -> Iterator[Pack]:
    """Yield the packed training images, or other photographs where they are not packed yet."""
    if (layout.pack(dataset) / INDEX).is_file():
        yield Pack.open(layout.pack(dataset))
        return
    with tempfile.TemporaryDirectory(prefix="harness-plan-") as folder:
        pack(_STAND_IN, "", Path(folder), jobs=1)
        yield Pack.open(folder)
