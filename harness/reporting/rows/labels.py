"""How metrics, degradations and methods are called, which way is better, and how many digits mean something."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.evaluation.metrics import registry


@dataclass(frozen=True)
class MetricLabel:
    """A metric as shown: its name, unit ("" if it has none), decimals and direction.

    ``margin`` is the difference below which methods count as equivalent; None if the field has no such convention.
    """

    title: str
    unit: str
    decimals: int
    higher_is_better: bool
    margin: float | None = None

    @property
    def axis(self) -> str:
        """Title with unit, for axes and headings."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    @property
    def direction(self) -> str:
        """One sentence that says which way is better."""
        return "Higher is better." if self.higher_is_better else "Lower is better."

    def value(self, number: float) -> str:
        """Format a value."""
        return f"{number:.{self.decimals}f}"

    def difference(self, number: float) -> str:
        """Format a difference, always with its sign; zero has none of its own and gets +."""
        text = f"{number:+.{self.decimals}f}"
        return "+" + text[1:] if float(text) == 0 else text


_METRICS = {
    "psnr_rgb": MetricLabel("PSNR (RGB)", "dB", 2, True, 0.1),
    "psnr_y": MetricLabel("PSNR (Y)", "dB", 2, True, 0.1),
    "psnr_y_whole": MetricLabel("PSNR (Y, whole image)", "dB", 2, True, 0.1),
    "ssim_y": MetricLabel("SSIM (Y)", "", 4, True),
    "ssim_y_whole": MetricLabel("SSIM (Y, whole image)", "", 4, True),
    "ssim_rgb": MetricLabel("SSIM (RGB)", "", 4, True),
    "lpips": MetricLabel("LPIPS", "", 4, False),
    "dists": MetricLabel("DISTS", "", 4, False),
    "niqe": MetricLabel("NIQE", "", 3, False),
    "niqe_basicsr": MetricLabel("NIQE (BasicSR's model)", "", 3, False),
    "brisque": MetricLabel("BRISQUE", "", 2, False),
    "piqe": MetricLabel("PIQE", "", 2, False),
    "musiq": MetricLabel("MUSIQ", "", 2, True),
    "clipiqa": MetricLabel("CLIP-IQA", "", 4, True),
    "maniqa": MetricLabel("MANIQA", "", 4, True),
    "topiq": MetricLabel("TOPIQ", "", 4, True),
}

_DEGRADATIONS = {
    "noise_rounded": "noise (rounded)",
    "clean_matlab": "clean (MATLAB)",
    "gaussian15": "Gaussian 15",
    "gaussian25": "Gaussian 25",
    "gaussian50": "Gaussian 50",
    "poisson": "Poisson",
    "salt_pepper": "salt and pepper",
}

_SHORT = {
    "blur": "b",
    "noise": "n",
    "jpeg": "j",
    "noise40": "n40",
    "noise_rounded": "n (rounded)",
    "gaussian15": "G15",
    "gaussian25": "G25",
    "gaussian50": "G50",
    "salt_pepper": "salt+pepper",
}


def metric_label(name: str) -> MetricLabel:
    """Return how a metric is shown; one without a label by its own name, with the registry's unit and direction."""
    known = registry()
    if name in _METRICS or name not in known:
        return _METRICS.get(name, MetricLabel(name, "", 3, True))
    return MetricLabel(name, known[name].unit, 3, known[name].higher_is_better)


def compares(metric: str) -> bool:
    """Return whether a metric compares with a ground truth; one that the registry lacks does."""
    known = registry()
    return metric not in known or known[metric].needs_reference


def degradation_label(name: str) -> str:
    """Return a degradation in words: ``blur_noise_jpeg`` becomes ``blur + noise + JPEG``."""
    if name in _DEGRADATIONS:
        return _DEGRADATIONS[name]
    if name.rpartition("_")[2].isdecimal():  # one of many that are only numbered: deg_12
        return name.replace("_", " ")
    return " + ".join("JPEG" if part == "jpeg" else part for part in name.split("_"))


def short_degradation(name: str) -> str:
    """Return a heading of few letters: ``blur_noise_jpeg`` becomes ``b+n+j``; a single part is written out."""
    parts = name.split("_")
    if name in _DEGRADATIONS:
        return _SHORT.get(name, _DEGRADATIONS[name])
    numbered = parts[-1].isdecimal()
    return (
        degradation_label(name) if len(parts) == 1 or numbered else "+".join(_SHORT.get(part, part) for part in parts)
    )


def explain_letters(names: Iterable[str]) -> str:
    """Return what the letters in short headings of degradations mean, as ``b: blur, n: noise``; nothing without any."""
    names = list(names)
    combined = {part for name in names if name not in _DEGRADATIONS and "_" in name for part in name.split("_")}
    letters = [f"{_SHORT[part]}: {degradation_label(part)}" for part in ("blur", "noise", "jpeg") if part in combined]
    if any(name.startswith("gaussian") for name in names):
        letters.append("G: white Gaussian noise of that sigma")
    return ", ".join(letters)


def method_label(name: str) -> str:
    """Return a method in words: underscores become spaces."""
    return name.replace("_", " ")
