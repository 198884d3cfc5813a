"""What a run that trains says of itself while it does: a small file in its state folder, for whoever watches."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from harness.foundation.errors import HarnessError
from harness.foundation.files import write_json

FILE = "progress.json"

_SILENT = 900.0
"""Seconds after which a process elsewhere that says nothing counts as gone; one here is asked for."""


@dataclass(frozen=True)
class Live:
    """How far a run was when it last said so.

    Attributes:
        iteration, iterations: done, and in all.
        rate: iterations per second over the last minutes, 0 where it is not known yet.
        loss, heldout: of the last line of its history, None before the first.
        ended: "" while it trains, else ``finished``, ``stopped``, or why it failed.
        time: of the file, seconds since 1970.
        host, pid: the process.
        device: where it trains.
    """

    iteration: int
    iterations: int
    rate: float
    loss: float | None
    heldout: float | None
    ended: str
    time: float
    host: str
    pid: int
    device: str

    @property
    def running(self) -> bool:
        """Whether it trains now, as far as this machine can tell."""
        if self.ended:
            return False
        if self.host != socket.gethostname():
            return time.time() - self.time < _SILENT
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # another user's
            return True
        return True


def tell(folder: Path, said: Live) -> None:
    """Write a run's progress into its state folder. That nobody can be told must not end a training."""
    with suppress(HarnessError, OSError):
        write_json(folder / FILE, asdict(said))


def read(folder: Path) -> Live | None:
    """Return what a run last said of itself; None if it never did, or what lies there cannot be read."""
    try:
        content = json.loads((folder / FILE).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(content, Mapping):
        return None
    try:
        return Live(**{field.name: content[field.name] for field in fields(Live)})
    except KeyError:
        return None
