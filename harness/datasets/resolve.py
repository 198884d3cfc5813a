"""From a dataset's name to the files of its images, with every disagreement told in one line."""

from __future__ import annotations

import importlib.util
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.datasets.catalogue import DatasetEntry, find_entry
from harness.datasets.manifests import read_manifest
from harness.foundation.errors import HarnessError
from harness.foundation.images import OTHER_SUFFIXES, SUFFIXES, Pixels, read_rgb
from harness.foundation.names import image_name_problem
from harness.foundation.places import expanded, files_below

_SHOWN = 5  # names that a message lists before it only counts


@dataclass(frozen=True)
class ImageFile:
    """One image of a dataset.

    Attributes:
        name: its name in every table; unique within the dataset.
        path: the file of the (HR) image.
        key: its name in the pixel manifest: the path below the dataset's folder, without suffix.
        low: the file of the LR image of a real pair.
        low_key: its name in the manifest.
        crop: side in pixels of the centre crop that the dataset takes, if any.
        versions: of a set that comes degraded, degradation to the file of the LR image and its name in the manifest.
    """

    name: str
    path: Path
    key: str
    low: Path | None = None
    low_key: str = ""
    crop: int | None = None
    versions: Mapping[str, tuple[Path, str]] = field(default_factory=dict)

    def read(self) -> Pixels:
        """Return the image, (H, W, 3) uint8 RGB, centre-cropped if the dataset says so.

        Raises:
            HarnessError: the file is missing, corrupt, not 8-bit, or smaller than the crop.
        """
        pixels = read_rgb(self.path)
        if self.crop is None:
            return pixels
        height, width = pixels.shape[:2]
        if min(height, width) < self.crop:
            raise HarnessError(f"{self.path}: {width} x {height} pixels, smaller than the dataset's crop {self.crop}")
        top, left = (height - self.crop) // 2, (width - self.crop) // 2
        return pixels[top : top + self.crop, left : left + self.crop]


def data_root(configured: str | Path = "data") -> Path:
    """Return the data folder: the environment variable HARNESS_DATA if set, else what is configured.

    Raises:
        HarnessError: its ``~`` or a variable in it means no folder.
    """
    named = os.environ.get("HARNESS_DATA")
    return expanded(named, "HARNESS_DATA") if named else expanded(configured, "data_root")


def resolve_images(name: str, data_root: str | Path) -> list[ImageFile]:
    """Return the images of a catalogued dataset, sorted by name.

    Args:
        name: of a dataset in ``configs/datasets.yaml``.
        data_root: the data folder.

    Raises:
        HarnessError: unknown dataset, missing folder, missing, unexpected or twice-named images, a pair without its
            other half. The line says which and what to do.
    """
    entry = find_entry(name)
    if entry.kind == "embedded":
        return _embedded(name, entry)
    problem = missing(name, data_root)
    if problem:
        raise HarnessError(problem)
    folder = Path(data_root) / entry.folder
    files = match_pattern(folder, entry.pattern)
    if entry.versions:
        versions = _versions(folder, entry)
        return [_version(name, path, versions, folder) for name, path in sorted(files.items())]
    low = match_pattern(folder, entry.low) if entry.low else {}
    return [_image(name, files[name], low.get(name), folder, entry.crop) for name in sorted(files)]


def missing(name: str, data_root: str | Path) -> str | None:
    """Say in one line what of a dataset is missing and what to do, or return None; reads names only, no pixels."""
    entry = find_entry(name)
    try:
        return _embedded_missing(name, entry) if entry.kind == "embedded" else _missing(name, entry, Path(data_root))
    except HarnessError as error:
        return f"{name}: {error}"


