"""The command line: every job of the workflow is one command that a person can paste.

Modules are imported inside the commands: most commands need no torch, and a GPU must be leased before torch looks.
"""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from harness.commands import (
    analyse,
    citing,
    cluster,
    data,
    evaluate,
    listing,
    plan,
    regularizers,
    report,
    representatives,
    sharing,
    show,
    systematic,
    train,
    watch,
)
from harness.foundation.errors import HarnessError

app = typer.Typer(
    name="harness",
    help="Benchmark and ablation harness for regularizers in blind image super-resolution.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

for group in (
    data,
    train,
    evaluate,
    analyse,
    report,
    plan,
    watch,
    listing,
    show,
    cluster,
    sharing,
    citing,
    regularizers,
    representatives,
    systematic,
):
    group.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        from harness.foundation.provenance import git_commit

        try:
            number = version("sr-regularizer-harness")
        except PackageNotFoundError:  # a checkout that was not installed
            number = "not installed"
        print(f"harness {number}, commit {git_commit()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print version and commit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; errors that a user can mend are told in their own lines, without a traceback."""
    logging.basicConfig(format="%(message)s")  # of libraries only warnings
    logging.getLogger("harness").setLevel(logging.INFO)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
    try:
        app()
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _interrupted(number: int, frame: FrameType | None) -> NoReturn:
    """End with status 130 and one line; a run that trains has its own way, which saves its state first."""
    signal.signal(number, signal.SIG_DFL)
    print("\nstopped; nothing finished is lost, the same command goes on", file=sys.stderr, flush=True)
    raise KeyboardInterrupt
