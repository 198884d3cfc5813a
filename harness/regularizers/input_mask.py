"""Input masking: most pixels of the input are hidden (Masked Image Training, Chen et al., CVPR 2023, arXiv 2303.13132).

``x' = x m + fill (1 - m)`` with m ~ Bernoulli(1 - p) per pixel, shared by the channels; p is drawn per image. The
target is whole. A network with a global residual of its input, as SRResNet has, shows the masked pixels in its output:
``at: first`` masks the output of the first convolution instead.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from harness.regularizers.base import DrawsSource, OptionsModel, Regularizer
from harness.regularizers.batch import Batch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.networks.taps import Taps


class InputMaskOptions(OptionsModel):
    """Options of input masking.

    Attributes:
        low, high: p is uniform between them; the release has 0.8 to 0.9.
        fill: value of a hidden place; by default -0.1 in [0, 1] images, as in the release, and 0 among features.
        at: ``image``, the network's input, or ``first``, the output of the first convolution.
    """

    low: float = Field(default=0.8, ge=0, le=1)
    high: float = Field(default=0.9, gt=0, le=1)
    fill: float | None = None
    at: Literal["image", "first"] = "image"

    @model_validator(mode="after")
    def _in_order(self) -> InputMaskOptions:
        if self.low > self.high:
            raise ValueError(f"low {self.low}: must not be greater than high {self.high}")
        return self


class InputMask(Regularizer):
    """``x' = x m + fill (1 - m)``."""

    Options = InputMaskOptions
    graph_safe = True
    options: InputMaskOptions
    _rates: Tensor | None = None

    @property
    def roles(self) -> frozenset[str]:
        """``first``, if that is what is masked."""
        return frozenset({"first"}) if self.options.at == "first" else frozenset()

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Put a hook at the first convolution, if that is what is masked."""
        from harness.regularizers._fixed import Fields

        self._draws = draws
        self._fields = Fields("input_mask/pixels")
        if self.options.at == "first":
            self._handles.append(taps.apply("first", lambda index, features: self._masked(features)))

    def set_progress(self, fraction: Fraction) -> None:
        """Draw p of each image and the numbers of its pixels."""
        from harness.regularizers._fixed import in_place

        low, high = self.options.low, self.options.high
        rates = self._draws().uniform("input_mask/rate").mul_(high - low).add_(low)
        self._rates = in_place(self._rates, rates)
        self._fields.draw(self._draws())

    def batch(self, batch: Batch) -> Batch:
        """Mask the input."""
        return replace(batch, lr=self._masked(batch.lr)) if self.options.at == "image" else batch

    def _masked(self, images: Tensor) -> Tensor:
        assert self._rates is not None
        numbers = self._fields.like(images)
        hidden = numbers < self._rates.view(-1, *[1] * (numbers.dim() - 1))
        default = 0.0 if self.options.at == "first" else -0.1
        return images.masked_fill(hidden, default if self.options.fill is None else self.options.fill)
