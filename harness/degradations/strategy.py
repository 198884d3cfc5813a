"""How the same mathematics is carried out on each kind of device: the one table of measured choices.

No entry changes a result by more than float32 rounding, and those that depend on a CPU's instructions do not change a
bit there. ``docs/performance.md`` has the measurements.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import torch

from harness.foundation.provenance import cpu_instructions


@dataclass(frozen=True)
class Strategy:
    """Choices for one kind of device, and of a CPU for its instructions.

    Attributes:
        image_by_image: run one image through all steps before the next, on as many threads as torch may use, each
            of them single-threaded. One image fits the cache, threads never wait for each other, and an
            image's bits cannot depend on the rest of its batch. False: all images in one batch.
        largest_direct_filter: kernels up to this side are applied directly, larger ones by FFT.
        filter_strips: strips that a direct filter cuts a plane into: as many as a convolution takes channels at once.
        band_block: rows per block of a banded matrix product; None multiplies the full matrix.
        sharpen_block: the same of the unsharp mask.
        sharpen_lean: sharpen with packed blocks, in memory that the plane before has left in the cache.
        enlarge_by_matrix: enlarge images by banded matrix products instead of torch's interpolation.
        count_with_bincount: count the levels of an image with ``bincount``, which waits for a device, instead of by a
            scatter, which does not.
    """

    image_by_image: bool
    largest_direct_filter: int
    filter_strips: int
    band_block: int | None
    sharpen_block: int | None
    sharpen_lean: bool
    enlarge_by_matrix: bool
    count_with_bincount: bool


_STRATEGIES = {
    "cpu": Strategy(
        image_by_image=True,
        largest_direct_filter=13,
        filter_strips=8,
        band_block=64,
        sharpen_block=64,
        sharpen_lean=False,
        enlarge_by_matrix=True,
        count_with_bincount=True,
    ),
    "cuda": Strategy(
        image_by_image=False,
        largest_direct_filter=0,
        filter_strips=8,
        band_block=64,  # of a crop of 400 pixels, 28% of the full product
        sharpen_block=64,
        sharpen_lean=False,
        enlarge_by_matrix=False,
        count_with_bincount=False,
    ),
}


def strategy_of(device: torch.device) -> Strategy:
    """Return the choices for a device; kinds that were not measured are treated like CUDA."""
    return _of_this_cpu() if device.type == "cpu" else _STRATEGIES.get(device.type, _STRATEGIES["cuda"])


@cache
def _of_this_cpu() -> Strategy:
    return of_cpu(cpu_instructions())


def of_cpu(instructions: str) -> Strategy:
    """Return the choices for a CPU with these instructions, as :func:`cpu_instructions` names them.

    Small and packed blocks are for Intel's processors with AMX alone: there, products of any block have the same bits.
    With AVX2 they have not, and processors of others were not tried.
    """
    found = _STRATEGIES["cpu"]
    if instructions.startswith("AVX-512"):
        found = replace(found, filter_strips=16)
    if instructions == "AMX":
        found = replace(found, filter_strips=16, sharpen_block=32, sharpen_lean=True)
    return found
