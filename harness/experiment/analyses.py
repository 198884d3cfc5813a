"""The analyses of an experiment: of which weights, under which name. Imports no torch."""

from __future__ import annotations

from functools import cached_property

from harness.experiment.experiment import Experiment
from harness.experiment.file import AnalysisEntry
from harness.experiment.kept_weights import Checkpoint, kept_weights
from harness.experiment.runs import Run
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.files import content_hash


class Analyses:
    """What ``analysis:`` asks for, with every default filled in.

    Args:
        experiment: with its runs.

    Raises:
        HarnessError: the experiment has no such section.
    """

    def __init__(self, experiment: Experiment) -> None:
        if experiment.file.analysis is None:
            raise HarnessError(f"{experiment.path}: analysis: is missing; write such as analysis: {{images: 10}}")
        self._experiment = experiment
        evaluation = experiment.file.evaluation
        entry = experiment.file.analysis
        degradations = entry.degradations or evaluation.degradations
        filled = {
            "dataset": entry.dataset or evaluation.datasets[0],
            "degradations": degradations,
            "reference": entry.reference or degradations[0],
        }
        self.entry: AnalysisEntry = entry.model_copy(update=filled)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over what decides the rows of one checkpoint: it names their file."""
        entry = self.entry.model_dump(mode="json", exclude={"over_time"})
        evaluation = self._experiment.evaluation
        recipes = {name: one for name, one in evaluation.recipes.items() if name in self.entry.degradations}
        own = {"recipes": recipes} if recipes else {}
        return content_hash({**entry, "scale": evaluation.scale, "benchmark": evaluation.benchmark, **own})

    def of(self, run: Run) -> list[Checkpoint]:
        """Return the weights of a run that are to be analysed, by iteration; the last are its own."""
        found = kept_weights(self._experiment, run)
        if not self.entry.over_time:
            last = max(found)
            found = {last: found[last]}
        return [Checkpoint(run, i, path, layout.analysis(run.name, self.hash, i)) for i, path in found.items()]

    def taps(self, network: str) -> dict[str, tuple[str, ...]]:
        """Return where a network is looked at. No run's name holds it, as no training depends on it."""
        listed = self._experiment.catalogues.networks[network].network.taps
        return {role: tuple(listed[role]) for role in ("first", "block_outputs", "last") if role in listed}

    @cached_property
    def all(self) -> list[Checkpoint]:
        """The weights of every run that are to be analysed."""
        return [one for run in self._experiment.runs for one in self.of(run)]
