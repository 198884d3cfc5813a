"""Parameters on their way to the device: one copy for all of them, which nothing waits for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.degradations.jpeg import quality_factors
from harness.degradations.parameters import Flags, Parameters

Arrays = dict[str, npt.NDArray[Any]]


def upload(parameters: Parameters, device: torch.device) -> dict[str, Tensor]:
    """Return the parameters of N images as float32 tensors on the device.

    Returns:
        - ``blur1``, ``blur2``, ``sinc``: kernels (N, k, k).
        - ``strength1``, ``strength2``, ``gray1``, ``gray2``: (N, 1, 1, 1).
        - ``jpeg1``, ``jpeg2``: multiples of the quantization tables (N,).
        - ``gaussian1``, ``gaussian2``, ``sinc_first``: the indices (N,) of the images that have the flag, followed by
          those that do not.
    """
    arrays = flatten(parameters)
    if device.type == "cpu":
        return {name: torch.from_numpy(array.astype(np.float32, copy=False)) for name, array in arrays.items()}
    return pack(arrays, device)


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


def pack(arrays: Arrays, device: torch.device) -> dict[str, Tensor]:
    """Copy arrays to a device as one float32 tensor, from pinned memory on CUDA, and return the pieces."""
    sizes = [array.size for array in arrays.values()]
    packed = torch.empty(sum(sizes), pin_memory=device.type == "cuda")
    for array, part in zip(arrays.values(), np.split(packed.numpy(), np.cumsum(sizes)[:-1]), strict=True):
        part[:] = array.ravel()
    sent = packed.to(device, non_blocking=True).split(sizes)
    return {name: part.view(array.shape) for (name, array), part in zip(arrays.items(), sent, strict=True)}


def _order(flags: Flags) -> npt.NDArray[np.int64]:
    return np.argsort(~flags, kind="stable")
