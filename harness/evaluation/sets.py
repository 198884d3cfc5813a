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
from harness.degradations.fixed import own_meanings
from harness.evaluation.metrics import Metric, get_metrics
from harness.evaluation.retries import FileState, file_state
from harness.foundation.device_errors import device_problem
from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels, pixel_sha256, read_rgb
from harness.spec import SetSpec

Images = dict[str, BenchmarkImage]
"""Image name to file and manifest row."""


class Unreadable(HarnessError):
    """An image that cannot be read, or is not the one of the manifest.

    Attributes:
        states: path to state, as before it was read, of the image's file and of the manifest that lists it.
    """

    def __init__(self, problem: str, states: dict[str, FileState]) -> None:
        super().__init__(problem)
        self.states = states


Loaded = Pixels | Unreadable
"""An image, or why there is none."""


@dataclass(frozen=True)
class OpenSet:
    """A dataset whose manifests have been read.

    Attributes:
        spec: the dataset, degradations and metrics asked for.
        folder: of the dataset.
        metrics: the metrics, resolved.
        images: image names, in the order of the manifest.
        truth: image name to ground truth; None if no metric needs one.
        degraded: degradation to image name to degraded image.
    """

    spec: SetSpec
    folder: Path
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
    check_index(root / spec.dataset, spec.degradations, own_meanings(spec.degradations))
    degraded = {name: _images(root, spec.dataset, name) for name in spec.degradations}
    paired = any(metric.needs_reference for metric in metrics)
    truth = _images(root, spec.dataset, HR) if paired else None
    images = dict.fromkeys(truth or ())
    for entries in degraded.values():
        images.update(dict.fromkeys(entries))
    return OpenSet(spec, root / spec.dataset, metrics, tuple(images), truth, degraded)


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


def load_verified(entries: Images, image: str, folder: Path) -> Loaded:
    """Return the pixels of ``image`` if they are those of the manifest in ``folder``, else the reason in one line.

    Raises:
        HarnessError: it is the machine that fails, not the file.
    """
    path = folder / f"{image}.png"
    states = {str(place): file_state(place) for place in (path, folder / MANIFEST)}
    again = f"run `python -m harness benchmark EXPERIMENT {folder.parent.name}`"
    entry = entries.get(image)
    if entry is None:
        problem = f"{folder / MANIFEST}: {image} is not listed, but belongs to this dataset; {again}"
        return Unreadable(problem, states)
    try:
        pixels = read_rgb(entry.path)
    except HarnessError as error:
        if device_problem(error):
            raise
        return Unreadable(f"{str(error).removesuffix('; replace the file')}; {again}", states)
    if pixel_sha256(pixels) != entry.row.sha256:
        problem = f"{entry.path}: pixels differ from {MANIFEST}: changed since generation; {again}"
        return Unreadable(problem, states)
    return pixels


def _load_group(opened: OpenSet, image: str) -> Group:
    folder = opened.folder
    truth = None if opened.truth is None else load_verified(opened.truth, image, folder / HR)
    degraded = {name: load_verified(entries, image, folder / name) for name, entries in opened.degraded.items()}
    return Group(opened, image, truth, degraded)
