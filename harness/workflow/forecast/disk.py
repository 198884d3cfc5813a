"""How many bytes an experiment will write: exact where sizes are known, unknown where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.datasets.catalogue import find_entry
from harness.datasets.manifests import read_manifest
from harness.datasets.pack_files import INDEX
from harness.datasets.resolve import missing, resolve_images
from harness.experiment import Experiment, Run
from harness.experiment.kept_batches import batches_folder, shared_bytes
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.images import image_size
from harness.spec import SetSpec
from harness.workflow.forecast.rates import Measured, measured, network_of

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
    """Return what an experiment will write: benchmarks, training images, and weights and states of ``runs``."""
    sizes = {part.dataset: _benchmark(part, experiment) for part in experiment.evaluation.sets}
    packs = {name: _pack(name, experiment) for name in (experiment.training.data, experiment.training.heldout)}
    weights: dict[str, int | None] = {}
    for run in runs:
        each = known.weight_bytes.get(network_of(run.spec))
        before = weights.get(run.network, 0)
        weights[run.network] = None if each is None or before is None else before + each * (1 + _STATE_PER_WEIGHT)
    kept: dict[str, int | None] = {"all": shared_bytes(runs)} if batches_folder(experiment) else {}
    return [
        _sum("benchmarks", sizes),
        _sum("training images", packs),
        _sum("degraded batches that runs share", kept),
        _sum("weights and states", weights),
    ]


def total_space(experiment: Experiment) -> int:
    """Return the bytes that an experiment will write at least: what is known of :func:`spaces`."""
    todo = [run for run in experiment.runs if not (layout.run(run.name) / "weights.safetensors").is_file()]
    return sum(space.size for space in spaces(experiment, todo, measured()))


def _sum(what: str, sizes: dict[str, int | None]) -> Space:
    unknown = tuple(name for name, size in sizes.items() if size is None)
    return Space(what, sum(size for size in sizes.values() if size is not None), unknown)


def _benchmark(part: SetSpec, experiment: Experiment) -> int | None:
    """Return the bytes of the sets that are not generated yet; images are stored uncompressed, three bytes a pixel."""
    scale = experiment.file.scale
    todo = [name for name in part.degradations if not layout.manifest(scale, part.dataset, name).is_file()]
    if not todo:
        return 0
    sizes = _sizes(part.dataset, experiment)
    if sizes is None:
        return None
    kind = experiment.kind(part.dataset)
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
