"""Bulk random numbers that are equal on every device: Philox 4x32-10 with integer arithmetic up to the last rounding.

torch's own generators on CUDA give numbers that depend on the number of multiprocessors, once a tensor is large; so
two cards, or a card and its successor, would see different noise. Here number i of a row is word ``i % 4`` of Philox
(Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) at counter ``(i // 4, 0, c2, c3)``, where c2, c3
and the key are the 128 bits that :func:`harness.foundation.rng.derive_key` makes of seed, stream, iteration, view and
row. A shorter row is the beginning of a longer one.

Normal numbers come from the inverse of their distribution function, one word each: piecewise quadratic, in fixed point.
No logarithm or cosine is evaluated on the device, and no product can be contracted with a sum, so all devices agree
in all bits: torch's operations on a CPU or on CUDA, and the Triton kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.foundation.kernels import by_kernel
from harness.foundation.quantiles import FRACTION_BITS, INTEGER, SEGMENT_BITS, UNIFORM, quantiles

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_MANTISSA_BITS, _BIAS = 52, 1023


def words_of(keys: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return 128-bit keys as (N, 2) int64: Philox's key, and the upper half of its counter."""
    halves = [[key & (2**64 - 1), key >> 64] for key in keys]
    return np.array(halves, np.uint64).reshape(-1, 2).view(np.int64)


def fill(out: Tensor, keys: Tensor, kind: int) -> Tensor:
    """Fill ``out`` (N, ...), contiguous, with numbers of a kind; row j's are a function of its key alone.

    Args:
        out: float32, or int32 for ``INTEGER``.
        keys: of :func:`words_of`, (N, 2) int64 on the device of ``out``.
        kind: ``UNIFORM``, ``NORMAL`` or ``INTEGER``.
    """
    if not out.is_contiguous():
        raise ValueError("random numbers are written to contiguous memory only")
    torch.ops.harness.philox(out, keys, kind)
    return out


@torch.library.custom_op("harness::philox", mutates_args=("out",))
def _philox(out: Tensor, keys: Tensor, kind: int) -> None:
    """Carry :func:`fill` out: one kernel on CUDA where Triton is at hand, else torch's operations, with equal bits."""
    if not out.numel():
        return

    def launch() -> None:
        from harness.foundation.philox_triton import launch

        launch(out, keys, kind)

    if not (out.is_cuda and by_kernel("random numbers", launch)):
        by_torch(out, keys, kind)


@_philox.register_fake
def _(out: Tensor, keys: Tensor, kind: int) -> None:
    """Say that nothing but ``out`` changes, for tensors without values."""


def by_torch(out: Tensor, keys: Tensor, kind: int) -> None:
    """Fill as :func:`fill`, by some hundred operations on int64 tensors."""
    count = out[0].numel()
    words = torch.stack(blocks(keys, -(-count // 4)), dim=2).flatten(1)[:, :count].reshape(out.shape)
    if kind == INTEGER:
        out.copy_(words >> 1)
    elif kind == UNIFORM:
        out.copy_(words >> 8).mul_(2.0**-24)
    else:
        out.copy_(normal(words)).mul_(2.0**-FRACTION_BITS)


def blocks(keys: Tensor, count: int) -> list[Tensor]:
    """Return the four words, each (N, count) int64 in 0..2^32 - 1, of blocks 0..count - 1 of each key."""
    key, upper = keys[:, :1], keys[:, 1:]
    weyl = [key & _MASK, (key >> 32) & _MASK]
    c0 = torch.arange(count, device=keys.device).expand(len(keys), count)
    c1, c2, c3 = torch.zeros_like(c0), upper & _MASK, (upper >> 32) & _MASK
    for _ in range(_ROUNDS):
        first, second = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]  # int64 wraps, and bits 32 to 63 are still right
        c0, c1 = ((second >> 32) & _MASK) ^ c1 ^ weyl[0], second & _MASK
        c2, c3 = ((first >> 32) & _MASK) ^ c3 ^ weyl[1], first & _MASK
        weyl = [(word + constant) & _MASK for word, constant in zip(weyl, _WEYL, strict=True)]
    return [word.expand(len(keys), count) for word in (c0, c1, c2, c3)]


def normal(words: Tensor) -> Tensor:
    """Return normal numbers in fixed point, int64, of words: the lowest 31 bits are the tail's probability."""
    tail = ((words & 0x7FFFFFFF) << 1) + 1
    bits = tail.double().view(torch.int64)  # exact: exponent and mantissa are the segment and the place within it
    segment = (bits >> (_MANTISSA_BITS - SEGMENT_BITS)) - (_BIAS << SEGMENT_BITS)
    place = (bits >> (_MANTISSA_BITS - SEGMENT_BITS - FRACTION_BITS)) & ((1 << FRACTION_BITS) - 1)
    c0, c1, c2 = (column.long()[segment] for column in quantiles(words.device))
    value = c0 + (((c1 + ((c2 * place) >> FRACTION_BITS)) * place) >> FRACTION_BITS)
    return torch.where(words > 0x7FFFFFFF, -value, value)
