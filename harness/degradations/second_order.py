"""The online second-order degradation of Real-ESRGAN, on batches, the same code for CPU and CUDA.

blur, resize, noise, JPEG; blur, resize, noise; then resize to the final size with a sinc filter, and JPEG, in either
order (Wang et al., ICCVW 2021, arXiv 2107.10833; BasicSR 1.4.2, ``realesrnet_model.py``). What an image undergoes
depends on nothing but (seed, iteration, view, row). On a CPU its pixels do not depend on the rest of the batch or the
number of threads either, bit for bit, because every image is computed alone. On CUDA nothing waits for the device.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.degradations import fused, jpeg
from harness.degradations.filters import filter2d
from harness.degradations.members import Members, put, split
from harness.degradations.noise import add_gaussian_noise, add_poisson_noise, poisson_sampler
from harness.degradations.parameters import Blur, Parameters, Stage, draw_parameters
from harness.degradations.resize import resize_by, resize_to
from harness.degradations.spec import SecondOrderSpec
from harness.degradations.strategy import strategy_of
from harness.degradations.threads import map_images
from harness.degradations.upload import Packed, packed, upload
from harness.degradations.usm import sharpen, sharpen_window
from harness.foundation.errors import HarnessError
from harness.foundation.rng import Draws, Kind


def degrade(
    hr: Tensor, spec: SecondOrderSpec, scale: int, draws: Draws, *, usm_target: bool = True
) -> tuple[Tensor, Tensor]:
    """Degrade a batch of ground truths.

    Args:
        hr: (N, 3, H, W) float32 in [0, 1], one image for each of ``draws.rows``; not changed.
        spec: the ranges.
        scale: how much smaller the result is, 1 or more.
        draws: the random numbers, on the device of ``hr``.
        usm_target: sharpen the ground truth first. The sharpened image is then both what is degraded and the
            target. False: both are the plain image (``gt_usm: false`` of RealESRNet).

    Returns:
        The target (N, 3, H, W) and the low-resolution images (N, 3, H // scale, W // scale), float32 in [0, 1]; the
        latter rounded to 8-bit levels.

    Raises:
        HarnessError: the images are too small for the resize factors.
    """
    target, (lr,) = degrade_views(hr, spec, scale, [draws], usm_target=usm_target)
    return target, lr


def degrade_views(
    hr: Tensor, spec: SecondOrderSpec, scale: int, views: Sequence[Draws], *, usm_target: bool = True
) -> tuple[Tensor, list[Tensor]]:
    """Degrade every image once per view; the ground truth is sharpened only once. See :func:`degrade`.

    Args:
        hr: (N, 3, H, W) float32 in [0, 1].
        spec: the ranges.
        scale: how much smaller the results are.
        views: the random numbers of each view, all of the same rows.
        usm_target: sharpen the ground truth first.

    Returns:
        The target (N, 3, H, W) and one batch (N, 3, H // scale, W // scale) per view.

    Raises:
        HarnessError: the images are too small for the resize factors.
        ValueError: there is not one row of random numbers for each image.
    """
    return degrade_by([Plan.draw(spec, draws) for draws in views], hr, scale, usm_target=usm_target)


def degrade_by(
    plans: Sequence[Plan], hr: Tensor, scale: int, *, usm_target: bool = True
) -> tuple[Tensor, list[Tensor]]:
    """Carry out what was drawn before, one plan per view; see :func:`degrade_views`.

    Raises:
        HarnessError: the images are too small for the resize factors.
        ValueError: a plan is not for as many images.
    """
    for plan in plans:
        if len(plan.draws.rows) != len(hr):
            raise ValueError(f"{len(hr)} images, but random numbers for {len(plan.draws.rows)} rows")
    hr = hr.contiguous()
    if not strategy_of(hr.device).image_by_image:
        with exact_products():
            return run(hr, plans, scale, usm_target)
    target = torch.empty_like(hr) if usm_target else hr
    height, width = final_size(hr, scale)
    lrs = [hr.new_empty(len(hr), 3, height, width) for _ in plans]

    def run_one(index: int) -> None:
        image = slice(index, index + 1)
        own_target, own_lrs = run(hr[image], [plan.select(image) for plan in plans], scale, usm_target)
        if usm_target:
            target[image] = own_target
        for lr, own_lr in zip(lrs, own_lrs, strict=True):
            lr[image] = own_lr

    map_images(run_one, len(hr))
    return target, lrs


def sharpened_windows(crops: Tensor, corners: npt.NDArray[np.int64], side: int) -> Tensor:
    """Return windows of the target that :func:`degrade_by` makes of photographs, the same bit for bit.

    Args:
        crops: (N, 3, H, W) uint8, in any memory format.
        corners: (N, 2) first row and column of each window.
        side: of the windows.

    Returns:
        (N, 3, side, side) float32 in [0, 1].
    """
    if not strategy_of(crops.device).image_by_image:
        return cut(degrade_by([], crops.float().div_(255), 1)[0], corners, side)
    windows = torch.empty(len(crops), 3, side, side)

    @torch.no_grad()
    def run_one(index: int) -> None:
        top, left = corners[index].tolist()
        image = crops[index : index + 1].contiguous().float().div_(255)
        windows[index : index + 1] = sharpen_window(image, ((top, top + side), (left, left + side)))

    map_images(run_one, len(crops))
    return windows


def aligned_crop(target: Tensor, lr: Tensor, patch: int, scale: int, draws: Draws) -> tuple[Tensor, Tensor]:
    """Cut a random window out of each image and the matching one out of its degraded version.

    Args:
        target: (N, 3, H, W).
        lr: (N, 3, H // scale, W // scale).
        patch: side of the window in the target, a multiple of the scale.
        scale: ratio of the two.
        draws: the random numbers, see :func:`draw_corners`.

    Returns:
        (N, 3, patch, patch) and (N, 3, patch // scale, patch // scale), copies.

    Raises:
        HarnessError: the patch is no multiple of the scale or larger than the image.
    """
    corners = draw_corners(lr.shape[-2:], patch, scale, draws)
    return cut(target, corners * scale, patch), cut(lr, corners, patch // scale)


def draw_corners(
    size: Sequence[int], patch: int, scale: int, draws: Draws, window: Literal["image", "batch"] = "image"
) -> npt.NDArray[np.int64]:
    """Draw where the windows of :func:`aligned_crop` begin.

    They depend on the row, not on the view: all views of a ground truth are cut alike.

    Args:
        size: (height, width) of the degraded images.
        patch: side of the window in the target, a multiple of the scale.
        scale: ratio of the target to the degraded images.
        draws: the random numbers; ``draws.view`` does not matter.
        window: ``batch`` for one place in all images, as BasicSR's ``paired_random_crop`` cuts a batch.

    Returns:
        (N, 2) first row and column in the degraded images.

    Raises:
        HarnessError: the patch is no multiple of the scale or larger than the image.
    """
    height, width = size
    side = patch // scale
    if patch % scale != 0 or side > min(height, width):
        raise HarnessError(
            f"training.patch: {patch} must be a multiple of the scale {scale} and at most "
            f"{min(height, width) * scale}, the degraded crop"
        )
    shared, bounds = replace(draws, view=0), (height - side + 1, width - side + 1)
    if window == "batch":
        return np.tile(shared.batch("patch").integers(bounds), (len(draws.rows), 1))
    return np.stack([shared.row("patch", row).integers(bounds) for row in draws.rows])


def cut(images: Tensor, corners: npt.NDArray[np.int64], side: int) -> Tensor:
    """Return copies (N, C, side, side) of a window of each image (N, C, H, W); ``corners`` (N, 2) are on the host."""
    places = zip(images.unbind(), corners.tolist(), strict=True)
    return torch.stack([image.narrow(1, top, side).narrow(2, left, side) for image, (top, left) in places])


@dataclass(frozen=True)
class Plan:
    """One view's parameters, and where its noise comes from.

    Attributes:
        parameters: of each image.
        draws: the random numbers of the noise.
        packed: both, ready for the device; None on a CPU.
    """

    parameters: Parameters
    draws: Draws
    packed: Packed | None = None

    @classmethod
    def draw(cls, spec: SecondOrderSpec, draws: Draws) -> Plan:
        """Draw the parameters. Nothing but NumPy on the host, so another thread may do it ahead."""
        parameters = draw_parameters(spec, draws)
        return cls(parameters, draws, None if draws.device == "cpu" else packed(parameters, draws))

    def select(self, images: slice) -> Plan:
        """Return the plan of some of the images."""
        return Plan(self.parameters.select(images), replace(self.draws, rows=self.draws.rows[images]))


def final_size(hr: Tensor, scale: int) -> tuple[int, int]:
    """Return (height, width) of the degraded images."""
    return hr.shape[-2] // scale, hr.shape[-1] // scale


@torch.no_grad()
def run(hr: Tensor, plans: Sequence[Plan], scale: int, usm_target: bool) -> tuple[Tensor, list[Tensor]]:
    """Sharpen a batch and carry out one plan per view, on all images at once."""
    target = sharpen(hr) if usm_target else hr
    return target, [deque(steps(target, plan, scale), maxlen=1).pop()[1] for plan in plans]


def steps(target: Tensor, plan: Plan, scale: int) -> Iterator[tuple[str, Tensor]]:
    """Degrade step by step; yield each step's name and the images after it, the low-resolution images last."""
    parameters = plan.parameters
    first, second = parameters.first, parameters.second
    tensors = plan.packed.to(target.device) if plan.packed else upload(parameters)
    height, width = target.shape[-2:]

    yield "blur1", (images := _blur(target, first.blur, tensors["blur1"]))
    yield "resize1", (images := resize_by(images, first.factor, first.mode))
    yield "noise1", (images := _add_noise(images, first, "1", tensors, plan.draws))
    yield "jpeg1", (images := jpeg.compress(images, tensors["jpeg1"]))

    yield "blur2", (images := _blur(images, second.blur, tensors["blur2"]))
    size = (int(height / scale * second.factor), int(width / scale * second.factor))
    yield "resize2", (images := resize_to(images, size, second.mode))
    yield "noise2", (images := _add_noise(images, second, "2", tensors, plan.draws))

    def compress(some: Tensor, members: Members) -> Tensor:
        return jpeg.compress(some.clamp(0, 1), members.of(tensors["jpeg2"]))

    early, late = split(parameters.sinc_first, tensors["sinc_first"])
    images = put(images, late, compress)
    images = resize_to(images, final_size(target, scale), parameters.mode)
    images = _blur(images, parameters.sinc, tensors["sinc"])
    images = put(images, early, compress)
    yield "final", images.mul(255).round_().clamp_(0, 255).div_(255)


def _blur(images: Tensor, blur: Blur, kernels: Tensor) -> Tensor:
    largest = int(blur.sizes.max())
    if largest == 1:
        return images
    return filter2d(images, kernels, largest)


def _add_noise(images: Tensor, stage: Stage, number: str, tensors: dict[str, Tensor], draws: Draws) -> Tensor:
    if "keys1" in tensors:
        keys = tensors[f"keys{number}"].view(torch.int64)
        flags = (tensors[f"{name}{number}"].view(-1) for name in ("normal", "gray", "strength"))
        return fused.add_noise(images.contiguous(), keys, *flags)
    strength, gray = tensors[f"strength{number}"], tensors[f"gray{number}"]
    stream = f"degradation/noise{number}"

    def gaussian(some: Tensor, members: Members) -> Tensor:
        normals = _pixels(some, stage, members, draws, stream, torch.float32)
        return add_gaussian_noise(some, normals, members.of(strength))

    def poisson(some: Tensor, members: Members) -> Tensor:
        numbers = _pixels(some, stage, members, draws, stream, torch.int32)
        own = stage.gray[members.positions]
        shared = bool(own[0]) if (own == own[0]).all() else members.of(gray).bool()
        return add_poisson_noise(some, members.of(strength), shared, poisson_sampler(numbers))

    with_gaussian, with_poisson = split(stage.gaussian, tensors[f"gaussian{number}"])
    return put(put(images, with_gaussian, gaussian), with_poisson, poisson)


def _pixels(images: Tensor, stage: Stage, members: Members, draws: Draws, stream: str, dtype: torch.dtype) -> Tensor:
    """Return random numbers for the members' pixels, standard normal or uniform in 0..2^31 - 1 by the dtype.

    (n, 3, H, W), equal channels for gray images; (n, 1, H, W) if all are.
    """
    count, channels, height, width = images.shape
    own_gray = stage.gray[members.positions]
    one_pattern = stage.one_gray_pattern and dtype.is_floating_point  # Poisson noise depends on the image in any case
    numbers = images.new_empty(count, 1 if own_gray.all() else channels, height, width, dtype=dtype)
    kind: Kind = "normal" if dtype.is_floating_point else "integer"
    places = zip(members.positions.tolist(), own_gray.tolist(), strict=True)
    rows = [None if shared and one_pattern else draws.rows[position] for position, shared in places]
    for image, row, shared in zip(numbers, rows, own_gray.tolist(), strict=True):
        drawn = image[:1] if shared else image
        draws.fill(stream, drawn[None], kind, [row])
        if shared and len(image) > 1:
            image[1:] = drawn
    return numbers


@contextmanager
def exact_products() -> Iterator[None]:
    """Multiply matrices in full float32, whatever the training step asked for: TF32 is too coarse for pixels."""
    precision = torch.get_float32_matmul_precision()
    if precision != "highest":
        torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast("cuda", enabled=False):
            yield
    finally:
        if precision != "highest":
            torch.set_float32_matmul_precision(precision)
