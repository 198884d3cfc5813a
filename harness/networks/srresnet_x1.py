"""SRResNet without enlargement, for denoising and other restoration at the size of the input."""

from __future__ import annotations

from torch import Tensor, nn

from harness.networks.stand_ins import ResidualBlock, initialize


class SRResNetX1(nn.Module):
    """BasicSR's ``MSRResNet`` without its upsampling layers, which it cannot do without itself.

    Layers have the names and the initialization that they have there; the global residual is the input.

    Args:
        num_in_ch: channels of the input; as many as ``num_out_ch``.
        num_out_ch: channels of the output.
        num_feat: channels of the features.
        num_block: residual blocks.
    """

    def __init__(self, num_in_ch: int = 3, num_out_ch: int = 3, num_feat: int = 64, num_block: int = 16) -> None:
        super().__init__()
        self.conv_first = nn.Conv2d(num_in_ch, num_feat, 3, 1, 1)
        self.body = nn.Sequential(*(ResidualBlock(num_feat) for _ in range(num_block)))
        self.conv_hr = nn.Conv2d(num_feat, num_feat, 3, 1, 1)
        self.conv_last = nn.Conv2d(num_feat, num_out_ch, 3, 1, 1)
        self.lrelu = nn.LeakyReLU(negative_slope=0.1, inplace=True)
        initialize((self.conv_first, self.conv_hr, self.conv_last))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, num_in_ch, H, W) to (N, num_out_ch, H, W)."""
        features = self.body(self.lrelu(self.conv_first(x)))
        residual: Tensor = self.conv_last(self.lrelu(self.conv_hr(features)))
        return residual + x
