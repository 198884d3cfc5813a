"""Taps: named points in an unmodified network where regularizers act, through hooks that can be taken out again.

A tap is ``module.path:input`` or ``module.path:output``; ``*`` stands for every index, in natural order, so
``body.*.conv1:output`` is the output of ``conv1`` in block 0, 1, 2, ... A *role* is a named list of taps:

``last``
    the input of the last convolution: where Dropout (RDSR) acts;
``blocks``
    one point inside each block's residual branch: where Adaptive Dropout acts;
``features``
    the features that penalties compare;
``first``, ``block_outputs``
    the output of the first convolution and of each block: other places that the RDSR release tried;
``branches``
    the output of each block's residual branch, before it is added: where stochastic depth acts;
``attention_tokens``, ``attention_logits``
    of transformers with windows: what enters each attention, (N windows, n, C), and its softmax, (N windows, heads, n,
    n), where the windows of one image are consecutive. Regularizers see them if they name them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from harness.foundation.errors import HarnessError
from harness.networks.sizes import probe_image

TapFunction = Callable[[int, Tensor], Tensor | None]
"""Called with the tap's position in its role and the tensor there; returns its replacement, or None to leave it."""

_TAP = re.compile(r"([\w.*]+):(input|output)")


@dataclass(frozen=True)
class Point:
    """One tap, found in a network."""

    path: str
    side: str
    module: nn.Module

    def __str__(self) -> str:
        return f"{self.path}:{self.side}"


class Handles:
    """Hooks that were put into a network; :meth:`remove` takes them out, once or more often."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self._handles = list(handles)

    def remove(self) -> None:
        """Take the hooks out."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()


class Capture(Handles):
    """Keeps the tensors that passed through the taps of a role in the latest forward pass in training mode."""

    def __init__(self, role: str, count: int) -> None:
        super().__init__([])
        self._role = role
        self._kept: list[Tensor | None] = [None] * count

    def _keep(self, index: int, tensor: Tensor) -> None:
        self._kept[index] = tensor

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors, in the order of the taps.

        Raises:
            RuntimeError: no forward pass in training mode has reached them yet.
        """
        kept = [tensor for tensor in self._kept if tensor is not None]
        if len(kept) < len(self._kept):
            raise RuntimeError(f"taps {self._role!r} were not reached: run the network in training mode first")
        return kept

    @property
    def tensor(self) -> Tensor:
        """The tensor at the role's only tap."""
        (tensor,) = self.tensors
        return tensor

    def clear(self) -> None:
        """Let go of the tensors, so that their memory is free during the optimizer step."""
        self._kept = [None] * len(self._kept)


class Taps:
    """The taps of one network.

    Hooks act in training mode only: a network in ``eval()`` computes exactly what it computes without them.

    Args:
        network: the network; it is not changed.
        taps: role to taps, as in ``NetworkSpec.taps``.

    Raises:
        HarnessError: a tap cannot be read, or names no module; the message lists the modules that exist.
    """

    def __init__(self, network: nn.Module, taps: Mapping[str, Sequence[str]]) -> None:
        self._network = network
        self._points = {role: tuple(p for tap in listed for p in find(network, tap)) for role, listed in taps.items()}

    def points(self, role: str) -> tuple[Point, ...]:
        """Return the points of ``role``, in order.

        Raises:
            HarnessError: the network's entry has no such role.
        """
        if role not in self._points:
            known = ", ".join(sorted(self._points)) or "none"
            raise HarnessError(
                f"taps: {type(self._network).__name__}: no role {role!r} here, but: {known}; add it to the network's "
                "entry in networks.yaml, or to the roles that the regularizer says it needs"
            )
        return self._points[role]

    def apply(
        self, role: str, function: TapFunction, only: Collection[int] | None = None, always: bool = False
    ) -> Handles:
        """Replace the tensors at the taps of ``role`` by ``function(index, tensor)``, in training mode.

        Args:
            role: which taps.
            function: see :data:`TapFunction`.
            only: positions in the role, from 0; all of them if None.
            always: in ``eval()`` too.
        """
        points = self.points(role)
        return Handles([_hook(p, i, function, always) for i, p in enumerate(points) if only is None or i in only])

    def capture(self, role: str, always: bool = False) -> Capture:
        """Keep the tensors at the taps of ``role`` of each forward pass in training mode, gradients attached.

        They are not copied: an activation behind the tap that works in place changes them.

        Args:
            role: which taps.
            always: in ``eval()`` too.
        """
        points = self.points(role)
        capture = Capture(role, len(points))
        capture._handles = [_hook(p, i, capture._keep, always) for i, p in enumerate(points)]
        return capture

    def channels(self, role: str) -> tuple[int, ...]:
        """Return the number of channels at each tap of ``role``.

        Convolutions and linear layers tell it. For other modules, one small image goes through the network.
        """
        points = self.points(role)
        known = [_declared_channels(point) for point in points]
        if None in known:
            known = [channels_of(tensor) for tensor in self._probe(points)]
        return tuple(count for count in known if count is not None)

    def _probe(self, points: Sequence[Point]) -> list[Tensor]:
        seen: dict[int, Tensor] = {}
        handles = Handles([_hook(p, i, seen.__setitem__, always=True) for i, p in enumerate(points)])
        try:
            with _evaluating(self._network), torch.no_grad():
                self._network(probe_image(self._network))
        finally:
            handles.remove()
        unreached = [str(point) for index, point in enumerate(points) if index not in seen]
        if unreached:
            raise HarnessError(f"taps: {unreached[0]}: the network's forward pass never reaches this module")
        return [seen[index] for index in range(len(points))]


