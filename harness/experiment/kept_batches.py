"""Whether runs keep the degraded training images that they share, and how much room these take. Imports no torch."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from harness.experiment.experiment import Experiment
from harness.experiment.runs import Run
from harness.foundation import layout
from harness.foundation.files import content_hash, existing
from harness.regularizers import views

_SHARE = 0.25
"""Part of the free disk that ``batches: auto`` may fill."""


def batches_folder(experiment: Experiment) -> Path | None:
    """Return where the runs of an experiment keep degraded training images, or None if each makes its own.

    ``batches: auto`` keeps them where two or more runs train on the same images, on a CPU, and a quarter of the free
    disk holds all of them. On a GPU the degradation runs beside the training step, so what keeping would save was not
    counted fairly yet: there, ask for it with ``keep``.
    """
    wanted = experiment.file.batches
    if wanted == "auto":
        room = _SHARE * shutil.disk_usage(existing(layout.RESULTS)).free
        size = shared_bytes(experiment.runs)
        wanted = "keep" if not experiment.needs_gpu and 0 < size <= room else "online"
    return layout.BATCHES if wanted == "keep" else None


def shared_bytes(runs: Iterable[Run]) -> int:
    """Return the bytes of the degraded images that two or more of these runs train on."""
    users: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for run in runs:
        training, seen = run.spec.training, views(run.regularizer, run.spec.regularizer.options)
        rows, side = training.batch_size // seen, training.patch // run.spec.scale
        if training.processes > 1:
            continue
        for view in range(seen):
            key = content_hash([training.data, run.spec.degraded_by(view)])
            users[key] = users.get(key, 0) + 1
            sizes[key] = max(sizes.get(key, 0), training.iterations * rows * 3 * side**2)
    return sum(size for key, size in sizes.items() if users[key] > 1)
