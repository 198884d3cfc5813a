"""The learned gate of Adaptive Dropout: how much of the undisturbed features to keep, per image and channel."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.foundation.rng import torch_stream
from harness.networks.taps import per_channel

_REDUCTION = 8
_SLOPE = 0.1
_INITIAL_SCALE = 0.1


class Gate(nn.Module):
    """Global average pool, linear C -> C/8, LeakyReLU, linear -> C, sigmoid.

    Weights start as in the release: Kaiming normal times 0.1, biases 0, so k starts near 0.5.

    Args:
        channels: C.
        seed: of the run.
        site: number of the site.
    """

    def __init__(self, channels: int, seed: int, site: int) -> None:
        super().__init__()
        hidden = max(1, channels // _REDUCTION)
        generator = torch_stream(seed, "adaptive_dropout/gate", site)
        self.weight1 = _kaiming(hidden, channels, generator)
        self.bias1 = nn.Parameter(torch.zeros(hidden))
        self.weight2 = _kaiming(channels, hidden, generator)
        self.bias2 = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Return k in (0, 1), shaped to broadcast over ``features`` and in their precision; computed in float32."""
        pixels = (1,) if features.dim() == 3 else (2, 3)
        with torch.autocast(features.device.type, enabled=False):
            pooled = features.mean(pixels, dtype=torch.float32)
            hidden = F.leaky_relu(F.linear(pooled, self.weight1, self.bias1), _SLOPE)
            weight = F.linear(hidden, self.weight2, self.bias2).sigmoid()
        return per_channel(weight.to(features.dtype), features)


def _kaiming(rows: int, columns: int, generator: torch.Generator) -> nn.Parameter:
    values = torch.randn(rows, columns, generator=generator)
    return nn.Parameter(values * (_INITIAL_SCALE * math.sqrt(2 / columns)))
