"""Empirical centroids (ECO): targets that a trained network can reach, moving to the real ones (arXiv 2312.17526).

``target <- lerp(teacher(x), y, a)``, ``x <- lerp(down(teacher(x)), x, a)`` with ``a = min(1, t / (end T))``: equation
14 of the paper, in the two-lerp form. ``input: unchanged`` leaves x, which a blind degradation may need.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from harness.regularizers.base import DrawsSource, OptionsModel, Regularizer, TeacherRun
from harness.regularizers.batch import Batch

if TYPE_CHECKING:
    from torch import nn

    from harness.networks.taps import Taps


class EmpiricalCentroidOptions(OptionsModel):
    """Options of empirical centroids.

    Attributes:
        end: part of the training after which targets are the real ones.
        input: ``mixed`` as in the paper, or ``unchanged``.
        teacher: a variant of the experiment, trained first.
    """

    end: float = Field(default=0.5, gt=0, le=1)
    input: Literal["mixed", "unchanged"] = "mixed"
    teacher: TeacherRun = "baseline"


class EmpiricalCentroid(Regularizer):
    """Input and target start at what the teacher makes of the input."""

    Options = EmpiricalCentroidOptions
    graph_safe = True
    roles = frozenset()
    shows_teacher = False
    options: EmpiricalCentroidOptions

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """No hooks are needed."""
        from harness.regularizers._fixed import Shared

        self._draws = draws
        self._share = Shared()

    def set_progress(self, fraction: Fraction) -> None:
        """Write a."""
        share = min(Fraction(1), fraction / Fraction(repr(self.options.end)))
        self._share.write([float(share)], self._draws().device)

    def batch(self, batch: Batch) -> Batch:
        """Show the teacher the input, and mix what it makes of it with the target and, scaled down, with the input."""
        from torch.nn.functional import interpolate

        self.teacher.look(batch.lr)
        taught, share = self.teacher.output.float().clamp(0, 1), self._share.tensor
        target = taught.lerp(batch.target, share)
        if self.options.input == "unchanged":
            return replace(batch, target=target)
        size = batch.lr.shape[2:]
        small = (
            taught
            if taught.shape[2:] == size
            else interpolate(taught, size=size, mode="bicubic", antialias=True, align_corners=False)
        )
        return replace(batch, lr=small.lerp(batch.lr, share), target=target)
