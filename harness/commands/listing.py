"""The command that lists what an experiment may name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from textwrap import shorten
from typing import Annotated

import typer

from harness.evaluation.references import ReferenceName
from harness.foundation.yamlfile import load_yaml

Lines = Iterator[tuple[str, str]]
"""Names and what they are."""


_WIDTH = 90  # characters of an explanation

_CONTROLS: dict[ReferenceName, str] = {
    "bicubic": "Pillow's bicubic, as in the papers",
    "bicubic_matlab": "MATLAB's imresize",
    "bilinear": "Pillow's bilinear: what SRResNet adds its output to",
    "input": "the degraded image, at scale 1",
    "untrained": "the network at its initial weights: a row for each network",
}


class Kind(StrEnum):
    """What can be listed."""

    experiments = "experiments"
    networks = "networks"
    variants = "variants"
    datasets = "datasets"
    degradations = "degradations"
    training_degradations = "training_degradations"
    metrics = "metrics"
    references = "references"
    ablations = "ablations"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("list")(list_names)


def list_names(
    kind: Annotated[Kind | None, typer.Argument(help="One kind only; everything if not given.")] = None,
) -> None:
    """List experiments, and what they may name: networks, variants, data sets, degradations, metrics, ..."""
    for each in [kind] if kind else list(Kind):
        lines = list(_READERS[each]())
        if kind is None:
            print(f"{each}:")
        width = max((len(name) for name, _ in lines), default=0)
        for name, what in lines:
            print(f"{'' if kind else '  '}{name:<{width}}  {shorten(what, _WIDTH, placeholder=' ...')}".rstrip())


def _experiments() -> Lines:
    from harness.commands.arguments import experiment_folders

    for folder in experiment_folders():
        for path in sorted(folder.glob("*.yaml")):
            yield path.stem, _described(path).partition(". ")[0]


def _networks() -> Lines:
    from harness.experiment.catalogues import Catalogues

    for name, entry in Catalogues.load().networks.items():
        yield name, f"{entry.path.partition(':')[2]}{_options(entry.arguments)}"


def _variants() -> Lines:
    from harness.experiment.catalogues import Catalogues

    catalogues = Catalogues.load()
    for name in sorted(catalogues.variant_names):
        entry = catalogues.variant(name)
        changes = entry.options | entry.training
        if entry.initialization:
            changes |= {"initialization": entry.initialization}
        if entry.duration != 1:
            changes |= {"duration": entry.duration}
        yield name, f"{entry.regularizer}{_options(changes)}"


def _datasets() -> Lines:
    from harness.datasets.catalogue import load_catalogue

    for name, entry in load_catalogue().items():
        count = f"{entry.images} images" if entry.images else "whatever lies in its folder"
        yield name, f"{entry.kind.replace('_', ', ')}: {count}"


def _degradations() -> Lines:
    from harness.degradations.fixed import recipes

    for name, recipe in recipes().items():
        yield name, f"by {recipe.function}" if recipe.function else ""


def _training_degradations() -> Lines:
    from harness.experiment.catalogues import Catalogues

    for name, spec in Catalogues.load().training_degradations.items():
        yield name, type(spec).__name__.removesuffix("Spec")


def _metrics() -> Lines:
    from harness.evaluation.metrics import registry

    for name, metric in registry().items():
        better = "higher" if metric.higher_is_better else "lower"
        needs = "" if metric.needs_reference else ", needs no ground truth"
        yield name, f"{metric.protocol.partition(';')[0]} ({better} is better{needs})"


def _references() -> Lines:
    yield from _CONTROLS.items()


def _ablations() -> Lines:
    from harness.experiment.ablations import FOLDER, ablation_names

    for name in ablation_names():
        yield name, _text(FOLDER / f"{name}.yaml", "question")


def _options(options: dict[str, object]) -> str:
    """Return settings as they would stand in a call; "" if there are none."""
    return f" ({', '.join(f'{key} {value}' for key, value in options.items())})" if options else ""


def _described(path: Path) -> str:
    """Return an experiment's description, which may stand in the file that it extends."""
    from harness.experiment.extends import load_extended

    content, _ = load_extended(path)
    return str(content.get("description", "")) if isinstance(content, dict) else ""


def _text(path: Path, field: str) -> str:
    """Return what a YAML file says of itself, "" if it does not."""
    content = load_yaml(path)
    return str(content.get(field, "")) if isinstance(content, dict) else ""


_READERS: dict[Kind, Callable[[], Lines]] = {
    Kind.experiments: _experiments,
    Kind.networks: _networks,
    Kind.variants: _variants,
    Kind.datasets: _datasets,
    Kind.degradations: _degradations,
    Kind.training_degradations: _training_degradations,
    Kind.metrics: _metrics,
    Kind.references: _references,
    Kind.ablations: _ablations,
}
