"""Sweeps: one degradation at many strengths, so that quality can be drawn against the strength.

Their degradations are called ``<sweep>_sweep_<strength>``, such as ``blur_sweep_1_5``, and lie beside the fixed ones.
Noise is rounded to the nearest level, so that strength 0 is the limit of weak noise. Imports nothing of the harness.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Step:
    """One strength of a sweep.

    Attributes:
        name: of the degradation.
        shown: the strength in a table and at an axis.
        parts: fields of :class:`harness.degradations.fixed.Recipe`.
    """

    name: str
    shown: str
    parts: Mapping[str, Any]


@dataclass(frozen=True)
class Sweep:
    """A degradation at many strengths.

    Attributes:
        axis: what the strength is, with its unit.
        steps: from the weakest to the strongest; of kinds without an order, in any.
        ordered: whether there is an order.
    """

    axis: str
    steps: tuple[Step, ...]
    ordered: bool = True


def _steps(sweep: str, field: str, strengths: Iterable[Any], **more: Any) -> tuple[Step, ...]:
    """Return the steps of some strengths; strength 0 leaves the field out."""
    return tuple(
        Step(f"{sweep}_sweep_{f'{strength}'.replace('.', '_')}", f"{strength}", {field: strength, **more})
        if strength
        else Step(f"{sweep}_sweep_0", "0", {})
        for strength in strengths
    )


SWEEPS: Mapping[str, Sweep] = MappingProxyType(
    {
        "blur": Sweep("blur: sigma in HR pixels", _steps("blur", "blur", (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4))),
        "noise": Sweep(
            "noise: sigma in levels of 255",
            _steps("noise", "noise", (0, 5, 10, 15, 20, 30, 40, 50), noise_rounding="nearest"),
        ),
        "jpeg": Sweep("JPEG: quality", _steps("jpeg", "jpeg", (95, 90, 80, 70, 60, 50, 40, 30, 20, 10))),
        "kernel": Sweep(
            "kernel of downscaling",
            tuple(
                Step(f"kernel_sweep_{shown}", shown, {"downscale": method})
                for shown, method in {
                    "bicubic": "pillow",
                    "matlab": "matlab",
                    "bilinear": "bilinear",
                    "lanczos": "lanczos",
                    "area": "area",
                }.items()
            ),
            ordered=False,
        ),
    }
)
"""Every sweep by name."""

STEPS: Mapping[str, Step] = MappingProxyType({step.name: step for sweep in SWEEPS.values() for step in sweep.steps})
"""Every step by the name of its degradation."""


def swept(sweeps: Iterable[str]) -> tuple[str, ...]:
    """Return the degradations of some sweeps, in their order."""
    return tuple(step.name for name in sweeps for step in SWEEPS[name].steps)


def folded(names: Iterable[str]) -> list[str]:
    """Return degradations as a line can hold them: those of one sweep once, such as ``blur_sweep_*``."""
    sweep_of = {step.name: f"{name}_sweep_*" for name, sweep in SWEEPS.items() for step in sweep.steps}
    return list(dict.fromkeys(sweep_of.get(name, name) for name in names))
