"""The weights that runs keep on their way (``keep_every``): where they lie, and which are lacking. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.experiment.experiment import Experiment
from harness.experiment.runs import Run
from harness.foundation import layout

_SHOWN = 3  # runs that are named


@dataclass(frozen=True)
class Checkpoint:
    """Weights of a run after an iteration, and the file of what is measured of them."""

    run: Run
    iteration: int
    weights: Path
    rows: Path


def kept_weights(experiment: Experiment, run: Run, raw: bool = False) -> dict[int, Path]:
    """Return the files of the weights of a run over training time: iteration to file, ascending.

    Args:
        experiment: says which are kept; without ``keep_every`` only the last remain.
        run: one of its runs.
        raw: the weights without averaging, which are not there for the last iteration if it is no multiple.

    Returns:
        Whether they are there or not. The last are the run's own weights, ``weights.safetensors``.
    """
    folder, last, every = layout.run(run.name), run.spec.training.iterations, experiment.file.keep_every
    found = {i: layout.kept(folder, i, raw) for i in range(every, last + 1, every)} if every else {}
    return found if raw else {**found, last: folder / "weights.safetensors"}


def lacking(experiment: Experiment, runs: Iterable[Run]) -> list[Run]:
    """Return the finished runs that have not kept what the experiment now asks for."""
    return [run for run in runs if _finished(run) and not _complete(experiment, run)]


def lacking_line(experiment: Experiment) -> str | None:
    """Return one line about finished runs that lack kept weights, with what to do; None if there are none."""
    names = [run.name for run in lacking(experiment, experiment.runs)]
    if not names:
        return None
    more = f" and {len(names) - _SHOWN} more of them likewise" if len(names) > _SHOWN else ""
    runs = "1 finished run was" if len(names) == 1 else f"{len(names)} finished runs were"
    problem = f"{runs} trained without it and lack{'s' if len(names) == 1 else ''} kept weights"
    return f"{experiment.path}: keep_every: {problem}; {layout.again(*names[:_SHOWN])}{more}"


def kept_files(experiment: Experiment, run: Run) -> int:
    """Return how many files of weights a run keeps on its way; trials keep none."""
    every = experiment.file.keep_every
    if every is None or run.spec.is_trial:
        return 0
    return run.spec.training.iterations // every * (2 if experiment.file.keep_raw else 1)


def _finished(run: Run) -> bool:
    return (layout.run(run.name) / "weights.safetensors").is_file()


def _complete(experiment: Experiment, run: Run) -> bool:
    kinds = (False, True) if experiment.file.keep_raw else (False,)
    wanted = {path for raw in kinds for path in kept_weights(experiment, run, raw).values()}
    return wanted <= {*layout.all_kept(layout.run(run.name)), layout.run(run.name) / "weights.safetensors"}
