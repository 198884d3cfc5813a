"""A loss weighted by how strongly each image was degraded: a small method that exercises the interface.

``sum_i w_i |f(x_i) - y_i| / sum_i w_i``, ``w_i = exp(-sharpness s_i)``, where s_i in [0, 1] is the mean of the image's
blur, noise and compression, each relative to the end of its range (see :func:`strength`). Positive sharpness favours
what is little degraded, negative what is strongly degraded, 0 is the baseline's loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import field_validator

from harness.regularizers.base import OptionsModel, Regularizer, mean_over_processes
from harness.regularizers.batch import Batch

if TYPE_CHECKING:
    from torch import Tensor


_NOISE = {"gaussian": 30.0, "poisson": 3.0}  # what counts as 1, in levels of 255 and as a scale


class DegradationWeightedOptions(OptionsModel):
    """``sharpness``: how much the weights differ."""

    sharpness: float = 1.0

    @field_validator("sharpness")
    @classmethod
    def _acts(cls, value: float) -> float:
        if not value:
            raise ValueError("0: must not be 0: that is the baseline's loss")
        return value


class DegradationWeighted(Regularizer):
    """The weighted mean over the whole batch, over all processes."""

    Options = DegradationWeightedOptions
    graph_safe = True
    uses_degradation = True
    roles = frozenset()
    options: DegradationWeightedOptions

    @property
    def least_ground_truths(self) -> int:
        """Two: the weight of a single image is divided out."""
        return 2

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """Return the weighted mean absolute difference."""
        weights = (-self.options.sharpness * strength(batch)).exp()
        errors = (output.float() - batch.target).abs().mean((1, 2, 3))
        return (weights * errors).mean() / mean_over_processes(weights.mean())


def strength(batch: Batch) -> Tensor:
    """Return how strongly each image was degraded, (N,) in [0, 1]: a fixed scale, so that no image depends on others.

    Blur of 3 pixels, Gaussian noise of 30 levels, Poisson noise of scale 3 and JPEG of quality 30 count as 1, the ends
    of the ranges of Real-ESRGAN; the mean over blur, noise (of either kind) and compression of all stages.
    """
    import torch

    noises: dict[str, list[Tensor]] = {}
    parts: list[Tensor] = []
    for name, values in batch.degradation.items():
        kind, stage = name[:-1], name[-1]
        if kind in _NOISE:
            noises.setdefault(stage, []).append((values / _NOISE[kind]).clamp(0, 1))
        elif kind == "blur":
            parts.append((values / 3).clamp(0, 1))
        elif kind == "jpeg":
            parts.append(((100 - values) / 70).clamp(0, 1))
    parts += [torch.stack(kinds).amax(0) for kinds in noises.values()]  # an image has one kind, the other is 0
    return torch.stack(parts).mean(0)
