"""Which arithmetic a precision means on a device."""

from __future__ import annotations

import sys
from typing import Literal

import torch

from harness.foundation.provenance import cpu_wants_channels_last

Precision = Literal["fp32", "tf32", "bf16"]


def arithmetic(asked: Precision, device: str) -> Precision:
    """Return the arithmetic that ``precision`` is carried out in on a device.

    A CPU without bf16 instructions imitates them many times slower than it computes in float32, and the result of
    float32 is the more exact one: ``bf16`` is float32 there. ``tf32`` is a unit of NVIDIA's: on CPUs it is float32.

    Args:
        asked: ``training.precision``.
        device: ``cpu``, ``cuda`` or ``cuda:1``.
    """
    if device == "cpu" and (asked == "tf32" or (asked == "bf16" and not cpu_has_bf16())):
        return "fp32"
    return asked


def in_channels_last(asked: bool | Literal["auto"], precision: Precision, device: str) -> bool:
    """Return the memory format that ``channels_last`` stands for on a device.

    Args:
        asked: ``training.channels_last``.
        precision: ``training.precision``.
        device: ``cpu``, ``cuda`` or ``cuda:1``.
    """
    if asked != "auto":
        return asked
    return device != "cpu" or cpu_wants_channels_last(arithmetic(precision, device))


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
        slow = " and would be many times slower" if asked == "bf16" else ""
        print(
            f"{label}: precision: {asked}: this CPU has no {asked} instructions{slow}; computing in {used}",
            file=sys.stderr,
        )
