"""The commands that hand results to other people and take theirs: publish, import."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from harness.commands.arguments import ExperimentFile
from harness.foundation import layout


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(publish)
    app.command("import")(import_)


def publish(
    experiment: ExperimentFile,
    out: Annotated[Path, typer.Option(help="The zip file to write.")],
    weights: Annotated[bool, typer.Option("--weights", help="Add the weights of every run (safetensors).")] = False,
) -> None:
    """Bundle the results of an experiment in one file that others can check, and print its signature.

    The signature is a hash of all content, to be printed beside a paper. It proves that nothing changed, not who wrote
    it.
    """
    from harness.experiment import load_experiment
    from harness.workflow.sharing.bundle import publish as write

    found = write(load_experiment(experiment), out, weights=weights)
    print(f"{out}: {out.stat().st_size:,} bytes\nsignature (SHA-256 of the manifest): {found}")


def import_(
    bundle: Annotated[Path, typer.Argument(metavar="FILE.zip", help="A bundle that `publish` wrote.")],
    into: Annotated[Path, typer.Option(help="The results folder to complete.")] = layout.RESULTS,
    signature: Annotated[
        str | None, typer.Option(metavar="HASH", help="The signature that the authors printed; another one is refused.")
    ] = None,
) -> None:
    """Check a bundle of results byte by byte and put it beside one's own; nothing that differs is overwritten."""
    from harness.workflow.sharing.unbundle import unbundle

    done = unbundle(bundle, into, signature)
    print(f"{bundle}: {len(done.written)} files imported, {done.equal} were there already")
    print(f"signature: {done.signature}{'' if signature else ' (not compared: give --signature)'}")
    file = shlex.quote(str(done.experiment))
    print(f"look at it: python -m harness tables {file}; python -m harness report {file}")
