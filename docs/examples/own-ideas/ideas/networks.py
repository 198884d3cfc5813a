"""A small network that enlarges at its end by sub-pixel convolution (after ESPCN, Shi et al., CVPR 2016)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import interpolate


class Espcn(nn.Module):
    """Three convolutions and a pixel shuffle, on top of bilinear enlargement."""

    def __init__(self, features: int = 64, scale: int = 4) -> None:
        super().__init__()
        self.scale = scale
        self.first = nn.Conv2d(3, features, 5, padding=2)
        self.middle = nn.Conv2d(features, features, 3, padding=1)
        self.last = nn.Conv2d(features, 3 * scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, images: Tensor) -> Tensor:
        """Enlarge (N, 3, h, w) in [0, 1]."""
        hidden = self.middle(self.first(images).tanh()).tanh()
        base = interpolate(images, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return base + self.shuffle(self.last(hidden))
