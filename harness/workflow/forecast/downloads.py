"""What an experiment has to download: how much, with which command, and what nobody can download for the user."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.datasets.catalogue import DatasetEntry, find_entry
from harness.datasets.manifests import read_manifest
from harness.datasets.resolve import missing
from harness.evaluation.weight_files import WEIGHT_FILES, missing_weights
from harness.experiment import Experiment


@dataclass(frozen=True)
class Lacking:
    """What is not here.

    Attributes:
        fetched: data sets that can be fetched, with what is wrong with each.
        by_hand: data sets that cannot, likewise.
        weights: metric to the names of the weight files that it lacks.
    """

    fetched: dict[str, str]
    by_hand: dict[str, str]
    weights: dict[str, list[str]]


def lacking(experiment: Experiment, names: Iterable[str], weights: bool = True) -> Lacking:
    """Return what of some data sets, and of the metrics' weights, an experiment lacks.

    Args:
        experiment: the experiment.
        names: of the data sets that are looked at.
        weights: whether metrics will be computed.
    """
    problems = {name: problem for name in names if (problem := missing(name, experiment.data_root))}
    metrics = dict.fromkeys(name for part in experiment.all_sets for name in part.metrics) if weights else {}
    files = {metric: missing_weights(metric, experiment.file.weights_root) for metric in metrics}
    return Lacking(
        {name: problem for name, problem in problems.items() if find_entry(name).sources},
        {name: problem for name, problem in problems.items() if not find_entry(name).sources},
        {metric: lost for metric, lost in files.items() if lost},
    )


def advice(experiment: Experiment, found: Lacking) -> list[str]:
    """Return the one command that fetches all that can be fetched, and what to do with the rest; lines to print.

    What lacks one thing only has its command beside it.
    """
    lines = []
    if len(found.fetched) + len(found.weights) > 1 and (command := fetch_command(experiment, found)):
        lines += ["to fetch all of it that can be fetched:", f"    {command}"]
    evaluated = {part.dataset for part in experiment.all_sets}
    if spare := [name for name in found.by_hand if name in evaluated]:
        names = ",".join(spare)
        lines += [
            f"to do without what cannot: `--without {names}` after a command of `python -m harness`,",
            f"    `--config without={names}` after one of snakemake; the report says so",
        ]
    return lines


def fetch_command(experiment: Experiment, found: Lacking) -> str:
    """Return one line for a shell that fetches data sets and weights; "" if there is nothing to fetch."""
    commands = []
    if found.fetched:
        commands.append(["fetch", *found.fetched, *_place("--data-root", "HARNESS_DATA", experiment.file.data_root)])
    if found.weights:
        place = _place("--weights-root", "HARNESS_WEIGHTS", experiment.file.weights_root)
        commands.append(["fetch-weights", *found.weights, *place])
    return "; ".join(shlex.join(["python", "-m", "harness", *command]) for command in commands)


def _place(option: str, variable: str, configured: str) -> list[str]:
    usual = {"--data-root": "data", "--weights-root": "weights"}[option]
    return [] if configured == usual or os.environ.get(variable) else [option, configured]


def download_lines(experiment: Experiment, found: Lacking) -> Iterator[str]:
    """Yield what has to be downloaded, with sizes that are stated or counted, and at last the command for it."""
    known, unknown = 0, 0
    for name in found.fetched:
        entry = find_entry(name)
        size, how = download_size(entry)
        known, unknown = known + (size or 0), unknown + (size is None)
        shown = f"{how}{shown_bytes(size)}" if size is not None else "size unknown: its source states none"
        yield f"{name}: {entry.images} images, {shown}"
    for metric, files in found.weights.items():
        for file in files:
            unknown += 1
            yield f"{metric}: {WEIGHT_FILES[file].url}, size unknown: its source states none"
    for problem in found.by_hand.values():
        yield f"none for {problem}"
    if found.fetched or found.weights:
        rest = f", and {unknown} of unknown size" if unknown else ""
        yield f"together at most {shown_bytes(known)}{rest}"
    yield from advice(experiment, found)


def download_size(entry: DatasetEntry) -> tuple[int | None, str]:
    """Return how many bytes a data set's first source has, and how exact that is: "", or "at most ".

    Images that are downloaded one by one are at most as large as the pixels that the manifest counts: they are
    compressed.
    """
    source = entry.sources[0]
    if source.size is not None:
        return source.size, ""
    if "{file}" in source.url and entry.manifest_path is not None:
        rows = read_manifest(entry.manifest_path).rows.values()
        return sum(3 * row.width * row.height for row in rows), "at most "
    return None, ""


def shown_bytes(size: int) -> str:
    """Return a size in GB or MB."""
    return f"{size / 1e9:.2f} GB" if size >= 100_000_000 else f"{size / 1e6:.2f} MB"
