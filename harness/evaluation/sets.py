"""Benchmark folders as evaluation reads them: manifests first, then verified pixels, image by image.

Layout: ``<root>/<dataset>/hr`` and ``<root>/<dataset>/<degradation>``, each with PNG files and a ``manifest.tsv``.
Real photographs lie in ``real`` in place of a degradation, and have no ``hr`` where there is no ground truth.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.evaluation.metrics import Metric, get_metrics
from harness.images import Pixels, pixel_sha256, read_rgb
from harness.spec import SetSpec

MANIFEST = "manifest.tsv"
GROUND_TRUTH = "hr"

Loaded = Pixels | HarnessError
"""An image, or why there is none."""


@dataclass(frozen=True)
class Entry:
    """One line of a manifest: where the image lies and which pixels (SHA-256, width, height) it must have."""

    path: Path
    width: int
    height: int
    sha256: str


@dataclass(frozen=True)
class OpenSet:
    """A dataset whose manifests have been read.

    Attributes:
        spec: the dataset, degradations and metrics asked for.
        metrics: the metrics, resolved.
        images: image names, in the order of the manifest.
        truth: image name to ground truth; None if no metric needs one.
        degraded: degradation to image name to degraded image.
    """

    spec: SetSpec
    metrics: tuple[Metric, ...]
    images: tuple[str, ...]
    truth: dict[str, Entry] | None
    degraded: dict[str, dict[str, Entry]]


@dataclass(frozen=True)
class Group:
    """One image of a set, decoded: its ground truth and all its degraded versions.

    Attributes:
        owner: the set it belongs to.
        image: the image's name.
        truth: the ground truth, why it cannot be read, or None if the set has none.
        degraded: degradation to the degraded image or why it cannot be read.
    """

    owner: OpenSet
    image: str
    truth: Loaded | None
    degraded: dict[str, Loaded]


def open_set(spec: SetSpec, root: Path) -> OpenSet:
    """Read the manifests of a set.

    Raises:
        HarnessError: a folder or manifest is missing or malformed, or a metric is unknown.
    """
    metrics = tuple(get_metrics(spec.metrics))
    folder = root / spec.dataset
    degraded = {name: read_manifest(folder / name) for name in spec.degradations}
    paired = any(metric.needs_reference for metric in metrics)
    truth = read_manifest(folder / GROUND_TRUTH) if paired else None
    images = dict.fromkeys(truth or ())
    for entries in degraded.values():
        images.update(dict.fromkeys(entries))
    return OpenSet(spec, metrics, tuple(images), truth, degraded)


def read_manifest(folder: Path) -> dict[str, Entry]:
    """Return the images of a benchmark folder by name, in the order of its manifest.

    Raises:
        HarnessError: the manifest is missing, malformed or empty.
    """
    path = folder / MANIFEST
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise HarnessError(f"{path}: no such file; generate this benchmark first (`snakemake benchmarks`)") from error
    except (OSError, UnicodeDecodeError) as error:
        raise HarnessError(f"{path}: cannot be read ({error}); generate this benchmark again") from error
    entries = {}
    try:
        for row in csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t"):
            name = row["name"]
            file = folder / f"{name}.png"
            entries[name] = Entry(file, int(row["width"]), int(row["height"]), row["sha256"])
    except (KeyError, TypeError, ValueError) as error:
        raise HarnessError(
            f"{path}: malformed ({type(error).__name__}: {error}); generate this benchmark again"
        ) from error
    if not entries:
        raise HarnessError(f"{path}: lists no images; generate this benchmark again")
    return entries


def load_groups(sets: Iterable[OpenSet], readers: int) -> Iterator[Group]:
    """Yield every image of every set, decoded ahead by ``readers`` threads, in a fixed order.

    At most ``2 * readers`` images wait decoded, so that memory stays bounded whatever the size of a set.
    """
    jobs = ((opened, image) for opened in sets for image in opened.images)
    with ThreadPoolExecutor(readers, thread_name_prefix="reader") as pool:
        waiting: deque[Future[Group]] = deque()
        try:
            for opened, image in jobs:
                waiting.append(pool.submit(_load_group, opened, image))
                if len(waiting) > 2 * readers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def load_verified(entries: dict[str, Entry], image: str, where: str) -> Loaded:
    """Return the pixels of ``image`` if they are those of the manifest, else the reason in one line."""
    entry = entries.get(image)
    if entry is None:
        return HarnessError(f"{where}: {image} is not in the manifest, but belongs to this dataset")
    try:
        pixels = read_rgb(entry.path)
    except HarnessError as error:
        return error
    if pixel_sha256(pixels) != entry.sha256:
        return HarnessError(f"{entry.path}: pixels differ from {MANIFEST}: changed since generation; generate it again")
    return pixels


def _load_group(opened: OpenSet, image: str) -> Group:
    dataset = opened.spec.dataset
    truth = None if opened.truth is None else load_verified(opened.truth, image, f"{dataset}/{GROUND_TRUTH}")
    degraded = {name: load_verified(entries, image, f"{dataset}/{name}") for name, entries in opened.degraded.items()}
    return Group(opened, image, truth, degraded)
