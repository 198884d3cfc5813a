"""What turns a degraded image into an 8-bit result: a plain network, or a reference such as bicubic upscaling."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import nn

from harness.degradations.fixed import bicubic_upscale, matlab_resize
from harness.evaluation.fidelity import one_thread
from harness.evaluation.passes import Passes
from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels
from harness.networks.chance import draws_of_pass, use_draws
from harness.networks.sizes import forward_padded


def bilinear_upscale(pixels: Pixels, scale: int) -> Pixels:
    """Enlarge (H, W, 3) to (H scale, W scale, 3) with Pillow's bilinear."""
    height, width = pixels.shape[:2]
    return np.asarray(Image.fromarray(pixels).resize((width * scale, height * scale), Image.Resampling.BILINEAR))


REFERENCES: dict[str, Callable[[Pixels, int], Pixels]] = {
    "bicubic": bicubic_upscale,
    "bicubic_matlab": matlab_resize,
    "bilinear": bilinear_upscale,
    "input": lambda pixels, scale: pixels,
}
"""Methods without weights: name to a function of (pixels, scale).

``bicubic`` is Pillow's, as in the papers that this harness compares; ``bicubic_matlab`` is MATLAB's ``imresize``, each
pass rounded to 8 bit: on the degradation ``clean_matlab`` it gives the bicubic rows of the classic literature.
``bilinear`` is what SRResNet adds its output to, and so what its training starts at.
``input`` is the degraded image itself, the control row of tasks without upscaling.
"""


class Upscaler(Protocol):
    """A method ready to run.

    Attributes:
        device: where its results are.
    """

    device: torch.device

    def __call__(self, pixels: Pixels) -> tuple[torch.Tensor, torch.Tensor]:
        """Upscale uint8 (h, w, 3).

        Returns:
            the result, uint8 (H, W, 3), and whether it was finite before rounding (bool scalar), both on the device.
        """

    @property
    def seconds(self) -> float:
        """The time spent in the method itself so far; waits for the device."""


class ReferenceUpscaler:
    """A method without weights, on the CPU."""

    device = torch.device("cpu")

    def __init__(self, name: str, scale: int) -> None:
        if name not in REFERENCES:
            raise HarnessError(f"reference {name!r} is unknown; choose from: {', '.join(REFERENCES)}")
        self._function = REFERENCES[name]
        self._scale = scale
        self.seconds = 0.0

    def __call__(self, pixels: Pixels) -> tuple[torch.Tensor, torch.Tensor]:
        """Upscale uint8 (h, w, 3); see :class:`Upscaler`."""
        start = time.perf_counter()
        result = torch.from_numpy(self._function(pixels, self._scale).copy())
        self.seconds += time.perf_counter() - start
        return result, torch.tensor(True)


class NetworkUpscaler:
    """A network on whole images, batch 1, float32 without TF32, rounded and clipped to 8 bit.

    Networks that accept certain sizes only get the image extended; see :func:`harness.networks.sizes.forward_padded`.

    Args:
        network: with its weights.
        scale: of super-resolution.
        device: where to run it.
        passes: of a network that draws random numbers: the mean of so many outputs is rounded.
    """

    def __init__(
        self, network: nn.Module, scale: int, device: torch.device | str, passes: Passes | None = None
    ) -> None:
        self.device = torch.device(device)
        self._passes = passes
        self._network = network.to(self.device).eval()
        self._scale = scale
        self._seconds = 0.0
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    def __call__(self, pixels: Pixels) -> tuple[torch.Tensor, torch.Tensor]:
        """Upscale uint8 (h, w, 3); see :class:`Upscaler`."""
        image = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].to(self.device, non_blocking=True)
        with self._timed():
            result = self._run(pixels, image.float() / 255)[0]
        with one_thread():
            return to_8bit(result), result.isfinite().all()

    def _run(self, pixels: Pixels, image: torch.Tensor) -> torch.Tensor:
        if self._passes is None:
            return forward_padded(self._network, image, self._scale)
        total: torch.Tensor | float = 0.0
        for number in range(self._passes.count):
            use_draws(self._network, draws_of_pass(pixels, self._passes.seed, number, self.device.type))
            total = total + forward_padded(self._network, image, self._scale)
        return torch.as_tensor(total) / self._passes.count

    @property
    def seconds(self) -> float:
        """The time spent in the network so far; waits for the device."""
        for start, end in self._events:
            end.synchronize()
            self._seconds += start.elapsed_time(end) / 1000
        self._events.clear()
        return self._seconds

    @contextmanager
    def _timed(self) -> Iterator[None]:
        if self.device.type != "cuda":
            start = time.perf_counter()
            yield
            self._seconds += time.perf_counter() - start
            return
        events = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        events[0].record()
        yield
        events[1].record()
        self._events.append(events)


def to_8bit(image: torch.Tensor) -> torch.Tensor:
    """Return float (3, H, W) on [0, 1] as uint8 (H, W, 3): clipped, then rounded half to even as BasicSR does."""
    return (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)


@contextmanager
def exact_float32() -> Iterator[None]:
    """Compute in plain float32 with repeatable algorithms: no TF32, no autocast, no autotuning, no gradients."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with (
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
            torch.autocast("cuda", enabled=False),
            torch.autocast("cpu", enabled=False),
        ):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
