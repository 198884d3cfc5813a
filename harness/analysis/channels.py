"""What single channels do: their saliency, and what the result loses without each.

Channel saliency follows the CSM of the RDSR release. That release takes the square root of squared differences, whose
slope at 0 is infinite, and so gets NaN wherever the output is flat. Here such pixels are left out of the sum: they
contribute 0 to it and to its gradient. No epsilon is added, so all other pixels count exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from harness.analysis.features import beginning_kept, channels_last, features_of, with_replaced
from harness.networks.taps import Taps, channels_of


def gradient_mass(output: Tensor) -> Tensor:
    """Return the sum over pixels and channels of sqrt(dx^2 + dy^2) of (N, C, H, W), a scalar.

    dx and dy are differences to the next pixel; the last row and column have none and are left out.
    """
    corner = output[..., :-1, :-1]
    squares = (output[..., :-1, 1:] - corner) ** 2 + (output[..., 1:, :-1] - corner) ** 2
    flat = squares == 0
    return torch.where(flat, 0.0, torch.where(flat, 1.0, squares).sqrt()).sum()


def channel_saliency(network: nn.Module, taps: Taps, role: str, image: Tensor, scale: int) -> list[Tensor]:
    """Return the saliency of each channel at each tap of ``role``: one forward and one backward pass.

    The gradient of :func:`gradient_mass` with respect to the features, its absolute value divided by the greatest of
    the whole layer, summed over the positions of each channel.

    Args:
        network: in ``eval()``.
        taps: its taps.
        role: the layers.
        image: (1, 3, h, w) on [0, 1].
        scale: enlargement of the network.

    Returns:
        per tap a float32 tensor (C,); all zero where nothing depends on the layer.
    """
    with torch.inference_mode(False), torch.enable_grad():
        given = image.clone().requires_grad_()
        output, features = features_of(network, taps, role, given, scale)
        gradients = torch.autograd.grad(gradient_mass(output), features, allow_unused=True)
    return [_saliency(f if g is None else g, dead=g is None) for f, g in zip(features, gradients, strict=True)]


def spread(values: Tensor) -> float:
    """Return the coefficient of variation over channels (C,): 0 if all are equal, NaN if all are 0.

    Unlike the variance it depends neither on the size of the image nor on the number of channels.
    """
    numbers = values.double()
    mean = float(numbers.mean())
    return float(numbers.std(correction=0)) / mean if mean else float("nan")


def without_channel(features: Tensor, channel: int) -> Tensor:
    """Return features (1, C, H, W) or (1, L, C) without one channel, the others made up for its share of the L1 norm.

    They are divided by (S - |f_c|) / S, S the L1 norm of all; if nothing but the channel is there, zeros are left.
    """
    positions = channels_last(features).abs().double().sum((0, 1))
    total = positions.sum()
    kept = (total - positions[channel]) / total if total > 0 else total
    factor = torch.full_like(positions, float(1 / kept) if kept > 0 else 0.0)
    factor[channel] = 0.0
    shape = (1, 1, -1) if features.dim() == 3 else (1, -1, 1, 1)
    return features * factor.to(features.dtype).view(shape)


def leave_one_out(
    network: nn.Module, taps: Taps, role: str, index: int, image: Tensor, scale: int, score: Callable[[Tensor], float]
) -> list[float]:
    """Return ``score`` of the output (1, 3, H, W) without each channel at one tap, in the order of the channels."""
    with torch.inference_mode():
        _, features = features_of(network, taps, role, image, scale)
        with beginning_kept(network, taps, role, index, image, scale):
            return [
                score(with_replaced(network, taps, role, index, image, scale, partial(without_channel, channel=c)))
                for c in range(channels_of(features[index]))
            ]


def _saliency(gradient: Tensor, dead: bool) -> Tensor:
    size = channels_last(gradient.detach()).abs()
    greatest = size.max()
    if dead or greatest == 0:
        return torch.zeros_like(size[0, 0])
    return (size / greatest).sum((0, 1))
