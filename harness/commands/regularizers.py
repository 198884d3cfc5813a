"""The commands for somebody with a new regularizer: write it, and check that it conforms."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.foundation.errors import HarnessError
from harness.foundation.project import ROOT


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (new_regularizer, conformance):
        app.command()(command)


def new_regularizer(name: str) -> None:
    """Write a working regularizer and its rule, to be filled with your idea."""
    from harness.regularizers.scaffold import new_regularizer as write_files

    for path in write_files(name, ROOT):
        print(f"wrote {path}")
    print(f"next: name {name} among the variants of an experiment, then: python -m harness conformance {name}")


def conformance(
    name: Annotated[str, typer.Argument(help="A variant, a regularizer, or an import path package.module:Class.")],
    network: Annotated[list[str] | None, typer.Option(help="Networks; a small one of each kind if not given.")] = None,
    processes: Annotated[bool, typer.Option(help="Share a batch between two processes too: seconds.")] = True,
    thorough: Annotated[bool, typer.Option(help="Compile to machine code too: a minute for each network.")] = False,
) -> None:
    """Check what every regularizer must keep: determinism, resume, evaluation, precision, processes, options."""
    from harness.experiment.catalogues import Catalogues, VariantEntry
    from harness.regularizers import load_regularizer
    from harness.regularizers.conformance.checks import check
    from harness.regularizers.conformance.networks import small_networks

    catalogues = Catalogues.load()
    entry = VariantEntry(regularizer=name) if ":" in name else catalogues.variant(name)
    unknown = sorted(set(network or ()) - set(catalogues.networks))
    if unknown:
        known = ", ".join(sorted(catalogues.networks))
        raise HarnessError(f"conformance: --network: {unknown[0]!r}: unknown; allowed: {known}")
    networks = {one: catalogues.networks[one] for one in network} if network else small_networks()
    problems = check(
        load_regularizer(entry.regularizer), entry.options, networks, processes=processes, thorough=thorough
    )
    if problems:
        raise HarnessError("\n".join(problems))
    print(f"{name}: conforms on {', '.join(networks)}" + ("" if processes else ", in one process"))
