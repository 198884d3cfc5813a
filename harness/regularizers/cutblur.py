"""CutBlur: a square of the target pasted into the input, or all but a square (Yoo et al., CVPR 2020, arXiv 2004.00448).

The network learns where to do nothing. Input and target must have one size, as in denoising; ``paste: downscaled``
carries the idea over to enlargement, with the square of the target scaled down by bicubic interpolation, antialiased:
a variant of this harness, not of the paper.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from harness.foundation.errors import HarnessError
from harness.regularizers.base import DrawsSource, OptionsModel, Regularizer
from harness.regularizers.batch import Batch

if TYPE_CHECKING:
    from torch import nn

    from harness.networks.taps import Taps


class CutblurOptions(OptionsModel):
    """Options of CutBlur.

    Attributes:
        ratio: mean side of the square as a part of the image's; its standard deviation is 0.01.
        probability: that a step pastes.
        paste: ``target`` as it is, or ``downscaled`` to the input's size.
    """

    ratio: float = Field(default=0.7, gt=0, le=1)
    probability: float = Field(default=1.0, ge=0, le=1)
    paste: Literal["target", "downscaled"] = "target"


class Cutblur(Regularizer):
    """By a coin the square of the input becomes that of the target, or everything but the square does."""

    Options = CutblurOptions
    graph_safe = True
    options: CutblurOptions

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """No hooks are needed."""
        from harness.regularizers._mixing import Mixing

        self._draws = draws
        self._mixing = Mixing("cutblur", ratio=self.options.ratio, probability=self.options.probability)

    def set_progress(self, fraction: Fraction) -> None:
        """Draw the square and the coin of the coming step."""
        self._mixing.draw(self._draws())

    def batch(self, batch: Batch) -> Batch:
        """Paste into the input; the target stays.

        Raises:
            HarnessError: input and target differ in size, and ``paste`` is ``target``.
        """
        from torch.nn.functional import interpolate

        clean, size = batch.target, batch.lr.shape[2:]
        if clean.shape[2:] != size:
            if self.options.paste == "target":
                raise HarnessError(
                    f"cutblur: paste: 'target': input {tuple(size)} and target {tuple(clean.shape[2:])} differ; "
                    "use paste: downscaled, or a network without enlargement"
                )
            clean = interpolate(clean, size=size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
        pasted = self._mixing.pasted(replace(batch, target=clean), replace(batch, lr=clean), self._mixing.inside)
        return replace(batch, lr=pasted.lr)
