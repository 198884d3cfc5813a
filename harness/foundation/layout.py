"""Where things lie, relative to the working directory. Rules, commands and reports ask here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.foundation.files import content_hash

RESULTS = Path("results")
REPORTS = Path("reports")
BENCHMARKS = RESULTS / "benchmarks"
"""One folder per scale: ground truths are cropped to its multiples."""

TRAINING_DATA = RESULTS / "training_data"
RUNS = RESULTS / "runs"
STATE = RESULTS / "state"
KEPT = "kept"
"""Folder within a run's, for the weights on its way; see :mod:`harness.training.kept_weights`."""

BATCHES = RESULTS / "batches"
"""Degraded training images that the arms of a seed share; see :mod:`harness.training.kept`."""

METRICS = RESULTS / "metrics"
ANALYSIS = RESULTS / "analysis"
SELECTION = RESULTS / "selection"
"""Metrics of the weights that runs keep on their way, for the choice among them."""

FAILURES = RESULTS / "failures"
TIMES = RESULTS / "times"


def benchmarks(scale: int) -> Path:
    """Folder of all benchmarks at one scale."""
    return BENCHMARKS / f"x{scale}"


def manifest(scale: int, dataset: str, degradation: str) -> Path:
    """Manifest of one degraded version of a dataset; ``hr`` is its ground truth, ``real`` photographs as they are."""
    return benchmarks(scale) / dataset / degradation / "manifest.tsv"


def index_name(degradations: Sequence[str], recipes: Mapping[str, str]) -> str:
    """Name of the file, beside the folders of a dataset, that stands for the manifests of some of its degradations.

    ``recipes``: of those that the project defines, see :func:`harness.degradations.fixed.own_meanings`.
    """
    named = sorted(degradations)
    return f"index.{content_hash([named, dict(recipes)] if recipes else named)[:8]}.tsv"


def benchmark_index(scale: int, dataset: str, degradations: Sequence[str], recipes: Mapping[str, str]) -> Path:
    """One line per degraded version of a dataset: what depends on all of them depends on this one file."""
    return benchmarks(scale) / dataset / index_name(degradations, recipes)


def pack(dataset: str) -> Path:
    """Folder of a training dataset's decoded pixels."""
    return TRAINING_DATA / dataset


def run(name: str) -> Path:
    """Folder of a run's weights, history and record."""
    return RUNS / name


def kept(folder: Path, iteration: int, raw: bool = False) -> Path:
    """File of the weights that a run kept after an iteration, in its folder; ``raw``: those without averaging."""
    return folder / KEPT / f"{iteration:09d}{'.raw' if raw else ''}.safetensors"


def all_kept(folder: Path) -> list[Path]:
    """Return all files of weights that a run kept on its way, in its folder; see :func:`kept`."""
    return sorted((folder / KEPT).glob("[0-9]*.safetensors"))


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


def metrics(name: str, evaluation: str) -> Path:
    """Metrics of one run or reference under one evaluation, see :func:`evaluation_stem`."""
    return METRICS / name / f"{evaluation_stem(evaluation)}.parquet"


def evaluation_stem(evaluation: str) -> str:
    """What files of one evaluation are called: eight digits of its hash, after ``<set>.`` of a systematic one."""
    owner, dot, digits = evaluation.rpartition(".")
    return f"{owner}{dot}{digits[:8]}"


def analysis(run_name: str, analysis_hash: str, iteration: int) -> Path:
    """What was found inside the network of one run after an iteration; see :mod:`harness.analysis`."""
    return ANALYSIS / run_name / f"{analysis_hash[:8]}.{iteration:09d}.csv"


def selection(run_name: str, selection_hash: str, iteration: int) -> Path:
    """Metrics of the weights that a run kept after an iteration; see docs/selection.md."""
    return SELECTION / run_name / f"{selection_hash[:8]}.{iteration:09d}.parquet"


def failures(name: str, evaluation: str) -> Path:
    """What could not be read for the metrics of one run or reference under one evaluation; see results/README.md."""
    return FAILURES / name / f"{evaluation_stem(evaluation)}.json"


def timing(name: str, evaluation: str) -> Path:
    """How long an evaluation or analysis of one run or reference took; see :mod:`harness.foundation.timings`."""
    return TIMES / name / f"{evaluation_stem(evaluation)}.json"


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


def chosen(experiment: str) -> Path:
    """What tuning has chosen for an experiment."""
    return RESULTS / experiment / "tuning" / "chosen.json"


def tuning_metrics(experiment: str) -> Path:
    """All rows of an experiment's runs with their default options and with those that were chosen."""
    return RESULTS / experiment / "tuning" / "metrics.parquet"


def tuning(experiment: str) -> Path:
    """Folder of the tables and the figure of an experiment's tuning."""
    return report(experiment) / "tuning"


def analysis_report(experiment: str) -> Path:
    """Folder of the table and the figures of what an experiment's networks have learned."""
    return report(experiment) / "analysis"


def selection_report(experiment: str) -> Path:
    """Folder of the tables and the figure of what choosing among kept weights on a test set would have gained."""
    return report(experiment) / "selection"


def remedy(path: Path) -> str:
    """Say which command makes a file below the results folder again; see the README there for what lies where."""
    if BATCHES.name in path.parts[-4:-3]:
        return "delete it, it is made again where it is needed"
    if path.parent.name == KEPT:
        run_name = path.parents[1].name
        return f"delete it; {again(run_name)}"
    command = _maker(path.parts)
    return f"run `python -m harness {command}` to make it again" if command else "make it again"


def again(*names: str) -> str:
    """Say how finished runs are trained again, so that they keep the weights on their way: never by themselves."""
    shown = [f"{RUNS / name} and {STATE}/{name.rpartition('.')[2]}*" for name in names]
    return f"to have it, delete {', '.join(shown)} and train again, which ends with the same weights"


def _maker(parts: Sequence[str]) -> str | None:
    """Return the command and its arguments that write the file with these parts of a path."""
    kind, owner, name = ("", "", *parts)[-3:]
    if kind == RUNS.name:
        return f"train EXPERIMENT --run {owner}"
    if kind == METRICS.name:
        systematic = name.split(".")[-3:-2]  # of <set>.<hash>.parquet
        return f"evaluate EXPERIMENT {_method(owner)}" + "".join(f" --systematic {part}" for part in systematic)
    if kind == ANALYSIS.name:
        return f"analyse EXPERIMENT --run {owner} --iteration {int(name.split('.')[1])}"
    if kind == SELECTION.name:
        return f"evaluate EXPERIMENT --run {owner} --iteration {int(name.split('.')[1])}"
    if kind == TRAINING_DATA.name:
        return f"pack EXPERIMENT {owner}"
    if BENCHMARKS.name in parts[:-3]:
        return f"benchmark EXPERIMENT {parts[parts.index(BENCHMARKS.name) + 2]}"
    if owner == "ablations":
        return f"ablation EXPERIMENT {name.rpartition('.')[0]}"
    if owner == "tuning":
        return "choose EXPERIMENT" if name == "chosen.json" else "tuning EXPERIMENT"
    return "aggregate EXPERIMENT" if name == "metrics.parquet" else None


def _method(owner: str) -> str:
    """Return the option of ``evaluate`` that names the owner of a folder of metrics."""
    if owner.startswith("external."):
        return f"--external {owner}"
    return f"--run {owner}" if "." in owner else f"--reference {owner}"
