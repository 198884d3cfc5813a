"""The commands that bring data and weights and prepare them: fetch, adopt, verify, fetch-weights, pack, benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.arguments import ExperimentFile, Jobs
from harness.datasets import resolve
from harness.foundation import layout
from harness.foundation.errors import HarnessError

DataRoot = Annotated[Path, typer.Option(help="The data folder; HARNESS_DATA overrides it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (fetch, adopt, verify, fetch_weights, pack, benchmark):
        app.command()(command)


def fetch(names: list[str], data_root: DataRoot = Path("data"), keep_archives: bool = False) -> None:
    """Download datasets, check their pixels, and put them where experiments look for them."""
    from harness.datasets.fetch import fetch as fetch_datasets

    _print(fetch_datasets(names, resolve.data_root(data_root), keep_archives))


def adopt(
    name: str,
    folder: Annotated[Path, typer.Argument(help="Your copy of the dataset.")],
    data_root: DataRoot = Path("data"),
    move: Annotated[bool, typer.Option(help="Move the files instead of copying them.")] = False,
) -> None:
    """Take over a copy of a dataset that you already have, and say which copy it is."""
    from harness.datasets.adopt import adopt as adopt_dataset

    _print(adopt_dataset(name, folder, resolve.data_root(data_root), move=move))


def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Datasets; all that are there if none is named.")] = None,
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
    metrics: list[str],
    weights_root: Annotated[Path, typer.Option(help="The weights folder; HARNESS_WEIGHTS overrides it.")] = Path(
        "weights"
    ),
) -> None:
    """Download the weight files that learned metrics need, and compare their checksums."""
    from harness.evaluation.weight_fetch import fetch_weights as fetch_files

    _print(fetch_files(metrics, weights_root))


def pack(experiment: ExperimentFile, dataset: str, jobs: Jobs = 1) -> None:
    """Decode the images of a training dataset once into one file."""
    from harness.datasets.patches import pack as write_pack
    from harness.experiment import load_experiment

    data_root = load_experiment(experiment).data_root
    write_pack(dataset, data_root, layout.pack(dataset), jobs=jobs)
    if note := resolve.left_out(dataset, data_root):
        print(note)


def benchmark(
    experiment: ExperimentFile,
    dataset: str,
    jobs: Jobs = 1,
    allow_mismatch: Annotated[bool, typer.Option(help="Report pixels that differ from the lock, and go on.")] = False,
) -> None:
    """Degrade a benchmark in every way that the experiment evaluates, and check the pixels against the lock files."""
    from harness.datasets.benchmark import generate
    from harness.experiment import load_experiment

    loaded = load_experiment(experiment)
    parts = {part.dataset: part for part in loaded.evaluation.sets}
    if dataset not in parts:
        raise HarnessError(
            f"{experiment}: evaluation.datasets: {dataset!r}: not evaluated here; there are: {', '.join(parts)}"
        )
    degradations = parts[dataset].degradations
    scale = loaded.file.scale
    for line in generate(
        dataset, degradations, layout.benchmarks(scale), loaded.data_root, jobs, scale, allow_mismatch
    ):
        print(line)


def _print(lines: list[str]) -> None:
    for line in lines:
        print(line)
