"""The commands for several machines: merge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.foundation import layout
from harness.foundation.errors import HarnessError


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(merge)


def merge(
    folders: Annotated[list[Path], typer.Argument(help="Results folders of other machines, or checkouts with one.")],
    into: Annotated[Path, typer.Option(help="The results folder to complete.")] = layout.RESULTS,
    state: Annotated[bool, typer.Option(help="Also take over states of runs that are finished nowhere.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would be done.")] = False,
) -> None:
    """Bring runs and rows of other machines into one results folder; conflicts are named, nothing whole is lost."""
    from harness.workflow.merge import merge as merge_results

    found = merge_results(folders, into, with_state=state, dry_run=dry_run)
    for line in found.unfinished:
        print(line)
    for name in found.replaced:
        print(f"{into / name}: damaged here, {'to be ' * dry_run}replaced by a whole one")
    verb = "would be copied" if dry_run else "copied"
    print(f"{into}: {len(found.copied)} files {verb}, {found.equal} runs and files of rows were there already")
    if found.problems:
        raise HarnessError("\n".join([f"{len(found.problems)} not merged:", *(f"  - {p}" for p in found.problems)]))
