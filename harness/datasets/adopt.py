"""Taking over a copy of a dataset that the user already has, and saying which of the many copies it is."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.datasets import catalogue
from harness.datasets.catalogue import DatasetEntry, find_entry
from harness.datasets.locks import hr_rows
from harness.datasets.manifests import Row, read_manifest
from harness.datasets.progress import parallel_map
from harness.datasets.resolve import match_pattern, other_formats, some
from harness.degradations.fixed import SCALE
from harness.foundation.errors import HarnessError
from harness.foundation.files import explain_os_errors
from harness.foundation.images import SUFFIXES, Pixels, crop_to_multiple, pixel_sha256, read_rgb
from harness.foundation.places import expanded, files_below, folders_below

_DECORATIONS = re.compile(r"(_SRF_\d+)?(_?(HR|GT|LR|LRBI|bicubic|x\d))*$", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:img|image|im|t|tt)?[_-]?0*(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """An image file of the user's: its size in pixels, and the SHA-256 of its pixels, whole and cropped to x4."""

    path: Path
    width: int
    height: int
    sha256: str
    cropped_sha256: str
    error: str = ""


@dataclass
class Recognition:
    """What a folder holds of a dataset.

    Attributes:
        originals: manifest name to file with exactly the original's pixels.
        cropped: manifest name to file with the original's pixels, cropped to a multiple of 4.
        strangers: diagnosis to files that are neither.
        unreadable: one line per file that is no image.
        formats: how many images of formats that are not read there are, and of which.
    """

    originals: dict[str, Path] = field(default_factory=dict)
    cropped: dict[str, Path] = field(default_factory=dict)
    strangers: dict[str, list[str]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    formats: str = ""

    @property
    def files(self) -> dict[str, Path]:
        """Manifest name to the file that serves as it."""
        return {**self.cropped, **self.originals}


def adopt(name: str, folder: str | Path, data_root: str | Path, jobs: int = -1, move: bool = False) -> list[str]:
    """Copy the images of a dataset from a folder of the user's to their place below the data folder.

    With a pixel manifest, images are recognized by their pixels whatever they are called. Copies cropped to a multiple
    of 4 serve as well at x4 if their pixels are the original's. Without one, names and number decide.

    Args:
        name: of a dataset in the catalogue.
        folder: where the copy lies, at any depth.
        data_root: the data folder.
        jobs: worker threads; -1 for one per core.
        move: move the files instead of copying them.

    Returns:
        Lines that say what was recognized.

    Raises:
        HarnessError: the folder does not hold the whole dataset; the line says what it holds instead.
    """
    entry, folder = find_entry(name), expanded(folder, "adopt")
    if not folder.is_dir():
        raise HarnessError(f"{folder}: no such folder")
    if entry.kind == "embedded" or entry.own:
        raise HarnessError(f"{name}: is {entry.kind} and needs no adoption; " + _no_adoption(entry, data_root))
    if entry.manifest_path is None:
        return _adopt_by_name(name, entry, folder, Path(data_root), move)
    rows = read_manifest(entry.manifest_path).rows
    found = recognize(name, rows, folder, jobs)
    if len(found.files) < len(rows):
        raise HarnessError(f"{name}: {folder}: {_verdict(found, rows)}")
    for key, path in found.files.items():
        place_image(path, Path(data_root) / entry.folder / f"{key}{path.suffix.lower()}", move)
    return [f"{name}: {line}" for line in _story(found, rows)]


def recognize(name: str, rows: Mapping[str, Row], folder: Path, jobs: int = -1) -> Recognition:
    """Compare all images below ``folder`` with the pixels of a manifest.

    Args:
        name: of the dataset.
        rows: its manifest.
        folder: searched through all levels.
        jobs: worker threads.

    Raises:
        HarnessError: there are no images at all.
    """
    there = files_below(folder)
    paths = [path for path in there if path.suffix.lower() in SUFFIXES]
    formats = other_formats(there)
    if not paths:
        others = f"; there are {formats}: other formats hold no original" if formats else ""
        raise HarnessError(f"{folder}: holds no images ({', '.join(SUFFIXES)}){others}")
    found = list(parallel_map(_look, paths, jobs, f"look at {folder}"))
    by_pixels = {row.sha256: key for key, row in rows.items()}
    by_cropped = {row.sha256: key for key, row in hr_rows(name).items()}
    result = Recognition(formats=formats)
    strangers = []
    for image in found:
        if image.error:
            result.unreadable.append(image.error)
        elif image.sha256 in by_pixels:
            result.originals.setdefault(by_pixels[image.sha256], image.path)
        elif image.cropped_sha256 in by_cropped:
            result.cropped.setdefault(by_cropped[image.cropped_sha256], image.path)
        else:
            strangers.append(image)
    elsewhere = _other_manifests(name) if strangers else {}
    order = {image.path: position for position, image in enumerate(found)}
    for image in strangers:
        diagnosis = elsewhere.get(image.sha256) or _diagnose(image, order[image.path], len(found), rows)
        result.strangers.setdefault(diagnosis, []).append(image.path.name)
    return result


def _look(path: Path) -> Found:
    try:
        pixels: Pixels = read_rgb(path)
    except HarnessError as error:
        return Found(path, 0, 0, "", "", str(error))
    height, width = pixels.shape[:2]
    return Found(path, width, height, pixel_sha256(pixels), pixel_sha256(crop_to_multiple(pixels, SCALE)))


def _diagnose(image: Found, position: int, count: int, rows: Mapping[str, Row]) -> str:
    """Say what a file that is no original seems to be, judging by its name and its size."""
    row = _row_by_name(image.path.stem, position, count, rows)
    if row is None:
        return "unknown by name and by pixels"
    size = (image.width, image.height)
    if size == (row.width, row.height):
        return "the right size, but other pixels (another source, or saved with loss)"
    if size == (row.height, row.width):
        return "turned by 90 degrees"
    for multiple in (SCALE, 12, 8, 16, 2, 3, 6):
        if size == (row.width - row.width % multiple, row.height - row.height % multiple):
            return f"cropped to a multiple of {multiple}, with other pixels"
    for factor in (2, 3, 4, 8):
        if abs(size[0] * factor - row.width) <= factor and abs(size[1] * factor - row.height) <= factor:
            return "half the size" if factor == 2 else f"low-resolution images (1/{factor} of the size)"
    return f"of another size ({size[0]} x {size[1]} where {row.name} has {row.width} x {row.height})"


def _row_by_name(stem: str, position: int, count: int, rows: Mapping[str, Row]) -> Row | None:
    """Find which image a file means: by its name, by its name without ``_HR`` or ``x4``, or by its number."""
    by_name = {key.rsplit("/", 1)[-1].lower(): row for key, row in rows.items()}
    plain = _DECORATIONS.sub("", stem)
    for candidate in (stem.lower(), plain.lower()):
        if candidate in by_name:
            return by_name[candidate]
    ordered = [rows[key] for key in sorted(rows)]
    if (number := _NUMBERED.fullmatch(plain)) and 1 <= int(number[1]) <= len(ordered):
        return ordered[int(number[1]) - 1]
    return ordered[position] if count == len(ordered) else None


def _other_manifests(name: str) -> dict[str, str]:
    """Return pixel hash to a diagnosis, for the images of all other datasets that have manifests."""
    known: dict[str, str] = {}
    for path in sorted(catalogue.MANIFESTS.glob("*.tsv")):
        if path.stem != name:
            for row in read_manifest(path).rows.values():
                known.setdefault(row.sha256, f"images of {path.stem}")
    return known


def _verdict(found: Recognition, rows: Mapping[str, Row]) -> str:
    parts = [f"{len(found.files)} of {len(rows)} images recognized by their pixels"]
    for diagnosis, names in sorted(found.strangers.items(), key=lambda item: -len(item[1])):
        parts.append(f"{len(names)} are {diagnosis} ({some(names)})")
    if found.unreadable:
        parts.append(f"{len(found.unreadable)} cannot be read ({found.unreadable[0]})")
    if found.formats:
        parts.append(f"left out: {found.formats}")
    lost = sorted(set(rows) - set(found.files))
    return "; ".join([*parts, f"missing: {some(lost)}; nothing was copied"])


def _story(found: Recognition, rows: Mapping[str, Row]) -> Iterator[str]:
    yield f"all {len(rows)} images recognized by their pixels and copied"
    renamed = {key: path.stem for key, path in sorted(found.files.items()) if path.stem != key.rsplit("/", 1)[-1]}
    if renamed:
        yield f"{len(renamed)} had other names: " + some([f"{stem} is {key}" for key, stem in renamed.items()])
    used = [key for key in found.cropped if key not in found.originals]
    if used:
        yield f"{len(used)} are cropped to a multiple of {SCALE}, which is the same at x{SCALE}: {some(sorted(used))}"
    for diagnosis, names in found.strangers.items():
        yield f"left out: {len(names)} {diagnosis} ({some(names)})"
    if found.formats:
        yield f"left out: {found.formats}"


def _adopt_by_name(name: str, entry: DatasetEntry, folder: Path, data_root: Path, move: bool) -> list[str]:
    """Adopt a dataset without manifest: the first folder, outermost first, that holds the right number of images."""
    patterns = [entry.pattern, *([entry.low] if entry.low else [])]
    counts: Counter[int] = Counter()
    for place, _ in folders_below(folder):
        matches = [match_pattern(place, pattern) for pattern in patterns]
        counts[len(matches[0])] += 1
        if len(matches[0]) == entry.images and all(set(match) == set(matches[0]) for match in matches):
            small = [path.name for path in matches[0].values() if re.search(r"x[2348]$", path.stem)]
            if small:
                raise HarnessError(
                    f"{name}: {place}: these are low-resolution images ({some(small)}); take the HR folder"
                )
            for match in matches:
                for path in match.values():
                    place_image(path, data_root / entry.folder / path.relative_to(place), move)
            return [f"{name}: {entry.images} images copied from {place}; there is no manifest to check their pixels"]
    most = max(counts)
    what = f"{entry.images} {'pairs' if entry.low else 'images'} named {' and '.join(patterns)}"
    raise HarnessError(f"{name}: {folder}: no folder in it holds {what}; the fullest holds {most}; nothing was copied")


def place_image(source: Path, target: Path, move: bool) -> None:
    """Copy or move a file under a temporary name and rename it; the same image in other formats makes way."""
    if source.resolve() == target.resolve():
        return
    temporary = target.with_name(f".{target.name}.tmp")
    with explain_os_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            (shutil.move if move else shutil.copyfile)(source, temporary)
            for other in target.parent.iterdir():
                if (
                    other.stem == target.stem
                    and other.suffix.lower() in SUFFIXES
                    and other.resolve() != source.resolve()
                ):
                    other.unlink()
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def _no_adoption(entry: DatasetEntry, data_root: str | Path) -> str:
    if entry.kind == "embedded":
        return "its photographs come with installed packages"
    return f"put photographs into {Path(data_root) / entry.folder}"
