"""What a piece of code asks of the device: operations, bytes and FLOPs, and whatever would make it wait or fail."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from tests.conftest import ROOT
from tests.emulated import model
from tests.emulated.device import is_pinned

_COPY = torch.ops.aten._to_copy.default
_FUSED = (torch.ops.aten._fused_adam_, torch.ops.aten._fused_adamw_)
_IS_NONZERO = torch.ops.aten.is_nonzero.default
_READS = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.item.default, _IS_NONZERO)
_OVERWRITES = (torch.ops.aten.copy_, torch.ops.aten.fill_, torch.ops.aten.zero_)
_LAUNCH_NOTHING = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "_unsafe_view", "detach"}


class Watch(TorchDispatchMode):
    """Counts what reaches the device, and notes what must not happen, each with the line of the harness it comes from.

    Attributes:
        operations: that compute something on the device.
        kernels: that they are, see :mod:`tests.emulated.model`.
        bytes: that they read and write, if each goes to memory.
        flops: of convolutions and matrix products.
        seconds: by the model, with the convolutions of float32 in ``fp32`` and in ``tf32``.
        copies: from the host to the device.
        reads: where values are read back, so that the host waits.
        problems: copies that wait; within :meth:`captured` anything on the host.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = self.kernels = self.bytes = self.flops = self.copies = 0
        self.seconds = {"fp32": 0.0, "tf32": 0.0}
        self.reads: list[str] = []
        self.problems: list[str] = []
        self._capturing = False

    def report(self) -> dict[str, Any]:
        """What was found."""
        return {"counts": self.counts(), "problems": self.problems, "reads": self.reads}

    def counts(self) -> dict[str, float]:
        """The sums, as a snapshot keeps them."""
        return {
            "operations": self.operations,
            "kernels": self.kernels,
            "copies": self.copies,
            "megabytes": round(self.bytes / 1e6, 1),
            "gflop": round(self.flops / 1e9, 2),
            **{f"ms_{arithmetic}": round(seconds * 1e3, 3) for arithmetic, seconds in self.seconds.items()},
        }

    @contextmanager
    def captured(self) -> Iterator[None]:
        """Watch what a CUDA graph would record: a tensor of the host in it would keep its value for ever."""
        self._capturing = True
        try:
            yield
        finally:
            self._capturing = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        keywords = kwargs or {}
        if func.namespace not in ("aten", "harness"):  # questions about devices, names for profilers
            return func(*args, **keywords)
        if func in _READS:  # there is none: anything will do for those who may read
            if args[0].device.type == "cuda":
                self.reads.append(where())
            return 1.0 if args[0].is_floating_point() and func is not _IS_NONZERO else args[0].dtype == torch.bool or 1
        if torch.is_inference_mode_enabled():  # operations arrive whole: count the parts that others are counted by
            with self:
                parts = func.decompose(*args, **keywords)
            if parts is not NotImplemented:
                return parts
        if func is _COPY and not isinstance(args[0], FakeTensor):  # from real memory: its values are not needed
            dtype = keywords.get("dtype") or args[0].dtype
            result = torch.empty(args[0].shape, dtype=dtype, device=keywords.get("device") or args[0].device)
        elif func._overloadpacket in _FUSED:  # returns nothing, and knows real devices only
            result = None
        else:
            result = func(*args, **keywords)
        given, made = _tensors((args, keywords)), _tensors(result)
        devices = {tensor.device.type for tensor in (*given, *made)}
        if self._capturing and "cpu" in devices:
            self._note(f"{func} on the host, within what is captured")
        if "cuda" in devices and not func.is_view and func.__name__.split(".")[0] not in _LAUNCH_NOTHING:
            self._count(func, args, keywords, result, given, made)
        return result

    def _count(
        self, func: Any, args: Any, keywords: dict[str, Any], result: Any, given: list[Tensor], made: list[Tensor]
    ) -> None:
        only_written = _tensors(keywords.get("out")) + _tensors(args[:1] if func._overloadpacket in _OVERWRITES else ())
        traffic = sum(tensor.nbytes for tensor in (*given, *made)) - sum(tensor.nbytes for tensor in only_written)
        formula = flop_registry.get(func._overloadpacket)
        flops = formula(*args, **keywords, out_val=result) if formula else 0
        launches = model.kernels(func, args, len(made))
        dtype = given[0].dtype if given else torch.float32
        for arithmetic in self.seconds:
            self.seconds[arithmetic] += model.seconds(traffic, flops, launches, model.rate(func, dtype, arithmetic))
        self.operations += 1
        self.kernels += launches
        self.bytes += traffic
        self.flops += flops
        if any(tensor.device.type == "cpu" for tensor in made):
            self._note(f"{func} brings a tensor to the host")
        for source in (tensor for tensor in given if tensor.device.type == "cpu"):
            self.copies += 1
            waits = not (keywords.get("non_blocking") or (len(args) > 2 and args[2] is True))
            if waits or not is_pinned(source):
                how = "waits" if waits else "comes from pageable memory, so it waits"
                self._note(f"{func} of {tuple(source.shape)} to the device {how}")

    def _note(self, problem: str) -> None:
        self.problems.append(f"{problem}: {where()}")


def where() -> str:
    """The innermost line of the harness that is running."""
    frames = [frame for frame in traceback.extract_stack() if frame.filename.startswith(str(ROOT / "harness"))]
    if not frames:
        return "not in the harness"
    return f"{frames[-1].filename.removeprefix(str(ROOT) + '/')}:{frames[-1].lineno} {frames[-1].name}"


class Recorder:
    """Stands where a CUDA graph would: it runs what would be captured, and what would be replayed, under a watch."""

    def __init__(self) -> None:
        self.watch = Watch()
        self._function: Callable[[], None] = lambda: None

    def capture(self, function: Callable[[], None]) -> None:
        """Run the function and keep it."""
        self._function = function
        self.replay()

    def replay(self) -> None:
        """Run what was captured."""
        with self.watch.captured():
            self._function()


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
