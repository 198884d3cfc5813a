"""What the Snakefile asks of an experiment's tuning: which files there are before the choice, and which after it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from harness.experiment import Experiment
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.reporting.files import tuning_files


class TuningPlan:
    """The files of an experiment's tuning; none without one.

    Args:
        experiment: the experiment.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._tuning = experiment.tuning

    @property
    def there(self) -> bool:
        """Whether the experiment tunes."""
        return self._tuning is not None

    @property
    def chosen(self) -> str:
        """The file of the choice."""
        return str(layout.chosen(self._experiment.name))

    @property
    def digest(self) -> str:
        """A digest of all trials."""
        return self._tuning.digest if self._tuning else ""

    @cached_property
    def trials(self) -> list[str]:
        """The record of every trial: all that a choice reads."""
        trials = self._tuning.trials if self._tuning else ()
        return [str(path) for path in dict.fromkeys(layout.run(trial.run.name) / "run.json" for trial in trials)]

    @property
    def inputs(self) -> list[str]:
        """What the report shows of tuning, as inputs of its rule."""
        return [*self.reports(".csv", ".png"), self.chosen] if self.there else []

    def results(self, chosen: str) -> list[str]:
        """Return what is compared after a choice: all metrics, and the records of the runs that follow from it.

        Args:
            chosen: the file of the choice, which is there by now.

        Raises:
            HarnessError: it is no choice among the trials of this experiment.
        """
        found = self._tuning.chosen() if self._tuning else None
        if self._tuning is None or found is None:
            raise HarnessError(f"{chosen}: no choice among these trials; {layout.remedy(Path(chosen))}")
        runs = self._tuning.final_runs(found)
        spec = self._experiment.evaluation.hash
        paths = [layout.metrics(run.name, spec) for run in (*self._experiment.runs, *runs)]
        paths += [layout.run(run.name) / "run.json" for run in runs]
        return [str(path) for path in dict.fromkeys(paths)]

    def reports(self, *suffixes: str) -> list[str]:
        """Return the tables and figures of tuning in some formats."""
        if not self.there:
            return []
        return [str(path) for path in tuning_files(self._experiment) if path.suffix in suffixes]
