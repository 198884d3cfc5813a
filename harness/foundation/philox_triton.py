"""The kernel of :mod:`harness.foundation.philox` in Triton: all numbers of all rows with one launch.

Philox itself is Triton's. Imported only where a GPU fills tensors, or where Triton's interpreter is asked for
(``TRITON_INTERPRET=1``).
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.foundation.quantiles import FRACTION_BITS, INTEGER, NORMAL, SEGMENT_BITS, UNIFORM, quantiles

_BLOCK = 256
_TO_SEGMENT = tl.constexpr(52 - SEGMENT_BITS)
_TO_PLACE = tl.constexpr(52 - SEGMENT_BITS - FRACTION_BITS)
_FIRST = tl.constexpr(1023 << SEGMENT_BITS)
_SEGMENTS = tl.constexpr(32 << SEGMENT_BITS)
_FRACTION = tl.constexpr(FRACTION_BITS)
_WITHIN = tl.constexpr((1 << FRACTION_BITS) - 1)
_UNIT, _STEP = tl.constexpr(2.0**-24), tl.constexpr(2.0**-FRACTION_BITS)
_UNIFORM, _NORMAL, _INTEGER = tl.constexpr(UNIFORM), tl.constexpr(NORMAL), tl.constexpr(INTEGER)


def launch(out: Tensor, keys: Tensor, kind: int) -> None:
    """Fill ``out`` (N, ...), contiguous, as :func:`harness.foundation.philox.fill`, on the current stream."""
    count = out[0].numel()
    grid = (triton.cdiv(count, 4 * _BLOCK), len(out))
    with torch.cuda.device_of(out):
        _fill[grid](keys.contiguous(), quantiles(out.device), out, count, kind, _BLOCK)


@triton.jit(do_not_specialize=["count"])  # type: ignore[untyped-decorator]
def _fill(keys, table, out, count, kind: tl.constexpr, block: tl.constexpr):  # type: ignore[no-untyped-def]
    row = tl.program_id(1).to(tl.int64)
    start = tl.program_id(0) * block
    key, upper = tl.load(keys + 2 * row), tl.load(keys + 2 * row + 1)
    c0 = start + tl.arange(0, block)
    c1 = tl.zeros_like(c0)
    c2 = c1 + (upper & 0xFFFFFFFF).to(tl.int32)
    c3 = c1 + ((upper >> 32) & 0xFFFFFFFF).to(tl.int32)
    w0, w1, w2, w3 = tl.philox(key, c0, c1, c2, c3, 10)
    words = tl.interleave(tl.interleave(w0, w2), tl.interleave(w1, w3)).to(tl.int64) & 0xFFFFFFFF
    place = 4 * start + tl.arange(0, 4 * block)
    target, inside = out + row * count + place, place < count
    if kind == _INTEGER:
        tl.store(target, (words >> 1).to(tl.int32), mask=inside)
    elif kind == _UNIFORM:
        tl.store(target, (words >> 8).to(tl.float32) * _UNIT, mask=inside)
    else:
        tl.store(target, normal(words, table).to(tl.float32) * _STEP, mask=inside)


@triton.jit
def normal(words, table):  # type: ignore[no-untyped-def]
    """Return normal numbers in fixed point, int64, of words; ``table``: of the quantiles."""
    tail = ((words & 0x7FFFFFFF) << 1) + 1
    bits = tail.to(tl.float64).to(tl.int64, bitcast=True)
    segment = table + ((bits >> _TO_SEGMENT) - _FIRST)
    place = (bits >> _TO_PLACE) & _WITHIN
    c0 = tl.load(segment).to(tl.int64)
    c1 = tl.load(segment + _SEGMENTS).to(tl.int64)
    c2 = tl.load(segment + _SEGMENTS + _SEGMENTS).to(tl.int64)
    value = c0 + (((c1 + ((c2 * place) >> _FRACTION)) * place) >> _FRACTION)
    return tl.where(words > 0x7FFFFFFF, -value, value)
