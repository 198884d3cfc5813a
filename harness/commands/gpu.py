"""The GPU that a command needs for an experiment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.experiment import Experiment
from harness.foundation.devices import lease, no_gpu_message, visible_gpus
from harness.foundation.errors import HarnessError


@contextmanager
def leased(experiment: Experiment, *, wanted: bool = True) -> Iterator[None]:
    """Hold a GPU, if the experiment computes on one and the command wants it.

    Raises:
        HarnessError: there is none.
    """
    needed = experiment.needs_gpu and wanted
    if needed and not visible_gpus():
        raise HarnessError(no_gpu_message(str(experiment.path)))
    with lease(1 if needed else 0, experiment.file.runs_per_gpu):
        yield
