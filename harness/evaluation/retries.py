"""Failed cells whose cause may go away: what a metrics file could not read, and whether that has changed since.

Beside the metrics lies, for each method that met an unreadable image, one small file below ``results/failures``. It
holds the states of the files at fault and the number of the attempt. Snakemake is told the number as a parameter of
the evaluation: while nothing changes it stays, once a file at fault was written anew or removed it grows by one, and
what a parameter decides is made again. Where nothing failed there is nothing to look at. No torch here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.files import write_json

FileState = list[int] | None
"""Size in bytes and time of change in nanoseconds; None for what is not there."""


def file_state(path: str | Path) -> FileState:
    """Return what changes when a file is written again."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def attempts(evaluation: str) -> dict[str, int]:
    """Return the number of the coming attempt by method, for those that met unreadable files; of all others it is 0.

    Args:
        evaluation: which, as for :func:`harness.foundation.layout.evaluation_stem`.

    Raises:
        HarnessError: a file below ``results/failures`` cannot be read.
    """
    state = cache(file_state)  # thousands of methods may have met the same file
    return {path.parent.name: _coming(path, state) for path in _files(evaluation)}


def note_unreadable(method: str, evaluation: str, states: Mapping[str, FileState], attempt: int | None) -> None:
    """Keep what an attempt could not read.

    Args:
        method: the run, reference or model from outside.
        evaluation: as for :func:`attempts`.
        states: path to state, before it was read, of every file at fault.
        attempt: its number; by default (for a call by hand) that of the last one.
    """
    path = layout.failures(method, evaluation)
    if attempt is None:
        attempt = _read(path)[0] if path.is_file() else 0
    if states or attempt:
        write_json(path, {"attempt": attempt, "unreadable": dict(states)})
    else:
        path.unlink(missing_ok=True)


def _files(evaluation: str) -> Iterable[Path]:
    return (
        sorted(layout.FAILURES.glob(f"*/{layout.evaluation_stem(evaluation)}.json")) if layout.FAILURES.is_dir() else ()
    )


def _coming(path: Path, state: Callable[[str], FileState]) -> int:
    attempt, unreadable = _read(path)
    changed = any(state(name) != found for name, found in unreadable.items())
    return attempt + changed


def _read(path: Path) -> tuple[int, dict[str, FileState]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        attempt, unreadable = int(content["attempt"]), dict(content["unreadable"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise HarnessError(f"{path}: not a readable list of failures; delete it and evaluate again") from error
    return attempt, unreadable
