"""One file that stands for the manifests of several degradations, so that thousands of jobs depend on it alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness import layout
from harness.datasets.manifests import MANIFEST
from harness.files import file_sha256, write_text

_PATTERN = layout.index_name([]).split(".")[0] + ".*.tsv"


def write_index(folder: Path, degradations: Iterable[str], folders: Iterable[str]) -> Path:
    """Write the index of a dataset: one line per manifest, the folder's name and the manifest's SHA-256.

    Indices that other experiments asked for are brought up to date as well, or removed where a manifest is missing.

    Args:
        folder: of the dataset's degraded versions.
        degradations: those that name the index.
        folders: those of its manifests.
    """
    path = folder / layout.index_name(list(degradations))
    write_text(path, _lines(folder, sorted(folders)))
    for other in folder.glob(_PATTERN):
        before = other.read_text()
        names = [line.split("\t")[0] for line in before.splitlines()]
        if not all((folder / name / MANIFEST).is_file() for name in names):
            other.unlink()
        elif before != _lines(folder, names):
            write_text(other, _lines(folder, names))
    return path


def _lines(folder: Path, names: list[str]) -> str:
    return "".join(f"{name}\t{file_sha256(folder / name / MANIFEST)}\n" for name in names)
