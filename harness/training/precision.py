"""Which arithmetic a precision means on a device."""

from __future__ import annotations

import sys
from typing import Literal

import torch

Precision = Literal["fp32", "bf16"]


def arithmetic(asked: Precision, device: str) -> Precision:
    """Return the arithmetic that ``precision`` is carried out in on a device.

    A CPU without bf16 instructions imitates them many times slower than it computes in float32, and the result of
    float32 is the more exact one: ``bf16`` is float32 there.

    Args:
        asked: ``training.precision``.
        device: ``cpu``, ``cuda`` or ``cuda:1``.
    """
    return "fp32" if asked == "bf16" and device == "cpu" and not cpu_has_bf16() else asked


def cpu_has_bf16() -> bool:
    """Return whether this CPU has instructions for bf16 that torch's convolutions use."""
    capabilities = torch.cpu.get_capabilities()
    if any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "amx_tile")):
        return True
    return capabilities.get("architecture") != "x86_64" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def warn(asked: Precision, device: str, label: str) -> None:
    """Say on stderr if the arithmetic is not the one that was asked for."""
    used = arithmetic(asked, device)
    if used != asked:
        print(
            f"{label}: precision: {asked}: this CPU has no bf16 instructions and would be many times slower; "
            f"computing in {used}",
            file=sys.stderr,
        )
