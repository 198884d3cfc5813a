"""How many bytes an experiment will write: exact where sizes are known, unknown where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.datasets.catalogue import find_entry
from harness.datasets.manifests import read_manifest
from harness.datasets.pack_files import INDEX
from harness.datasets.resolve import missing, resolve_images
from harness.experiment import Experiment, Run
from harness.experiment.analyses import Analyses
from harness.experiment.kept_batches import batches_folder, shared_bytes
from harness.experiment.kept_weights import kept_files
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.images import image_size
from harness.workflow.forecast.rates import Measured, measured, network_of
from harness.workflow.forecast.trainings import trainings, unfinished

_STATE_PER_WEIGHT = 8
"""Two generations of a state, each with the weights, their average and Adam's two moments."""


@dataclass(frozen=True)
class Space:
    """What one kind of files will take.

    Attributes:
        what: the kind.
        size: bytes still to be written, as far as they are known.
        unknown: what of it has no known size yet.
    """

    what: str
    size: int
    unknown: tuple[str, ...] = ()


def spaces(experiment: Experiment, runs: Sequence[Run], known: Measured) -> list[Space]:
    """Return what an experiment will write: benchmarks, training images, and what ``runs`` write."""
    datasets = dict.fromkeys(part.dataset for part in experiment.all_sets)
    sizes = {dataset: _benchmark(dataset, experiment) for dataset in datasets}
    packs = {name: _pack(name, experiment) for name in (experiment.training.data, experiment.training.heldout)}
    weights = _weights([(run, 1 + _STATE_PER_WEIGHT) for run in runs], known)
    on_the_way = _weights([(run, count) for run in runs if (count := kept_files(experiment, run))], known)
    kept: dict[str, int | None] = {"all": shared_bytes(runs)} if batches_folder(experiment) else {}
    return [
        _sum("benchmarks", sizes),
        _sum("training images", packs),
        _sum("degraded batches that runs share", kept),
        _sum("weights and states", weights),
        *([_sum("weights kept on the way (keep_every)", on_the_way)] if on_the_way else []),
        _sum("rows of metrics and analyses", _rows(experiment)),
    ]


def _rows(experiment: Experiment) -> dict[str, int | None]:
    """Return kind of rows to the bytes of the files that are left: each as large as the mean of those that are here."""
    kinds = {"metrics": list(experiment.metric_files)}
    if experiment.file.analysis is not None:
        kinds["analyses"] = [one.rows for one in Analyses(experiment).all]
    found: dict[str, int | None] = {}
    for kind, paths in kinds.items():
        sizes = [path.stat().st_size for path in paths if path.is_file()]
        left = len(paths) - len(sizes)
        found[kind] = 0 if not left else left * sum(sizes) // len(sizes) if sizes else None
    return found


def _weights(counts: Sequence[tuple[Run, int]], known: Measured) -> dict[str, int | None]:
    """Return network to the bytes of so many copies of each run's weights, None where their size is not known."""
    found: dict[str, int | None] = {}
    for run, count in counts:
        each = known.weight_bytes.get(network_of(run.spec))
        before = found.get(run.network, 0)
        found[run.network] = None if each is None or before is None else before + each * count
    return found


def total_space(experiment: Experiment) -> int:
    """Return the bytes that an experiment will write at least: what is known of :func:`spaces`."""
    todo = unfinished(trainings(experiment))
    return sum(space.size for space in spaces(experiment, [one.run or one.like for one in todo], measured()))


def _sum(what: str, sizes: dict[str, int | None]) -> Space:
    unknown = tuple(name for name, size in sizes.items() if size is None)
    return Space(what, sum(size for size in sizes.values() if size is not None), unknown)


def _benchmark(dataset: str, experiment: Experiment) -> int | None:
    """Return the bytes of the sets that are not generated yet; images are stored uncompressed, three bytes a pixel."""
    scale = experiment.file.scale
    given = experiment.degradations_of(dataset)
    todo = [name for name in given if not layout.manifest(scale, dataset, name).is_file()]
    if not todo:
        return 0
    sizes = _sizes(dataset, experiment)
    if sizes is None:
        return None
    kind = experiment.kind(dataset)
    if kind == "real_unpaired":
        return sum(3 * width * height for width, height in sizes)
    full = sum(3 * (width - width % scale) * (height - height % scale) for width, height in sizes)
    return full + len(todo) * full // scale**2


def _pack(name: str, experiment: Experiment) -> int | None:
    if (layout.pack(name) / INDEX).is_file():
        return 0
    sizes = _sizes(name, experiment)
    return None if sizes is None else sum(3 * width * height for width, height in sizes)


def _sizes(name: str, experiment: Experiment) -> list[tuple[int, int]] | None:
    """Return (width, height) of a data set's images, from the files' headers or its manifest; None without either."""
    entry = find_entry(name)
    if entry.crop is not None and entry.images is not None:
        return [(entry.crop, entry.crop)] * entry.images
    if missing(name, experiment.data_root) is None:
        try:
            return [image_size(image.path) for image in resolve_images(name, experiment.data_root)]
        except HarnessError:
            return None  # a file that cannot be read: packing or degrading it will say so
    if entry.manifest_path is not None and entry.low is None:
        return [(row.width, row.height) for row in read_manifest(entry.manifest_path).rows.values()]
    return None
