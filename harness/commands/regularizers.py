"""The commands for somebody with a new regularizer: write it, and check that it conforms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.foundation.errors import HarnessError
from harness.foundation.project import ROOT, own_file


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (new_regularizer, conformance):
        app.command()(command)


def new_regularizer(
    name: Annotated[str, typer.Argument(help="Lower case with _: file, rule and variant are called so.")],
    package: Annotated[str | None, typer.Option(help="Of a project's code, where it has several.")] = None,
) -> None:
    """Write a working regularizer and its rule, to be filled with your idea: into the project here, or the harness."""
    from harness.experiment.catalogues import Catalogues
    from harness.regularizers import scaffold

    taken = Catalogues.load().variant_names
    in_project = own_file("configs") is not None
    if package is not None and not in_project:
        raise HarnessError("new-regularizer: --package: is a project's, and here is no folder configs of one")
    if in_project:
        new = scaffold.new_regularizer_of_project(name, Path.cwd(), package, taken)
    else:
        new = scaffold.new_regularizer(name, ROOT, taken)
    steps = [f"put your idea into {_shown(new.module)}"]
    if in_project:
        steps.append(f'add to configs/regularizers.yaml: {name}: {{regularizer: "{new.regularizer}"}}')
    steps += [
        f"python -m harness conformance {new.regularizer}",
        f"name {name} among the variants of an experiment, and run it",
    ]
    for path in (new.module, new.rule):
        print(f"wrote {_shown(path)}")
    print("next:", *(f"  {number}. {step}" for number, step in enumerate(steps, 1)), sep="\n")


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def conformance(
    name: Annotated[str, typer.Argument(help="A variant, a regularizer, or an import path package.module:Class.")],
    network: Annotated[list[str] | None, typer.Option(help="Networks; a small one of each kind if not given.")] = None,
    processes: Annotated[bool, typer.Option(help="Share a batch between two processes too: seconds.")] = True,
    thorough: Annotated[bool, typer.Option(help="Compile to machine code too: a minute for each network.")] = False,
) -> None:
    """Check what every regularizer must keep: determinism, resume, evaluation, precision, processes, options."""
    from harness.experiment.catalogues import Catalogues, VariantEntry
    from harness.regularizers import load_regularizer, roles
    from harness.regularizers.conformance.checks import check, compilation_checked
    from harness.regularizers.conformance.networks import fitting, small_networks
    from harness.spec import RegularizerSpec

    catalogues = Catalogues.load()
    entry = VariantEntry(regularizer=name) if ":" in name else catalogues.variant(name)
    unknown = sorted(set(network or ()) - set(catalogues.networks))
    if unknown:
        known = ", ".join(sorted(catalogues.networks))
        raise HarnessError(f"conformance: --network: {unknown[0]!r}: unknown; allowed: {known}")
    networks = {one: catalogues.networks[one] for one in network} if network else None
    found = load_regularizer(entry.regularizer)
    problems = check(found, entry.options, networks, processes=processes, thorough=thorough)
    if problems:
        raise HarnessError("\n".join(problems))
    small = small_networks()
    on = networks or fitting(small, roles(RegularizerSpec(regularizer=entry.regularizer, options=entry.options)))
    lacking = "" if networks else ", ".join(one for one in small if one not in on)
    limits = ["" if processes else ", in one process"]
    limits += ["" if compilation_checked(found, on) else "; compilation not checked"]
    limits += [f"; not on {lacking}, without its roles" if lacking else ""]
    print(f"{name}: conforms on {', '.join(on)}" + "".join(limits))
