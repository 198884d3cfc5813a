"""One checkpoint, all analyses: tidy rows of what a network has learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from harness.analysis.channels import channel_saliency, leave_one_out, spread
from harness.analysis.clusters import cluster_indices, picture
from harness.analysis.features import as_input, features_of
from harness.analysis.layers import ROLE, Layers, as_map, layers_of, pooled
from harness.analysis.shift import distribution, own_patch_index, similarity
from harness.datasets.progress import progress
from harness.evaluation.fidelity import Reference, psnr_of_mse, rgb_mse
from harness.evaluation.sets import load_groups, open_set
from harness.evaluation.upscalers import exact_float32, to_8bit
from harness.foundation.device_errors import explain_device_errors
from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels
from harness.foundation.rng import numpy_stream
from harness.foundation.sums import sealed_path
from harness.networks.sizes import forward_padded
from harness.spec import SetSpec

COLUMNS = (
    *("network", "variant", "regularizer", "seed", "iteration", "analysis", "measure", "dataset"),
    *("degradation", "layer", "depth", "image", "channel", "value", "low", "high"),
)
"""The columns of analysis files; docs/analysis.md says what they hold."""

CELLS = 4
"""Patches of an image, along each side, whose mean features are told apart by degradation."""

SIDE = 32
"""Side of the patches of the index on own patches, in positions of the features."""

Row = dict[str, str | int | float]
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Wanted:
    """What to analyse.

    Attributes:
        analyses: names of :data:`ANALYSES`.
        dataset: a benchmark.
        degradations: of it.
        reference: one of them, which the others are compared with.
        blocks: from 1; None for all.
        images: how many, in the order of the manifest; None for all.
        crop: side of the middle part of each degraded image that is used, in pixels.
        patches: for the index on own patches, as many as there are at most.
        leave_out_at: ``last``, or ``all`` layers: those whose channels are left out one by one.
    """

    analyses: tuple[str, ...]
    dataset: str
    degradations: tuple[str, ...]
    reference: str
    blocks: tuple[int, ...] | None
    images: int | None
    crop: int
    patches: int
    leave_out_at: str = "last"


@dataclass(frozen=True)
class Example:
    """One image: uint8 (H, W, 3), and its degraded versions (H / scale, W / scale, 3), cropped to the middle."""

    name: str
    truth: Pixels
    degraded: Mapping[str, Pixels]


def examples(wanted: Wanted, benchmarks: Path, scale: int) -> list[Example]:
    """Read the images.

    Raises:
        HarnessError: a benchmark is missing, or an image of it cannot be read or is not the one that was written.
    """
    opened = open_set(
        SetSpec(dataset=wanted.dataset, degradations=wanted.degradations, metrics=("psnr_rgb",)), benchmarks
    )
    found: list[Example] = []
    for group in load_groups([opened], readers=2):
        if wanted.images is not None and len(found) == wanted.images:
            break
        for pixels in (group.truth, *group.degraded.values()):
            if isinstance(pixels, HarnessError):
                raise pixels
        whole = {name: pixels for name, pixels in group.degraded.items() if not isinstance(pixels, HarnessError)}
        truth = group.truth
        assert truth is not None
        assert not isinstance(truth, HarnessError)
        height, width = (side // scale for side in truth.shape[:2])
        rows, columns = _middle(height, wanted.crop), _middle(width, wanted.crop)
        cut = {name: pixels[rows, columns] for name, pixels in whole.items()}
        found.append(Example(group.image, truth[_times(rows, scale), _times(columns, scale)], cut))
    return found


@dataclass(frozen=True)
class Subject:
    """A network, its layers, and the images that it is shown; features are computed once for all analyses."""

    network: nn.Module
    layers: Layers
    images: Sequence[Example]
    wanted: Wanted
    scale: int
    device: torch.device

    def input(self, image: Example, degradation: str) -> Tensor:
        """Return a degraded image as the network takes it: (1, 3, h, w)."""
        return as_input(image.degraded[degradation], self.device)

    def maps(self, image: Example, degradation: str) -> list[Tensor]:
        """Return the features of every layer, (1, C, H, W) each, in the order of ``layers.names``."""
        given = self.input(image, degradation)
        _, features = features_of(self.network, self.layers.taps, ROLE, given, self.scale)
        return [as_map(one, self.network, *given.shape[-2:]) for one in features]

    @property
    def versions(self) -> list[tuple[Example, str]]:
        """Every image in every degradation, images first."""
        return [(image, degradation) for image in self.images for degradation in self.wanted.degradations]

    @cached_property
    def places(self) -> Array:
        """Where patches lie: (patches, 3) of image and two numbers on [0, 1), the same for every network."""
        random = numpy_stream("analysis/patches", len(self.images))
        count = self.wanted.patches
        images = np.arange(count) % len(self.images)
        return np.column_stack([images, random.random((count, 2))])


def _saliency(subject: Subject) -> Iterator[Row]:
    for degradation in subject.wanted.degradations:
        sums: list[Tensor] | None = None
        for image in subject.images:
            given = subject.input(image, degradation)
            found = channel_saliency(subject.network, subject.layers.taps, ROLE, given, subject.scale)
            sums = found if sums is None else [a + b for a, b in zip(sums, found, strict=True)]
            for depth, values in enumerate(found):
                where = _where(subject, depth, degradation)
                yield {**where, "measure": "saliency_spread", "image": image.name, "value": spread(values)}
        for depth, values in enumerate(sums or ()):
            where = _where(subject, depth, degradation)
            for channel, value in enumerate((values / len(subject.images)).tolist()):
                yield {**where, "measure": "saliency", "channel": channel, "value": value}


def _leave_one_out(subject: Subject) -> Iterator[Row]:
    last = len(subject.layers.names) - 1
    for depth in range(last + 1) if subject.wanted.leave_out_at == "all" else (last,):
        for image, degradation in subject.versions:
            where = {**_where(subject, depth, degradation), "image": image.name}
            losses = _losses(subject, image, degradation, depth)
            yield {**where, "measure": "loss_mean", "value": float(losses.mean())}
            yield {**where, "measure": "loss_spread", "value": float(losses.std())}
            for channel, value in enumerate(losses.tolist()):
                yield {**where, "measure": "loss", "channel": channel, "value": value}


def _losses(subject: Subject, image: Example, degradation: str, depth: int) -> Array:
    """Return the PSNR (dB) that the result loses without each channel of a layer, (C,)."""
    border = subject.scale if subject.scale > 1 else 0
    score = _scorer(Reference(torch.from_numpy(image.truth.copy()).to(subject.device), border))
    given, taps = subject.input(image, degradation), subject.layers.taps
    whole = score(forward_padded(subject.network, given, subject.scale))
    return whole - np.array(leave_one_out(subject.network, taps, ROLE, depth, given, subject.scale, score))


def _scorer(truth: Reference) -> Callable[[Tensor], float]:
    return lambda output: psnr_of_mse(float(rgb_mse(to_8bit(output[0])[None], truth)[0]))


def _clusters(subject: Subject) -> Iterator[Row]:
    found: list[list[tuple[Tensor, Tensor]]] = []
    for image, degradation in subject.versions:
        maps = subject.maps(image, degradation)
        found.append([(pooled(one, 1).cpu(), pooled(one, CELLS).cpu()) for one in maps])
    for depth in range(len(subject.layers.names)):
        for part, kind in enumerate(("", "_patches")):
            yield from _cluster_rows(subject, depth, [one[depth][part] for one in found], kind)


def _cluster_rows(subject: Subject, depth: int, features: Sequence[Tensor], kind: str) -> Iterator[Row]:
    where = _where(subject, depth)
    repeated = [(i.name, d) for (i, d), own in zip(subject.versions, features, strict=True) for _ in own]
    stacked = torch.cat(list(features)).double().numpy()
    indices = cluster_indices(stacked, [d for _, d in repeated], [name for name, _ in repeated])
    low, high = indices.interval
    value = indices.calinski_harabasz
    yield {**where, "measure": f"calinski_harabasz{kind}", "value": value, "low": low, "high": high}
    for name, silhouette in indices.silhouettes.items():
        yield {**where, "measure": f"silhouette{kind}", "image": name, "value": silhouette}


def _picture(subject: Subject) -> Iterator[Row]:
    depth = len(subject.layers.names) - 1
    features = [pooled(subject.maps(image, degradation)[depth], 1).cpu() for image, degradation in subject.versions]
    points = picture(torch.cat(features).double().numpy())
    for (image, degradation), point in zip(subject.versions, points, strict=True):
        for measure, value in zip(("x", "y"), point.tolist(), strict=True):
            where = _where(subject, depth, degradation)
            yield {**where, "measure": measure, "image": image.name, "value": value}


def _similarity(subject: Subject) -> Iterator[Row]:
    reference = subject.wanted.reference
    for image in subject.images:
        clean = subject.maps(image, reference)
        for degradation in subject.wanted.degradations:
            if degradation == reference:
                continue
            for depth, (one, other) in enumerate(zip(clean, subject.maps(image, degradation), strict=True)):
                where = _where(subject, depth, degradation)
                yield {**where, "measure": "similarity", "image": image.name, "value": similarity(one, other)}


def _shift(subject: Subject) -> Iterator[Row]:
    depth = len(subject.layers.names) - 1
    reference = distribution(_patches(subject, subject.wanted.reference))
    for degradation in subject.wanted.degradations:
        if degradation == subject.wanted.reference:
            continue
        index = own_patch_index(reference, distribution(_patches(subject, degradation)))
        yield {**_where(subject, depth, degradation), "measure": "own_patch_index", "value": index}


def _patches(subject: Subject, degradation: str) -> Array:
    """Return the features of patches (n, values) at the input of the last convolution."""
    found: list[Array] = []
    for number, image in enumerate(subject.images):
        features = subject.maps(image, degradation)[-1][0].double().cpu().numpy()
        height, width = (min(SIDE, side) for side in features.shape[1:])
        for _, y, x in subject.places[subject.places[:, 0] == number]:
            top, left = int(y * (features.shape[1] - height + 1)), int(x * (features.shape[2] - width + 1))
            found.append(features[:, top : top + height, left : left + width].ravel())
    return np.stack(found)


ANALYSES: dict[str, Callable[[Subject], Iterator[Row]]] = {
    "saliency": _saliency,
    "leave_one_out": _leave_one_out,
    "clusters": _clusters,
    "shift": _shift,
    "similarity": _similarity,
    "picture": _picture,
}
"""Name to what computes its rows; :class:`harness.experiment.file.AnalysisEntry` has the same names."""


def analyse(
    network: nn.Module,
    taps: Mapping[str, Sequence[str]],
    labels: Mapping[str, str | int],
    wanted: Wanted,
    benchmarks: Path,
    scale: int,
    device: torch.device | str = "cpu",
) -> pd.DataFrame:
    """Run all analyses on one network; it is not changed.

    Args:
        network: with its weights, takes (1, 3, h, w) float32 RGB on [0, 1].
        taps: role to taps, as in ``NetworkSpec.taps``.
        labels: ``network``, ``variant``, ``regularizer``, ``seed`` and ``iteration`` of the rows.
        wanted: what to do.
        benchmarks: the folder of benchmarks.
        scale: enlargement.
        device: where the network runs.

    Returns:
        one row per number, with the columns :data:`COLUMNS`.

    Raises:
        HarnessError: a benchmark or a block is missing, memory does not suffice, or features are constant.
    """
    title = f"analyse {labels['network']}.{labels['variant']}.s{labels['seed']}"
    shown = examples(wanted, benchmarks, scale)
    place = torch.device(device)
    rows: list[Row] = []
    with explain_device_errors(title, "make analysis.crop or analysis.patches smaller", "nothing was written"):
        network = network.to(place).eval()
        layers = layers_of(network, taps, wanted.blocks, str(labels["network"]))
        subject = Subject(network, layers, shown, wanted, scale, place)
        with exact_float32():
            for name in progress(wanted.analyses, len(wanted.analyses), title):
                rows += [{"analysis": name, **row} for row in ANALYSES[name](subject)]
    frame = pd.DataFrame([{**labels, "dataset": wanted.dataset, **row} for row in rows])
    return frame.reindex(columns=list(COLUMNS)).astype({"channel": "Int64"})


def write_rows(rows: pd.DataFrame, path: str | Path) -> None:
    """Write rows as CSV, atomically, with their sum beside it. Equal rows give equal bytes."""
    with sealed_path(path) as temporary:
        rows.to_csv(temporary, index=False, lineterminator="\n")


def _where(subject: Subject, depth: int, degradation: str = "") -> Row:
    return {"degradation": degradation, "layer": subject.layers.names[depth], "depth": depth}


def _middle(length: int, crop: int) -> slice:
    start = max(0, length - crop) // 2
    return slice(start, start + min(length, crop))


def _times(part: slice, scale: int) -> slice:
    return slice(part.start * scale, part.stop * scale)
