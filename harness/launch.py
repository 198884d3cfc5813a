"""Start the processes of one run that uses several devices, through torchrun, and pass signals on to them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType


def run_processes(count: int, arguments: Sequence[str]) -> int:
    """Run ``python -m harness ARGUMENTS`` in ``count`` processes that torchrun connects; return the exit status.

    The processes inherit the locks of leased devices: should this process be killed, the devices stay leased until
    the last of them has ended.
    """
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    process = subprocess.Popen([*torchrun, "-m", "harness", *arguments], close_fds=False)

    def forward(number: int, frame: FrameType | None) -> None:
        process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
