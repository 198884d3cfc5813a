"""Sizes of images that a network accepts, and of what it makes of them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.foundation.errors import HarnessError

_LEAST_PROBE = 16  # pixels


def input_multiple(network: nn.Module) -> int:
    """Return the number that the height and width of the network's input must be a multiple of.

    A network says it itself by an attribute ``input_multiple``. Otherwise: the window size of transformers
    (BasicSR's SwinIR does not pad), the pixel-unshuffle factor of RRDBNet at scale 1 and 2, or 1.
    """
    declared = getattr(network, "input_multiple", None)
    if isinstance(declared, int):
        return declared
    windows = [w for m in network.modules() if isinstance(w := getattr(m, "window_size", None), int) and w > 0]
    unshuffle = {1: 4, 2: 2}.get(getattr(network, "scale", 0), 1) if type(network).__name__ == "RRDBNet" else 1
    return math.lcm(unshuffle, *windows)


def forward_padded(network: nn.Module, images: Tensor, scale: int) -> Tensor:
    """Run the network on images of any size.

    The right and bottom border are extended by reflection to the next multiple of :func:`input_multiple`, and the
    output is cut back, as BasicSR does for SwinIR. Networks that accept every size get the images as they are.

    Args:
        network: maps (N, C, H, W) to (N, C, scale H, scale W).
        images: (N, C, H, W).
        scale: enlargement of the network.

    Returns:
        (N, C, scale H, scale W).
    """
    multiple = input_multiple(network)
    height, width = images.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if not bottom and not right:
        return network(images)
    mode = "reflect" if bottom < height and right < width else "replicate"
    enlarged = network(F.pad(images, (0, right, 0, bottom), mode=mode))
    return enlarged[..., : height * scale, : width * scale]


def enlargement(network: nn.Module) -> float:
    """Return how many times wider the output is than the input, seen on a small image in ``eval()``."""
    image = probe_image(network)
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            output = network(image)
    finally:
        network.train(training)
    return float(output.shape[-1] / image.shape[-1])


def check_scale(network: nn.Module, scale: int, name: str) -> None:
    """Run a small image through the network and compare the size of what comes out.

    Raises:
        HarnessError: the network, called ``name`` in the message, enlarges by another factor than ``scale``.
    """
    factor = enlargement(network)
    if factor != scale:
        raise HarnessError(
            f"networks.yaml: {name}: enlarges by {factor:g}, but the experiment's scale is {scale}; "
            "set its arguments (upscale, scale) accordingly or choose another network"
        )


def probe_image(network: nn.Module) -> Tensor:
    """Return a small black image (1, 3, H, W) that the network accepts, on its device and in its precision."""
    multiple = input_multiple(network)
    side = multiple * math.ceil(_LEAST_PROBE / multiple)
    like = next(network.parameters(), torch.empty(0))
    return torch.zeros(1, 3, side, side, dtype=like.dtype, device=like.device)
