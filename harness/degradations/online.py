"""The degradation that a run trains on, whichever its spec names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.degradations.noise import add_gaussian_noise
from harness.degradations.second_order import Plan, cut, degrade_by, sharpened_windows
from harness.degradations.spec import GaussianNoiseSpec, TrainingDegradation
from harness.degradations.usm import sharpen
from harness.foundation.rng import Draws


@dataclass(frozen=True)
class NoisePlan:
    """One view's noise, all of which is drawn on the device."""

    spec: GaussianNoiseSpec
    draws: Draws


AnyPlan = Plan | NoisePlan
"""What one view of a batch undergoes."""


def plan(spec: TrainingDegradation, draws: Draws) -> AnyPlan:
    """Draw on the host what one view undergoes; another thread may do it ahead."""
    return NoisePlan(spec, draws) if isinstance(spec, GaussianNoiseSpec) else Plan.draw(spec, draws)


def carry_out(plans: Sequence[AnyPlan], hr: Tensor, scale: int, *, usm_target: bool) -> tuple[Tensor, list[Tensor]]:
    """Degrade every image once per plan.

    Args:
        plans: what each view undergoes, all of one kind.
        hr: (N, 3, H, W) float32 in [0, 1].
        scale: how much smaller the results are.
        usm_target: sharpen the ground truth first.

    Returns:
        The target (N, 3, H, W) and one batch (N, 3, H // scale, W // scale) per plan, at 8-bit levels.
    """
    second_order = [one for one in plans if isinstance(one, Plan)]
    if second_order:
        return degrade_by(second_order, hr, scale, usm_target=usm_target)
    target = sharpen(hr) if usm_target else hr
    return target, [gaussian_noise(target, one.spec, one.draws) for one in plans if isinstance(one, NoisePlan)]


def sharpened_target(spec: TrainingDegradation, crops: Tensor, corners: npt.NDArray[np.int64], side: int) -> Tensor:
    """Return windows of the target that :func:`carry_out` returns with ``usm_target``, the same bit for bit.

    Args:
        spec: the degradation.
        crops: (N, 3, H, W) uint8.
        corners: (N, 2) first row and column of each window.
        side: of the windows.
    """
    if isinstance(spec, GaussianNoiseSpec):  # its threads share one product, so the whole has to be computed
        return cut(sharpen(crops.float().div_(255)), corners, side)
    return sharpened_windows(crops, corners, side)


def conditions(plans: Sequence[AnyPlan], device: str) -> dict[str, Tensor]:
    """Return what each image of a batch underwent, in float32 on the device, views one after the other.

    Of the second-order degradation, for the stages 1 and 2: ``blur1`` (standard deviation of the kernel in pixels, the
    mean of both axes), ``resize1`` (factor), ``gaussian1`` (sigma in levels of 255, 0 where the noise is Poisson),
    ``poisson1`` (scale, 0 where it is Gaussian), ``jpeg1`` (quality). Of noise alone: ``gaussian1``.

    Args:
        plans: of the views.
        device: where the numbers are wanted; nothing waits for the copy.
    """
    parts = [_conditions(one) for one in plans]
    names = list(parts[0])
    host = torch.from_numpy(np.stack([np.concatenate([part[name] for part in parts]) for name in names])).float()
    if device != "cpu":
        host = host.pin_memory()
    return dict(zip(names, host.to(device, non_blocking=True), strict=True))


def _conditions(one: AnyPlan) -> dict[str, npt.NDArray[np.float64]]:
    if isinstance(one, NoisePlan):
        low, high = one.spec.sigma
        uniform = replace(one.draws, device="cpu").uniform("noise/sigma")
        return {"gaussian1": uniform.double().mul(high - low).add(low).numpy()}
    found: dict[str, npt.NDArray[np.float64]] = {}
    for number, stage in (("1", one.parameters.first), ("2", one.parameters.second)):
        found |= {
            f"blur{number}": spread(stage.blur.kernels),
            f"resize{number}": np.full(len(stage.quality), stage.factor),
            f"gaussian{number}": np.where(stage.gaussian, stage.strength, 0.0),
            f"poisson{number}": np.where(stage.gaussian, 0.0, stage.strength),
            f"jpeg{number}": stage.quality,
        }
    return found


def spread(kernels: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the standard deviation in pixels of kernels (N, side, side), the root of the mean over both axes.

    Of the absolute values, because a sinc has negative ones.
    """
    weight = np.abs(kernels.astype(np.float64))
    weight /= weight.sum((1, 2), keepdims=True)
    place = np.arange(kernels.shape[-1]) - (kernels.shape[-1] - 1) / 2
    squares = (weight.sum(1) @ place**2 + weight.sum(2) @ place**2) / 2
    return np.sqrt(squares)


def gaussian_noise(images: Tensor, spec: GaussianNoiseSpec, draws: Draws) -> Tensor:
    """Return the images with white Gaussian noise, clipped and rounded to 8-bit levels.

    An image's noise depends on nothing but (seed, iteration, view, row).

    Args:
        images: (N, 3, H, W) float32 in [0, 1], one for each of ``draws.rows``; not changed.
        spec: the range of standard deviations.
        draws: the random numbers, on the device of the images.
    """
    low, high = spec.sigma
    sigma = draws.uniform("noise/sigma").mul_(high - low).add_(low).view(-1, 1, 1, 1)
    normals = draws.fill("noise/pixels", torch.empty(images.shape, device=images.device), "normal")
    return add_gaussian_noise(images, normals, sigma).mul_(255).round_().div_(255)
