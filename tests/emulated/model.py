"""What an operation would take on a GPU by a model of three numbers: never measured, made to compare designs.

An operation takes the longer of its traffic at the memory's bandwidth and its arithmetic at the rate of its kind, and
:data:`LAUNCH` for each of its kernels. Operations follow one another: nothing overlaps, no cache helps.
"""

from __future__ import annotations

from typing import Any

import torch

BANDWIDTH = 3.35e12
"""Bytes per second of an H100 SXM's memory, by its data sheet."""

RATES = {"fp32": 48e12, "tf32": 150e12, "bf16": 300e12}
"""FLOP per second that convolutions and products of matrices are taken to reach on an H100.

By its data sheet the dense peaks are 67 (fp32), 494.7 (tf32) and 989.4 TFLOP/s (bf16); 72% of the first, and 30% of the
others, are assumptions.
"""

LAUNCH = 2e-6
"""Seconds per kernel, replayed in a graph or not: an assumption."""

_KERNELS = {"_fft_r2c": 3, "_fft_c2r": 4, "add_noise": 3}
"""Of operations that are more than one: an axis each, a product with the phases, a copy of what is overwritten; noise
clears and fills a table of levels first."""


_LISTS = (110, 64, 48, 36, 30)
"""Tensors that one kernel of torch's for lists of tensors takes, by the number of lists (``MultiTensorApply.cuh``)."""


def kernels(operation: Any, arguments: Any, made: int) -> int:
    """Return how many kernels an operation is: one, as a rule; of a convolution's backward pass one per gradient."""
    name = operation._overloadpacket.__name__
    lists = [one for one in arguments if isinstance(one, list | tuple) and one and isinstance(one[0], torch.Tensor)]
    if lists and name.startswith(("_foreach", "_fused")):
        return -(-len(lists[0]) // _LISTS[min(len(lists), len(_LISTS)) - 1])
    return max(made, 1) if name == "convolution_backward" else _KERNELS.get(name, 1)


def rate(operation: Any, dtype: torch.dtype, convolutions: str) -> float:
    """Return FLOP per second: ``convolutions`` is the arithmetic of those in float32, ``fp32`` or ``tf32``."""
    if dtype == torch.bfloat16:
        return RATES["bf16"]
    return RATES[convolutions if "convolution" in operation._overloadpacket.__name__ else "fp32"]


def seconds(traffic: int, flops: int, launches: int, flops_per_second: float) -> float:
    """Return what an operation takes by the model."""
    return max(traffic / BANDWIDTH, flops / flops_per_second) + launches * LAUNCH
