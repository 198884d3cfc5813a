"""What a step trains on, as regularizers see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """One step's images.

    Attributes:
        lr: (V * B, 3, patch / scale, patch / scale) float32 in [0, 1], 8-bit levels; view 0 of all rows comes first.
        target: (V * B, 3, patch, patch) float32 in [0, 1], repeated for each view.
        degradation: what each image underwent, name to (V * B,) float32; empty unless the regularizer says
            ``uses_degradation``. The names are those of :func:`harness.degradations.online.conditions`.
    """

    lr: Tensor
    target: Tensor
    degradation: Mapping[str, Tensor] = field(default_factory=dict)
