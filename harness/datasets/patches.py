"""Training images as one memory map of raw pixels, and the random crops taken of it.

Decoding a PNG of 2K size takes a tenth of a second, a crop of 400 x 400 is a fifteenth of it: images are decoded once
into ``pixels.bin`` (uint8 RGB, one image after the other), and ``index.json`` says where each of them starts and what
its SHA-256 is. A pack is read once and compared when it is opened, and again if its file was touched since: what a run
trains on is what its record says.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.datasets.catalogue import find_entry, load_catalogue
from harness.datasets.manifests import read_manifest
from harness.datasets.pack_files import INDEX, PIXELS, PackedImage, PackFile, PackInfo, pack_sha256, read_index
from harness.datasets.progress import parallel_map
from harness.datasets.resolve import ImageFile, resolve_images, some
from harness.datasets.sub_images import SIDE, SubImages
from harness.foundation.errors import HarnessError
from harness.foundation.files import atomic_path, canonical_json, explain_os_errors
from harness.foundation.images import image_size, pixel_sha256
from harness.foundation.rng import Draws, numpy_stream
from harness.foundation.sums import seal_text

Integers = npt.NDArray[np.int64] | Sequence[int]

Weighing = Literal["photographs", "sub_images"]
"""How often an image is drawn: all equally often, or each as often as it has sub-images."""


@dataclass(frozen=True)
class _Task:
    """Decode one image and put it at its place in the file."""

    image: ImageFile
    target: Path
    width: int
    height: int
    offset: int

    def run(self) -> PackedImage:
        pixels = self.image.read()
        if pixels.shape != (self.height, self.width, 3):
            raise HarnessError(
                f"{self.image.path}: its header says {self.width} x {self.height}, its pixels {pixels.shape}"
            )
        with open(self.target, "r+b") as stream:
            stream.seek(self.offset)
            stream.write(np.ascontiguousarray(pixels))
        return PackedImage(self.image.name, self.width, self.height, self.offset, pixel_sha256(pixels))


def pack(name: str, data_root: str | Path, target: Path, jobs: int = -1) -> PackInfo:
    """Decode a dataset once into ``target/pixels.bin`` and ``target/index.json``.

    Places follow from sizes, so workers write side by side and the bytes do not depend on their number. The index is
    written last: a pack without it is unfinished. Memory use is a few images, whatever the size of the dataset.

    Args:
        name: of a dataset in the catalogue.
        data_root: the data folder.
        target: folder of the pack.
        jobs: worker processes; -1 for one per core.

    Raises:
        HarnessError: an image is missing or unreadable, is one of a benchmark's, or the disk is too small.
    """
    images = resolve_images(name, data_root)
    with explain_os_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        (target / INDEX).unlink(missing_ok=True)
    with atomic_path(target / PIXELS) as temporary:
        tasks, offset = [], 0
        for image in images:
            width, height = _size(image)
            tasks.append(_Task(image, temporary, width, height, offset))
            offset += width * height * 3
        _reserve(temporary, target / PIXELS, offset)
        packed = tuple(parallel_map(_Task.run, tasks, jobs, f"pack {name}", _workers_for(offset)))
    _refuse_test_images(name, packed)
    info = PackInfo(name, packed, pack_sha256(packed))
    lines = ",\n".join("  " + canonical_json(asdict(image)) for image in packed)
    head = f'"dataset": {json.dumps(name)},\n"sha256": "{info.sha256}",\n"images": [\n{lines}\n]'
    seal_text(target / INDEX, f"{{\n{head}\n}}\n")
    return info


class Pack:
    """A memory-mapped pack of training images."""

    def __init__(self, info: PackInfo, pixels: npt.NDArray[np.uint8], file: PackFile | None = None) -> None:
        """Wrap the flat ``pixels`` that ``info`` describes, and the ``file`` that they are a map of; :meth:`open`."""
        self.info = info
        self._file = file
        self._images = [
            pixels[image.offset : image.offset + image.size].reshape(image.height, image.width, 3)
            for image in info.images
        ]

    @classmethod
    def open(cls, folder: str | Path, compare: bool = True) -> Pack:
        """Map the pack in ``folder`` and compare its pixels with the index: one read, a second per gigabyte.

        Args:
            folder: of the pack.
            compare: whether to read the pixels; their number is compared in any case.

        Raises:
            HarnessError: the pack is missing, unfinished, of the wrong size, or not what was packed.
        """
        info = read_index(folder)
        file = PackFile(Path(folder) / PIXELS, info, compare)
        return cls(info, file.pixels, file)

    def __len__(self) -> int:
        return len(self._images)

    def image(self, index: int) -> npt.NDArray[np.uint8]:
        """Return image ``index``, (H, W, 3) uint8 RGB, as a view of the map."""
        return self._images[index]

    def size(self, index: int) -> tuple[int, int]:
        """Return (height, width) of image ``index`` in pixels."""
        height, width, _ = self._images[index].shape
        return height, width

    @cached_property
    def sub_images(self) -> SubImages:
        """The sub-images that the released training draws from."""
        return SubImages.of([self.size(index) for index in range(len(self))])

    def crops(
        self,
        picks: Integers,
        tops: Integers,
        lefts: Integers,
        size: int,
        out: npt.NDArray[np.uint8] | None = None,
    ) -> npt.NDArray[np.uint8]:
        """Return square windows of images as (N, size, size, 3) uint8.

        An image smaller than ``size`` is continued to the right and below by reflection without repeating the edge, as
        Real-ESRGAN's data loader does (``BORDER_REFLECT_101``).

        Args:
            picks: (N,) indices of images.
            tops, lefts: (N,) the window's first row and column.
            size: side of the window in pixels.
            out: where to put them, and what is returned.

        Raises:
            HarnessError: a window begins outside its image or does not fit into one that is large enough, or the file
                was changed while it was in use.
        """
        if self._file is not None:
            self._file.check_untouched()
        windows = np.empty((len(picks), size, size, 3), np.uint8) if out is None else out
        for window, pick, top, left in zip(windows, picks, tops, lefts, strict=True):
            image = self._images[pick]
            height, width, _ = image.shape
            if not (0 <= top <= max(height - size, 0) and 0 <= left <= max(width - size, 0)):
                place = f"row {top}, column {left} of {self.info.images[pick].name} ({width} x {height})"
                raise HarnessError(f"crop of {size} pixels at {place}: outside the image")
            if height >= size and width >= size:
                window[...] = image[top : top + size, left : left + size]
            else:
                window[...] = image[np.ix_(_reflected(top, size, height), _reflected(left, size, width))]
        return windows


def sample_crops(
    pack: Pack,
    crop: int,
    draws: Draws,
    horizontal_flip: bool,
    out: npt.NDArray[np.uint8] | None = None,
    weighing: Weighing = "photographs",
) -> npt.NDArray[np.uint8]:
    """Return the ground-truth crops of one training step, (len(draws.rows), crop, crop, 3) uint8.

    Each row of the global batch draws from its own stream: an image (uniformly, with replacement: over a training
    every image is seen equally often to within a percent, and a row never depends on the size of the batch), the
    place of the window, and whether it is mirrored. The view is not part of the stream: both views of Simple-Align
    see the same window.

    Args:
        pack: the training images.
        crop: side of the window in pixels.
        draws: seed, iteration and rows.
        horizontal_flip: mirror half of the windows.
        out: where to put the crops, and what is returned.
        weighing: how often an image is drawn; with ``sub_images``, the place is uniform within one of them.
    """
    picks, tops, lefts, flips = draw_windows(pack, crop, draws, horizontal_flip, weighing)
    windows = pack.crops(picks, tops, lefts, crop, out)
    for index in np.flatnonzero(flips):
        windows[index] = _mirrored(windows[index])
    return windows


def draw_windows(
    pack: Pack, crop: int, draws: Draws, horizontal_flip: bool, weighing: Weighing = "photographs"
) -> tuple[npt.NDArray[np.int64], ...]:
    """Return the places of :func:`sample_crops`: images, first rows, first columns, 1 where to mirror; each (N,)."""
    picks, tops, lefts, flips = (np.zeros(len(draws.rows), np.int64) for _ in range(4))
    for index, row in enumerate(draws.rows):
        stream = numpy_stream(draws.seed, "crop", draws.iteration, row)
        if weighing == "photographs":
            picks[index], top, left = stream.integers(len(pack)), 0, 0
            height, width = pack.size(picks[index])
        else:
            picks[index], top, left = pack.sub_images.place(int(stream.integers(len(pack.sub_images))))
            height, width = (min(side, SIDE) for side in pack.size(picks[index]))
        tops[index] = top + stream.integers(max(height - crop, 0) + 1)
        lefts[index] = left + stream.integers(max(width - crop, 0) + 1)
        flips[index] = stream.integers(2)
    return picks, tops, lefts, flips * horizontal_flip


def _mirrored(window: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a window (H, W, 3) mirrored left to right."""
    try:
        import cv2  # here, so that naming datasets stays cheap for the workflow
    except ImportError:  # a machine that has only what training needs
        return window[:, ::-1].copy()
    return np.asarray(cv2.flip(window, 1), np.uint8)  # twenty times as fast as NumPy with three bytes per pixel


