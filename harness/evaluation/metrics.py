"""The metrics by protocol name: what each means and needs. How one is computed: :mod:`harness.evaluation.scores`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import Field

from harness.foundation.errors import HarnessError
from harness.foundation.project import with_own
from harness.foundation.yamlfile import StrictModel, load_mapping

FIDELITY_PROTOCOL = "8-bit rounded output, border of `scale` pixels removed, mean over images"
WHOLE_PROTOCOL = "8-bit rounded output, whole image as in SEAL's script, mean over images"
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


def _own(name: str, unit: str, what: str) -> Metric:
    return Metric(name, True, True, unit, f"{what}; {FIDELITY_PROTOCOL}")


def _whole(name: str, unit: str, what: str) -> Metric:
    return Metric(name, True, True, unit, f"{what}; {WHOLE_PROTOCOL}")


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
        _whole("psnr_y_whole", "dB", "PSNR of the studio-range BT.601 luma"),
        _whole("ssim_y_whole", "", "SSIM (Gaussian 11x11, sigma 1.5, valid) of the studio-range BT.601 luma"),
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
    entries = load_mapping(path, MetricEntry, "metric")
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
