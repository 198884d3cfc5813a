"""The check before the first job: everything that is missing, in one list, with what to do for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.datasets.resolve import missing
from harness.evaluation.probe_external import probe
from harness.evaluation.weight_files import explain_missing
from harness.experiment import Experiment
from harness.foundation.devices import no_gpu_message, visible_gpus

_TUNING = "tuning"  # what runs after the choice, and what it needs, is not among the jobs yet
_DATA_RULES = ("pack", "benchmark", "photographs")


@dataclass(frozen=True)
class Needs:
    """What the coming jobs ask for.

    Attributes:
        datasets: names whose source images will be read.
        training: whether any run will be trained.
        evaluation: whether any checkpoint or reference will be measured.
        externals: the models from outside that will be measured, by name or identifier.
    """

    datasets: tuple[str, ...]
    training: bool
    evaluation: bool
    externals: tuple[str, ...] = ()

    @classmethod
    def of(cls, jobs: Iterable[tuple[str, dict[str, Any]]]) -> Needs:
        """Read them off (rule name, wildcards) pairs."""
        datasets: dict[str, None] = {}
        externals: dict[str, None] = {}
        rules = set()
        for rule, wildcards in jobs:
            rules.add(rule)
            if rule in _DATA_RULES:
                datasets[wildcards["dataset"]] = None
            if rule == "evaluate_external":
                externals[wildcards["external"]] = None
        return cls(
            tuple(datasets),
            any(rule.startswith("train_") for rule in rules) or _TUNING in rules,
            any(rule.startswith("evaluate_") for rule in rules) or _TUNING in rules,
            tuple(externals),
        )

    @classmethod
    def everything(cls, experiment: Experiment) -> Needs:
        """Return the needs of the whole experiment, as if nothing were done yet."""
        training = experiment.training
        names = [training.data, training.heldout, *(part.dataset for part in experiment.evaluation.sets)]
        externals = tuple(model.name for model in experiment.externals)
        return cls(tuple(dict.fromkeys(names)), True, True, externals)


def problems(experiment: Experiment, needs: Needs, gpu_limit: int | None, elsewhere: bool = False) -> list[str]:
    """Return one line per missing thing: data sets, GPUs, weights; empty when the jobs can start.

    Args:
        experiment: what will run.
        needs: what the coming jobs ask for.
        gpu_limit: Snakemake's ``--resources gpu=``, None without one.
        elsewhere: whether jobs run on other machines, whose GPUs cannot be counted here.
    """
    # Snakemake's own order changes from call to call.
    names = [name for name in Needs.everything(experiment).datasets if name in needs.datasets]
    found = [missing(name, experiment.data_root) for name in dict.fromkeys((*names, *sorted(needs.datasets)))]
    if needs.training or (needs.evaluation and experiment.needs_gpu):
        found += _too_few(experiment, gpu_limit) if elsewhere else _gpu_problems(experiment, gpu_limit)
    if needs.evaluation:
        found += _weight_problems(experiment)
        wanted = {experiment.external(name).name for name in needs.externals}
        models = [model for model in experiment.externals if model.name in wanted]
        found += probe(models, experiment.file.scale)
    return [line for line in found if line]


def _gpu_problems(experiment: Experiment, limit: int | None) -> list[str | None]:
    if not experiment.needs_gpu:
        return []
    count, wanted = len(visible_gpus()), experiment.training.processes
    if not count:
        return [no_gpu_message(str(experiment.path))]
    slots = count * experiment.file.runs_per_gpu
    if wanted > count:
        return [f"{experiment.path}: training.processes: {wanted}, but {count} GPUs are visible; lower it"]
    if limit is not None and limit > slots:
        return [
            f"--resources gpu={limit}: only {count} GPUs are visible; give gpu={slots} or less, "
            "or runs would wait for each other"
        ]
    return _too_few(experiment, limit)


def _too_few(experiment: Experiment, limit: int | None) -> list[str | None]:
    wanted = experiment.training.processes
    if not experiment.needs_gpu or limit is None or limit >= wanted:
        return []
    return [
        f"--resources gpu={limit}: less than training.processes {wanted}, which Snakemake would cap silently; "
        f"give gpu={wanted} or more"
    ]


def _weight_problems(experiment: Experiment) -> list[str | None]:
    names = {name for part in experiment.evaluation.sets for name in part.metrics}
    return [explain_missing(name, experiment.file.weights_root) for name in sorted(names)]
