"""Crops to look at: the largest gain over the baseline, the median one and the largest loss, never chosen by hand."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from scipy import ndimage

from harness.foundation.images import Pixels
from harness.reporting.figures.style import BAD, PAGE, drawable, save, say, styled
from harness.reporting.rows.compared import REAL, Study
from harness.reporting.rows.labels import degradation_label, method_label, metric_label
from harness.reporting.rows.metric_rows import Block

CROP = 24
"""Side of a crop in low-resolution pixels."""

ERROR_RANGE = 64
"""Mean absolute difference over the channels, in levels of 8 bit, that maps of errors show as the brightest."""

_MARGIN, _GAP, _TITLE, _SCORE = 0.04, 0.06, 0.2, 0.47  # inches
_MOST = 10  # panels in a row


@dataclass(frozen=True)
class Case:
    """One image to show and why.

    Attributes:
        reason: "largest gain over baseline" (or "smallest loss against baseline", if none gains), "median difference to
            baseline" or "largest loss against baseline" (or "smallest gain over baseline", if all gain); the baseline
            by its name.
        gain: mean over trained methods and seeds (those with values) of the difference to the baseline, positive is
            better.
        scores: per method the metric's mean over seeds on this image.
        seed: the seed whose networks are shown.
    """

    network: str
    dataset: str
    degradation: str
    image: str
    reason: str
    gain: float
    scores: Mapping[str, float]
    seed: int


@dataclass(frozen=True)
class Strip:
    """A case with its pixels.

    Attributes:
        case: what is shown.
        truth: crop (h, w, 3) uint8 of the ground truth.
        degraded: the same crop of the input, at its own size.
        results: crops of the results, as large as that of the ground truth; None where a network is missing.
        whole: the whole ground truth (H, W, 3).
        frame: (top, left, side) of the crop in it.
    """

    case: Case
    truth: Pixels
    degraded: Pixels
    results: Mapping[str, Pixels | None]
    whole: Pixels
    frame: tuple[int, int, int]


def choose_cases(laid_out: Sequence[Block], study: Study, metric: str) -> list[Case]:
    """Return three cases per network: largest gain, median gain, largest loss among all images and degradations."""
    return [case for block in laid_out if block.metric == metric for case in _cases(block, study)]


def _cases(block: Block, study: Study) -> list[Case]:
    trained = [name for name in block.methods if name not in (*study.seedless, study.baseline)]
    shown = trained or [name for name in study.seedless if name in block.methods]
    if study.baseline not in block.methods or not shown:
        return []
    places = [block.methods.index(name) for name in shown]
    base = block.methods.index(study.baseline)
    sign = 1.0 if metric_label(block.metric).higher_is_better else -1.0
    found: list[tuple[float, str, str, int]] = []
    for (dataset, degradation), values in block.values.items():
        if degradation == REAL:
            continue
        finite = np.where(np.isfinite(values), values, np.nan)
        gains = sign * mean_of_known(np.concatenate(list(finite[places] - finite[base])))
        found += [(float(g), dataset, degradation, i) for i, g in enumerate(gains) if np.isfinite(g)]
    if not found:
        return []
    found.sort()
    name = method_label(study.baseline)
    high = f"largest gain over {name}" if found[-1][0] > 0 else f"smallest loss against {name}"
    low = f"largest loss against {name}" if found[0][0] < 0 else f"smallest gain over {name}"
    picks = {high: found[-1], f"median difference to {name}": found[len(found) // 2], low: found[0]}
    cases = []
    for reason, (gain, dataset, degradation, index) in picks.items():
        scores = mean_of_known(block.values[(dataset, degradation)][:, :, index].T)
        names = {name: float(score) for name, score in zip(block.methods, scores, strict=True)}
        image = block.images[(dataset, degradation)][index]
        cases.append(Case(block.network, dataset, degradation, image, reason, gain, names, block.seeds[0]))
    return cases[: len(found)]


def mean_of_known(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the means over the first axis of those values that are finite; NaN where there are none."""
    known = np.isfinite(values)
    count = known.sum(0)
    total = np.where(known, values, 0.0).sum(0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def most_telling_window(results: Sequence[Pixels], side: int, step: int) -> tuple[int, int]:
    """Return (top, left) of the ``side`` x ``side`` window where the results differ most, on multiples of ``step``.

    The measure is the variance between the results, summed over the window; windows at the border are allowed.
    """
    spread = np.stack([result.astype(np.float64) for result in results]).var(0).sum(2)
    summed = ndimage.uniform_filter(spread, side, origin=-(side // 2) + (1 - side % 2), mode="constant")
    height, width = spread.shape
    inside = summed[: max(height - side, 0) + 1 : step, : max(width - side, 0) + 1 : step]
    top, left = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return int(top) * step, int(left) * step


def make_strip(
    case: Case, truth: Pixels, degraded: Pixels, upscale: Mapping[str, Callable[[Pixels], Pixels] | None], scale: int
) -> Strip:
    """Run every method on the whole image and cut the window where the trained ones differ most.

    Args:
        case: what to show.
        truth: (H, W, 3) ground truth.
        degraded: (H / scale, W / scale, 3).
        upscale: method to its function of a whole image, None if it is missing.
        scale: of super-resolution.
    """
    results = {name: run(degraded) if run else None for name, run in upscale.items()}
    there = [pixels for pixels in results.values() if pixels is not None]
    small = min(CROP, *degraded.shape[:2])
    side = small * scale
    top, left = most_telling_window(there or [truth], side, scale)

    def cut(pixels: Pixels) -> Pixels:
        return pixels[top : top + side, left : left + side]

    low = degraded[top // scale : top // scale + small, left // scale : left // scale + small]
    cuts = {name: None if pixels is None else cut(pixels) for name, pixels in results.items()}
    return Strip(case, cut(truth), low, cuts, truth, (top, left, side))


def draw_gallery(strips: Sequence[Strip], metric: str, folder: Path, name: str = "gallery") -> list[Path]:
    """Draw the cases below each other, with maps of the errors below the crops of the methods.

    A case is the whole image with the crop's frame, ground truth, input (pixels repeated), and each method with its
    score on the image. Many methods take several rows of a case, so that each can be seen.
    """
    count = 3 + max((len(strip.results) for strip in strips), default=3)
    lines = -(-count // _MOST)
    columns = -(-count // lines)
    size = (PAGE - _MARGIN - columns * _GAP) / columns
    line_height = 2 * size + _GAP + _SCORE
    height = _TITLE + lines * line_height
    rows = max(len(strips), 1)
    with styled(PAGE, rows * height) as figure:
        figure.set_layout_engine("none")
        if not strips:
            say(figure, "no case to show: no image has values of a method and of the baseline")
        for row, strip in enumerate(strips):
            top = (rows - row) * height
            _title(figure, strip.case, metric, (top - 0.04) / (rows * height))
            shown = [("whole image", "", framed(strip)), *panels(strip, metric)]
            for place, (title, score, pixels) in enumerate(shown):
                line, column = divmod(place, columns)
                left, bottom = _MARGIN + column * (size + _GAP), top - _TITLE - size - line * line_height
                box = (left / PAGE, bottom / (rows * height), size / PAGE, size / (rows * height))
                text = f"{_broken(title, size)}\n{score}"
                if place < 3 or pixels is None:
                    _panel(figure, box, text, pixels)
                    continue
                _panel(figure, box, "", pixels)
                below = (box[0], (bottom - size - _GAP) / (rows * height), *box[2:])
                _panel(figure, below, text, error_map(strip.truth, pixels))
        return save(figure, folder, name)


def error_map(truth: Pixels, result: Pixels) -> Pixels:
    """Return the mean absolute difference over the channels as colours (h, w, 3): black is 0, see `ERROR_RANGE`."""
    error = np.abs(truth.astype(np.float64) - result).mean(2) / ERROR_RANGE
    shades = matplotlib.colormaps["inferno"](np.minimum(error, 1.0))
    return np.asarray(np.round(shades[..., :3] * 255), np.uint8)


def framed(strip: Strip) -> Pixels:
    """Return the square of the whole image around the crop, as large as it goes, with the crop's frame drawn in."""
    pixels = strip.whole.copy()
    top, left, side = strip.frame
    height, width = pixels.shape[:2]
    line = max(1, min(height, width) // 64)
    frame = np.zeros((height, width), bool)
    frame[max(top - line, 0) : top + side + line, max(left - line, 0) : left + side + line] = True
    frame[top : top + side, left : left + side] = False
    pixels[frame] = (255, 59, 48)
    square = min(height, width)
    first = [int(np.clip(at + side // 2 - square // 2, 0, n - square)) for at, n in ((top, height), (left, width))]
    return pixels[first[0] : first[0] + square, first[1] : first[1] + square]


def _broken(title: str, size: float) -> str:
    """Break a title into lines as wide as a panel, two of them at most."""
    lines = textwrap.wrap(title, max(8, int(size * 17))) or [title]
    return "\n".join(lines if len(lines) < 3 else [lines[0], f"{lines[1][:-1]}…"])


def _title(figure: Figure, case: Case, metric: str, top: float) -> None:
    label = metric_label(metric)
    unit = f" {label.unit}" if label.unit else ""
    where = f"{drawable(case.dataset)}, {drawable(case.image)}, {degradation_label(case.degradation)}"
    text = f"{case.network}, {case.reason} ({label.difference(case.gain)}{unit}): {where}"
    figure.text(_MARGIN / PAGE, top, text, va="top", fontsize=7)


def panels(strip: Strip, metric: str) -> list[tuple[str, str, Pixels | None]]:
    """List title, score and pixels of a case's crops: ground truth, input, then every method."""
    label = metric_label(metric)
    unit = f" {label.unit}" if label.unit else ""
    scores = strip.case.scores
    known = [score for score in scores.values() if np.isfinite(score)]
    best = (max(known) if label.higher_is_better else min(known)) if known else None
    found: list[tuple[str, str, Pixels | None]] = [("ground truth", "", strip.truth), ("input", "", strip.degraded)]
    for method, pixels in strip.results.items():
        score = scores.get(method, float("nan"))
        text = f"{label.value(score)}{unit}" + (" (best)" if score == best else "") if np.isfinite(score) else ""
        found.append((method_label(method), text, pixels))
    return found


def _panel(figure: Figure, box: tuple[float, float, float, float], text: str, pixels: Pixels | None) -> None:
    axis = figure.add_axes(box)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
    axis.set_xlabel(text, fontsize=6, labelpad=3)
    if pixels is None:
        axis.text(0.5, 0.5, "no weights", ha="center", va="center", color=BAD, transform=axis.transAxes)
    else:
        axis.imshow(enlarged(pixels), interpolation="nearest", aspect="auto")


def enlarged(pixels: Pixels, least: int = 192) -> npt.NDArray[np.uint8]:
    """Return the image with every pixel repeated until its sides have at least ``least`` pixels."""
    factor = max(1, -(-least // min(pixels.shape[:2])))
    return np.repeat(np.repeat(pixels, factor, 0), factor, 1)
