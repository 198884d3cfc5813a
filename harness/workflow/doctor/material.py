"""What a run reads: data sets and the weight files of metrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.datasets import resolve
from harness.datasets.catalogue import load_catalogue
from harness.datasets.verify import verify, verify_results
from harness.evaluation.metrics import METRICS
from harness.evaluation.probe_external import probe
from harness.evaluation.weight_files import WEIGHT_FILES, check_weights, weights_folder
from harness.experiment import Experiment
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.workflow.doctor.findings import Finding, Level
from harness.workflow.forecast.downloads import advice, lacking
from harness.workflow.preflight import Needs


def data(experiment: Experiment | None, data_root: Path, deep: bool) -> Iterator[Finding]:
    """Look for the data sets of an experiment, or for all of the catalogue; names and numbers, with ``deep`` pixels."""
    names = list(Needs.everything(experiment).datasets) if experiment else list(load_catalogue())
    problems = {name: resolve.missing(name, data_root) for name in names}
    present = [name for name, problem in problems.items() if problem is None]
    if experiment:
        yield from (Finding("problem", "data", problem) for problem in problems.values() if problem)
    else:
        absent = [name for name, problem in problems.items() if problem and "no folder" in problem]
        broken = [problem for name, problem in problems.items() if problem and name not in absent]
        yield from (Finding("warning", "data", problem) for problem in broken)
        if absent:
            yield Finding("ok", "data", f"not in {data_root}, fetch them when needed: {', '.join(absent)}")
    notes = [note for name in present if (note := resolve.left_out(name, data_root))]
    yield from (Finding("warning", "data", note) for note in notes)
    if deep:
        for verdict in [*(verify(present, data_root, layout.BENCHMARKS) if present else []), *verify_results()]:
            yield Finding("ok" if verdict.good else "problem", "data", verdict.line)
    elif present:
        counted = [f"{name} ({len(resolve.resolve_images(name, data_root))})" for name in present]
        text = f"{', '.join(counted)}: names and numbers are right; --deep compares their pixels"
        yield Finding("ok", "data", text)


def weights(experiment: Experiment | None) -> Iterator[Finding]:
    """Name every weight file that is missing or is not what its name says: a problem where the experiment needs it."""
    models = experiment.externals if experiment else ()
    for model, problem in zip(models, probe(models, experiment.file.scale if experiment else 1), strict=True):
        yield Finding("problem" if problem else "ok", "weights", problem or f"external {model.name}: {model.weights}")
    root = experiment.file.weights_root if experiment else None
    folder = weights_folder(root)
    needed = {metric for part in experiment.all_sets for metric in part.metrics} if experiment else set()
    present, unneeded = 0, []
    for name, file in WEIGHT_FILES.items():
        users = [metric.name for metric in METRICS.values() if name in metric.weights]
        path = folder / name
        if path.is_file():
            try:
                check_weights(name, root)
                present += 1
            except HarnessError as error:
                yield Finding("problem", "weights", str(error))
            continue
        wanted = sorted(needed & set(users))
        if experiment and not wanted:
            unneeded.append(name)
            continue
        fetch = f"run `python -m harness fetch-weights {' '.join(wanted or users)}`, or put {file.url} there"
        level: Level = "problem" if wanted else "warning"
        yield Finding(level, "weights", f"{path}: missing, for {', '.join(wanted or users)}; {fetch}")
    text = f"{present} of {len(WEIGHT_FILES)} files of learned metrics in {folder}/"
    more = f"; not needed by {experiment.path}: {', '.join(unneeded)}" if experiment and unneeded else ""
    yield Finding("ok", "weights", text + more)


def fetching(experiment: Experiment | None) -> Iterator[Finding]:
    """Name the one command that fetches all that an experiment lacks, and what to do with what cannot be fetched."""
    if experiment is not None:
        found = lacking(experiment, Needs.everything(experiment).datasets)
        if lines := advice(experiment, found):
            yield Finding("ok", "fetch", " ".join(lines))