def channels_of(tensor: Tensor) -> int:
    """Return the number of channels of (N, C, H, W) features or (N, L, C) tokens."""
    return tensor.shape[-1] if tensor.dim() == 3 else tensor.shape[1]


def per_channel(values: Tensor, like: Tensor) -> Tensor:
    """Shape (N, C) ``values`` so that they broadcast over (N, C, H, W) features or (N, L, C) tokens."""
    return values.unsqueeze(1) if like.dim() == 3 else values[:, :, None, None]


def find(network: nn.Module, tap: str) -> list[Point]:
    """Return the points of ``network`` that ``tap`` names, in natural order of their indices.

    Raises:
        HarnessError: the tap cannot be read, or names no module.
    """
    match = _TAP.fullmatch(tap)
    if match is None:
        raise HarnessError(f"taps: {tap!r}: write module.path:input or module.path:output, with * for every index")
    pattern = re.compile(re.escape(match[1]).replace(r"\*", r"(\d+)"))
    found = [(path, module, m) for path, module in network.named_modules() if (m := pattern.fullmatch(path))]
    if not found:
        modules = _module_names(network)
        raise HarnessError(f"taps: {tap!r}: {type(network).__name__} has no such module; it has: {modules}")
    found.sort(key=lambda item: tuple(int(index) for index in item[2].groups()))
    return [Point(path, match[2], module) for path, module, _ in found]


def _module_names(network: nn.Module) -> str:
    paths = (re.sub(r"(^|\.)\d+(?=\.|$)", r"\1*", path) for path, _ in network.named_modules() if path)
    return ", ".join(dict.fromkeys(paths))


def _hook(point: Point, index: int, function: TapFunction, always: bool = False) -> RemovableHandle:
    def on_input(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if not (module.training or always):
            return None
        replacement = function(index, _tensor(inputs[0], point))
        return None if replacement is None else (replacement, *inputs[1:])

    def on_output(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Tensor | None:
        return function(index, _tensor(output, point)) if module.training or always else None

    if point.side == "input":
        return point.module.register_forward_pre_hook(on_input)
    return point.module.register_forward_hook(on_output)


def _tensor(value: Any, point: Point) -> Tensor:
    if not isinstance(value, Tensor) or value.dim() not in (3, 4):
        raise HarnessError(f"taps: {point}: must be features (N, C, H, W) or tokens (N, L, C); choose another module")
    return value


def _declared_channels(point: Point) -> int | None:
    module = point.module
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        return module.in_channels if point.side == "input" else module.out_channels
    if isinstance(module, nn.Linear):
        return module.in_features if point.side == "input" else module.out_features
    return None


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
