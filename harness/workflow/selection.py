"""What the Snakefile asks of the choice among kept weights: what is measured of them, and what is shown."""

from __future__ import annotations

from harness.experiment import Experiment
from harness.experiment.selection import Selection
from harness.reporting.files import selection_files
from harness.workflow.checkpoints import CheckpointPlan


class SelectionPlan(CheckpointPlan[Selection]):
    """The files of the choice among kept weights; none without a section ``selection``."""

    def __init__(self, experiment: Experiment) -> None:
        asked = Selection(experiment) if experiment.file.selection else None
        super().__init__(asked, selection_files(experiment.name))

    @property
    def pattern(self) -> str:
        """The metrics of weights on the way, with wildcards ``run`` and ``iteration``."""
        name = self._asked.evaluation.hash[:8] if self._asked else "none"
        return f"results/selection/{{run}}/{name}.{{iteration}}.parquet"
