"""Networks of BasicSR for machines without it: the same layers, names, initial weights and results.

BasicSR brings OpenCV, torchvision and more, which a machine that only trains and evaluates can do without. Where it is
not installed, :func:`harness.networks.build.import_network` takes these classes in place of its own, and says nothing:
tests hold both to equal bits. SwinIR has no stand-in.

Architectures: BasicSR 1.4.2 (Apache-2.0), ``basicsr/archs``; SRResNet after Ledig et al. (CVPR 2017, arXiv 1609.04802)
without batch normalization, RRDBNet after Wang et al. (ECCVW 2018, arXiv 1809.00219).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional


def initialize(convolutions: Iterable[nn.Conv2d]) -> None:
    """Give convolutions BasicSR's initial weights: a tenth of He's (arXiv 1502.01852), biases of zero."""
    with torch.no_grad():
        for convolution in convolutions:
            nn.init.kaiming_normal_(convolution.weight).mul_(0.1)
            if convolution.bias is not None:
                convolution.bias.zero_()


class ResidualBlock(nn.Module):
    """Two convolutions with a ReLU between them and a skip; (N, num_feat, H, W) in and out."""

    def __init__(self, num_feat: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv2 = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.relu = nn.ReLU(inplace=True)
        initialize((self.conv1, self.conv2))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` plus the branch."""
        residual: Tensor = self.conv2(self.relu(self.conv1(x)))
        return x + residual * 1


class MSRResNet(nn.Module):
    """SRResNet without batch normalization.

    Args:
        num_in_ch: channels of the input.
        num_out_ch: channels of the output.
        num_feat: channels of the features.
        num_block: residual blocks.
        upscale: 2, 3 or 4.
    """

    def __init__(
        self, num_in_ch: int = 3, num_out_ch: int = 3, num_feat: int = 64, num_block: int = 16, upscale: int = 4
    ) -> None:
        super().__init__()
        self.upscale = upscale
        factor = 2 if upscale == 4 else upscale
        self.conv_first = nn.Conv2d(num_in_ch, num_feat, 3, 1, 1)
        self.body = nn.Sequential(*(ResidualBlock(num_feat) for _ in range(num_block)))
        self.upconv1 = nn.Conv2d(num_feat, num_feat * factor**2, 3, 1, 1)
        if upscale == 4:
            self.upconv2 = nn.Conv2d(num_feat, num_feat * 4, 3, 1, 1)
        self.pixel_shuffle = nn.PixelShuffle(factor)
        self.conv_hr = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv_last = nn.Conv2d(num_feat, num_out_ch, 3, 1, 1)
        self.lrelu = nn.LeakyReLU(negative_slope=0.1, inplace=True)
        initialize((self.conv_first, self.upconv1, self.conv_hr, self.conv_last))
        if upscale == 4:
            initialize((self.upconv2,))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, num_in_ch, H, W) to (N, num_out_ch, H upscale, W upscale)."""
        out: Tensor = self.body(self.lrelu(self.conv_first(x)))
        out = self.lrelu(self.pixel_shuffle(self.upconv1(out)))
        if self.upscale == 4:
            out = self.lrelu(self.pixel_shuffle(self.upconv2(out)))
        out = self.conv_last(self.lrelu(self.conv_hr(out)))
        out += functional.interpolate(x, scale_factor=self.upscale, mode="bilinear", align_corners=False)
        return out


class ResidualDenseBlock(nn.Module):
    """Five convolutions, each of which sees all features before it; (N, num_feat, H, W) in and out."""

    def __init__(self, num_feat: int = 64, num_grow_ch: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(num_feat, num_grow_ch, 3, 1, 1)
        self.conv2 = nn.Conv2d(num_feat + num_grow_ch, num_grow_ch, 3, 1, 1)
        self.conv3 = nn.Conv2d(num_feat + 2 * num_grow_ch, num_grow_ch, 3, 1, 1)
        self.conv4 = nn.Conv2d(num_feat + 3 * num_grow_ch, num_grow_ch, 3, 1, 1)
        self.conv5 = nn.Conv2d(num_feat + 4 * num_grow_ch, num_feat, 3, 1, 1)
        self.lrelu = nn.LeakyReLU(negative_slope=0.2, inplace=True)
        initialize((self.conv1, self.conv2, self.conv3, self.conv4, self.conv5))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` plus a fifth of the branch."""
        seen = [x]
        for convolution in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen.append(self.lrelu(convolution(torch.cat(seen, 1))))
        residual: Tensor = self.conv5(torch.cat(seen, 1))
        return residual * 0.2 + x


class RRDB(nn.Module):
    """Three residual dense blocks and a skip; (N, num_feat, H, W) in and out."""

    def __init__(self, num_feat: int, num_grow_ch: int = 32) -> None:
        super().__init__()
        self.rdb1 = ResidualDenseBlock(num_feat, num_grow_ch)
        self.rdb2 = ResidualDenseBlock(num_feat, num_grow_ch)
        self.rdb3 = ResidualDenseBlock(num_feat, num_grow_ch)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` plus a fifth of the branch."""
        residual: Tensor = self.rdb3(self.rdb2(self.rdb1(x)))
        return residual * 0.2 + x


class RRDBNet(nn.Module):
    """ESRGAN's generator.

    Args:
        num_in_ch: channels of the input.
        num_out_ch: channels of the output.
        scale: 1, 2 or 4; below 4 the input is folded into channels first.
        num_feat: channels of the features.
        num_block: residual-in-residual dense blocks.
        num_grow_ch: channels that each convolution of a dense block adds.
    """

    def __init__(
        self,
        num_in_ch: int,
        num_out_ch: int,
        scale: int = 4,
        num_feat: int = 64,
        num_block: int = 23,
        num_grow_ch: int = 32,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.folded = {1: 4, 2: 2}.get(scale, 1)
        self.conv_first = nn.Conv2d(num_in_ch * self.folded**2, num_feat, 3, 1, 1)
        self.body = nn.Sequential(*(RRDB(num_feat, num_grow_ch) for _ in range(num_block)))
        self.conv_body = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv_up1 = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv_up2 = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv_hr = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv_last = nn.Conv2d(num_feat, num_out_ch, 3, 1, 1)
        self.lrelu = nn.LeakyReLU(negative_slope=0.2, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, num_in_ch, H, W) to (N, num_out_ch, H scale, W scale)."""
        features = self.conv_first(functional.pixel_unshuffle(x, self.folded) if self.folded > 1 else x)
        features = features + self.conv_body(self.body(features))
        for convolution in (self.conv_up1, self.conv_up2):
            features = self.lrelu(convolution(functional.interpolate(features, scale_factor=2, mode="nearest")))
        out: Tensor = self.conv_last(self.lrelu(self.conv_hr(features)))
        return out


STAND_INS: dict[str, type[nn.Module]] = {
    "basicsr.archs.srresnet_arch:MSRResNet": MSRResNet,
    "basicsr.archs.rrdbnet_arch:RRDBNet": RRDBNet,
}
"""By the path of the class that each stands in for."""
