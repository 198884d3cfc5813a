"""What Snakemake prints on a terminal, in whole lines, with the time left, and with a short ending after Ctrl-C.

Snakemake's own log file, below ``.snakemake/log``, stays as it is.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

_LOGGER = "snakemake.logging"
_HANDLER = "DefaultStreamHandler"
_PROGRESS = "progress"  # the value of Snakemake's event
_JOB_ERROR = ("job_error", "group_error")
_ASKED = "Terminating processes on user request"
_FAILED = "Exiting because a job execution failed"
_ENDED = "At least one job did not complete successfully"
_BY_SIGNAL = re.compile(r"returned non-zero exit status (?:129|130|143)\.|died with <Signals\.SIG(?:HUP|INT|TERM)")


class Console(logging.Formatter):
    """Snakemake's messages as people see them.

    Args:
        inner: Snakemake's own formatter.
        name: of the experiment.
        remaining: says how long the experiment will still take, or "".
    """

    def __init__(self, inner: logging.Formatter, name: str, remaining: Callable[[], str]) -> None:
        super().__init__()
        self._inner, self._name, self._remaining = inner, name, remaining
        self._stopped = False
        self._by_signal: list[str] = []  # what was said of jobs that the stop has ended

    def format(self, record: logging.LogRecord) -> str:
        """Return what is printed, with its line end, in one piece; "" for nothing."""
        text = self._inner.format(record)
        if not text or text == "None":
            return ""
        event = getattr(getattr(record, "event", None), "value", "")
        if _ASKED in text:
            text = "" if self._stopped else self._stopping
            self._stopped = True
        elif self._stopped:
            text = self._after_the_stop(text, event, record)
        elif event == _PROGRESS and (left := self._remaining()):
            text = f"{text}; {left}"
        return f"{text}\n" if text else ""

    def _after_the_stop(self, text: str, event: str, record: logging.LogRecord) -> str:
        """Return what is still worth saying: errors that are not the stop itself, and at last how to go on."""
        if _ENDED in text:
            return f"{self._name}: stopped; the same command goes on from here"
        if event in _JOB_ERROR and self._ended_by_the_stop(record):
            return ""
        if _BY_SIGNAL.search(text):
            self._by_signal.append(text)
            return ""
        return "" if _FAILED in text else text

    def _ended_by_the_stop(self, record: logging.LogRecord) -> bool:
        """Whether a job's error, or one of a group's, is of a command that a signal has ended, not of one before."""
        jobs = getattr(record, "job_error_info", None) or [vars(record)]
        commands = [(job.get("shellcmd") or "").strip() for job in jobs]
        return any(command and command in text for command in commands for text in self._by_signal)

    @property
    def _stopping(self) -> str:
        return f"{self._name}: stopping; jobs at work save what they have, which takes seconds"

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """Tell of Ctrl-C at once, and hand it on: jobs that end before Snakemake looks would count as failed."""
        if not self._stopped:
            self._stopped = True
            os.write(sys.stderr.fileno(), f"\n{self._stopping}\n".encode())
        signal.default_int_handler(number, frame)


def settle(name: str, remaining: Callable[[], str]) -> None:
    """Let the running Snakemake print through :class:`Console`; outside of it nothing happens.

    Args:
        name: of the experiment.
        remaining: says how long the experiment will still take, or "".
    """
    for handler in logging.getLogger(_LOGGER).handlers:
        if handler.name == _HANDLER and handler.formatter is not None and isinstance(handler, logging.StreamHandler):
            if isinstance(handler.formatter, Console):
                continue
            console = Console(handler.formatter, name, remaining)
            handler.setFormatter(console)
            ours = threading.current_thread() is threading.main_thread()
            if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                signal.signal(signal.SIGINT, console.interrupt)
            # In two pieces, other processes would print between a message and its line end.
            handler.terminator = ""
