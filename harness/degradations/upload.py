"""Parameters on their way to the device: one copy for all of them, which nothing waits for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.degradations.jpeg import quality_factors
from harness.degradations.parameters import Flags, Parameters
from harness.foundation import philox
from harness.foundation.rng import Draws

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Packed:
    """Arrays as one tensor on the host, pinned for CUDA, so that one copy takes them all.

    Attributes:
        values: float32, one array after the other.
        shapes: of the arrays by name, in order.
    """

    values: Tensor
    shapes: dict[str, tuple[int, ...]]

    def to(self, device: torch.device) -> dict[str, Tensor]:
        """Copy to the device without waiting, and return the pieces."""
        parts = self.values.to(device, non_blocking=True).split([math.prod(shape) for shape in self.shapes.values()])
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}


def packed(parameters: Parameters, draws: Draws) -> Packed:
    """Return the parameters of N images, and the keys of their noise, for a device other than a CPU.

    Returns:
        What :func:`upload` does, and before it ``keys1``, ``keys2``, (N, 4): the bits of the (N, 2) int64 keys of the
        noise of both stages; and ``normal1``, ``normal2``, (N,): 1 where the noise is Gaussian.
    """
    arrays: Arrays = {}
    for number, stage in (("1", parameters.first), ("2", parameters.second)):
        one_pattern = stage.one_gray_pattern & stage.gaussian & stage.gray
        rows = [None if shared else row for shared, row in zip(one_pattern, draws.rows, strict=True)]
        arrays[f"keys{number}"] = philox.words_of(draws.keys(f"degradation/noise{number}", rows)).view(np.float32)
    for number, stage in (("1", parameters.first), ("2", parameters.second)):
        arrays[f"normal{number}"] = stage.gaussian
    return pack(arrays | flatten(parameters), draws.device != "cpu")


def upload(parameters: Parameters) -> dict[str, Tensor]:
    """Return the parameters of N images as float32 tensors on the host.

    Returns:
        - ``blur1``, ``blur2``, ``sinc``: kernels (N, k, k).
        - ``strength1``, ``strength2``, ``gray1``, ``gray2``: (N, 1, 1, 1).
        - ``jpeg1``, ``jpeg2``: multiples of the quantization tables (N,).
        - ``gaussian1``, ``gaussian2``, ``sinc_first``: the indices (N,) of the images that have the flag, followed by
          those that do not.
    """
    arrays = flatten(parameters)
    return {name: torch.from_numpy(array.astype(np.float32, copy=False)) for name, array in arrays.items()}


def flatten(parameters: Parameters) -> Arrays:
    """Return the arrays of :func:`upload` on the host, in their own types."""
    arrays: Arrays = {"sinc": parameters.sinc.kernels, "sinc_first": _order(parameters.sinc_first)}
    for number, stage in (("1", parameters.first), ("2", parameters.second)):
        arrays |= {
            f"blur{number}": stage.blur.kernels,
            f"strength{number}": stage.strength.reshape(-1, 1, 1, 1),
            f"gray{number}": stage.gray.reshape(-1, 1, 1, 1),
            f"jpeg{number}": quality_factors(stage.quality),
            f"gaussian{number}": _order(stage.gaussian),
        }
    return arrays


def pack(arrays: Arrays, pinned: bool) -> Packed:
    """Put arrays into one float32 tensor."""
    sizes = [array.size for array in arrays.values()]
    values = torch.empty(sum(sizes), pin_memory=pinned)
    for array, part in zip(arrays.values(), np.split(values.numpy(), np.cumsum(sizes)[:-1]), strict=True):
        part[:] = array.ravel()
    return Packed(values, {name: array.shape for name, array in arrays.items()})


def _order(flags: Flags) -> npt.NDArray[np.int64]:
    return np.argsort(~flags, kind="stable")
