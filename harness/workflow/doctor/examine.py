"""The whole examination, in the order in which a user would mend things."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.datasets import resolve
from harness.experiment import Experiment, load_experiment
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.workflow.doctor import environment, machine, material
from harness.workflow.doctor.findings import Finding
from harness.workflow.forecast.disk import total_space


def examine(path: Path | None, deep: bool = False) -> Iterator[Finding]:
    """Check everything that running an experiment needs, without leasing a GPU or leaving anything behind.

    Args:
        path: the experiment's file; None checks what any experiment needs.
        deep: also compare the pixels of all data with their manifests and lock files.
    """
    experiment, problems = _load(path)
    yield from problems
    yield from environment.packages()
    seen = environment.probe()
    yield from environment.imports(seen)
    yield from environment.gpus(seen, experiment)
    yield from machine.limits(experiment)
    data_root = experiment.data_root if experiment else resolve.data_root()
    yield from machine.writable({layout.RESULTS: True, layout.REPORTS: True, data_root: False})
    yield machine.home()
    yield machine.disk(total_space(experiment) if experiment else None)
    yield from machine.lock()
    yield machine.slurm()
    yield from material.data(experiment, data_root, deep)
    yield from material.weights(experiment)
    yield from material.fetching(experiment)


def _load(path: Path | None) -> tuple[Experiment | None, list[Finding]]:
    if path is None:
        return None, []
    try:
        experiment = load_experiment(path)
    except HarnessError as error:
        return None, [Finding("problem", "experiment", line) for line in str(error).splitlines()]
    return experiment, [Finding("ok", "experiment", f"{path}: {len(experiment.runs)} runs")]
