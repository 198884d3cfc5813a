"""The choice among kept weights: by which test set, and what must be measured for it. Imports no torch."""

from __future__ import annotations

from functools import cached_property

from harness.degradations.fixed import own_meanings
from harness.experiment.experiment import Experiment
from harness.experiment.file import SelectionEntry
from harness.experiment.kept_weights import Checkpoint, kept_weights
from harness.experiment.runs import Run
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.spec import EvaluationSpec, SetSpec

USUAL = "Set5"
"""The test set that the released code chooses by."""


class Selection:
    """What ``selection:`` asks for, with every default filled in.

    Args:
        experiment: with its runs.

    Raises:
        HarnessError: the experiment has no such section.
    """

    def __init__(self, experiment: Experiment) -> None:
        if experiment.file.selection is None:
            raise HarnessError(f"{experiment.path}: selection: is missing; write such as selection: {{on: {USUAL}}}")
        self._experiment = experiment
        names = experiment.file.evaluation.datasets
        entry = experiment.file.selection
        self.entry: SelectionEntry = entry.model_copy(
            update={"on": entry.on or (USUAL if USUAL in names else names[0])}
        )

    @property
    def metric(self) -> str:
        """By which weights are chosen: the experiment's first."""
        return self._experiment.file.evaluation.metrics[0]

    @property
    def degradations(self) -> tuple[str, ...]:
        """The degradations over which quality is averaged."""
        column = self.entry.column
        return self._experiment.file.evaluation.degradations if column == "average" else (column,)

    @property
    def others(self) -> tuple[str, ...]:
        """The degraded test sets that the choice does not see."""
        return tuple(name for name in self._experiment.file.evaluation.datasets if name != self.entry.on)

    @cached_property
    def evaluation(self) -> EvaluationSpec:
        """What is measured of weights on the way. Its hash names their files."""
        sets = tuple(
            SetSpec(dataset=name, degradations=self.degradations, metrics=(self.metric,))
            for name in (self.entry.on, *self.others)
        )
        whole = self._experiment.evaluation
        recipes = own_meanings(self.degradations)
        return EvaluationSpec(sets=sets, scale=whole.scale, benchmark=whole.benchmark, recipes=recipes)

    def of(self, run: Run) -> list[Checkpoint]:
        """Return the weights of a run that must be measured, by iteration: all but the last, which always are."""
        last = run.spec.training.iterations
        return [
            Checkpoint(run, i, path, layout.selection(run.name, self.evaluation.hash, i))
            for i, path in kept_weights(self._experiment, run).items()
            if i != last
        ]

    @cached_property
    def all(self) -> list[Checkpoint]:
        """The weights on the way of every run."""
        return [one for run in self._experiment.runs for one in self.of(run)]
