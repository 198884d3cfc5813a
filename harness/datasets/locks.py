"""Lock files: the pixels that a degraded benchmark must have, committed, so that every table means the same images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.datasets import catalogue
from harness.datasets.manifests import MANIFEST, Row, read_manifest, write_manifest
from harness.degradations.fixed import SCALE, VERSION, library_versions
from harness.degradations.sweeps import STEPS
from harness.foundation.project import own_file
from harness.foundation.sums import check


@dataclass(frozen=True)
class LockReport:
    """How a degraded set compares with its lock file.

    Attributes:
        locked: whether there is a lock file.
        different: names of images whose pixels differ, that are missing, or that do not belong.
        line: the same in one line.
    """

    locked: bool
    different: tuple[str, ...]
    line: str

    @property
    def matches(self) -> bool:
        """Whether every image is locked and equal."""
        return self.locked and not self.different


def lock_path(dataset: str, degradation: str) -> Path:
    """Return where the lock file of one degraded set lies, present or not."""
    name = _name(dataset, degradation)
    return own_file(f"configs/manifests/{name}") or catalogue.MANIFESTS / name


def _name(dataset: str, degradation: str) -> str:
    """Return the place of a lock file below the manifests: the many strengths of sweeps lie apart."""
    return f"{VERSION}/{'sweeps/' * (degradation in STEPS)}{dataset}.{degradation}.tsv"


def check_lock(dataset: str, degradation: str, rows: Iterable[Row], scale: int = SCALE) -> LockReport:
    """Compare the images of one degraded set with the committed lock file."""
    title = f"{dataset}/{degradation}"
    path = lock_path(dataset, degradation)
    lock = read_manifest(path) if path.is_file() else None
    if lock is None or lock.header.get("scale") != str(scale):
        return LockReport(
            False, (), f"{title}: no lock file for {VERSION} at x{scale}; the pixels are reproducible, but not checked"
        )
    found = {row.name: row.sha256 for row in rows}
    wanted = {name: row.sha256 for name, row in lock.rows.items()}
    different = tuple(sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name)))
    if not different:
        return LockReport(True, (), f"{title}: {len(found)} images as locked in {VERSION}")
    here = ", ".join(f"{name} {version}" for name, version in library_versions().items())
    there = ", ".join(f"{name} {lock.header.get(name, '?')}" for name in library_versions())
    return LockReport(
        True,
        different,
        f"{title}: {len(different)} of {len(wanted)} images differ from {path.name} ({', '.join(different)}); "
        f"made here with {here}, locked with {there}: install the locked versions, or allow the mismatch",
    )


def hr_rows(dataset: str) -> Mapping[str, Row]:
    """Return the locked ground-truth images of a benchmark, cropped to a multiple of 4; empty if there are none."""
    path = lock_path(dataset, "hr")
    return read_manifest(path).rows if path.is_file() else {}


def write_lock(root: str | Path, dataset: str, degradation: str, folder: Path | None = None) -> Path:
    """Make the generated set the committed one; return the lock file's path.

    Args:
        root: of the benchmarks at one scale.
        dataset, degradation: the set.
        folder: of the manifests; the harness's if none is given.
    """
    source = Path(root) / dataset / degradation / MANIFEST
    check(source)
    manifest = read_manifest(source)
    path = (folder or catalogue.MANIFESTS) / _name(dataset, degradation)
    write_manifest(path, manifest.header, manifest.rows.values())
    return path
