"""A network in bf16 whose weights are converted together: with autocast, two conversions per layer are two launches.

The numbers are autocast's: each weight is rounded to bf16, and each gradient of it converted to float32, once per pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call

_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
"""Layers that autocast computes in bf16, with all of their parameters."""


class Lowered:
    """Calls a network with weights in bf16, within autocast, which converts the rest.

    Args:
        network: with parameters in float32; its hooks run as ever.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._names = [
            f"{name}.{own}" if name else own
            for name, module in network.named_modules()
            if type(module) in _LAYERS
            for own, _ in module.named_parameters(recurse=False)
        ]

    def __call__(self, lr: Tensor) -> Tensor:
        """Return the network's output."""
        weights = dict(self._network.named_parameters())
        names = [name for name in self._names if name in weights]
        if not names:
            return self._network(lr)
        lowered = _Together.apply(*(weights[name] for name in names))
        return functional_call(self._network, dict(zip(names, lowered, strict=True)), (lr,), tie_weights=True)


class _Together(torch.autograd.Function):
    """Conversion of many float32 tensors to bf16, and of their gradients back, with one operation each."""

    @staticmethod
    def forward(ctx: Any, *weights: Tensor) -> tuple[Tensor, ...]:
        return _converted(weights, torch.bfloat16)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        given = [gradient for gradient in gradients if gradient is not None]
        made = iter(_converted(given, torch.float32))
        return tuple(None if gradient is None else next(made) for gradient in gradients)


def _converted(tensors: Sequence[Tensor], dtype: torch.dtype) -> tuple[Tensor, ...]:
    made = [torch.empty_like(tensor, dtype=dtype) for tensor in tensors]
    if made:
        torch._foreach_copy_(made, list(tensors))
    return tuple(made)
