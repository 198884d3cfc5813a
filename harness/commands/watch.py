"""The command that shows an experiment while it runs."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from harness.commands.arguments import ExperimentFile, Without


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(watch)


def watch(
    experiment: ExperimentFile,
    once: Annotated[bool, typer.Option("--once", help="Print one snapshot as plain text, and end.")] = False,
    seconds: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks at the files.")] = 2.0,
    without: Without = None,
) -> None:
    """Show an experiment while it runs: states, speed, time left, losses, GPUs and failures.

    Call it in a second terminal, in the same folder or in one that shares its results. It reads files only: Ctrl-C ends
    the view, not the experiment. It ends by itself when all runs are evaluated.
    """
    from harness.experiment import load_experiment
    from harness.workflow.watch import live, plain, snapshot

    loaded = load_experiment(experiment)
    if once:
        print("\n".join(plain(snapshot(loaded))))
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)  # nothing is stopped that one could tell of
    try:
        live(loaded, seconds)
    except KeyboardInterrupt:
        raise SystemExit(0) from None
