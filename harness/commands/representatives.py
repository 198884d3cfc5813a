"""The command that chooses representative degradations of what an experiment trains on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.arguments import ExperimentFile, Jobs
from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels

_SIDE = 48  # pixels of the degraded photograph


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(representatives)


def representatives(
    experiment: ExperimentFile,
    name: Annotated[str, typer.Argument(help="What the set is called; its degradations are NAME_000, NAME_001, ...")],
    count: Annotated[int, typer.Option(min=2, max=1000, help="How many degradations.")] = 100,
    samples: Annotated[int, typer.Option(min=0, help="How many to choose from; 0 for 20 times as many.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the draws, and of k-means.")] = 0,
    dataset: Annotated[str, typer.Option(help="Data set of the photograph that is degraded.")] = "embedded_heldout",
    image: Annotated[str, typer.Option(help="Its name; the data set's first one if none is given.")] = "",
    jobs: Jobs = 1,
) -> None:
    """Choose degradations that represent what an experiment trains on, as a benchmark of its own."""
    import numpy as np
    import yaml

    from harness.datasets.progress import parallel_map
    from harness.degradations.drawn import Drawn
    from harness.degradations.fixed import recipes
    from harness.degradations.representatives import FOLDER, RepresentativeSet, choose, described
    from harness.degradations.spec import SecondOrderSpec
    from harness.experiment import load_experiment
    from harness.foundation.files import write_text
    from harness.foundation.names import check_name
    from harness.foundation.writable import check_file

    check_name(name, "set of representatives", "representatives")
    path = FOLDER / f"{name}.yaml"
    if path.exists():
        raise HarnessError(f"{path}: {name!r} is there already; choose another name, or remove the file first")
    if name in recipes():
        raise HarnessError(f"representatives: {name!r}: a degradation is called so; choose another name")
    check_file(path)
    loaded = load_experiment(experiment)
    spec, scale = loaded.training.degradation, loaded.file.scale
    if not isinstance(spec, SecondOrderSpec):
        raise HarnessError(f"{experiment}: training.degradation: noise of one kind has no representatives to choose")
    title, photograph = _photograph(dataset, image, loaded.data_root, _SIDE * scale)
    draws = [Drawn(spec=spec, scale=scale, seed=seed, draw=draw) for draw in range(samples or 20 * count)]
    rows = list(parallel_map(lambda drawn: described(photograph, drawn), draws, jobs, "draw"))
    chosen, shares = choose(np.stack(rows), count, seed)
    found = RepresentativeSet(
        degradation=str(loaded.file.training.get("degradation", "second_order")),
        spec=spec,
        scale=scale,
        seed=seed,
        samples=len(draws),
        photograph=title,
        draws=chosen,
        shares=shares,
    )
    text = yaml.safe_dump(found.model_dump(mode="json"), sort_keys=False, default_flow_style=None, width=110)
    write_text(path, f"# Chosen by `python -m harness representatives`; see docs/systematic.md.\n{text}")
    print(f"{path}: {count} of {len(draws)} draws; they stand for {shares[0]:.1%} to {shares[-1]:.1%} of all each")
    print(f"evaluate them, {name}_000 to {name}_{count - 1:03d}, as columns of the tables with")
    print(f"    evaluation: {{degradations: [{name}], ...}}")
    print("or against an acceptance line and an excellence line with")
    print(f"    evaluation: {{systematic: [{{dataset: DATASET, degradations: {name}}}], ...}}")
    print("`python -m harness benchmark EXPERIMENT DATASET --lock` fixes their pixels for every later call")


def _photograph(dataset: str, image: str, data_root: Path, side: int) -> tuple[str, Pixels]:
    """Return what the middle of a photograph is called, and its pixels (side, side, 3) or less."""
    from harness.datasets.resolve import resolve_images

    found = {file.name: file for file in resolve_images(dataset, data_root)}
    if image and image not in found:
        raise HarnessError(f"--image: {image!r}: not in {dataset}; there are: {', '.join(found)}")
    chosen = found[image or min(found)]
    pixels = chosen.read()
    top, left = (max(0, (length - side) // 2) for length in pixels.shape[:2])
    return f"{dataset}/{chosen.name}, the middle {side} x {side}", pixels[top : top + side, left : left + side]
