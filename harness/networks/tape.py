"""Operations recorded once and repeated on the same tensors: what a CUDA graph does, for any device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Tape:
    """Records what a function computes, and computes it again without running the function.

    Like a CUDA graph, it knows tensors by their place in memory, repeats nothing that Python did in between, and
    refuses to read a value back. So what would be stale or refused there is so here, and tests find it without a GPU.
    It saves no time.
    """

    def __init__(self) -> None:
        self._calls: list[tuple[Any, Any, Any, list[Tensor]]] = []

    def capture(self, function: Callable[[], None]) -> None:
        """Run ``function`` once and remember its operations, those of a backward pass in it included.

        Raises:
            RuntimeError: it reads a value back from a tensor.
        """
        self._calls = []
        with _Recorder(self._calls):
            function()

    def replay(self) -> None:
        """Repeat the operations; every result is written to where it was when it was recorded."""
        with torch.no_grad():
            for operation, arguments, keywords, results in self._calls:
                for old, new in zip(results, _tensors(operation(*arguments, **keywords)), strict=True):
                    if old.data_ptr() != new.data_ptr():
                        old.copy_(new)


class _Recorder(TorchDispatchMode):
    """Adds each operation that is dispatched to a list; views need no repetition."""

    def __init__(self, calls: list[tuple[Any, Any, Any, list[Tensor]]]) -> None:
        super().__init__()
        self._calls = calls

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("a value is read back from a tensor")
        keywords = kwargs or {}
        result = func(*args, **keywords)
        if not func.is_view:
            self._calls.append((func, args, keywords, _tensors(result)))
        return result


def _tensors(result: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
