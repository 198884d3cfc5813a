"""The command ``analyse``: what the network of a run has learned."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from harness.commands.arguments import ExperimentFile
from harness.commands.gpu import leased
from harness.experiment import load_experiment
from harness.experiment.ablations import find_run
from harness.experiment.analyses import Analyses
from harness.foundation import layout, timings
from harness.foundation.errors import HarnessError


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(analyse)


def analyse(
    experiment: ExperimentFile,
    run: Annotated[str, typer.Option(help="A trained run of the experiment.")],
    iteration: Annotated[
        int | None, typer.Option(min=1, help="Of weights kept on the way; by default the last.")
    ] = None,
) -> None:
    """Look inside a trained network as the experiment's section `analysis:` says, and write the rows."""
    loaded = load_experiment(experiment)
    analyses = Analyses(loaded)
    chosen = {one.iteration: one for one in analyses.of(find_run(loaded, run))}
    number = max(chosen) if iteration is None else iteration
    if number not in chosen:
        known = ", ".join(map(str, chosen))
        raise HarnessError(f"analyse --iteration {number}: not among what is to be analysed of this run: {known}")
    one, entry = chosen[number], analyses.entry
    with leased(loaded):
        began = time.perf_counter()
        from harness.analysis.analyse import Wanted, write_rows
        from harness.analysis.analyse import analyse as rows_of
        from harness.evaluation.trained import load_network

        training, spec = loaded.training, one.run.spec
        network = load_network(spec, one.weights, training.threads, loaded.evaluates_channels_last(one.run.network))
        wanted = Wanted(
            analyses=entry.analyses,
            dataset=entry.dataset,
            degradations=entry.degradations,
            reference=entry.reference,
            blocks=None if entry.blocks == "all" else entry.blocks,
            images=entry.images,
            crop=entry.crop,
            patches=entry.patches,
            leave_out_at=entry.leave_out_at,
        )
        labels: dict[str, str | int] = {
            "network": one.run.network,
            "variant": one.run.stem,
            "regularizer": one.run.regularizer,
            "seed": one.run.seed,
            "iteration": one.iteration,
        }
        scale, taps = loaded.file.scale, loaded.catalogues.networks[one.run.network].network.taps
        rows = rows_of(network, taps, labels, wanted, layout.benchmarks(scale), scale, training.device)
        write_rows(rows, one.rows)
    seconds = time.perf_counter() - began
    timings.note(one.run.name, analyses.hash, seconds, len(rows))
    print(f"{one.rows}: {len(rows)} rows in {seconds:.1f} s")
