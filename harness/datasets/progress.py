"""Work over many images: in parallel, in order, with a bar on a terminal and plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, TypeVar

from tqdm import tqdm

from harness.foundation import durations

Item = TypeVar("Item")
Result = TypeVar("Result")

_SECONDS_BETWEEN_LINES = 30.0


def parallel_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    description: str,
    prefer: Literal["threads", "processes"] = "threads",
) -> Iterator[Result]:
    """Yield ``function(item)`` for every item, in the order of the items, with few results waiting at any time.

    Args:
        function: what to do; it must not depend on order.
        items: on what.
        jobs: number of workers; -1 for one per core.
        description: shown beside the progress.
        prefer: threads start at once and suit work that leaves Python's lock (NumPy, OpenCV, zlib).
    """
    from joblib import Parallel, delayed

    results: Any = Parallel(n_jobs=jobs, prefer=prefer, return_as="generator")(
        delayed(function)(item) for item in items
    )
    return progress(results, len(items), description)


def progress(items: Iterable[Item], total: int | None, description: str, unit: str = "image") -> Iterator[Item]:
    """Yield the items; show a bar on a terminal, and elsewhere a line every half minute and at the end.

    ``total`` is None where their number is not known.
    """
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=description, unit=unit, leave=False)
        return
    start = last = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES and done != total:
            part = f"{done / total:.0%}, {done} of {total}" if total else str(done)
            left = f", {durations.shown((total - done) * (now - start) / done)} left" if total else ""
            rate = f"{done / (now - start):.3g} {unit}s/s"
            print(f"{description}: {part} {unit}s, {rate}{left}", file=sys.stderr, flush=True)
            last = now
    print(f"{description}: {done} {unit}s in {time.monotonic() - start:.1f} s", file=sys.stderr)
