"""The command that compares methods over many degradations with two lines, as SEAL does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.arguments import OptionalExperimentFile
from harness.foundation.errors import HarnessError

if TYPE_CHECKING:
    import pandas as pd


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(systematic)


def systematic(
    experiment: OptionalExperimentFile = None,
    models: Annotated[Path | None, typer.Option(help="CSV of published networks, in place of an experiment.")] = None,
    rows: Annotated[Path | None, typer.Option(help="CSV that evaluate --output wrote; --models adds theirs.")] = None,
    lines: Annotated[Path | None, typer.Option(help="CSV of published lines.")] = None,
    metric: Annotated[str, typer.Option(help="psnr or ssim; of an experiment such as psnr_y.")] = "",
    unfiltered: Annotated[
        bool, typer.Option("--unfiltered", help="Count degradations whose lines are all but equal, as released.")
    ] = False,
    dataset: Annotated[
        str, typer.Option(help="Of the experiment; the first of evaluation.systematic, or of all.")
    ] = "",
    network: Annotated[str, typer.Option(help="Of the experiment; the first one if none is given.")] = "",
    acceptance: Annotated[str, typer.Option(help="Method that is the acceptance line; by default bicubic.")] = "",
    excellence: Annotated[str, typer.Option(help="Method that is the excellence line.")] = "",
) -> None:
    """Print acceptance rate and relative performance (SEAL) over many degradations, as CSV."""
    from harness.reporting.tables.systematic import measured_scores, published_scores

    if (experiment is None) == (models is None and rows is None):
        raise HarnessError("systematic: name an experiment, or published networks by --models, or measured --rows")
    if experiment is None:
        if lines is None:
            raise HarnessError("systematic: --lines: published networks need published lines; name their CSV file")
        kind = metric or ("psnr" if rows is None else "psnr_y_whole")
        if rows is None and kind not in ("psnr", "ssim"):
            raise HarnessError(f"--metric: {kind!r}: published lines are for psnr and ssim")
        if rows is not None:
            table = measured_scores(rows, lines, kind, unfiltered=unfiltered, models=models)
        else:
            assert models is not None
            table = published_scores(models, lines, kind, unfiltered=unfiltered)
    else:
        table = _own(experiment, metric, network, dataset, lines, acceptance, excellence, unfiltered)
    print(table.round(4).to_csv(index=False, lineterminator="\n"), end="")


def _own(
    path: Path,
    metric: str,
    network: str,
    dataset: str,
    lines: Path | None,
    acceptance: str,
    excellence: str,
    unfiltered: bool,
) -> pd.DataFrame:
    from harness.experiment import load_experiment
    from harness.foundation import layout
    from harness.reporting.rows.compared import study_of
    from harness.reporting.rows.metric_rows import blocks, load
    from harness.reporting.tables.systematic import own_scores
    from harness.reporting.tables.systematic_sets import published_lines

    experiment = load_experiment(path)
    study = study_of(experiment)
    own = lines is None and not excellence  # nothing is said of lines: those of evaluation.systematic count
    part = next((one for one in study.systematic if one.name == dataset or (own and not dataset)), None)
    if part is not None:
        study, dataset = study.on(part), part.part.dataset
        lines = published_lines(part, metric or study.metrics[0]) if own else lines
        acceptance, excellence = acceptance or part.acceptance, excellence or part.excellence
    elif (lines is None) == (excellence == ""):
        raise HarnessError("systematic: name published --lines, or --excellence METHOD as a line, one of the two")
    found = blocks(load(layout.experiment_metrics(experiment.name)), study)
    wanted = (metric or study.metrics[0], network or study.networks[0])
    chosen = [block for block in found if (block.metric, block.network) == wanted]
    if not chosen:
        known = ", ".join(f"{block.metric} on {block.network}" for block in found)
        raise HarnessError(f"{path}: {wanted[0]} on {wanted[1]}: not measured; there are: {known}")
    named = (dataset or study.datasets[0], lines, acceptance or "bicubic", excellence)
    return own_scores(chosen[0], study, *named, unfiltered=unfiltered)
