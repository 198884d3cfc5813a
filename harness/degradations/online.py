"""The degradation that a run trains on, whichever its spec names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.degradations.noise import add_gaussian_noise
from harness.degradations.second_order import Plan, degrade_by
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
    normals = torch.empty_like(images)
    for image, row in zip(normals, draws.rows, strict=True):
        image.normal_(generator=draws.bulk("noise/pixels", row))
    return add_gaussian_noise(images, normals, sigma).mul_(255).round_().div_(255)
