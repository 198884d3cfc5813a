"""The check before the first job: everything that is missing, in one list, with what to do for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.datasets.resolve import missing
from harness.evaluation.probe_external import probe
from harness.evaluation.weight_files import explain_missing
from harness.experiment import Experiment
from harness.experiment.citations import Library
from harness.foundation.devices import no_gpu_message, visible_gpus
from harness.foundation.errors import HarnessError
from harness.workflow.forecast.downloads import advice, lacking

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
            if rule.startswith(_DATA_RULES) and "dataset" in wildcards:
                datasets[wildcards["dataset"]] = None
            if rule.startswith("evaluate_") and "external" in wildcards:
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
        names = [training.data, training.heldout, *(part.dataset for part in experiment.all_sets)]
        externals = tuple(model.name for model in experiment.externals)
        return cls(tuple(dict.fromkeys(names)), True, True, externals)


def check(experiment: Experiment, needs: Needs, gpu_limit: int | None, elsewhere: bool = False) -> None:
    """Stop if anything is missing; the arguments are those of :func:`problems`.

    Raises:
        HarnessError: one list of all that is missing, what to do for each, and one command that fetches all of it.
    """
    if found := problems(experiment, needs, gpu_limit, elsewhere):
        help_lines = advice(experiment, lacking(experiment, _names(experiment, needs), needs.evaluation))
        raise HarnessError("\n".join(["before this can run:", *(f"  - {line}" for line in found), *help_lines]))


def problems(experiment: Experiment, needs: Needs, gpu_limit: int | None, elsewhere: bool = False) -> list[str]:
    """Return one line per missing thing: data sets, GPUs, weights, keys of citations; empty when the jobs can start.

    Args:
        experiment: what will run.
        needs: what the coming jobs ask for.
        gpu_limit: Snakemake's ``--resources gpu=``, None without one.
        elsewhere: whether jobs run on other machines, whose GPUs cannot be counted here.
    """
    found = [missing(name, experiment.data_root) for name in _names(experiment, needs)]
    if needs.training or (needs.evaluation and experiment.needs_gpu):
        found += _too_few(experiment, gpu_limit) if elsewhere else _gpu_problems(experiment, gpu_limit)
    if needs.evaluation:
        found += _weight_problems(experiment)
        wanted = {experiment.external(name).name for name in needs.externals}
        models = [model for model in experiment.externals if model.name in wanted]
        found += probe(models, experiment.file.scale)
    found += _citation_problems()
    return [line for line in found if line]


def _names(experiment: Experiment, needs: Needs) -> list[str]:
    """Return the needed data sets in the experiment's order: Snakemake's own changes from call to call."""
    names = [name for name in Needs.everything(experiment).datasets if name in needs.datasets]
    return list(dict.fromkeys((*names, *sorted(needs.datasets))))


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


def _citation_problems() -> list[str]:
    """Say now what would stop the report: the last job, after days of training."""
    try:
        Library.load()
    except HarnessError as error:
        return str(error).splitlines()
    return []


def _weight_problems(experiment: Experiment) -> list[str | None]:
    names = {name for part in experiment.all_sets for name in part.metrics}
    return [explain_missing(name, experiment.file.weights_root) for name in sorted(names)]
