"""Start the processes of one run that uses several devices, through torchrun, and pass signals on to them."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

_ARGUMENTS = "HARNESS_ARGUMENTS"
_STARTED = "HARNESS_STARTED"
_TORCHRUN_STOPS_FOR = "TORCHELASTIC_SIGNALS_TO_HANDLE"  # by default also for SIGHUP, even below nohup


def is_started() -> bool:
    """Whether this process is one of those that :func:`run_processes` starts, below one that holds the devices.

    torchrun's own variables do not tell: they may be left over in the shell, or be another program's.
    """
    return os.environ.get(_STARTED) == str(os.getpid())


def run_processes(count: int, arguments: Sequence[str]) -> int:
    """Run ``python -m harness ARGUMENTS`` in ``count`` processes that torchrun connects; return the exit status.

    The processes inherit the locks of leased devices: should this process be killed, the devices stay leased until
    the last of them has ended.
    """
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    # Not on torchrun's own command line: it takes --run for an abbreviation of one of its options.
    environment = {**os.environ, _ARGUMENTS: json.dumps(list(arguments))}
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # by nohup: then a closed terminal ends nothing
    if ignored:
        environment[_TORCHRUN_STOPS_FOR] = "SIGTERM,SIGINT,SIGQUIT"
    process = subprocess.Popen([*torchrun, "-m", __name__], close_fds=False, env=environment)

    def forward(number: int, frame: FrameType | None) -> None:
        process.send_signal(number)

    stopping = (signal.SIGTERM, signal.SIGINT, *(() if ignored else (signal.SIGHUP,)))
    before = {number: signal.signal(number, forward) for number in stopping}
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.argv[1:] = json.loads(os.environ.pop(_ARGUMENTS))
    os.environ[_STARTED] = str(os.getpid())  # which no other process inherits as its own
    runpy.run_module("harness", run_name="__main__")
