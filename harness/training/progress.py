"""Progress for people: a bar with rate and time left on a terminal, plain lines in a log."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from tqdm import tqdm

from harness.foundation import durations
from harness.foundation.live import Live, tell
from harness.spec import TrainingSpec
from harness.training.history import Row

_QUIET = 30.0  # least seconds between plain lines
_LONGEST_QUIET = 600.0
_SHARE = 0.01  # of the time that a run takes: as often is a line of a long one
_TOLD = 5.0  # seconds between updates of the file for those who watch
_WINDOW = 25  # such updates that the rate is taken over: what came before may have been warming up


class Progress:
    """Shows how far a run is. On a terminal a bar; otherwise a line now and then. A small file says it to others.

    Args:
        label: the run's name.
        done: iterations done before.
        training: iterations and batch size of the run.
        shown: whether to show anything: one of several processes does.
        state: the run's state folder, for the file of :mod:`harness.foundation.live`; None writes none.
    """

    def __init__(
        self, label: str, done: int, training: TrainingSpec, shown: bool = True, state: Path | None = None
    ) -> None:
        self._label, self._total, self._images = label, training.iterations, training.batch_size
        self._shown, self._device = shown, training.device
        self._state = state if shown else None
        self._start, self._done, self._said, self._told = done, done, 0.0, 0.0
        self._marks = deque([(time.monotonic(), done)], maxlen=_WINDOW)
        self._losses: tuple[float | None, float | None] = (None, None)
        self._ended = ""
        interactive = shown and sys.stderr.isatty()
        self._bar = (
            tqdm(total=self._total, initial=done, desc=label, unit="it", dynamic_ncols=True) if interactive else None
        )

    def __enter__(self) -> Progress:
        if self._shown and self._bar is None and self._start:
            print(f"{self._label}: going on from iteration {self._start}", flush=True)
        self._tell(time.monotonic())
        return self

    def advance(self) -> None:
        """Count one iteration."""
        self._done += 1
        now = time.monotonic()
        if now - self._told >= _TOLD:
            self._marks.append((now, self._done))
            self._tell(now)
        if self._bar is not None:
            with self._unless_closed():
                self._bar.update()

    def log(self, row: Row) -> None:
        """Show a line of the history; in a log at most every half minute, less often in a long run; always the last."""
        self._losses = row.loss, self._losses[1] if row.heldout_l1 is None else row.heldout_l1
        heldout = "" if row.heldout_l1 is None else f", held-out L1 {row.heldout_l1:.4f}"
        if self._bar is not None:
            with self._unless_closed():
                self._bar.set_postfix_str(f"loss {row.loss:.4f}{heldout}")
            return
        now = time.monotonic()
        if not self._shown:
            return
        rate = self._rate(now, row.iteration)
        quiet = min(max(_QUIET, _SHARE * self._total / rate), _LONGEST_QUIET) if rate else _QUIET
        if now - self._said < quiet and row.iteration < self._total:
            return
        self._said = now
        left = durations.shown((self._total - row.iteration) / rate) if rate else "unknown time"
        part = f"{self._label}: {row.iteration / self._total:.0%}, iteration {row.iteration}/{self._total}, "
        speed = f"{rate:.3g} it/s, {rate * self._images:.1f} images/s, {left} left"
        with self._unless_closed():
            print(f"{part}loss {row.loss:.4f}{heldout}, {speed}", flush=True)

    def _rate(self, now: float, iteration: int) -> float:
        """Return iterations per second over the last minutes; 0 if nothing was done yet."""
        then, before = self._marks[0]
        return max(iteration - before, 0) / max(now - then, 1e-9)

    def _tell(self, now: float) -> None:
        """Tell those who watch."""
        self._told = now
        if self._state is None:
            return
        loss, heldout = self._losses
        rate = self._rate(now, self._done)
        who = (time.time(), socket.gethostname(), os.getpid(), self._device)
        tell(self._state, Live(self._done, self._total, rate, loss, heldout, self._ended, *who))

    def stopped(self, iteration: int, signal: int) -> int:
        """Say that the run was stopped by a signal and can go on; return the exit status."""
        self._ended = "stopped"
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
        if not self._ended:
            self._ended = "finished" if error is None else " ".join(str(error).split()) or type(error).__name__
        self._tell(time.monotonic())
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
