"""The files of a pack: ``pixels.bin``, and ``index.json`` that says what is in it; both are checked when opened."""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np

from harness.datasets.resolve import some
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.files import content_hash
from harness.foundation.images import pixel_sha256
from harness.foundation.sums import check

PIXELS, INDEX = "pixels.bin", "index.json"

_READERS = 4  # threads: hashing leaves Python's lock


@dataclass(frozen=True)
class PackedImage:
    """One image of a pack: its name, size in pixels, first byte in ``pixels.bin``, and the SHA-256 of its pixels."""

    name: str
    width: int
    height: int
    offset: int
    sha256: str

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.width * self.height * 3


@dataclass(frozen=True)
class PackInfo:
    """What a pack holds.

    Attributes:
        dataset: its name.
        images: sorted by name, which is the order in the file.
        sha256: over names, sizes and pixels of all images.
    """

    dataset: str
    images: tuple[PackedImage, ...]
    sha256: str

    @property
    def size(self) -> int:
        """Length of ``pixels.bin`` in bytes."""
        return sum(image.size for image in self.images)


class PackFile:
    """The open and mapped ``pixels.bin`` of a pack, which is watched while it is in use.

    Reading a map beyond the end of a file that was cut off kills a process without a message, and images that were
    replaced in place would be trained on; so size and time of the file are asked for before every batch, which takes a
    microsecond. A file that was replaced as a whole does no harm: the map keeps the old one.

    Args:
        path: of the file.
        info: what it must hold.
        compare: whether to read and compare it now.

    Raises:
        HarnessError: the file is missing or not what was packed.
    """

    def __init__(self, path: Path, info: PackInfo, compare: bool) -> None:
        self._path, self._info = path, info
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise HarnessError(f"{path}: {error.strerror}; {layout.remedy(path)}") from error
        weakref.finalize(self, os.close, self._file)
        self._seen = self._signature()
        self._check_size()
        self.pixels = np.frombuffer(mmap(self._file, 0, access=ACCESS_READ), np.uint8)
        if compare:
            self._compare()

    def check_untouched(self) -> None:
        """Raise an error if the file's content was changed since it was opened."""
        if (now := self._signature()) != self._seen:
            self._check_size()
            self._compare()
            self._seen = now

    def _signature(self) -> tuple[int, int]:
        found = os.fstat(self._file)
        return found.st_size, found.st_mtime_ns

    def _check_size(self) -> None:
        found = self._signature()[0]
        if found != self._info.size:
            raise HarnessError(
                f"{self._path}: {found} bytes where the index says {self._info.size}; {layout.remedy(self._path)}"
            )

    def _compare(self) -> None:
        """Read all images and raise an error if any is not the one that was packed."""

        def right(image: PackedImage) -> bool:
            content = os.pread(self._file, image.size, image.offset)  # not of the map: it takes no memory, never kills
            if len(content) != image.size:
                return False
            pixels = np.frombuffer(content, np.uint8).reshape(image.height, image.width, 3)
            return pixel_sha256(pixels) == image.sha256

        images = self._info.images
        with ThreadPoolExecutor(_READERS) as pool:
            wrong = [image.name for image, good in zip(images, pool.map(right, images), strict=True) if not good]
        if wrong:
            raise HarnessError(
                f"{self._path}: {len(wrong)} of {len(images)} images are not what was packed: {some(wrong)}; "
                f"{layout.remedy(self._path)}"
            )


def read_index(folder: str | Path) -> PackInfo:
    """Read what the pack in ``folder`` holds.

    Raises:
        HarnessError: there is no finished pack, or its index is not what was written.
    """
    path = Path(folder) / INDEX
    check(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        info = PackInfo(
            content["dataset"], tuple(PackedImage(**image) for image in content["images"]), content["sha256"]
        )
    except FileNotFoundError as error:
        raise HarnessError(
            f"{folder}: no finished pack of training images; run `python -m harness pack EXPERIMENT DATASET` again"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HarnessError(f"{path}: not an index of a pack ({error}); {layout.remedy(path)}") from error
    if info.sha256 != pack_sha256(info.images):
        raise HarnessError(f"{path}: sha256: not that of the images it lists; {layout.remedy(path)}")
    return info


def pack_sha256(images: Iterable[PackedImage]) -> str:
    """Return the SHA-256 of a pack: over names and pixels, which with the sizes are in each image's own."""
    return content_hash([{"name": image.name, "sha256": image.sha256} for image in images])
