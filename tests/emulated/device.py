"""A CUDA device that does not exist: ``cuda:0`` with tensors that have sizes and no values, on a CPU build of torch.

The code under test runs as it is. It believes that there is a GPU, because the questions that it asks are answered as
one would answer them; operations check devices and sizes, and compute nothing (``FakeTensorMode``). Only in a process
of its own: what is replaced here stays so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import _disable_current_modes

SOURCE = Path(__file__).with_name("device.cpp")


def compiler() -> str | None:
    """A C++ compiler, as CXX names it, or the usual one."""
    return shutil.which(os.environ.get("CXX", "c++"))


def build(target: Path) -> None:
    """Compile the device. Its symbols are torch's, so it is linked against the torch that is installed."""
    from torch.utils.cpp_extension import include_paths

    libraries = Path(torch.__file__).parent / "lib"
    includes = [f"-I{path}" for path in include_paths()]
    options = ["-O0", "-std=c++20", "-fPIC", "-shared", f"-L{libraries}", f"-Wl,-rpath,{libraries}"]
    command = [str(compiler()), *options, *includes, str(SOURCE), "-o", str(target), "-ltorch_cpu", "-lc10"]
    subprocess.run(command, check=True)


class Stream:
    """A stream: which one is current is all that is known of it."""

    def __init__(self, device: Any = None) -> None:
        self.device = device

    def wait_stream(self, other: Stream) -> None:
        """Nothing computes, so nothing is waited for."""


class Event:
    """A moment on a stream."""

    def __init__(self, enable_timing: bool = False) -> None:
        self.enable_timing = enable_timing

    def record(self) -> None:
        """Take the moment."""

    def synchronize(self) -> None:
        """It is over already."""

    def elapsed_time(self, end: Event) -> float:
        """Milliseconds; nothing takes any."""
        return 0.0


_current = [Stream("cuda:0")]


@contextmanager
def _stream(stream: Stream) -> Iterator[None]:
    _current.append(stream)
    try:
        yield
    finally:
        _current.pop()


_pinned: dict[int, Tensor] = {}
"""Pinned memory by the identity of its storage; held, so that no other memory gets that."""


def is_pinned(tensor: Tensor) -> bool:
    """Whether a tensor lies in pinned memory: a copy from there to the device waits for nothing."""
    return _place(tensor) in _pinned


def _pin(tensor: Tensor) -> Tensor:
    with _disable_current_modes():
        copy = tensor.clone()
    _pinned[_place(copy)] = copy
    return copy


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def pretend() -> None:
    """Let torch say that there is a GPU; what :func:`build` made was loaded before torch was imported."""
    answers: dict[str, Any] = {
        "is_available": lambda: True,
        "is_bf16_supported": lambda including_emulation=True: True,
        "is_current_stream_capturing": lambda: False,
        "current_device": lambda: 0,
        "device_count": lambda: 1,
        "get_device_name": lambda device=None: "no GPU, but a pretended one",
        "set_device": lambda device: None,
        "synchronize": lambda device=None: None,
        "mem_get_info": lambda device=None: (80 * 10**9, 80 * 10**9),
        "Event": Event,
        "Stream": Stream,
        "stream": _stream,
        "current_stream": lambda device=None: _current[-1],
    }
    for name, answer in answers.items():
        setattr(torch.cuda, name, answer)
    # Else every use of the device would start CUDA.
    FakeTensorMode.avoid_device_init = property(lambda mode: True)  # type: ignore[assignment, method-assign]

    plain_empty = torch.empty

    def empty(*sizes: Any, pin_memory: bool = False, **options: Any) -> Tensor:
        if not pin_memory:
            return plain_empty(*sizes, **options)
        with _disable_current_modes():  # the host writes values into it
            return _pin(plain_empty(*sizes, **options))

    plain_numpy = torch.Tensor.numpy

    def numpy(tensor: Tensor) -> Any:
        with _disable_current_modes():  # else the array would lie where nothing is
            return plain_numpy(tensor)

    torch.empty = empty
    torch.Tensor.numpy = numpy  # type: ignore[assignment, method-assign]
    torch.Tensor.pin_memory = _pin  # type: ignore[assignment, method-assign]
    torch.Tensor.record_stream = lambda tensor, stream: None  # type: ignore[assignment, method-assign]
    torch.nn.Module._apply = _apply  # type: ignore[assignment, method-assign]
    FakeTensor.__deepcopy__ = _deepcopy  # type: ignore[assignment, method-assign]


def _deepcopy(tensor: Tensor, memo: dict[int, Any]) -> Tensor:
    """Copy a tensor without values alone: torch would copy its mode as well, whose references must not be copied."""
    copy = tensor.detach().clone()
    memo[id(tensor)] = copy = nn.Parameter(copy, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else copy
    return copy


def _apply(module: nn.Module, function: Any, recurse: bool = True) -> nn.Module:
    """Do what ``nn.Module._apply`` does by new parameters: tensors without values cannot be exchanged in place."""
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                moved = function(parameter.detach())
                part._parameters[name] = nn.Parameter(moved, requires_grad=parameter.requires_grad)
        for name, buffer in part._buffers.items():
            part._buffers[name] = None if buffer is None else function(buffer)
    return module
