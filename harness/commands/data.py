"""The commands that bring data and weights and prepare them: fetch, adopt, verify, fetch-weights, pack, benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.arguments import ExperimentFile, Jobs, complete_dataset
from harness.datasets import resolve
from harness.foundation import layout
from harness.foundation.errors import HarnessError

DataRoot = Annotated[Path, typer.Option(help="The data folder; HARNESS_DATA overrides it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (fetch, adopt, verify, fetch_weights, pack, benchmark):
        app.command()(command)


def fetch(
    names: Annotated[
        list[str],
        typer.Argument(autocompletion=complete_dataset, help="Data sets: `python -m harness list datasets`."),
    ],
    data_root: DataRoot = Path("data"),
    keep_archives: Annotated[
        bool, typer.Option(help="Keep downloaded archives, in .downloads of the data folder.")
    ] = False,
) -> None:
    """Download datasets, check their pixels, and put them where experiments look for them."""
    from harness.datasets.fetch import fetch as fetch_datasets

    _print(fetch_datasets(names, resolve.data_root(data_root), keep_archives))


def adopt(
    name: Annotated[
        str,
        typer.Argument(autocompletion=complete_dataset, help="The data set: `python -m harness list datasets`."),
    ],
    folder: Annotated[Path, typer.Argument(help="Your copy of the dataset.")],
    data_root: DataRoot = Path("data"),
    move: Annotated[bool, typer.Option(help="Move the files instead of copying them.")] = False,
) -> None:
    """Take over a copy of a dataset that you already have, and say which copy it is."""
    from harness.datasets.adopt import adopt as adopt_dataset

    _print(adopt_dataset(name, folder, resolve.data_root(data_root), move=move))


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(autocompletion=complete_dataset, help="Data sets; all that are there if none is named."),
    ] = None,
    data_root: DataRoot = Path("data"),
) -> None:
    """Compare data sets, benchmarks and packs with their manifests, pixel by pixel, and results with their sums."""
    from harness.datasets.verify import verify as verify_datasets
    from harness.datasets.verify import verify_results

    verdicts = verify_datasets(names or [], resolve.data_root(data_root), layout.BENCHMARKS)
    verdicts += [] if names else verify_results()
    _print([verdict.line for verdict in verdicts])
    bad = sum(not verdict.good for verdict in verdicts)
    if bad:
        raise HarnessError(f"verify: {bad} of {len(verdicts)} checks failed, see above")


def fetch_weights(
    metrics: Annotated[list[str], typer.Argument(help="Names of metrics: `python -m harness list metrics`.")],
    weights_root: Annotated[Path, typer.Option(help="The weights folder; HARNESS_WEIGHTS overrides it.")] = Path(
        "weights"
    ),
) -> None:
    """Download the weight files that learned metrics need, and compare their checksums."""
    from harness.evaluation.weight_fetch import fetch_weights as fetch_files

    _print(fetch_files(metrics, weights_root))


def pack(
    experiment: ExperimentFile,
    dataset: Annotated[str, typer.Argument(help="Training data set, by its name in the catalogue.")],
    jobs: Jobs = 1,
) -> None:
    """Decode the images of a training dataset once into one file."""
    from harness.datasets.patches import pack as write_pack
    from harness.experiment import load_experiment

    data_root = load_experiment(experiment).data_root
    write_pack(dataset, data_root, layout.pack(dataset), jobs=jobs)
    if note := resolve.left_out(dataset, data_root):
        print(note)


def benchmark(
    experiment: ExperimentFile,
    dataset: Annotated[str, typer.Argument(help="Test data set, one that the experiment evaluates.")],
    jobs: Jobs = 1,
    allow_mismatch: Annotated[bool, typer.Option(help="Report pixels that differ from the lock, and go on.")] = False,
    lock: Annotated[bool, typer.Option("--lock", help="Write lock files for what has none, to be committed.")] = False,
    of: Annotated[str, typer.Option(help="evaluation or systematic, for the images of one of the two; else all.")] = "",
) -> None:
    """Degrade a benchmark in every way that the experiment evaluates, and check the pixels against the lock files."""
    from harness.datasets.benchmark import generate
    from harness.experiment import load_experiment

    loaded = load_experiment(experiment)
    wanted = {"evaluation": loaded.evaluations[:1], "systematic": loaded.evaluations[1:], "": loaded.evaluations}
    if of not in wanted:
        raise HarnessError(f"--of: {of!r}: unknown; allowed: evaluation, systematic")
    parts = [part for spec in wanted[of] for part in spec.sets]
    sets = [part.degradations for part in parts if part.dataset == dataset]
    if not sets:
        known = ", ".join(dict.fromkeys(part.dataset for part in parts))
        raise HarnessError(f"{experiment}: evaluation.datasets: {dataset!r}: not evaluated here; there are: {known}")
    degradations = tuple(dict.fromkeys(name for names in sets for name in names))
    scale = loaded.file.scale
    for line in generate(
        dataset, degradations, layout.benchmarks(scale), loaded.data_root, jobs, scale, allow_mismatch, sets
    ):
        print(line)
    if lock:
        _lock(dataset, degradations, scale)


def _lock(dataset: str, degradations: tuple[str, ...], scale: int) -> None:
    """Make the pixels that were generated now those that every later call must make."""
    from harness.datasets.catalogue import find_entry
    from harness.datasets.locks import lock_path, write_lock

    for degradation in degradations:
        own = degradation == "real" or find_entry(dataset).versions
        if not own and not lock_path(dataset, degradation).is_file():
            path = write_lock(layout.benchmarks(scale), dataset, degradation, Path("configs/manifests"))
            print(f"{path}: written; commit it")


def _print(lines: list[str]) -> None:
    for line in lines:
        print(line)
