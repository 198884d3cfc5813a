"""What jobs ask a cluster for: memory and minutes. On one machine nobody reads it.

Requests are limits, not forecasts: a run that meets one goes on from its state in the next attempt, which asks more.
`python -m harness plan` measures; `--set-resources train_baseline:runtime=600` overrides.
"""

from __future__ import annotations

import math

from harness.spec import TrainingSpec

IMAGES_PER_SECOND = {"cuda": 160.0, "cpu": 3.9}
"""Degraded images of 128 x 128 HR pixels that SRResNet trains on: on one GPU (assumed: a slow one), by one CPU thread
(measured, see docs/performance.md). Larger networks need more, and get it by further attempts."""

MEGABYTES = {"cuda": 8000, "cpu": 4000}
"""Of one training process. The packed images are mapped: their pages count, but are given back when memory is short."""

_PATCH = 128  # HR pixels
_START = 10  # minutes, for a slow file system to load the packages


def training_minutes(training: TrainingSpec) -> int:
    """Return how many minutes the first attempt of a run asks for."""
    workers = training.processes * (training.threads if training.device == "cpu" else 1)
    images = training.iterations * training.batch_size * (training.patch / _PATCH) ** 2
    return _START + math.ceil(images / (IMAGES_PER_SECOND[training.device] * workers) / 60)


def training_megabytes(training: TrainingSpec) -> int:
    """Return how much host memory the first attempt of a run asks for."""
    return MEGABYTES[training.device] * training.processes
