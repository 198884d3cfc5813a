"""One image per thread: on a CPU, images share nothing, so threads need not meet within each operation."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import torch


def map_images(function: Callable[[int], None], count: int) -> None:
    """Call ``function`` with 0 .. count - 1 on as many threads as torch may use here, each of them single-threaded.

    Raises:
        Exception: the first exception of the function, after all calls have ended.
    """
    workers = torch.get_num_threads()
    if workers == 1:
        for index in range(count):
            function(index)
        return
    futures = [_pool(os.getpid(), workers).submit(function, index) for index in range(count)]
    errors = [future.exception() for future in futures]
    for error in errors:
        if error is not None:
            raise error


@lru_cache(maxsize=4)
def _pool(process: int, workers: int) -> ThreadPoolExecutor:
    """Return the threads of this process (a fork inherits none of its parent's)."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="degrade", initializer=_be_single_threaded)
    started = threading.Barrier(workers)
    for future in [pool.submit(started.wait) for _ in range(workers)]:
        future.result()
    # Torch's setting belongs to the thread, but threads to come take over the last one that was made.
    torch.set_num_threads(workers)
    return pool


def _be_single_threaded() -> None:
    torch.get_num_threads()  # a thread's first use of torch takes over the process's setting; let that come first
    torch.set_num_threads(1)
