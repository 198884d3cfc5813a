"""The metrics by protocol name: what each needs and how to compute it.

Reading the registry costs nothing: torch and pyiqa are imported when a metric is first computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from harness.errors import HarnessError
from harness.project import import_function, with_own
from harness.yamlfile import StrictModel, load_mapping

if TYPE_CHECKING:
    import torch

    from harness.evaluation.fidelity import Reference
    from harness.images import Pixels

FIDELITY_PROTOCOL = "8-bit rounded output, border of `scale` pixels removed, mean over images"
LEARNED_PROTOCOL = "8-bit rounded output as [0, 1] RGB, whole image without border removal, pyiqa"


@dataclass(frozen=True)
class Metric:
    """One metric under its protocol name.

    Attributes:
        name: the protocol name, as experiments and tables write it.
        needs_reference: whether it compares with a ground truth.
        higher_is_better: the direction of improvement.
        unit: "dB", or "" for a plain number.
        protocol: what exactly is computed, in words.
        weights: names of the files it needs in the weights folder; see :mod:`harness.evaluation.weight_files`.
        pyiqa: pyiqa's name for it, or "".
        function: import path of the project's own metric, or "".
    """

    name: str
    needs_reference: bool
    higher_is_better: bool
    unit: str
    protocol: str
    weights: tuple[str, ...] = ()
    pyiqa: str = ""
    function: str = ""


class MetricEntry(StrictModel):
    """A metric of the user's own, an entry of the project's ``configs/metrics.yaml``.

    Attributes:
        function: ``module:function`` of (output, ground truth or None), uint8 (H, W, 3) arrays without the border that
            the protocol leaves out; it returns a number.
        needs_reference, higher_is_better, unit, protocol: as in :class:`Metric`.
    """

    function: str = Field(pattern=r"^[\w.]+:\w+$")
    needs_reference: bool = True
    higher_is_better: bool
    unit: str = ""
    protocol: str


@dataclass(frozen=True)
class Scorer:
    """A metric ready to compute on one device.

    Attributes:
        measure: maps uint8 outputs (N, H, W, 3) and their common ground truth to float64 (N,) on the device, without
            waiting for it.
        finish: maps one measured number to the metric's value, on the host.
    """

    measure: Callable[[torch.Tensor, Reference | None], torch.Tensor]
    finish: Callable[[float], float]


def _own(name: str, unit: str, what: str) -> Metric:
    return Metric(name, True, True, unit, f"{what}; {FIDELITY_PROTOCOL}")


def _pyiqa(
    name: str, what: str, *weights: str, pyiqa: str = "", reference: bool = False, higher: bool = False
) -> Metric:
    return Metric(name, reference, higher, "", f"{what}; {LEARNED_PROTOCOL}", weights, pyiqa or name)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _own("psnr_rgb", "dB", "PSNR over all three channels: the papers' number"),
        _own("psnr_y", "dB", "PSNR of the studio-range BT.601 luma"),
        _own("ssim_y", "", "SSIM (Gaussian 11x11, sigma 1.5, valid) of the studio-range BT.601 luma"),
        _own("ssim_rgb", "", "SSIM (Gaussian 11x11, sigma 1.5, valid), mean over the three channels"),
        _pyiqa(
            "lpips", "LPIPS 0.1, AlexNet", "alexnet-owt-7be5be79.pth", "LPIPS_v0.1_alex-df73285e.pth", reference=True
        ),
        _pyiqa("dists", "DISTS", "vgg16-397923af.pth", "DISTS_weights-f5e65c96.pth", reference=True),
        _pyiqa("niqe", "NIQE (differs from MATLAB's)", "niqe_modelparameters.mat"),
        _pyiqa("niqe_basicsr", "NIQE with the pristine model that BasicSR ships, no download", pyiqa="niqe"),
        _pyiqa("brisque", "BRISQUE", "brisque_svm_weights.pth"),
        _pyiqa("piqe", "PIQE"),
        _pyiqa("musiq", "MUSIQ, KonIQ-10k", "musiq_koniq_ckpt-e95806b9.pth", higher=True),
        _pyiqa("clipiqa", "CLIP-IQA, RN50", "RN50.pt", higher=True),
        _pyiqa("maniqa", "MANIQA, KonIQ-10k", "ckpt_koniq10k.pt", higher=True),
    )
}
"""The harness's metrics, by protocol name."""


def registry() -> dict[str, Metric]:
    """Return all metrics by name: the harness's, and those that the project adds."""
    return with_own(METRICS, "metrics.yaml", lambda path: _own_metrics(path.resolve()))


@lru_cache(maxsize=4)
def _own_metrics(path: Path) -> dict[str, Metric]:
    entries = load_mapping(path, MetricEntry)
    return {name: Metric(name=name, **entry.model_dump()) for name, entry in entries.items()}


def names(reference: bool) -> list[str]:
    """Return the names of the metrics for sets with ground truth, or (``reference=False``) for those without."""
    return [metric.name for metric in registry().values() if reference or not metric.needs_reference]


def get_metric(name: str) -> Metric:
    """Return the metric called ``name``.

    Raises:
        HarnessError: there is none; the message lists the names.
    """
    known = registry()
    if name not in known:
        raise HarnessError(f"metric {name!r} is unknown; choose from: {', '.join(known)}")
    return known[name]


def get_metrics(wanted: Iterable[str]) -> list[Metric]:
    """Return the metrics called ``wanted``, in that order.

    Raises:
        HarnessError: one is unknown or is given twice, or there are none.
    """
    metrics = [get_metric(name) for name in wanted]
    if not metrics:
        raise HarnessError(f"metrics: none is given; choose from: {', '.join(METRICS)}")
    for metric in metrics:
        if metrics.count(metric) > 1:
            raise HarnessError(f"metrics: {metric.name!r} is given twice")
    return metrics


def scorer(metric: Metric, device: torch.device | str = "cpu", weights_root: str | Path | None = None) -> Scorer:
    """Load ``metric`` onto ``device``.

    Args:
        metric: an entry of :data:`METRICS`.
        device: where outputs will be.
        weights_root: the folder of weight files; the default is told in :mod:`harness.evaluation.weight_files`.

    Raises:
        HarnessError: weight files are missing or are not what their names say.
    """
    if metric.pyiqa:
        from harness.evaluation.learned import learned_scorer

        return learned_scorer(metric, device, weights_root)
    if metric.function:
        return Scorer(_by_function(metric), float)
    from harness.evaluation import fidelity

    return {
        "psnr_rgb": Scorer(_paired(fidelity.rgb_mse), fidelity.psnr_of_mse),
        "psnr_y": Scorer(_paired(fidelity.luma_mse), fidelity.psnr_of_luma_mse),
        "ssim_y": Scorer(_paired(fidelity.ssim_luma), float),
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


def _by_function(metric: Metric) -> Callable[[torch.Tensor, Reference | None], torch.Tensor]:
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


def _paired(
    measure: Callable[[torch.Tensor, Reference], torch.Tensor],
) -> Callable[[torch.Tensor, Reference | None], torch.Tensor]:
    from harness.evaluation.fidelity import one_thread

    def measure_paired(outputs: torch.Tensor, reference: Reference | None) -> torch.Tensor:
        if reference is None:
            raise HarnessError("this metric compares with a ground truth, and the set has none")
        with one_thread():
            return measure(outputs, reference)

    return measure_paired
