"""SIGTERM, SIGINT and SIGHUP as a flag that the training loop looks at between iterations."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

from harness.training.distributed import World

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that ask a run to stop: of a cluster, of a person, of a terminal that was closed."""

_AGREE_EVERY = 16  # iterations


class Interrupts:
    """Within ``with``, SIGTERM, SIGINT or SIGHUP is noted in ``signal`` instead of ending the process.

    SIGHUP is a closed terminal: what is printed afterwards has nowhere to go and must not end the run unsaved.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        for number in STOPPING:
            # `nohup` has the signal ignored: then a closed terminal ends nothing.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number

    def agreed(self, world: World, iteration: int) -> bool:
        """Return whether to stop after this iteration; several processes agree on it every now and then."""
        if world.size == 1:
            return self.signal != 0
        return iteration % _AGREE_EVERY == 0 and world.any(self.signal != 0)
