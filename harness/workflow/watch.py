"""``python -m harness watch``: an experiment while it runs, on one screen. Reads files only, and starts nothing."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.experiment import Experiment
from harness.foundation import durations
from harness.workflow.forecast.outlook import left
from harness.workflow.forecast.status import State, Status, statuses

_ORDER: tuple[State, ...] = ("training", "failed", "stopped", "trained", "waiting", "evaluated")
_STYLES: dict[State, str] = {
    "training": "bold cyan",
    "failed": "bold red",
    "stopped": "yellow",
    "trained": "green",
    "waiting": "dim",
    "evaluated": "green",
}
_HEADER = ("run", "state", "done", "it/s", "left", "loss", "held-out L1")
_QUERY = "index,name,utilization.gpu,memory.used,memory.total"
_BAR = 20  # characters
_NO_ROWS = 7  # lines of a screen that are not rows of the table
_FEWEST = 4


@dataclass(frozen=True)
class Snapshot:
    """An experiment at one moment.

    Attributes:
        name: of the experiment.
        runs: how far each is.
        outlook: how long the whole will take, in words.
        gpus: one line for each GPU of this machine.
        note: what is not shown, "" if nothing.
    """

    name: str
    runs: Sequence[Status]
    outlook: str
    gpus: Sequence[str]
    note: str = ""


def snapshot(experiment: Experiment) -> Snapshot:
    """Look at an experiment's files and at the GPUs."""
    states = statuses(experiment)
    note = "trials of its tuning are not shown" if experiment.tuning else ""
    return Snapshot(experiment.name, states, left(experiment, states).line(), gpu_lines(), note)


def plain(shot: Snapshot) -> Iterator[str]:
    """Yield a snapshot as text: for logs, and for those who read no tables."""
    yield _headline(shot)
    yield from filter(None, [shot.outlook, shot.note])
    rows = [_HEADER, *(_cells(one) for one in _sorted(shot.runs))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    for row in rows:
        left_aligned = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join([*left_aligned, *numbers]).rstrip()
    yield from _failures(shot)
    yield from shot.gpus


def live(experiment: Experiment, seconds: float) -> None:
    """Show an experiment until Ctrl-C or until all of its runs are evaluated.

    Args:
        experiment: to look at.
        seconds: between looks.
    """
    console = Console()
    shot = snapshot(experiment)
    with Live(screen_of(shot, console.height), console=console, auto_refresh=False, screen=False) as shown:
        while any(one.state != "evaluated" for one in shot.runs):
            time.sleep(seconds)
            shot = snapshot(experiment)
            shown.update(screen_of(shot, console.height), refresh=True)


def screen_of(shot: Snapshot, height: int) -> RenderableType:
    """Return a snapshot as a table that fits on a screen of ``height`` lines: what needs a look comes first."""
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for column, title in enumerate(_HEADER):
        justify = "left" if column < 2 else "right"
        table.add_column(title, justify=justify, no_wrap=True, overflow="ellipsis")  # type: ignore[arg-type]
    failures = list(_failures(shot))
    room = max(height - _NO_ROWS - len(failures) - len(shot.gpus), _FEWEST)
    runs = _sorted(shot.runs)
    for one in runs[:room]:
        name, state, *numbers = _cells(one)
        table.add_row(name, Text(state, style=_STYLES[one.state]), *numbers)
    parts: list[RenderableType] = [Text(_headline(shot), style="bold"), Text(shot.outlook), _bar(shot)]
    parts += [*filter(None, [shot.note]), table]
    if len(runs) > room:
        parts.append(Text(f"and {len(runs) - room} more: {_counted(runs[room:])}", style="dim"))
    parts += [Text(line, style="red") for line in failures]
    parts += [Text(line, style="dim") for line in shot.gpus]
    ended = all(one.state == "evaluated" for one in runs)
    last = "all runs are evaluated: the view ends" if ended else "Ctrl-C ends the view, not the experiment"
    parts.append(Text(last, style="dim"))
    return Group(*parts)


def gpu_lines() -> list[str]:
    """Return what ``nvidia-smi`` says of the GPUs, a line each; nothing where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    lines = []
    for line in said.strip().splitlines():
        index, _, rest = line.partition(",")
        name, busy, used, total = (part.strip() for part in rest.rsplit(",", 3))
        lines.append(f"GPU {index} {name}: {busy}% busy, {used} of {total} MiB used")
    return lines


def _headline(shot: Snapshot) -> str:
    return f"{shot.name}: {len(shot.runs)} runs, {_counted(shot.runs)}"


def _counted(runs: Sequence[Status]) -> str:
    counts = Counter(one.state for one in runs)
    return ", ".join(f"{counts[state]} {state}" for state in _ORDER if counts[state])


def _bar(shot: Snapshot) -> Text:
    """Return how much of all iterations is done, as a bar."""
    total = sum(one.run.spec.training.iterations for one in shot.runs)
    part = sum(one.iteration for one in shot.runs) / total if total else 1.0
    full = int(part * _BAR)
    return Text.assemble(("█" * full, "cyan"), ("░" * (_BAR - full), "dim"), f" {part:.1%} of all iterations")


def _sorted(runs: Sequence[Status]) -> list[Status]:
    return sorted(runs, key=lambda one: _ORDER.index(one.state))


def _cells(one: Status) -> tuple[str, ...]:
    total = one.run.spec.training.iterations
    trains = one.state == "training"
    remaining = durations.shown((total - one.iteration) / one.rate) if trains and one.rate else ""
    done = f"{one.iteration / total:.0%}" if one.iteration else ""
    rate = f"{one.rate:.3g}" if one.rate else ""
    loss, heldout = ("" if value is None else f"{value:.4f}" for value in (one.loss, one.heldout))
    return one.run.label, one.state, done, rate, remaining, loss, heldout


def _failures(shot: Snapshot) -> Iterator[str]:
    for one in shot.runs:
        if one.state == "failed":
            yield f"{one.run.label} failed: {one.said}"
