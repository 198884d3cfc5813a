"""How a metric is computed: by tensor arithmetic, by pyiqa, or by the project's own function.

torch and pyiqa are imported when a metric is first computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.evaluation.metrics import Metric, get_metric
from harness.foundation.errors import HarnessError
from harness.foundation.project import import_function

if TYPE_CHECKING:
    import torch

    from harness.evaluation.fidelity import Measure, Reference
    from harness.foundation.images import Pixels


@dataclass(frozen=True)
class Scorer:
    """A metric ready to compute on one device.

    Attributes:
        measure: computes numbers on the device.
        finish: maps one measured number to the metric's value, on the host.
    """

    measure: Measure
    finish: Callable[[float], float]


def scorer(metric: Metric, device: torch.device | str = "cpu", weights_root: str | Path | None = None) -> Scorer:
    """Load ``metric`` onto ``device``.

    Args:
        metric: an entry of :data:`harness.evaluation.metrics.METRICS`.
        device: where outputs will be.
        weights_root: the folder of weight files; the default is told in :mod:`harness.evaluation.weight_files`.

    Raises:
        HarnessError: weight files are missing or are not what their names say.
    """
    if metric.pyiqa:
        from harness.evaluation.learned import learned_measure

        return Scorer(learned_measure(metric, device, weights_root), float)
    if metric.function:
        return Scorer(_by_function(metric), float)
    from harness.evaluation import fidelity

    return {
        "psnr_rgb": Scorer(_paired(fidelity.rgb_mse), fidelity.psnr_of_mse),
        "psnr_y": Scorer(_paired(fidelity.luma_mse), fidelity.psnr_of_luma_mse),
        "ssim_y": Scorer(_paired(fidelity.ssim_luma), float),
        "psnr_y_whole": Scorer(_paired(_on_whole(fidelity.luma_mse)), fidelity.psnr_of_luma_mse),
        "ssim_y_whole": Scorer(_paired(_on_whole(fidelity.ssim_luma)), float),
        "ssim_rgb": Scorer(_paired(fidelity.ssim_channels), float),
    }[metric.name]


def psnr_rgb(output: Pixels, target: Pixels, border: int) -> float:
    """Return the PSNR in dB over all channels of uint8 RGB images (H, W, 3); infinite if they are identical.

    Args:
        output: the image to judge, rounded to 8 bit.
        target: the ground truth, of the same size.
        border: pixels removed at each edge: the scale by custom, 0 for none.

    Raises:
        HarnessError: the sizes differ, or nothing is left inside the border.
    """
    return compare("psnr_rgb", output, target, border)


def psnr_y(output: Pixels, target: Pixels, border: int) -> float:
    """Return the PSNR in dB of the studio-range BT.601 luma; arguments and errors as :func:`psnr_rgb`."""
    return compare("psnr_y", output, target, border)


def ssim_y(output: Pixels, target: Pixels, border: int) -> float:
    """Return the SSIM (-1..1) of the studio-range BT.601 luma; arguments and errors as :func:`psnr_rgb`.

    At least 11 pixels must be left in each direction inside the border.
    """
    return compare("ssim_y", output, target, border)


def ssim_rgb(output: Pixels, target: Pixels, border: int) -> float:
    """Return the mean over channels of their SSIM (-1..1); arguments and errors as :func:`ssim_y`."""
    return compare("ssim_rgb", output, target, border)


def compare(name: str, output: Pixels, target: Pixels, border: int, weights_root: str | Path | None = None) -> float:
    """Return metric ``name`` of one uint8 RGB image (H, W, 3) against its ground truth, on the CPU.

    Raises:
        HarnessError: the metric is unknown or lacks weights, or the images do not fit.
    """
    import numpy as np
    import torch

    from harness.evaluation.fidelity import Reference

    for role, pixels in (("output", output), ("target", target)):
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise HarnessError(f"{name}: {role} must be uint8 (H, W, 3), not {pixels.dtype} {pixels.shape}")
    judge = scorer(get_metric(name), "cpu", weights_root)
    reference = Reference(torch.from_numpy(np.array(target)), border)
    return judge.finish(float(judge.measure(torch.from_numpy(np.array(output))[None], reference)[0]))


def _by_function(metric: Metric) -> Measure:
    import torch

    function = import_function(metric.function, f"metric {metric.name}")

    def measure(outputs: torch.Tensor, reference: Reference | None) -> torch.Tensor:
        if reference is None and metric.needs_reference:
            raise HarnessError(f"{metric.name} compares with a ground truth, and the set has none")
        images = outputs if reference is None else reference.crop(outputs)
        truth = None if reference is None else reference.inner.cpu().numpy()
        values = [float(function(image.cpu().numpy(), truth)) for image in images]
        return torch.tensor(values, dtype=torch.float64, device=outputs.device)

    return measure


def _on_whole(
    measure: Callable[[torch.Tensor, Reference], torch.Tensor],
) -> Callable[[torch.Tensor, Reference], torch.Tensor]:
    """Return the measure without the border that its reference leaves out."""
    from harness.evaluation.fidelity import Reference

    return lambda outputs, reference: measure(outputs, Reference(reference.pixels, 0))


def _paired(
    measure: Callable[[torch.Tensor, Reference], torch.Tensor],
) -> Measure:
    from harness.evaluation.fidelity import one_thread

    def measure_paired(outputs: torch.Tensor, reference: Reference | None) -> torch.Tensor:
        if reference is None:
            raise HarnessError("this metric compares with a ground truth, and the set has none")
        with one_thread():
            return measure(outputs, reference)

    return measure_paired
