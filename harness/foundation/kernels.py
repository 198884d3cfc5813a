"""Kernels of our own in Triton, each beside operations of torch that compute the same; one of the two is carried out.

Triton comes with torch's CUDA builds. Where it is missing, or its compiler fails, torch's operations take over.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable

from harness.foundation.device_errors import device_problem

_refused: set[str] = set()


def by_kernel(what: str, launch: Callable[[], None]) -> bool:
    """Launch a kernel and return True; False where it cannot be had, which is said once.

    Args:
        what: it makes, for people.
        launch: imports the kernel and launches it.
    """
    if what in _refused or importlib.util.find_spec("triton") is None:
        return False
    try:
        launch()
    except Exception as error:  # Triton's compiler raises what it likes
        if device_problem(error):
            raise
        _refused.add(what)
        cause = str(error).strip().splitlines()[:1] or [type(error).__name__]
        print(f"{what}: no Triton kernel ({cause[0]}); torch computes the same, slower", file=sys.stderr)
        return False
    return True
