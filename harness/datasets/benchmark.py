"""Degraded benchmarks as files: every degradation of every image, made once, checked, and the same everywhere.

Below ``root`` lie ``<dataset>/hr/<image>.png`` (RGB, cropped to a multiple of the scale) and
``<dataset>/<degradation>/<image>.png``, and in each folder ``manifest.tsv`` with the SHA-256 of all pixels. The
manifests' own hashes lie in ``<dataset>/index.<degradations>.tsv``, so that jobs depend on one file, not on all. Real
photographs lie in ``<dataset>/real``, as they are, with ``hr`` where they have a ground truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from harness.datasets.catalogue import find_entry
from harness.datasets.locks import check_lock, hr_rows
from harness.datasets.manifests import MANIFEST, RECIPE, Row, difference, read_manifest, write_index, write_manifest
from harness.datasets.progress import parallel_map
from harness.datasets.resolve import ImageFile, left_out, resolve_images
from harness.datasets.stamped import keep_finished, write_stamped
from harness.degradations.fixed import SCALE, VERSION, Recipe, degrade_all, library_versions, own_meanings, select
from harness.degradations.representatives import contracted
from harness.degradations.sweeps import folded
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.files import content_hash, explain_os_errors
from harness.foundation.images import Pixels, crop_to_multiple, pixel_sha256, read_rgb
from harness.foundation.own_code import source_files
from harness.foundation.provenance import code_digest, stage_modules
from harness.foundation.sums import check

HR = "hr"
REAL = "real"


@dataclass(frozen=True)
class BenchmarkImage:
    """One image of a benchmark on disk: its name, its file, and its row in the manifest."""

    name: str
    path: Path
    row: Row


@cache
def _drawing() -> str:
    """Return a hash of what draws a training degradation: code and torch, which ``VERSION`` does not name."""
    return f"{code_digest(stage_modules('degrade'))} {version('torch')}"


@dataclass(frozen=True)
class _Task:
    """Make all files of one image. Originals that differ from the manifest are errors, or lines in ``tolerated``."""

    image: ImageFile
    dataset: str
    folder: Path
    degradations: tuple[str, ...]
    scale: int
    originals: Mapping[str, Row]
    tolerated: list[str] | None

    def run(self) -> dict[str, Row]:
        """Return one row per folder: the degradations and, where there is a ground truth, ``hr``."""
        if self.degradations == (REAL,):
            return self._photograph()
        if self.image.versions:
            return self._versions()
        hr = np.ascontiguousarray(crop_to_multiple(self._read(), self.scale))
        if not hr.size:
            raise HarnessError(f"{self.image.path}: smaller than the scale {self.scale}; remove it from {self.dataset}")
        source = Row.of(self.image.name, hr)
        recipes = select(self.degradations)
        stamps = {name: self._stamp(name, source, recipe) for name, recipe in recipes.items()}
        rows = {name: keep_finished(self._path(name), stamp) for name, stamp in stamps.items()}
        todo = {name: recipe for name, recipe in recipes.items() if rows[name] is None}
        for name, small in degrade_all(hr, todo, self.scale, VERSION, self.dataset, self.image.name).items():
            rows[name] = write_stamped(self._path(name), small, stamps[name], Row.of(self.image.name, small))
        return {name: row for name, row in rows.items() if row is not None} | {HR: self._put(HR, hr, source)}

    def _photograph(self) -> dict[str, Row]:
        """Take a real photograph as it is, and its ground truth if it has one."""
        pixels = self._read()
        if self.image.low is None:
            return {REAL: self._put(REAL, pixels, Row.of(self.image.name, pixels))}
        low = read_rgb(self.image.low)
        self._check(self.image.low, self.image.low_key, low)
        if pixels.shape[:2] != (low.shape[0] * self.scale, low.shape[1] * self.scale):
            sizes = f"{pixels.shape[1]} x {pixels.shape[0]} is not {self.scale} times {low.shape[1]} x {low.shape[0]}"
            raise HarnessError(
                f"{self.image.path}: {sizes} of {self.image.low}; these two are no pair at x{self.scale}"
            )
        pair = {HR: pixels, REAL: low}
        return {name: self._put(name, image, Row.of(self.image.name, image)) for name, image in pair.items()}

    def _versions(self) -> dict[str, Row]:
        """Take an image of a set that comes degraded as it is, ground truth and all versions asked for."""
        pixels = self._read()
        rows = {HR: self._put(HR, pixels, Row.of(self.image.name, pixels))}
        for name in self.degradations:
            path, key = self.image.versions[name]
            low = read_rgb(path)
            self._check(path, key, low)
            if pixels.shape[:2] != (low.shape[0] * self.scale, low.shape[1] * self.scale):
                sizes = f"{low.shape[1]} x {low.shape[0]}, the ground truth {pixels.shape[1]} x {pixels.shape[0]}"
                raise HarnessError(f"{path}: {sizes}: {self.dataset} does not come for x{self.scale}")
            rows[name] = self._put(name, low, Row.of(self.image.name, low))
        return rows

    def _read(self) -> Pixels:
        pixels = self.image.read()
        self._check(self.image.path, self.image.key, pixels if self.image.crop is None else read_rgb(self.image.path))
        return pixels

    def _check(self, path: Path, key: str, pixels: Pixels) -> None:
        if key not in self.originals or (problem := difference(pixels, self.originals[key])) is None:
            return
        cropped = hr_rows(self.dataset).get(key)
        if self.scale == SCALE and cropped and difference(crop_to_multiple(pixels, SCALE), cropped) is None:
            return  # a copy cropped to a multiple of 4: the same ground truth
        line = f"{path}: not the original of the manifest ({problem})"
        if self.tolerated is None:
            raise HarnessError(f"{line}; `python -m harness adopt` says which copy you have")
        self.tolerated.append(line)

    def _stamp(self, name: str, source: Row, recipe: Recipe) -> str:
        """Return a hash of everything that the pixels of one degraded image follow from."""
        parts = [VERSION, self.dataset, self.image.name, name, self.scale, source.sha256, library_versions()]
        own = [recipe.function] if recipe.function else []
        made = _drawing() if recipe.drawn else code_digest(source_files(own))
        return content_hash([*parts, recipe.model_dump(mode="json"), made])

    def _put(self, name: str, pixels: Pixels, row: Row) -> Row:
        """Write an image that is taken as it is, unless it is there already."""
        path = self._path(name)
        return keep_finished(path, row.sha256) or write_stamped(path, pixels, row.sha256, row)

    def _path(self, name: str) -> Path:
        return self.folder / name / f"{self.image.name}.png"


def generate(
    dataset: str,
    degradations: Sequence[str],
    root: str | Path,
    data_root: str | Path,
    jobs: int = -1,
    scale: int = SCALE,
    allow_mismatch: bool = False,
    indexed: Sequence[Sequence[str]] = (),
) -> list[str]:
    """Write the degraded versions of a dataset and their manifests.

    The pixels depend on the originals, the recipes and the libraries' versions only, never on the number of workers
    or on what was there before. Images that an interrupted call finished are kept if their hash is right.

    Args:
        dataset: its name in the catalogue.
        degradations: names of ``harness.degradations.fixed.RECIPES``; for real photographs only ``real``, which
            takes them as they are.
        root: the folder of all benchmarks at this scale (``results/benchmarks/x4``).
        data_root: the data folder.
        jobs: worker threads; -1 for one per core.
        scale: downscaling factor.
        allow_mismatch: report images that differ from the manifest or the lock file instead of refusing them.
        indexed: groups of the degradations that get an index each; all of them together if there are none.

    Returns:
        Lines worth reading: degradations without lock file, and with ``allow_mismatch`` the images that differ.

    Raises:
        HarnessError: images are missing, unreadable or not those of the catalogue's manifest, the disk is full, or
            degraded pixels differ from the committed lock file.
    """
    names = tuple(degradations)
    _check_names(dataset, names)
    images = resolve_images(dataset, data_root)
    folder, recipes = Path(root) / dataset, {} if images[0].versions else own_meanings(names)
    groups = tuple(tuple(group) for group in indexed) or (names,)
    folders = names if images[0].low is None and names == (REAL,) else (HR, *names)
    for name in folders:
        with explain_os_errors(folder / name):
            for group in groups:
                (folder / layout.index_name(group, _meanings(group, recipes))).unlink(missing_ok=True)
            (folder / name).mkdir(parents=True, exist_ok=True)
            if name != HR:  # which an evaluation in other degradations may be reading
                (folder / name / MANIFEST).unlink(missing_ok=True)
    originals, tolerated = _originals(dataset), list[str]() if allow_mismatch else None
    tasks = [_Task(image, dataset, folder, names, scale, originals, tolerated) for image in images]
    made = list(parallel_map(_Task.run, tasks, jobs, f"degrade {dataset}"))
    for name in folders:
        _remove_others(folder / name, {image.name for image in images})
        header = {
            "version": VERSION,
            "dataset": dataset,
            "degradation": name,
            "scale": str(scale),
            **library_versions(),
            **({RECIPE: recipes[name]} if name in recipes else {}),
        }
        write_manifest(folder / name / MANIFEST, header, [rows[name] for rows in made], sealed=True)
    locked = () if names == (REAL,) or images[0].versions else names  # the others have their manifest
    reports = {name: check_lock(dataset, name, [rows[name] for rows in made], scale) for name in locked}
    different = {name: report for name, report in reports.items() if report.different}
    if different and not allow_mismatch:
        for name in different:
            (folder / name / MANIFEST).unlink()
        raise HarnessError("\n".join(report.line for report in different.values()))
    others = left_out(dataset, data_root)
    notes = [*([others] if others else []), *sorted(tolerated or ()), *(report.line for report in different.values())]
    if names != (REAL,):
        for group in groups:
            write_index(folder, group, (HR, *group), _meanings(group, recipes))
    unlocked = [name for name, report in reports.items() if not report.locked]
    if unlocked:
        which = ", ".join(folded(contracted(unlocked)))
        notes.append(f"{dataset}: no lock files at x{scale} for {which}: reproducible, but not checked")
    return notes


def _meanings(names: Iterable[str], recipes: Mapping[str, str]) -> dict[str, str]:
    return {name: recipes[name] for name in names if name in recipes}


def read_benchmark(root: str | Path, dataset: str, degradation: str) -> list[BenchmarkImage]:
    """Return the images of one degraded set (or of ``hr``), sorted by name.

    Raises:
        HarnessError: the set was not generated completely, or its manifest is not what was written.
    """
    folder = Path(root) / dataset / degradation
    if not (folder / MANIFEST).is_file():
        raise HarnessError(
            f"{folder}: not generated yet; run `python -m harness benchmark EXPERIMENT {dataset}`, "
            "or `snakemake benchmarks`"
        )
    check(folder / MANIFEST)
    rows = read_manifest(folder / MANIFEST).rows
    return [BenchmarkImage(name, folder / f"{name}.png", rows[name]) for name in sorted(rows)]


def verify_benchmark(root: str | Path, dataset: str, degradation: str) -> list[str]:
    """Read every image of one degraded set and return a line for each whose pixels differ from its manifest."""
    problems = []
    for image in read_benchmark(root, dataset, degradation):
        try:
            found = pixel_sha256(read_rgb(image.path))
        except HarnessError as error:
            problems.append(str(error))
            continue
        if found != image.row.sha256:
            problems.append(
                f"{image.path}: its pixels are not those of {MANIFEST}; delete the folder and generate it again"
            )
    return problems


def _check_names(dataset: str, names: tuple[str, ...]) -> None:
    entry = find_entry(dataset)
    kind = entry.kind
    if kind in ("benchmark", "embedded"):
        select(names)
    elif kind == "degraded":
        if strange := [name for name in names if name not in entry.versions]:
            there = f"{entry.versions[0]} to {entry.versions[-1]}"
            raise HarnessError(f"degradations: {strange[0]!r}: the dataset {dataset} comes in {there} only")
    elif not kind.startswith("real") or names != (REAL,):
        wanted = f"[{REAL}]" if kind.startswith("real") else "none: it is for training"
        raise HarnessError(f"degradations: {list(names)}: the dataset {dataset} is {kind}, and allows {wanted}")


def _originals(dataset: str) -> Mapping[str, Row]:
    path = find_entry(dataset).manifest_path
    return {} if path is None else read_manifest(path).rows


def _remove_others(folder: Path, names: set[str]) -> None:
    """Remove images of earlier calls that do not belong to the set."""
    for path in folder.glob("*.png"):
        if path.stem not in names:
            path.unlink(missing_ok=True)
