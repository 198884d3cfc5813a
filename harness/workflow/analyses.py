"""What the Snakefile asks of an experiment's analyses: the rows of every checkpoint, and what is shown of them."""

from __future__ import annotations

from harness.experiment import Experiment
from harness.experiment.analyses import Analyses
from harness.reporting.files import analysis_files
from harness.workflow.checkpoints import CheckpointPlan


class AnalysisPlan(CheckpointPlan[Analyses]):
    """The files of an experiment's analyses; none without a section ``analysis``."""

    def __init__(self, experiment: Experiment) -> None:
        asked = Analyses(experiment) if experiment.file.analysis else None
        super().__init__(asked, analysis_files(experiment) if asked else ())

    @property
    def pattern(self) -> str:
        """The file of one checkpoint's rows, with wildcards ``run`` and ``iteration``."""
        name = self._asked.hash[:8] if self._asked else "none"
        return f"results/analysis/{{run}}/{name}.{{iteration}}.csv"

    def taps(self, run: str) -> str:
        """Return where the network of a run is looked at, as text: another place repeats its analysis."""
        return str(self._asked.taps(run.split(".")[0])) if self._asked else ""
