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
    probability: float = Field(default=1.0, gt=0, le=1)
    paste: Literal["target", "downscaled"] = "target"


class Cutblur(Regularizer):
    """By a coin the square of the input becomes that of the target, or everything but the square does."""

    Options = CutblurOptions
    graph_safe = True
    roles = frozenset()
    options: CutblurOptions

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Make sure that the target can be pasted; no hooks are needed.

        Raises:
            HarnessError: the network enlarges, and ``paste`` is ``target``.
        """
        from harness.networks.sizes import enlargement
        from harness.regularizers._mixing import Mixing

        if self.options.paste == "target" and (factor := enlargement(network)) != 1:
            raise HarnessError(
                f"cutblur: paste: 'target': input and target differ in size, as the network enlarges by {factor:g}; "
                "use paste: downscaled, or a network without enlargement"
            )
        self._draws = draws
        ratio, probability = self.options.ratio, self.options.probability
        self._mixing = Mixing("cutblur", ratio=ratio, probability=probability, partners=False)

    def set_progress(self, fraction: Fraction) -> None:
        """Draw the square and the coin of the coming step."""
        self._mixing.draw(self._draws())

    def batch(self, batch: Batch) -> Batch:
        """Paste into the input; the target stays."""
        from torch.nn.functional import interpolate

        clean, size = batch.target, batch.lr.shape[2:]
        if clean.shape[2:] != size:
            clean = interpolate(clean, size=size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
        return replace(batch, lr=self._mixing.paste(batch.lr, clean, (size[0], size[1]), self._mixing.inside))
