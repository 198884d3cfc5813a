"""Runs over training time: the quality of the weights that were kept on the way and of the last, and held-out loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.experiment import Experiment
from harness.experiment.runs import Run
from harness.experiment.selection import Selection
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.reporting.rows.cells import OK, STATUSES
from harness.reporting.rows.metric_rows import load
from harness.reporting.rows.run_records import read_history

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """One run over training time, at the K iterations whose weights are there.

    Attributes:
        network, variant, seed: whose.
        iterations: K, ascending; the last is the end of the run.
        quality: data set to values (K, N images), each the mean over the degradations; NaN where there is none.
        heldout: loss on held-out images after each iteration (K,), images in [0, 1].
    """

    network: str
    variant: str
    seed: int
    iterations: tuple[int, ...]
    quality: Mapping[str, Floats]
    heldout: Floats


def load_courses(experiment: Experiment) -> list[Course]:
    """Read every run of an experiment that has a section ``selection``.

    Raises:
        HarnessError: a file is missing, was changed, lacks columns, or a history lacks the held-out loss of weights.
    """
    selection = Selection(experiment)
    return [_course(experiment, selection, run) for run in experiment.runs]


def _course(experiment: Experiment, selection: Selection, run: Run) -> Course:
    last = run.spec.training.iterations
    files = {one.iteration: one.rows for one in selection.of(run)}
    files[last] = layout.metrics(run.name, experiment.evaluation.hash)
    tables = {iteration: _qualities(path, selection) for iteration, path in files.items()}
    quality = {}
    for dataset in (selection.entry.on, *selection.others):
        table = pd.DataFrame(
            {iteration: own[own.index.get_level_values(0) == dataset] for iteration, own in tables.items()}
        )
        quality[dataset] = table.sort_index().to_numpy(np.float64).T
    return Course(run.network, run.variant, run.seed, tuple(files), quality, _heldout(run, list(files)))


def _qualities(path: Path, selection: Selection) -> pd.Series:
    """Return the mean over degradations by (data set, image); NaN if one of them failed."""
    if not path.is_file():
        raise HarnessError(f"{path}: not there; {layout.remedy(path)}")
    rows = load(path)
    wanted = (rows["metric"] == selection.metric) & rows["degradation"].isin(selection.degradations)
    rows = rows[wanted].astype({"dataset": str, "image": str})
    values = rows["value"].where((rows["status"] == STATUSES[OK]) & np.isfinite(rows["value"]))
    keys = [rows["dataset"], rows["image"]]
    return values.groupby(keys, sort=True).agg(lambda own: own.mean(skipna=False))


def _heldout(run: Run, iterations: list[int]) -> Floats:
    path = layout.run(run.name) / "history.csv"
    if not path.is_file():
        raise HarnessError(f"{path}: not there; {layout.remedy(path)}")
    measured = read_history(path).set_index("iteration")["heldout_l1"].reindex(iterations)
    if measured.isna().any():
        lacking = measured.index[measured.isna()][0]
        raise HarnessError(f"{path}: has no heldout_l1 after iteration {lacking}; {layout.remedy(path)}")
    return measured.to_numpy(np.float64)