def _reflected(start: int, count: int, length: int) -> npt.NDArray[np.int64]:
    """Return ``count`` indices from ``start`` into a line of ``length`` pixels, reflected at its ends (101)."""
    period = max(2 * (length - 1), 1)
    places = np.arange(start, start + count) % period
    return np.minimum(places, period - places) if length > 1 else np.zeros(count, np.int64)


def _size(image: ImageFile) -> tuple[int, int]:
    """Return (width, height) from an image's header, or its crop."""
    if image.crop is not None:
        return image.crop, image.crop
    return image_size(image.path)


def _refuse_test_images(name: str, packed: Iterable[PackedImage]) -> None:
    """Raise an error if a training image is, pixel by pixel, one that methods are tested on."""
    tested: dict[str, str] = {}
    for dataset, entry in load_catalogue().items():
        if entry.manifest_path is not None and (entry.kind == "benchmark" or dataset == "embedded_test"):
            for row in read_manifest(entry.manifest_path).rows.values():
                tested[row.sha256] = f"{row.name} of {dataset}"
    leaks = [f"{image.name} is {tested[image.sha256]}" for image in packed if image.sha256 in tested]
    if leaks and find_entry(name).kind in ("training", "folder"):
        raise HarnessError(f"{name}: {len(leaks)} of the training images are test images: {some(leaks)}; take them out")


def _reserve(temporary: Path, target: Path, size: int) -> None:
    free = os.statvfs(temporary.parent)
    if free.f_bavail * free.f_frsize < size:
        raise HarnessError(
            f"{target}: needs {size / 1e9:.1f} GB, but only {free.f_bavail * free.f_frsize / 1e9:.1f} GB are free"
        )
    os.truncate(temporary, size)


def _workers_for(size: int) -> Literal["threads", "processes"]:
    """Return threads for small packs: starting processes costs a second, decoding a gigabyte half a minute."""
    return "threads" if size < 200_000_000 else "processes"
