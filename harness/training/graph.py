"""The network's part of the step as one unit that is captured once and launched as a whole."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol

import torch

from harness.foundation.device_errors import device_problem

WARM_UP = 3
"""Calls before the capture: lazy buffers, Adam's moments and cuDNN's choices are made in them."""


def warm_up(device: str) -> int:
    """Return after how many iterations the speed of a training means something.

    On CUDA, sizes that are met for the first time make plans of transforms, memory and choices of algorithms: of the
    plans most are there after 200 iterations, the last ones after 500.
    """
    return 200 if device.startswith("cuda") else WARM_UP + 1


class Recorder(Protocol):
    """Captures the operations of a function and repeats them on the same tensors."""

    def capture(self, function: Callable[[], None]) -> None:
        """Carry ``function`` out and remember its operations.

        Raises:
            RuntimeError: it cannot be captured, and nothing that lasts was changed.
        """
        ...

    def replay(self) -> None:
        """Carry out what was captured, on the same tensors."""
        ...


class CudaRecorder:
    """A CUDA graph.

    Args:
        device: ``cuda``, or with its number.
    """

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._graph = torch.cuda.CUDAGraph()

    def capture(self, function: Callable[[], None]) -> None:
        """Capture ``function``, then launch it. Other threads may go on pinning memory meanwhile.

        Raises:
            RuntimeError: it cannot be captured.
        """
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._device):
            current = torch.cuda.current_stream(self._device)
            try:
                with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                    function()
            finally:  # after an error in it, torch leaves the stream of the capture the current one
                torch.cuda.set_stream(current)
        self._graph = graph
        self.replay()

    def replay(self) -> None:
        """Launch all kernels with one call."""
        self._graph.replay()


class Captured:
    """Runs a function on fixed tensors: some times as it is, then captured.

    If it cannot be captured, that is said once, and it goes on as it is: the mathematics is the same.
    A device that is out of memory is no such case: that error passes.

    Args:
        function: takes and returns nothing; reads and writes tensors that stay where they are.
        recorder: of the device.
    """

    def __init__(self, function: Callable[[], None], recorder: Recorder) -> None:
        self._function = function
        self._recorder = recorder
        self._calls = 0
        self.state = "warming up"
        """``warming up``, ``captured`` or ``refused``: recorded with the run."""

    def __call__(self) -> None:
        """Run the function once."""
        self._calls += 1
        if self.state == "captured":
            self._recorder.replay()
        elif self.state == "refused" or self._calls <= WARM_UP or not self._capture():
            self._function()

    def forget(self) -> None:
        """Start over: tensors are no longer where they were."""
        self._calls, self.state = 0, "warming up"

    def _capture(self) -> bool:
        try:
            self._recorder.capture(self._function)
            self.state = "captured"
        except RuntimeError as error:
            cause = _first(error)
            for one in (cause, error):
                if (device_problem(one) or "").startswith("out of"):
                    raise one from None  # going on without a graph takes no less
            self.state = "refused"
            reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
            print(
                f"warning: training.cuda_graph: this step cannot be captured ({reason}); going on without a graph",
                file=sys.stderr,
            )
        return self.state == "captured"


def _first(error: BaseException) -> BaseException:
    """Return the error during which this one was raised: ending a capture that failed fails as well."""
    while error.__context__ is not None:
        error = error.__context__
    return error
