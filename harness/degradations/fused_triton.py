"""The kernels of :mod:`harness.degradations.fused` in Triton.

Products and sums are not contracted (``enable_fp_fusion``), so that every card has the bits of torch's operations.
Imported only where a GPU degrades, or where Triton's interpreter is asked for (``TRITON_INTERPRET=1``).
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.degradations.noise import LEVELS, LUMA
from harness.degradations.poisson import BINS, alias_table
from harness.foundation.philox_triton import normal
from harness.foundation.quantiles import FRACTION_BITS, quantiles

_BLOCK = 1024
_RED, _GREEN, _BLUE = (tl.constexpr(share) for share in LUMA)
_BINS, _LEVELS = tl.constexpr(BINS), tl.constexpr(LEVELS)
_INVERSE, _STEP = tl.constexpr(1 / 255), tl.constexpr(2.0**-FRACTION_BITS)
_HALF_EVEN = tl.constexpr(1.5 * 2**23)  # added to a number below 2^22, it leaves no place for a fraction


def edges(images: Tensor, blurred: Tensor, out: Tensor, threshold: float) -> None:
    """Write :func:`harness.degradations.fused.edges` to ``out``."""
    with torch.cuda.device_of(out):
        _edges[(triton.cdiv(out.numel(), _BLOCK),)](
            images, blurred, out, threshold, out.numel(), _BLOCK, enable_fp_fusion=False
        )


def sharpened(images: Tensor, blurred: Tensor, mask: Tensor, out: Tensor, weight: float) -> None:
    """Write :func:`harness.degradations.fused.sharpened` to ``out``."""
    with torch.cuda.device_of(out):
        _sharpened[(triton.cdiv(out.numel(), _BLOCK),)](
            images, blurred, mask, out, weight, out.numel(), _BLOCK, enable_fp_fusion=False
        )


def add_noise(images: Tensor, out: Tensor, keys: Tensor, gaussian: Tensor, gray: Tensor, strength: Tensor) -> None:
    """Write :func:`harness.degradations.fused.add_noise` to ``out``."""
    count, channels, height, width = images.shape
    plane = height * width
    grid = (triton.cdiv(plane, _BLOCK), count, channels)
    present = torch.zeros(count, LEVELS, dtype=torch.int32, device=out.device)
    with torch.cuda.device_of(out):
        _present[grid](images, gaussian, gray, present, plane, _BLOCK, enable_fp_fusion=False)
        tables = alias_table(out.device), quantiles(out.device)
        _noise[grid](
            images, out, keys, gaussian, gray, strength, present, *tables, plane, _BLOCK, enable_fp_fusion=False
        )


@triton.jit  # type: ignore[untyped-decorator]
def _edges(images, blurred, out, threshold, count, block: tl.constexpr):  # type: ignore[no-untyped-def]
    place = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = place < count
    residual = tl.load(images + place, mask=inside) - tl.load(blurred + place, mask=inside)
    tl.store(out + place, (tl.abs(residual) * 255.0 > threshold).to(tl.float32), mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def _sharpened(images, blurred, mask, out, weight, count, block: tl.constexpr):  # type: ignore[no-untyped-def]
    place = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = place < count
    image = tl.load(images + place, mask=inside)
    sharp = _clip((image - tl.load(blurred + place, mask=inside)) * weight + image)
    tl.store(out + place, _clip((sharp - image) * tl.load(mask + place, mask=inside) + image), mask=inside)


@triton.jit(do_not_specialize=["plane"])  # type: ignore[untyped-decorator]
def _present(images, gaussian, gray, present, plane, block: tl.constexpr):  # type: ignore[no-untyped-def]
    row, channel = tl.program_id(1).to(tl.int64), tl.program_id(2)
    place = tl.program_id(0) * block + tl.arange(0, block)
    if tl.load(gaussian + row) == 0:
        level = _level(images + row * 3 * plane, tl.load(gray + row) > 0, channel, plane, place)
        tl.store(present + row * _LEVELS + level, 1, mask=place < plane)  # whoever comes first, it is the same


@triton.jit(do_not_specialize=["plane"])  # type: ignore[untyped-decorator]
def _noise(  # type: ignore[no-untyped-def]
    images, out, keys, gaussian, gray, strength, present, alias, table, plane, block: tl.constexpr
):
    row, channel = tl.program_id(1).to(tl.int64), tl.program_id(2)
    place = tl.program_id(0) * block + tl.arange(0, block)
    inside = place < plane
    shared, amount = tl.load(gray + row) > 0, tl.load(strength + row)
    image = images + row * 3 * plane
    own = tl.load(image + channel * plane + place, mask=inside, other=0.0)
    word = _word(keys + 2 * row, tl.where(shared, place, channel * plane + place))
    if tl.load(gaussian + row) > 0:
        noise = normal(word, table).to(tl.float32) * _STEP * (amount * _INVERSE)
    else:
        seen = tl.sum(tl.load(present + row * _LEVELS + tl.arange(0, _LEVELS)))
        bits = tl.sum((seen > (1 << tl.arange(0, 8))).to(tl.int32))
        level = _level(image, shared, channel, plane, place)
        number = (word >> 1).to(tl.int32)
        bins = number & (_BINS - 1)
        entry = tl.load(alias + (bits * _LEVELS + level) * _BINS + bins, mask=inside, other=0)
        count = tl.where(number < (entry & -_BINS), bins, entry & (_BINS - 1))
        part = ((127 - bits) << 23).to(tl.float32, bitcast=True)  # 2 to the power of -bits
        noise = (count.to(tl.float32) * part - level.to(tl.float32) * _INVERSE) * amount
    tl.store(out + row * 3 * plane + channel * plane + place, _clip(own + noise), mask=inside)


@triton.jit
def _level(image, shared, channel, plane, place):  # type: ignore[no-untyped-def]
    inside = place < plane
    if shared:
        red, green = (
            tl.load(image + place, mask=inside, other=0.0),
            tl.load(image + plane + place, mask=inside, other=0.0),
        )
        value = red * _RED + green * _GREEN + tl.load(image + 2 * plane + place, mask=inside, other=0.0) * _BLUE
    else:
        value = tl.load(image + channel * plane + place, mask=inside, other=0.0)
    rounded = (value * 255.0 + _HALF_EVEN) - _HALF_EVEN
    return tl.minimum(tl.maximum(rounded, 0.0), 255.0).to(tl.int32)


@triton.jit
def _word(keys, number):  # type: ignore[no-untyped-def]
    key, upper = tl.load(keys), tl.load(keys + 1)
    c0 = number >> 2
    c1 = tl.zeros_like(c0)
    c2 = c1 + (upper & 0xFFFFFFFF).to(tl.int32)
    c3 = c1 + ((upper >> 32) & 0xFFFFFFFF).to(tl.int32)
    w0, w1, w2, w3 = tl.philox(key, c0, c1, c2, c3, 10)
    which = number & 3
    word = tl.where(which == 0, w0, tl.where(which == 1, w1, tl.where(which == 2, w2, w3)))
    return word.to(tl.int64) & 0xFFFFFFFF


@triton.jit
def _clip(value):  # type: ignore[no-untyped-def]
    return tl.minimum(tl.maximum(value, 0.0), 1.0)
