"""The sum over processes as a differentiable function (torch deprecated its own)."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class SumOverProcesses(torch.autograd.Function):
    """Sum of a tensor over all processes; its gradient is the sum of the processes' gradients."""

    @staticmethod
    def forward(context: Any, tensor: Tensor) -> Tensor:
        """Return the sum, in every process."""
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        """Return the sum of the gradients, in every process."""
        total = gradient.clone()
        dist.all_reduce(total)
        return total