def _missing(name: str, entry: DatasetEntry, data_root: Path) -> str | None:
    folder = data_root / entry.folder
    if not folder.is_dir():
        return f"{name}: no folder {folder}; {_advice(name, entry)}"
    files = match_pattern(folder, entry.pattern)
    low = match_pattern(folder, entry.low) if entry.low and not entry.versions else {}
    if not files:
        there = _others(entry, folder, set())
        return f"{name}: no images in {folder}; " + (f"there are {'; '.join(there)}" if there else _advice(name, entry))
    if entry.versions:
        paths = [path for found in _versions(folder, entry).values() for path in found.values()]
        return _wrong_names(name, entry, folder, {_key(path, folder) for path in (*files.values(), *paths)})
    if entry.low and set(low) != set(files):
        alone = sorted(set(low) ^ set(files))
        if twins := _same_but_for_normalization(alone):
            return f"{name}: {folder}: {twins}"
        return f"{name}: {folder}: without the other half of their pair: {some(alone)}; {_advice(name, entry)}"
    if entry.images is not None and entry.manifest is None and len(files) != entry.images:
        return f"{name}: {folder}: {len(files)} images where {entry.images} belong; {_advice(name, entry)}"
    return _wrong_names(name, entry, folder, {_key(path, folder) for path in (*files.values(), *low.values())})


def _same_but_for_normalization(names: list[str]) -> str | None:
    """Say which of some names look alike and differ in their code points only, as copies made on macOS may."""
    forms: dict[str, list[str]] = {}
    for name in names:
        forms.setdefault(unicodedata.normalize("NFC", name), []).append(name)
    twins = [shown for shown, spelled in forms.items() if len(spelled) > 1]
    if not twins:
        return None
    return (
        f"the halves of these pairs have names that look the same and differ in Unicode normalization (NFC, NFD): "
        f"{some(twins)}; rename both halves alike, to the same form"
    )


def left_out(name: str, data_root: str | Path) -> str | None:
    """Say in one line which images in the folder of one's own data set do not belong to it and why, or return None.

    Images that belong to no data set are nobody's mistake in the folder of a public one, which is counted or listed.
    """
    entry = find_entry(name)
    folder = Path(data_root) / entry.folder
    if not entry.own or not folder.is_dir():
        return None
    taken = set(match_pattern(folder, entry.pattern).values())
    taken |= set(match_pattern(folder, entry.low).values()) if entry.low else set()
    there = _others(entry, folder, taken)
    return f"{name}: {folder}: left out: {'; '.join(there)}" if there else None


def _others(entry: DatasetEntry, folder: Path, taken: set[Path]) -> list[str]:
    """Return what lies below a folder and is an image, but none of the data set's, each with what to do."""
    rest = [path for path in files_below(folder) if path not in taken]
    dotted = [path for path in rest if path.name.startswith(".") and path.suffix.lower() in SUFFIXES]
    plain = [path for path in rest if path.suffix.lower() in SUFFIXES and path not in dotted]
    below = [path for path in plain if path.parent != folder and "/" not in entry.pattern]
    parts = []
    if formats := other_formats(rest):
        parts.append(f"{formats}: save them as PNG or JPEG")
    if below:
        places = some(sorted({path.parent.relative_to(folder).as_posix() for path in below}))
        advice = "move them up, or write pattern: '*/{name}' into the data set's entry"
        parts.append(f"{_count(below)} in folders below ({places}): {advice}")
    if dotted:
        names = some([path.name for path in dotted])
        parts.append(f"{_count(dotted)} whose names begin with a dot ({names}): rename those that are photographs")
    if unlike := [path for path in plain if path not in below]:
        names, wanted = some([path.name for path in unlike]), " or ".join(filter(None, (entry.pattern, entry.low)))
        parts.append(f"{_count(unlike)} not named as {wanted} ({names})")
    return parts


def other_formats(paths: Iterable[Path]) -> str:
    """Return how many files are images of formats that are not read, and of which: ``3 files (.avif, .heic)``."""
    found = [path.suffix.lower() for path in paths if path.suffix.lower() in OTHER_SUFFIXES]
    return f"{len(found)} file{'s' * (len(found) > 1)} ({', '.join(sorted(set(found)))})" if found else ""


def _count(paths: list[Path]) -> str:
    return f"{len(paths)} image{'s' * (len(paths) > 1)}"


