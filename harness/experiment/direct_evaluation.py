"""An evaluation named on the command line, without an experiment: data sets, degradations and metrics by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.datasets.benchmark import HR, REAL, generate
from harness.degradations.fixed import own_meanings
from harness.degradations.representatives import contracted, expanded
from harness.evaluation import metrics as metric_registry
from harness.experiment.catalogues import Catalogues
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.spec import EvaluationSpec, SetSpec


def adhoc_evaluation(
    datasets: Sequence[str],
    degradations: Sequence[str],
    metrics: Sequence[str],
    scale: int,
    catalogues: Catalogues,
) -> EvaluationSpec:
    """Return what is measured: benchmarks in every degradation, other sets as they come.

    Photographs without a ground truth get those of the metrics that need none.

    Raises:
        HarnessError: a name is unknown or given twice, or no metric suits a data set; the message lists what does.
    """
    known = catalogues.names_of_kind("embedded", "benchmark", "degraded", "real_paired", "real_unpaired")
    _check("--datasets", datasets, known)
    degradations = expanded(degradations)
    unknown = [name for name in degradations if name not in catalogues.degradations]
    _check("--degradations", unknown, contracted(catalogues.degradations) if unknown else ())
    _check("--degradations", degradations, catalogues.degradations)
    _check("--metrics", metrics, metric_registry.names(reference=True))
    without = metric_registry.names(reference=False)
    sets = []
    for name in datasets:
        kind = catalogues.datasets[name].kind
        chosen = tuple(metric for metric in metrics if kind != "real_unpaired" or metric in without)
        if not chosen:
            raise HarnessError(f"--metrics: {name} has no ground truth; add one of {', '.join(without)}")
        versions = (REAL,) if kind.startswith("real") else catalogues.datasets[name].versions or tuple(degradations)
        sets.append(SetSpec(dataset=name, degradations=versions, metrics=chosen))
    return EvaluationSpec(
        sets=tuple(sets),
        scale=scale,
        benchmark=catalogues.benchmark_version,
        recipes=own_meanings(degradations),
    )


def missing_versions(spec: EvaluationSpec) -> dict[str, list[str]]:
    """Return for each data set that lacks some its degradations that were not generated yet."""
    found = {}
    for part in spec.sets:
        paired = any(metric.needs_reference for metric in metric_registry.get_metrics(part.metrics))
        files = {name: layout.manifest(spec.scale, part.dataset, name) for name in part.degradations}
        lacking = [name for name, path in files.items() if not path.is_file()]
        if not lacking and paired and not layout.manifest(spec.scale, part.dataset, HR).is_file():
            lacking = list(part.degradations)
        if lacking:
            found[part.dataset] = lacking
    return found


def prepare(spec: EvaluationSpec, data_root: Path, *, make: bool) -> Iterable[str]:
    """Make the degraded sets that are not there yet, if ``make`` says so, and yield what was made.

    Raises:
        HarnessError: sets are missing and ``make`` is false, or they cannot be made.
    """
    lacking = missing_versions(spec)
    if lacking and not make:
        listed = "; ".join(f"{dataset} ({', '.join(names)})" for dataset, names in lacking.items())
        folder = layout.benchmarks(spec.scale)
        raise HarnessError(f"{folder}: not generated yet: {listed}; add --generate to make them from the photographs")
    for dataset, names in lacking.items():
        notes = generate(dataset, names, layout.benchmarks(spec.scale), data_root, scale=spec.scale)
        yield f"generated {dataset}: {', '.join(names)}"
        yield from notes


def _check(option: str, names: Sequence[str], allowed: Iterable[str]) -> None:
    choices = sorted(allowed)
    for name in names:
        if name not in choices:
            raise HarnessError(f"{option}: {name!r}: unknown; allowed: {', '.join(choices)}")
        if list(names).count(name) > 1:
            raise HarnessError(f"{option}: {name!r}: given twice")
