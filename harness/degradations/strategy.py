"""How the same mathematics is carried out on each kind of device: the one table of measured choices.

No entry changes a result by more than float32 rounding. ``docs/performance.md`` has the measurements.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Strategy:
    """Choices for one kind of device.

    Attributes:
        image_by_image: run one image through all steps before the next, on as many threads as torch may use, each
            of them single-threaded. One image fits the cache, threads never wait for each other, and an
            image's bits cannot depend on the rest of its batch. False: all images in one batch.
        largest_direct_filter: kernels up to this side are applied directly, larger ones by FFT.
        band_block: rows per block of a banded matrix product; None multiplies the full matrix.
        enlarge_by_matrix: enlarge images by banded matrix products instead of torch's interpolation.
        count_with_bincount: count the levels of an image with ``bincount``, which waits for a device, instead of by a
            scatter, which does not.
    """

    image_by_image: bool
    largest_direct_filter: int
    band_block: int | None
    enlarge_by_matrix: bool
    count_with_bincount: bool


_STRATEGIES = {
    "cpu": Strategy(
        image_by_image=True,
        largest_direct_filter=13,
        band_block=64,
        enlarge_by_matrix=True,
        count_with_bincount=True,
    ),
    "cuda": Strategy(
        image_by_image=False,
        largest_direct_filter=0,
        band_block=None,
        enlarge_by_matrix=False,
        count_with_bincount=False,
    ),
}


def strategy_of(device: torch.device) -> Strategy:
    """Return the choices for a device; kinds that were not measured are treated like CUDA."""
    return _STRATEGIES.get(device.type, _STRATEGIES["cuda"])
