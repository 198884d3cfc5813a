"""The command that trains."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from harness.commands.arguments import ExperimentFile


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(train)


def train(
    experiment: ExperimentFile,
    run: Annotated[str, typer.Option(help="Name of the run; the hash at its end may be left out.")],
    save_every: Annotated[int, typer.Option(min=1, help="Iterations between saved states.")] = 5000,
    save_minutes: Annotated[float, typer.Option(min=0.0, help="Most minutes between saved states.")] = 10.0,
) -> None:
    """Train one run, or go on with it."""
    from harness.experiment import load_experiment
    from harness.experiment.ablations import find_run
    from harness.experiment.kept_batches import batches_folder
    from harness.foundation import layout
    from harness.foundation.devices import lease
    from harness.foundation.launch import is_started, run_processes

    loaded = load_experiment(experiment)
    chosen = find_run(loaded, run)
    training = chosen.spec.training
    os.environ["OMP_NUM_THREADS"] = str(training.threads)
    started = is_started()
    with lease(training.processes if loaded.needs_gpu and not started else 0, loaded.file.runs_per_gpu):
        if training.processes > 1 and not started:
            raise SystemExit(run_processes(training.processes, sys.argv[1:]))
        from harness.networks.build import import_network
        from harness.networks.chance import check_passes
        from harness.training.kept_weights import NOTHING, Keeping
        from harness.training.train import Job
        from harness.training.train import train as train_run

        check_passes(
            import_network(chosen.spec.network.path),
            loaded.catalogues.networks[chosen.network].test_time,
            f"networks.yaml: {chosen.network}",
        )
        job = Job(
            label=chosen.name,
            output=layout.run(chosen.name),
            state=layout.state(chosen.spec.hash),
            data=layout.pack(training.data),
            heldout=layout.pack(training.heldout),
            teacher=loaded.teacher_weights(chosen),
            batches=batches_folder(loaded),
            keeping=NOTHING if chosen.spec.is_trial else Keeping(loaded.file.keep_every, loaded.file.keep_raw),
            save_every=save_every,
            save_seconds=60 * save_minutes,
        )
        train_run(chosen.spec, job)
