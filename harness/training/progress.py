"""Progress for people: a bar with rate and time left on a terminal, plain lines in a log."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from tqdm import tqdm

from harness.spec import TrainingSpec
from harness.training.history import Row

_QUIET = 30.0  # seconds between plain lines


class Progress:
    """Shows how far a run is. On a terminal a bar; otherwise a line now and then.

    Args:
        label: the run's name.
        done: iterations done before.
        training: iterations and batch size of the run.
        shown: whether to show anything: one of several processes does.
    """

    def __init__(self, label: str, done: int, training: TrainingSpec, shown: bool = True) -> None:
        self._label, self._total, self._images = label, training.iterations, training.batch_size
        self._shown = shown
        self._start, self._began, self._said = done, time.monotonic(), 0.0
        interactive = shown and sys.stderr.isatty()
        self._bar = (
            tqdm(total=self._total, initial=done, desc=label, unit="it", dynamic_ncols=True) if interactive else None
        )

    def __enter__(self) -> Progress:
        if self._shown and self._bar is None and self._start:
            print(f"{self._label}: going on from iteration {self._start}", flush=True)
        return self

    def advance(self) -> None:
        """Count one iteration."""
        if self._bar is not None:
            with self._unless_closed():
                self._bar.update()

    def log(self, row: Row) -> None:
        """Show a line of the history; in a log at most every half minute, and always the last."""
        heldout = "" if row.heldout_l1 is None else f", held-out L1 {row.heldout_l1:.4f}"
        if self._bar is not None:
            with self._unless_closed():
                self._bar.set_postfix_str(f"loss {row.loss:.4f}{heldout}")
            return
        now = time.monotonic()
        if not self._shown:
            return
        if now - self._said < _QUIET and row.iteration < self._total:
            return
        self._said = now
        rate = (row.iteration - self._start) / max(now - self._began, 1e-9)
        left = (self._total - row.iteration) / rate if rate else 0.0
        line = f"{self._label}: iteration {row.iteration}/{self._total}, loss {row.loss:.4f}{heldout}, "
        with self._unless_closed():
            print(f"{line}{rate * self._images:.1f} images/s, {left:.0f} s left", flush=True)

    def stopped(self, iteration: int, signal: int) -> int:
        """Say that the run was stopped by a signal and can go on; return the exit status."""
        if self._shown:
            with self._unless_closed():
                print(
                    f"{self._label}: stopped at iteration {iteration}, state saved; run again to go on",
                    file=sys.stderr,
                    flush=True,
                )
        return 128 + signal

    @contextmanager
    def _unless_closed(self) -> Iterator[None]:
        """Go on in silence where the terminal or the pipe is gone: what was trained is worth more than what is said."""
        try:
            yield
        except OSError:
            self._shown, self._bar = False, None
            _drop_what_is_closed()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            with self._unless_closed():
                self._bar.close()


def _drop_what_is_closed() -> None:
    """Point streams that nobody reads any more to nowhere: what is left in them would change the exit status to 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError):  # a stream without a descriptor
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