def _wrong_names(name: str, entry: DatasetEntry, folder: Path, found: set[str]) -> str | None:
    if entry.manifest_path is None:
        return None
    wanted = set(read_manifest(entry.manifest_path).rows)
    if twins := _same_but_for_normalization(sorted(wanted ^ found)):
        return f"{name}: {folder}: {twins.replace('the halves of these pairs have', 'images and manifest have')}"
    if wanted - found:
        lost = sorted(wanted - found)
        return f"{name}: {folder}: {len(lost)} of {len(wanted)} images missing: {some(lost)}; {_advice(name, entry)}"
    if found - wanted:
        extra = sorted(found - wanted)
        return f"{name}: {folder}: images that do not belong to {name}: {some(extra)}; remove them from the folder"
    return None


def _image(name: str, path: Path, low: Path | None, folder: Path, crop: int | None) -> ImageFile:
    return ImageFile(name, path, _key(path, folder), low, _key(low, folder) if low else "", crop)


def _versions(folder: Path, entry: DatasetEntry) -> dict[str, dict[str, Path]]:
    """Return the files of a set that comes degraded: degradation to image name to file."""
    return {version: match_pattern(folder, entry.low_pattern(version)) for version in entry.versions}


def _version(name: str, path: Path, versions: dict[str, dict[str, Path]], folder: Path) -> ImageFile:
    own = {version: (found[name], _key(found[name], folder)) for version, found in versions.items()}
    return ImageFile(name, path, _key(path, folder), versions=own)


def _key(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def match_pattern(folder: Path, pattern: str) -> dict[str, Path]:
    """Return image name to file for the files below ``folder`` that ``pattern`` describes."""
    expression = re.escape(pattern).replace(r"\*", "[^/]*").replace(re.escape("{name}"), "(?P<name>[^/]+)")
    found: dict[str, Path] = {}
    taken: dict[str, Path] = {}  # lower case: some file systems know no other difference
    for path in sorted(folder.glob(pattern.replace("{name}", "*") + ".*")):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        match = re.fullmatch(expression, path.relative_to(folder).with_suffix("").as_posix())
        if match is None or not _is_usable(path):
            continue
        key = match["name"]
        if key.lower() in taken:
            other = taken[key.lower()].name
            raise HarnessError(f"{path}: the image name {key!r} is taken by {other} already; remove one of them")
        found[key] = taken[key.lower()] = path
    return found


def _is_usable(path: Path) -> bool:
    """Whether a path is a file; links to nowhere and names that no table can hold are errors."""
    if path.is_symlink() and not path.exists():
        raise HarnessError(f"{path}: a link to a file that is not there; restore the file or remove the link")
    if not path.is_file():
        return False
    if problem := image_name_problem(path.name) or image_name_problem(str(path).replace("/", "_")):
        raise HarnessError(f"{ascii(str(path))[1:-1]}: the name {problem}; rename the file")
    return True


def _embedded(name: str, entry: DatasetEntry) -> list[ImageFile]:
    problem = _embedded_missing(name, entry)
    if problem:
        raise HarnessError(problem)
    return [ImageFile(key, _package_file(entry.files[key]), key, crop=entry.crop) for key in sorted(entry.files)]


def _embedded_missing(name: str, entry: DatasetEntry) -> str | None:
    for place in entry.files.values():
        package = place.partition(":")[0]
        if importlib.util.find_spec(package) is None:
            return f"{name}: the package {package}, which carries the photographs, is missing; install the dependencies"
        if not _package_file(place).is_file():
            return f"{name}: {_package_file(place)} is missing from the installed package {package}; reinstall it"
    return None


def _package_file(place: str) -> Path:
    """Return the file of ``package:path`` without importing the package."""
    package, _, path = place.partition(":")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise HarnessError(f"{place}: the package {package} is not installed")
    return Path(spec.origin).parent / path


def _advice(name: str, entry: DatasetEntry) -> str:
    if entry.own:
        return (
            f"put photographs there, pairs as {entry.pattern} and {entry.low}" if entry.low else "put photographs there"
        )
    copy = f"`python -m harness adopt {name} FOLDER` for a copy you have"
    if entry.sources:
        return f"run `python -m harness fetch {name}`, or {copy}"
    return f"run {copy} (it cannot be fetched: {entry.manual or 'no public address is known'})"


def some(names: list[str]) -> str:
    """Return the first few names, and how many more there are."""
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
