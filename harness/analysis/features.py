"""Features at the taps of a network that stays as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

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


@contextmanager
def beginning_kept(network: nn.Module, taps: Taps, role: str, index: int, image: Tensor, scale: int) -> Iterator[None]:
    """Within, what runs before a tap is not computed again: passes on ``image`` cost what lies behind the tap.

    One pass notes what each module gives. Those that ran once and had ended when the tap was reached then answer with a
    copy of it. Whatever replaces the features, these cannot depend on it. Nothing else may be run meanwhile.
    """
    given: dict[nn.Module, Tensor] = {}
    calls: Counter[nn.Module] = Counter()
    before: set[nn.Module] = set()

    def note(module: nn.Module, _: Any, output: Any) -> None:
        calls[module] += 1
        if isinstance(output, Tensor):
            given[module] = output.clone()  # what follows may work in place

    def reached(_: int, tensor: Tensor) -> None:
        before.update(given)

    handles = [module.register_forward_hook(note) for module in network.modules() if module is not network]
    try:
        with _hooked(network, taps, role, reached, only=(index,)):
            forward_padded(network, image, scale)
    finally:
        for handle in handles:
            handle.remove()
    kept = [module for module in before if calls[module] == 1 and "forward" not in vars(module)]
    try:
        for module in kept:
            module.forward = partial(_answer, given[module])
        yield
    finally:
        for module in kept:
            vars(module).pop("forward", None)


def _answer(output: Tensor, *_: Any, **__: Any) -> Tensor:
    return output.clone()


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
