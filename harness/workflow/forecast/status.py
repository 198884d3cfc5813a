"""How far the runs of an experiment are, read from the files that they leave; nothing is asked of a process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from harness.experiment import Experiment, Run
from harness.foundation import layout, live

State = Literal["waiting", "training", "stopped", "failed", "trained", "evaluated"]

_TAIL = 8192  # bytes of a log that are looked through for its last line


@dataclass(frozen=True)
class Status:
    """One run.

    Attributes:
        run: the run.
        state: ``stopped`` goes on when asked; ``failed`` ended with an error that ``said`` tells.
        iteration: done.
        rate: iterations per second: of one that trains now, of its last minutes; of a finished one, their mean; else 0.
        loss, heldout: the last that are known.
        device: where it trains, "" if it does not.
        said: the last line of what failed.
    """

    run: Run
    state: State
    iteration: int
    rate: float = 0.0
    loss: float | None = None
    heldout: float | None = None
    device: str = ""
    said: str = ""


def statuses(experiment: Experiment) -> list[Status]:
    """Return how far each run of an experiment is, in its order."""
    return [status_of(run, layout.metrics(run.name, experiment.evaluation.hash)) for run in experiment.runs]


def status_of(run: Run, metrics: Path) -> Status:
    """Return how far one run is.

    Args:
        run: the run.
        metrics: the file of its metrics.
    """
    total = run.spec.training.iterations
    said = live.read(layout.state(run.spec.hash))
    if (layout.run(run.name) / "weights.safetensors").is_file():
        speed, heldout = _record(layout.run(run.name) / "run.json")
        loss = said.loss if said else None
        if metrics.is_file():
            return Status(run, "evaluated", total, speed, loss, heldout)
        problem = _problem(layout.RESULTS / "logs" / "evaluate" / f"{run.name}.log")
        return Status(run, "failed" if problem else "trained", total, speed, loss, heldout, said=problem)
    if said is not None and said.running:
        return Status(run, "training", said.iteration, said.rate, said.loss, said.heldout, said.device)
    done = next(iter(layout.generations(layout.state(run.spec.hash))), 0)
    problem = _problem(layout.RESULTS / "logs" / "train" / f"{run.name}.log")
    if not problem and said is not None and said.ended not in ("", "stopped", "finished"):
        problem = said.ended
    if problem:
        return Status(run, "failed", done, said=problem)
    if said is None and not done:
        return Status(run, "waiting", 0)
    return Status(run, "stopped", done, 0.0, said.loss if said else None, said.heldout if said else None)


def _problem(log: Path) -> str:
    """Return the last line of a log that ends with an error; "" if it does not, or there is none."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(log.stat().st_size - _TAIL, 0))
            lines = stream.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    last = lines[-1].strip() if lines else ""
    ends_badly = last.startswith("error: ") or any(line.startswith("Traceback ") for line in lines)
    return last.removeprefix("error: ") if ends_badly else ""


def _record(path: Path) -> tuple[float, float | None]:
    """Return iterations per second and the final held-out loss of a finished run; 0 and None where it does not say."""
    try:
        return _read_record(path, path.stat().st_mtime_ns)
    except OSError:
        return 0.0, None


@lru_cache(maxsize=4096)
def _read_record(path: Path, changed: int) -> tuple[float, float | None]:
    try:
        record = json.loads(path.read_text())
        speed = float(record["images_per_second"]) / float(record["spec"]["training"]["batch_size"])
        heldout = record.get("heldout_l1_final")
        return speed, None if heldout is None else float(heldout)
    except (OSError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return 0.0, None
