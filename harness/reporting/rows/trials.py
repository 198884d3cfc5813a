"""The trials of tuning as they ended, and the studies that compare default options with those that were chosen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.experiment import Experiment, Run
from harness.experiment.tuning import Trial
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.reporting.rows.compared import Study, study_of, study_runs
from harness.reporting.rows.run_records import read_document

CHOSEN = "{} (tuned)"
"""How a variant with the options that were chosen for it is called in rows and tables."""


@dataclass(frozen=True)
class Ended:
    """How a trial ended.

    Attributes:
        trial: which.
        initial: L1 loss on the held-out images before the first step, images in [0, 1].
        loss: the same after the last step; None of a trial that diverged.
        diverged: iteration at which it did, None if it did not.
    """

    trial: Trial
    initial: float
    loss: float | None
    diverged: int | None


def ended(trials: Iterable[Trial], runs: str | Path, *, partial: bool = False) -> list[Ended]:
    """Read how trials ended from their records below ``runs``, the folder of all run folders.

    Args:
        trials: in any order.
        runs: the folder.
        partial: leave out those that have not ended; otherwise that is an error.

    Raises:
        HarnessError: a record is missing, not what was written, or without a loss.
    """
    found = []
    for trial in trials:
        path = Path(runs) / trial.run.name / "run.json"
        if not path.is_file():
            if partial:
                continue
            raise HarnessError(f"{path}: no such file; {layout.remedy(path)}")
        document = read_document(path)
        initial, loss, diverged = (document.get(f) for f in ("heldout_l1_initial", "heldout_l1_final", "diverged"))
        if initial is None or (loss is None) == (diverged is None):
            raise HarnessError(f"{path}: heldout_l1_final: a trial needs it; {layout.remedy(path)}")
        found.append(Ended(trial, initial, loss, diverged))
    return found


def default_study(experiment: Experiment) -> Study:
    """Return the trained variants of an experiment as they are, without references and models from outside."""
    study = study_of(experiment)
    return replace(study, references=(), externals=(), controls=(), annealed=(), systematic=())


def tuned_study(experiment: Experiment, runs: Sequence[Run]) -> Study:
    """Return the variants with chosen options as a study of their own, whose baseline is the tuned baseline.

    Args:
        experiment: the experiment.
        runs: those with chosen options.
    """
    study = default_study(experiment)
    return replace(
        study,
        name=f"{experiment.name}: tuned",
        methods=tuple(map(CHOSEN.format, study.methods)),
        baseline=CHOSEN.format(study.baseline),
        runs=study_runs(experiment, runs, CHOSEN),
        primary=replace(study.primary, methods=tuple(map(CHOSEN.format, study.primary.methods))),
    )


def gain_study(experiment: Experiment, runs: Sequence[Run], variant: str) -> Study:
    """Return one variant with chosen options against the same with its default ones."""
    study = default_study(experiment)
    own = [run for run in study.runs if run.variant == variant]
    return replace(
        study,
        name=f"{experiment.name}: tuning of {variant}",
        methods=(variant, CHOSEN.format(variant)),
        baseline=variant,
        primary=replace(study.primary, methods=()),
        runs=(*own, *study_runs(experiment, [run for run in runs if run.variant == variant], CHOSEN)),
    )
