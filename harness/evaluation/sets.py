"""Benchmark folders as evaluation reads them: manifests first, then verified pixels, image by image.

Layout: ``<root>/<dataset>/hr`` and ``<root>/<dataset>/<degradation>``, each with PNG files and a ``manifest.tsv``.
Real photographs lie in ``real`` in place of a degradation, and have no ``hr`` where there is no ground truth.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.datasets.benchmark import HR, BenchmarkImage, read_benchmark
from harness.datasets.manifests import MANIFEST, check_index
from harness.evaluation.metrics import Metric, get_metrics
from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels, pixel_sha256, read_rgb
from harness.spec import SetSpec

Images = dict[str, BenchmarkImage]
"""Image name to file and manifest row."""

Loaded = Pixels | HarnessError
"""An image, or why there is none."""


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
    truth: Images | None
    degraded: dict[str, Images]


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
        HarnessError: a folder, manifest or index is missing, malformed or not what was written, or a metric is unknown.
    """
    metrics = tuple(get_metrics(spec.metrics))
    check_index(root / spec.dataset, spec.degradations)
    degraded = {name: _images(root, spec.dataset, name) for name in spec.degradations}
    paired = any(metric.needs_reference for metric in metrics)
    truth = _images(root, spec.dataset, HR) if paired else None
    images = dict.fromkeys(truth or ())
    for entries in degraded.values():
        images.update(dict.fromkeys(entries))
    return OpenSet(spec, metrics, tuple(images), truth, degraded)


def _images(root: Path, dataset: str, folder: str) -> Images:
    images = {image.name: image for image in read_benchmark(root, dataset, folder)}
    if not images:
        raise HarnessError(f"{root / dataset / folder}: lists no images; generate {dataset} again")
    return images


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


def load_verified(entries: Images, image: str, where: str) -> Loaded:
    """Return the pixels of ``image`` if they are those of the manifest, else the reason in one line."""
    entry = entries.get(image)
    if entry is None:
        return HarnessError(f"{where}: {image} is not in the manifest, but belongs to this dataset")
    try:
        pixels = read_rgb(entry.path)
    except HarnessError as error:
        return error
    if pixel_sha256(pixels) != entry.row.sha256:
        return HarnessError(f"{entry.path}: pixels differ from {MANIFEST}: changed since generation; generate it again")
    return pixels


def _load_group(opened: OpenSet, image: str) -> Group:
    dataset = opened.spec.dataset
    truth = None if opened.truth is None else load_verified(opened.truth, image, f"{dataset}/{HR}")
    degraded = {name: load_verified(entries, image, f"{dataset}/{name}") for name, entries in opened.degraded.items()}
    return Group(opened, image, truth, degraded)
