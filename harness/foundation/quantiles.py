"""Kinds of bulk random numbers, and the normal distribution's quantiles in fixed point, for all forms of them.

:mod:`harness.foundation.philox` says what they are for.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

UNIFORM, NORMAL, INTEGER = 0, 1, 2
KINDS = {"uniform": UNIFORM, "normal": NORMAL, "integer": INTEGER}
"""float32 in [0, 1), multiples of 2^-24; standard normal float32; int32 in 0..2^31 - 1."""

SEGMENT_BITS = 5
"""Each octave of the tail's probability has 2 ** 5 segments."""
FRACTION_BITS = 26
"""Of normal numbers in fixed point, and of the place within a segment."""


@lru_cache(maxsize=16)
def quantiles(device: torch.device) -> Tensor:
    """Return the coefficients (3, 1024) int32 of the normal distribution's quantiles by segment, on a device."""
    host = torch.from_numpy(_coefficients())
    if device.type != "cuda":
        return host.to(device)
    table = host.pin_memory().to(device, non_blocking=True)
    torch.cuda.current_stream(device).synchronize()  # other streams will read it
    return table


def _coefficients() -> npt.NDArray[np.int32]:
    """Return c with ``-quantile(p) = c0 + c1 t + c2 t^2``, times 2 ** 26, for ``p = 2^(e - 33) (1 + (s + t) / 32)``.

    Segment 32 e + s; t in [0, 1). Interpolated at Chebyshev's nodes: within 2e-7 of the quantile.
    """
    parts = 1 << SEGMENT_BITS
    nodes = 0.5 + 0.5 * np.cos(np.pi * np.array([1, 3, 5]) / 6)
    inverse = np.linalg.inv(np.vander(nodes, increasing=True))
    quantile = NormalDist().inv_cdf
    tails = [[2.0 ** (e - 33) * (1 + (s + t) / parts) for t in nodes] for e in range(32) for s in range(parts)]
    values = np.array([[-quantile(p) for p in three] for three in tails])
    rounded: npt.NDArray[np.int32] = np.rint(values @ inverse.T * 2**FRACTION_BITS).astype(np.int32)
    return np.ascontiguousarray(rounded.T)
