"""Which errors are the machine's, not the image's or the network's: these stop a job, and the workflow tries again."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from harness.foundation.errors import HarnessError

_NO_MEMORY = re.compile(
    r"out of memory|(?:can.t|cannot) allocate|not enough memory|bad_alloc|alloc_cpu|alloc_failed", re.I
)
_ON_GPU = re.compile(r"\bcuda|\bcudnn|\bcublas|\bcusolver|\bcusparse|\bcufft|\bnccl|\bhip\b|\bmiopen|\bnvrtc", re.I)
_LOST = re.compile(  # an operation that a backend merely does not offer is no fault of the machine
    r"(?:cuda|cudnn|cublas|cusolver|cusparse|cufft|nccl|hip|miopen|nvrtc)(?:\w*_status_|\w* (?:driver )?error|error)"
    r"|unable to find an engine|unable to find a valid cudnn|no cuda gpus are available|found no nvidia driver"
    r"|cuda unknown error|cuda driver initialization failed|nvidia driver on your system is too old|cudagetdevicecount"
    r"|watchdog caught collective operation timeout",
    re.I,
)
_SYSTEM = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ETIMEDOUT)


def device_problem(error: BaseException) -> str | None:
    """Return in a few words how the machine failed, or None if the error is not the machine's.

    An error that was raised from another one is the machine's if that one is.
    """
    seen: BaseException | None = error
    while seen is not None:
        if problem := _problem(seen):
            return problem
        seen = seen.__cause__
    return None


def _problem(error: BaseException) -> str | None:
    text = str(error)
    reason = (text.strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, torch.OutOfMemoryError):
        return f"out of GPU memory ({reason})"
    if isinstance(error, MemoryError):
        return f"out of memory ({reason})"
    if isinstance(error, OSError) and error.errno in _SYSTEM:
        return f"the system refused ({reason})"
    if isinstance(error, torch.AcceleratorError):
        return f"out of GPU memory ({reason})" if _NO_MEMORY.search(text) else f"the GPU failed ({reason})"
    if not isinstance(error, RuntimeError):
        return None
    if _LOST.search(text) or (_ON_GPU.search(text) and _NO_MEMORY.search(text)):
        return f"out of GPU memory ({reason})" if _NO_MEMORY.search(text) else f"the GPU failed ({reason})"
    return f"out of memory ({reason})" if _NO_MEMORY.search(text) and "alloc" in text.lower() else None


@contextmanager
def explain_device_errors(label: str, memory: str, after: str) -> Iterator[None]:
    """Turn a machine that is out of memory, or whose GPU is lost, into one line; other errors pass.

    Args:
        label: what was being done.
        memory: what to do where the GPU's memory does not suffice.
        after: what is kept, and how to go on.

    Raises:
        HarnessError: in place of the machine's error.
    """
    try:
        yield
    except Exception as error:
        problem = device_problem(error)
        if problem is None:
            raise
        advice = memory if problem.startswith("out of GPU") else "check nvidia-smi and the system's log"
        if problem.startswith("out of memory"):
            advice = "free some memory, or use a machine with more"
        raise HarnessError(f"{label}: {problem}; {after}; {advice}, then run again") from error
