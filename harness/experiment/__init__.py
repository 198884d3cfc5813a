"""What is compared: the experiment's file, the catalogues it names, and the runs that it spans. Imports no torch."""

from __future__ import annotations

from harness.experiment.experiment import Experiment, load_experiment
from harness.experiment.runs import Run

__all__ = ["Experiment", "Run", "load_experiment"]
