"""SwinIR with an attention mask: most tokens are zeroed before they enter an attention, in training and at test time.

The attention mask of Masked Image Training (Chen et al., CVPR 2023, arXiv 2303.13132) as its release has it:
haoyuc/MaskedDenoising, ``models/network_swinir.py:198-200, 273-281``. ``x <- x m``, m ~ Bernoulli(1 - p) for each token
that enters ``qkv``, not rescaled. No mode is asked for, so evaluation is masked as training is: the paper's text leaves
that open, the release does it, and so its outputs vary from pass to pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import harness.foundation.compat  # noqa: F401

# isort: split
import torch
from basicsr.archs.swinir_arch import SwinIR, WindowAttention
from torch import Tensor, nn

from harness.foundation.rng import Draws

_STREAM = "attention mask"
_UNTOLD = 0  # seed of the numbers before anybody gave some: a probe sees a function


@dataclass
class _Numbers:
    """One number in [0, 1) for each image, attention and token of the coming pass: (N, attentions, L) float32."""

    values: Tensor


class MaskedLinear(nn.Linear):
    """A linear layer that reads some of its tokens as zeros; its weights are those of the layer it takes the place of.

    Args:
        linear: that layer.
        rate: probability p that a token is zeroed.
        numbers: of the coming pass, shared by all layers.
        place: of this layer in them.
    """

    def __init__(self, linear: nn.Linear, rate: float, numbers: _Numbers, place: int) -> None:
        super().__init__(linear.in_features, linear.out_features, linear.bias is not None, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self._rate, self._numbers, self._place = rate, numbers, place

    def forward(self, input: Tensor) -> Tensor:
        """Map tokens (windows of all images, tokens of a window, C), the windows of an image one after the other."""
        hidden = self._numbers.values[:, self._place] < self._rate
        return super().forward(input.masked_fill(hidden.reshape(*input.shape[:2], 1), 0))


class MaskedSwinIR(SwinIR):  # type: ignore[misc]  # basicsr has no types
    """BasicSR's SwinIR, of the same weights by the same names, with an attention mask.

    Args:
        mask: probability p that a token is zeroed, in (0, 1); the release has 0.75.
        arguments: of SwinIR.
    """

    def __init__(self, *, mask: float = 0.75, **arguments: Any) -> None:
        if not 0 < mask < 1:
            raise ValueError(f"mask {mask}: must be between 0 and 1; without a mask it is basicsr's SwinIR")
        super().__init__(**arguments)
        self._numbers = _Numbers(torch.empty(0))
        self._draws: Draws | None = None
        attentions = [module for module in self.modules() if isinstance(module, WindowAttention)]
        for place, attention in enumerate(attentions):
            attention.qkv = MaskedLinear(attention.qkv, mask, self._numbers, place)
        self._attentions = len(attentions)

    def use_draws(self, draws: Draws) -> None:
        """Take the random numbers of the coming forward passes: :class:`harness.networks.chance.RandomNetwork`."""
        self._draws = draws
        held = self._numbers.values
        if self.training and len(held) == len(draws.rows):
            held.copy_(draws.uniform(_STREAM, *held.shape[1:]))
        else:
            self._numbers.values = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to (N, 3, upscale H, upscale W).

        Raises:
            RuntimeError: the random numbers are for another number of images.
        """
        tokens = x.shape[-2] * x.shape[-1]
        if self._numbers.values.shape != (len(x), self._attentions, tokens):
            draws = self._draws or Draws(_UNTOLD, 0, 0, range(len(x)))
            if len(draws.rows) != len(x):
                raise RuntimeError(f"random numbers for {len(draws.rows)} images meet {len(x)}; call use_draws")
            self._numbers.values = draws.uniform(_STREAM, self._attentions, tokens).to(x.device)
        output: Tensor = super().forward(x)
        return output
