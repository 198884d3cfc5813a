"""Where things lie, relative to the working directory. Rules, commands and reports ask here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.foundation.files import content_hash

RESULTS = Path("results")
REPORTS = Path("reports")
BENCHMARKS = RESULTS / "benchmarks"
"""One folder per scale: ground truths are cropped to its multiples."""

TRAINING_DATA = RESULTS / "training_data"
RUNS = RESULTS / "runs"
STATE = RESULTS / "state"
BATCHES = RESULTS / "batches"
"""Degraded training images that the arms of a seed share; see :mod:`harness.training.kept`."""

METRICS = RESULTS / "metrics"
FAILURES = RESULTS / "failures"


def benchmarks(scale: int) -> Path:
    """Folder of all benchmarks at one scale."""
    return BENCHMARKS / f"x{scale}"


def manifest(scale: int, dataset: str, degradation: str) -> Path:
    """Manifest of one degraded version of a dataset; ``hr`` is its ground truth, ``real`` photographs as they are."""
    return benchmarks(scale) / dataset / degradation / "manifest.tsv"


def index_name(degradations: Sequence[str]) -> str:
    """Name of the file, beside the folders of a dataset, that stands for the manifests of some of its degradations."""
    return f"index.{content_hash(sorted(degradations))[:8]}.tsv"


def benchmark_index(scale: int, dataset: str, degradations: Sequence[str]) -> Path:
    """One line per degraded version of a dataset: what depends on all of them depends on this one file."""
    return benchmarks(scale) / dataset / index_name(degradations)


def pack(dataset: str) -> Path:
    """Folder of a training dataset's decoded pixels."""
    return TRAINING_DATA / dataset


def run(name: str) -> Path:
    """Folder of a run's weights, history and record."""
    return RUNS / name


def state(spec_hash: str) -> Path:
    """Folder of a run's resumable state."""
    return STATE / spec_hash


def generation(folder: Path, iteration: int) -> Path:
    """File of the state that a run saved after an iteration, in its state folder."""
    return folder / f"iteration-{iteration:09d}.state"


def generations(folder: Path) -> dict[int, Path]:
    """Iteration to file of the states in a run's state folder, the newest first."""
    found = {path.stem.removeprefix("iteration-"): path for path in folder.glob("iteration-*.state")}
    return {int(number): found[number] for number in sorted(filter(str.isdigit, found), reverse=True)}


def metrics(name: str, evaluation_hash: str) -> Path:
    """Metrics of one run or reference under one evaluation."""
    return METRICS / name / f"{evaluation_hash[:8]}.parquet"


def failures(name: str, evaluation_hash: str) -> Path:
    """What could not be read for the metrics of one run or reference under one evaluation; see results/README.md."""
    return FAILURES / name / f"{evaluation_hash[:8]}.json"


def experiment_metrics(experiment: str) -> Path:
    """All rows of an experiment."""
    return RESULTS / experiment / "metrics.parquet"


def report(experiment: str) -> Path:
    """Folder of an experiment's tables, figures and report."""
    return REPORTS / experiment


def ablation_metrics(experiment: str, study: str) -> Path:
    """All rows of an ablation study on an experiment."""
    return RESULTS / experiment / "ablations" / f"{study}.parquet"


def ablation(experiment: str, study: str) -> Path:
    """Folder of the table and the figure of an ablation study on an experiment."""
    return report(experiment) / "ablations" / study


def remedy(path: Path) -> str:
    """Say which command makes a file below the results folder again; see the README there for what lies where."""
    if BATCHES.name in path.parts[-4:-3]:
        return "delete it, it is made again where it is needed"
    command = _maker(path.parts)
    return f"run `python -m harness {command}` to make it again" if command else "make it again"


def _maker(parts: Sequence[str]) -> str | None:
    """Return the command and its arguments that write the file with these parts of a path."""
    kind, owner, name = ("", "", *parts)[-3:]
    if kind == RUNS.name:
        return f"train EXPERIMENT --run {owner}"
    if kind == METRICS.name:
        return f"evaluate EXPERIMENT {_method(owner)}"
    if kind == TRAINING_DATA.name:
        return f"pack EXPERIMENT {owner}"
    if BENCHMARKS.name in parts[:-3]:
        return f"benchmark EXPERIMENT {parts[parts.index(BENCHMARKS.name) + 2]}"
    if owner == "ablations":
        return f"ablation EXPERIMENT {name.rpartition('.')[0]}"
    return "aggregate EXPERIMENT" if name == "metrics.parquet" else None


def _method(owner: str) -> str:
    """Return the option of ``evaluate`` that names the owner of a folder of metrics."""
    if owner.startswith("external."):
        return f"--external {owner}"
    return f"--run {owner}" if "." in owner else f"--reference {owner}"
