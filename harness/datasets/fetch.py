"""Fetching datasets: the catalogue's sources one after the other until one gives the right pixels."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from harness.datasets.adopt import adopt, place_image
from harness.datasets.archive import unpack
from harness.datasets.catalogue import DatasetEntry, Source, find_entry
from harness.datasets.download import Expected, Patience, download, mismatch
from harness.datasets.manifests import Row, difference, read_manifest
from harness.datasets.progress import progress
from harness.datasets.resolve import missing
from harness.datasets.verify import wrong_originals
from harness.foundation.errors import HarnessError
from harness.foundation.files import explain_os_errors
from harness.foundation.images import read_rgb

DOWNLOADS = ".downloads"
_CONNECTIONS = 4
_OVERHEAD = 4_000_000  # bytes of headers, colour profiles and previews in an image


def fetch(
    names: Sequence[str],
    data_root: str | Path,
    keep_archives: bool = False,
    patience: Patience = Patience(),  # noqa: B008 (immutable)
) -> list[str]:
    """Download datasets into the data folder and verify their pixels.

    Datasets that are complete are left alone; files and parts of files that an interrupted call left are used. An
    archive that serves several of the datasets is downloaded once.

    Args:
        names: of datasets in the catalogue.
        data_root: the data folder.
        keep_archives: keep downloaded archives in ``<data_root>/.downloads``.
        patience: how long to try each address.

    Returns:
        One line per dataset.

    Raises:
        HarnessError: one line per dataset that could not be fetched, with what each source said. The other datasets
            are fetched nevertheless.
    """
    entries = {name: find_entry(name) for name in dict.fromkeys(names)}
    lines, failures = [], []
    used: set[Path] = set()
    for name, entry in entries.items():
        try:
            lines.append(f"{name}: {_fetch_one(name, entry, Path(data_root), patience, used)}")
        except HarnessError as error:
            failures.append(str(error))
    if not keep_archives and not failures:
        for archive in used:
            archive.unlink(missing_ok=True)
        _remove_if_empty(Path(data_root) / DOWNLOADS)
    if failures:
        raise HarnessError("\n".join(failures))
    return lines


def _fetch_one(name: str, entry: DatasetEntry, data_root: Path, patience: Patience, used: set[Path]) -> str:
    if entry.kind == "embedded" or entry.own:
        return "its photographs come with installed packages" if entry.kind == "embedded" else "put photographs there"
    if missing(name, data_root) is None and not wrong_originals(name, data_root):
        return "complete already"
    if not entry.sources:
        raise HarnessError(f"{name}: cannot be fetched: {entry.manual}; then `python -m harness adopt {name} FOLDER`")
    said = []
    for source in entry.sources:
        try:
            if "{file}" in source.url:
                _fetch_files(name, entry, source, data_root, patience)
            else:
                _fetch_archive(name, entry, source, data_root, patience, used)
        except HarnessError as error:
            said.append(" ".join(str(error).split()))
            continue
        problem = missing(name, data_root)
        if problem is None:
            return f"{entry.images} images from {urlsplit(source.url).netloc}"
        said.append(problem)
    raise HarnessError(f"{name}: no source gave the whole dataset: " + "; ".join(said))


def _fetch_files(name: str, entry: DatasetEntry, source: Source, data_root: Path, patience: Patience) -> None:
    """Download the images of a manifest one by one, a few at a time; those already there are kept."""
    assert entry.manifest_path is not None, "the catalogue's test sees to it"
    rows = read_manifest(entry.manifest_path).rows.values()
    folder = data_root / entry.folder
    failures = []
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        tasks = [pool.submit(_fetch_image, row, source.url, folder, patience) for row in rows]
        try:
            for task in progress(as_completed(tasks), len(tasks), f"fetch {name}"):
                try:
                    task.result()
                except HarnessError as error:
                    failures.append(str(error))
        finally:
            pool.shutdown(cancel_futures=True)
    if failures:
        raise HarnessError(f"{len(failures)} of {len(tasks)} images failed, such as {min(failures)}")


def _fetch_image(row: Row, url: str, folder: Path, patience: Patience) -> None:
    target = folder / f"{row.name}{PurePosixPath(row.file).suffix.lower()}"
    present = target.parent.glob("*") if target.parent.is_dir() else ()
    if any(path.stem == target.stem and _is_row(path, row) for path in present):
        return
    address = url.replace("{file}", quote(row.file))
    arrived = target.with_name(f".{target.name}.new")
    # Not even uncompressed, with 16 bits per channel and transparency, does an image take more.
    download(address, arrived, Expected(most=8 * row.width * row.height + _OVERHEAD), patience)
    try:
        problem = difference(read_rgb(arrived), row)
        if problem:
            raise HarnessError(f"{address}: {problem}")
        place_image(arrived, target, move=True)
    finally:
        arrived.unlink(missing_ok=True)


def _is_row(path: Path, row: Row) -> bool:
    try:
        return difference(read_rgb(path), row) is None
    except HarnessError:
        return False


def _fetch_archive(
    name: str, entry: DatasetEntry, source: Source, data_root: Path, patience: Patience, used: set[Path]
) -> None:
    """Download an archive, unpack its images beside the data, and move them into place if they are the right ones."""
    archive = data_root / DOWNLOADS / _archive_name(source.url)
    expected = Expected(source.sha256, source.md5, source.size)
    if archive not in used and (not archive.is_file() or mismatch(archive, expected)):
        download(source.url, archive, expected, patience)
    used.add(archive)
    with _fresh_folder(data_root / DOWNLOADS / f"{name}.unpacked") as folder:
        try:
            unpack(archive, folder, source.root, source.keep)
        except HarnessError:
            archive.unlink()
            used.discard(archive)
            raise
        adopt(name, folder, data_root, move=True)


def _archive_name(url: str) -> str:
    """Return a file name for an address: its last part, and a hash, because many archives have one name."""
    last = re.sub(r"[^\w.()-]+", "_", unquote(PurePosixPath(urlsplit(url).path).name)) or "archive"
    return f"{hashlib.sha256(url.encode()).hexdigest()[:8]}-{last}"


@contextmanager
def _fresh_folder(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    with explain_os_errors(folder):
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
