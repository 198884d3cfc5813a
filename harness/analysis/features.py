"""Features at the taps of a network that stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from harness.foundation.images import Pixels
from harness.networks.sizes import forward_padded
from harness.networks.taps import Taps

Replace = Callable[[Tensor], Tensor]
"""Features to the features that the rest of the network gets in their place."""


def as_input(pixels: Pixels, device: torch.device | str) -> Tensor:
    """Return uint8 (h, w, 3) as float32 (1, 3, h, w) on [0, 1]."""
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].to(device).float() / 255


def features_of(network: nn.Module, taps: Taps, role: str, image: Tensor, scale: int) -> tuple[Tensor, list[Tensor]]:
    """Run the network once.

    Args:
        network: any, in ``eval()``.
        taps: its taps.
        role: where the features are taken.
        image: (N, 3, h, w).
        scale: enlargement of the network.

    Returns:
        the output (N, 3, h scale, w scale), and the features at each tap of ``role``, (N, C, H, W) or (N, L, C). They
        are what the layer computes, also where an activation behind it works in place; gradients are attached.
    """
    kept: dict[int, Tensor] = {}

    def keep(index: int, tensor: Tensor) -> Tensor:
        kept[index] = tensor
        return tensor.clone()  # what works in place behind the tap works on the copy

    with _hooked(network, taps, role, keep):
        output = forward_padded(network, image, scale)
    return output, [kept[index] for index in sorted(kept)]


def with_replaced(
    network: nn.Module, taps: Taps, role: str, index: int, image: Tensor, scale: int, replace: Replace
) -> Tensor:
    """Return the output (N, 3, h scale, w scale) with the features at one tap of ``role`` replaced."""
    with _hooked(network, taps, role, lambda _, tensor: replace(tensor), only=(index,)):
        return forward_padded(network, image, scale)


def channels_last(features: Tensor) -> Tensor:
    """Return (N, C, H, W) features or (N, L, C) tokens as (N, positions, C)."""
    return features if features.dim() == 3 else features.flatten(2).transpose(1, 2)


@contextmanager
def _hooked(
    network: nn.Module,
    taps: Taps,
    role: str,
    function: Callable[[int, Tensor], Tensor | None],
    only: Sequence[int] | None = None,
) -> Iterator[None]:
    handles = taps.apply(role, function, only, always=True)
    try:
        yield
    finally:
        handles.remove()
