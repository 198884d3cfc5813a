"""All trainings of an experiment: those of its tables, the trials of its tuning, and those that follow from these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.experiment import Experiment, Run
from harness.foundation import layout


@dataclass(frozen=True)
class Training:
    """One training that an experiment asks for.

    Attributes:
        network, label: its network, and its variant with what the training is for.
        run: None where its options are not chosen yet.
        like: a run whose steps take as long: the variant's with its default options.
        iterations: how many.
    """

    network: str
    label: str
    run: Run | None
    like: Run
    iterations: int

    @property
    def name(self) -> str:
        """The run's name, "" where it is not known yet."""
        return self.run.name if self.run else ""


def trainings(experiment: Experiment) -> list[Training]:
    """Return all trainings, each once: what a run is for first counts."""
    found: dict[str, Training] = {}
    unknown = []
    for training in _all(experiment):
        if training.run is None:
            unknown.append(training)
        else:
            found.setdefault(training.name, training)
    return [*found.values(), *unknown]


def _all(experiment: Experiment) -> Iterator[Training]:
    like = {(run.network, run.variant): run for run in experiment.runs}
    for run in experiment.runs:
        yield Training(run.network, run.variant, run, run, run.spec.training.iterations)
    if experiment.tuning is None:
        return
    for trial in experiment.tuning.trials:
        own = trial.run
        default = like[own.network, own.variant]
        yield Training(own.network, f"{own.variant} (trials)", own, default, own.spec.training.iterations)
    chosen = experiment.tuning.chosen()
    final = experiment.tuning.final_runs(chosen) if chosen else experiment.runs
    for run in final:
        known, default = run if chosen else None, like[run.network, run.variant]
        yield Training(run.network, f"{run.variant} (tuned)", known, default, run.spec.training.iterations)


def unfinished(all_trainings: list[Training]) -> list[Training]:
    """Return the trainings without weights."""
    return [one for one in all_trainings if not (one.run and (layout.run(one.name) / "weights.safetensors").is_file())]
