"""Comparing what lies on the disk with what is committed: originals with manifests, degraded sets with lock files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.datasets.benchmark import HR, read_benchmark, verify_benchmark
from harness.datasets.catalogue import find_entry, load_catalogue
from harness.datasets.locks import check_lock, hr_rows
from harness.datasets.manifests import MANIFEST, Row, difference, read_manifest
from harness.datasets.pack_files import INDEX
from harness.datasets.patches import Pack
from harness.datasets.progress import parallel_map
from harness.datasets.resolve import missing, resolve_images
from harness.degradations.fixed import SCALE, VERSION
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.images import crop_to_multiple, read_rgb
from harness.foundation.sums import SUFFIX, altered_below


@dataclass(frozen=True)
class Verdict:
    """One checked thing: what was found, and whether it is as it should be."""

    line: str
    good: bool


def verify(
    names: Sequence[str], data_root: str | Path, benchmarks: str | Path, packs: str | Path = layout.TRAINING_DATA
) -> list[Verdict]:
    """Check datasets, the degraded sets generated of them and the packs decoded from them, pixel by pixel.

    Args:
        names: of datasets; empty for all that are there.
        data_root: the data folder.
        benchmarks: the folder of generated benchmarks (``results/benchmarks``), with one folder per scale.
        packs: the folder of packed training images (``results/training_data``).

    Returns:
        What was found, in the order of the catalogue; a named dataset that is missing counts as bad.

    Raises:
        HarnessError: a name is unknown.
    """
    chosen = list(dict.fromkeys(names)) or [name for name in load_catalogue() if missing(name, data_root) is None]
    verdicts: list[Verdict] = []
    for name in chosen:
        verdicts += _originals(name, data_root)
        for manifest in sorted(Path(benchmarks).glob(f"x*/{name}/*/{MANIFEST}")):
            verdicts += _degraded(name, manifest.parent.name, manifest.parents[2])
        verdicts += _packed(Path(packs) / name)
    return verdicts


def verify_results(results: Path = layout.RESULTS) -> list[Verdict]:
    """Check every result that has a sum beside it: weights, histories, records, metrics, manifests and indices."""
    count = sum(1 for _ in results.rglob(f"*{SUFFIX}"))
    lines = altered_below(results)
    if not count or lines:
        return [Verdict(line, False) for line in lines]
    return [Verdict(f"{results}: {count} results, all as they were written", True)]


def wrong_originals(name: str, data_root: str | Path) -> list[str]:
    """Return a line for every image of a dataset whose pixels are not those of its manifest.

    A dataset without manifest has none. Copies cropped to a multiple of 4 whose pixels are right count as right.
    """
    path = find_entry(name).manifest_path
    if path is None:
        return []
    rows, cropped = read_manifest(path).rows, hr_rows(name)
    files = [(image.key, image.path) for image in resolve_images(name, data_root)]
    files += [(image.low_key, image.low) for image in resolve_images(name, data_root) if image.low]
    files += [(key, low) for image in resolve_images(name, data_root) for low, key in image.versions.values()]
    tasks = [_Comparison(file, rows[key], cropped.get(key)) for key, file in files]
    return [line for line in parallel_map(_Comparison.run, tasks, -1, f"verify {name}") if line]


@dataclass(frozen=True)
class _Comparison:
    """Compare one file with its manifest row, and with its cropped row if there is one."""

    path: Path
    row: Row
    cropped: Row | None

    def run(self) -> str | None:
        try:
            pixels = read_rgb(self.path)
        except HarnessError as error:
            return str(error)
        problem = difference(pixels, self.row)
        if problem and self.cropped and difference(crop_to_multiple(pixels, SCALE), self.cropped) is None:
            return None
        return f"{self.path}: {problem}" if problem else None


def _packed(folder: Path) -> Iterable[Verdict]:
    if not (folder / INDEX).is_file():
        return []
    try:
        count = len(Pack.open(folder))
    except HarnessError as error:
        return [Verdict(str(error), False)]
    return [Verdict(f"{folder}: {count} images, as packed", True)]


def _originals(name: str, data_root: str | Path) -> Iterable[Verdict]:
    problem = missing(name, data_root)
    if problem:
        return [Verdict(problem, False)]
    count = len(resolve_images(name, data_root))
    if find_entry(name).manifest_path is None:
        return [Verdict(f"{name}: {count} images; there is no manifest to check their pixels", True)]
    wrong = wrong_originals(name, data_root)
    return [Verdict(line, False) for line in wrong] or [
        Verdict(f"{name}: {count} images, all as in the manifest", True)
    ]


def _degraded(name: str, degradation: str, benchmarks: Path) -> Iterable[Verdict]:
    try:
        problems = verify_benchmark(benchmarks, name, degradation)
    except HarnessError as error:
        return [Verdict(str(error), False)]
    if problems:
        return [Verdict(line, False) for line in problems]
    manifest = read_manifest(benchmarks / name / degradation / MANIFEST)
    scale = int(manifest.header.get("scale", SCALE))
    if find_entry(name).kind.startswith(("real", "degraded")) or degradation == HR:
        return [Verdict(f"{name}/{degradation}: {len(manifest.rows)} images, as generated", True)]
    if manifest.header.get("version") != VERSION:
        return [
            Verdict(f"{name}/{degradation}: made by version {manifest.header.get('version')}; generate it again", False)
        ]
    report = check_lock(
        name, degradation, [image.row for image in read_benchmark(benchmarks, name, degradation)], scale
    )
    return [Verdict(report.line, not report.different)]
