"""The training pack: same bytes for any number of workers, right crops, and streams that ignore batch and view."""

from __future__ import annotations

import dataclasses
import json
import mmap
import resource
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.datasets import patches
from harness.datasets.manifests import Row, write_manifest
from harness.datasets.pack_files import PackedImage, PackInfo, pack_sha256
from harness.datasets.patches import Pack, pack, sample_crops
from harness.foundation.errors import HarnessError
from harness.foundation.images import pixel_sha256, read_rgb
from harness.foundation.rng import Draws, numpy_stream
from harness.foundation.sums import sum_path
from tests.datasets.conftest import Catalogue, photograph, save


def memory_pack(*sizes: tuple[int, int]) -> Pack:
    """A pack of random images of the given (height, width)."""
    images, offset, flat = [], 0, []
    for index, (height, width) in enumerate(sizes):
        pixels = numpy_stream("pack", index).integers(0, 256, (height, width, 3), np.uint8)
        images.append(PackedImage(str(index), width, height, offset, pixel_sha256(pixels)))
        offset += pixels.size
        flat.append(pixels.ravel())
    return Pack(PackInfo("memory", tuple(images), ""), np.concatenate(flat))


def test_pack_holds_the_decoded_pixels_and_their_hashes(tiny: Path, tmp_path: Path) -> None:
    info = pack("tiny", tiny, tmp_path / "pack", jobs=1)
    opened = Pack.open(tmp_path / "pack")
    assert opened.info == info
    assert [image.name for image in info.images] == ["a", "b", "c", "gray"]
    for index, image in enumerate(info.images):
        expected = read_rgb(tiny / "tiny" / f"{image.name}.png")
        np.testing.assert_array_equal(opened.image(index), expected)
        assert image.sha256 == pixel_sha256(expected)
        assert opened.size(index) == expected.shape[:2]
    owner: object = opened.image(0)
    while isinstance(owner, (np.ndarray, memoryview)):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    assert isinstance(owner, mmap.mmap), "the pack is mapped, not read"


@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_bytes_do_not_depend_on_workers(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    pack("tiny", tiny, tmp_path / "one", jobs=1)
    monkeypatch.setattr(patches, "_workers_for", lambda size: workers)
    pack("tiny", tiny, tmp_path / "many", jobs=3)
    for name in (patches.PIXELS, patches.INDEX):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


def test_content_hash_follows_the_pixels(tiny: Path, tmp_path: Path) -> None:
    first = pack("tiny", tiny, tmp_path / "pack", jobs=1)
    save(tiny / "tiny" / "a.png", photograph("changed", 41, 30))
    assert pack("tiny", tiny, tmp_path / "pack", jobs=1).sha256 != first.sha256


def test_a_failed_pack_leaves_no_index(tiny: Path, tmp_path: Path) -> None:
    pack("tiny", tiny, tmp_path / "pack", jobs=1)
    (tiny / "tiny" / "b.png").write_bytes((tiny / "tiny" / "b.png").read_bytes()[:200])
    with pytest.raises(HarnessError, match=r"b\.png: corrupt"):
        pack("tiny", tiny, tmp_path / "pack", jobs=1)
    with pytest.raises(HarnessError, match="no finished pack"):
        Pack.open(tmp_path / "pack")
    assert not list((tmp_path / "pack").glob(".*")), "temporary files are removed"


def test_damaged_packs_are_told(tiny: Path, tmp_path: Path) -> None:
    pack("tiny", tiny, tmp_path, jobs=1)
    content = (tmp_path / patches.PIXELS).read_bytes()
    (tmp_path / patches.PIXELS).write_bytes(content[:-1])
    with pytest.raises(HarnessError, match=f"{len(content) - 1} bytes where the index says {len(content)}"):
        Pack.open(tmp_path)
    (tmp_path / patches.INDEX).write_text(json.dumps({"dataset": "tiny"}))
    with pytest.raises(HarnessError, match="not what was written"):
        Pack.open(tmp_path)
    sum_path(tmp_path / patches.INDEX).unlink()
    with pytest.raises(HarnessError, match="not an index of a pack"):
        Pack.open(tmp_path)


def test_an_image_larger_than_the_disk_is_refused(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        f_bavail, f_frsize = 1, 512

    monkeypatch.setattr(patches.os, "statvfs", lambda path: Full)
    with pytest.raises(HarnessError, match=r"pixels\.bin: needs 0\.0 GB, but only"):
        pack("tiny", tiny, tmp_path / "pack", jobs=1)


def test_training_on_test_images_is_refused(tmp_path: Path, write_catalogue: Catalogue) -> None:
    configs = write_catalogue(
        {
            "bench": {"kind": "benchmark", "images": 1, "folder": "bench", "manifest": "bench"},
            "mine": {"kind": "folder", "folder": "mine"},
        }
    )
    write_manifest(configs / "manifests" / "bench.tsv", {}, [Row.of("monarch", photograph("m"))])
    save(tmp_path / "mine" / "butterfly.bmp", photograph("m"))
    save(tmp_path / "mine" / "own.png", photograph("own"))
    with pytest.raises(
        HarnessError, match="mine: 1 of the training images are test images: butterfly is monarch of bench"
    ):
        pack("mine", tmp_path, tmp_path / "pack", jobs=1)
    assert not (tmp_path / "pack" / patches.INDEX).exists()
    (tmp_path / "mine" / "butterfly.bmp").unlink()
    assert [image.name for image in pack("mine", tmp_path, tmp_path / "pack", jobs=1).images] == ["own"]


def test_cropped_datasets_are_packed_cropped(tmp_path: Path, write_catalogue: Catalogue) -> None:
    write_catalogue({"cut": {"kind": "training", "images": 1, "folder": "cut", "crop": 16}})
    pixels = photograph("x", 40, 31)
    save(tmp_path / "cut" / "x.png", pixels)
    pack("cut", tmp_path, tmp_path / "pack", jobs=1)
    np.testing.assert_array_equal(Pack.open(tmp_path / "pack").image(0), pixels[7:23, 12:28])


@given(
    height=st.integers(1, 30),
    width=st.integers(1, 30),
    size=st.integers(1, 40),
    where=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_crops_match_padding_with_opencv(height: int, width: int, size: int, where: tuple[float, float]) -> None:
    made = memory_pack((height, width))
    top, left = int(where[0] * max(height - size, 0)), int(where[1] * max(width - size, 0))
    padded = made.image(0)
    while padded.shape[0] < size or padded.shape[1] < size:  # OpenCV reflects any number of times itself
        below, right = max(size - height, 0), max(size - width, 0)
        padded = cv2.copyMakeBorder(padded, 0, below, 0, right, cv2.BORDER_REFLECT_101)
    got = made.crops([0], [top], [left], size)[0]
    np.testing.assert_array_equal(got, padded[top : top + size, left : left + size])


@pytest.mark.parametrize(("top", "left"), [(-1, 0), (0, -1), (9, 0), (0, 7), (1, 0)])
def test_windows_outside_the_image_are_refused(top: int, left: int) -> None:
    made = memory_pack((18, 16)) if (top, left) != (1, 0) else memory_pack((5, 16))
    with pytest.raises(HarnessError, match="crop of 10 pixels at row .* of 0 .*: outside the image"):
        made.crops([0], [top], [left], 10)


def test_a_row_never_depends_on_the_other_rows_or_on_the_view() -> None:
    made = memory_pack((60, 50), (40, 70), (30, 30))
    full = sample_crops(made, 24, Draws(3, 11, 0, range(16)), True)
    np.testing.assert_array_equal(sample_crops(made, 24, Draws(3, 11, 0, range(8)), True), full[:8])
    np.testing.assert_array_equal(sample_crops(made, 24, Draws(3, 11, 0, range(8, 16)), True), full[8:])
    np.testing.assert_array_equal(sample_crops(made, 24, Draws(3, 11, 1, range(16)), True), full)
    for other in (Draws(4, 11, 0, range(16)), Draws(3, 12, 0, range(16))):
        assert (sample_crops(made, 24, other, True) != full).any()


def test_flipping_mirrors_half_of_the_windows_and_changes_nothing_else() -> None:
    made = memory_pack((60, 50), (40, 70))
    mirrored = 0
    for iteration in range(20):
        draws = Draws(0, iteration, 0, range(16))
        plain, flipped = sample_crops(made, 24, draws, False), sample_crops(made, 24, draws, True)
        for before, after in zip(plain, flipped, strict=True):
            mirrored += not (before == after).all()
            assert (before == after).all() or (before[:, ::-1] == after).all()
    assert 120 < mirrored < 200


def test_images_and_windows_are_drawn_evenly() -> None:
    made = memory_pack(*[(25, 25)] * 4)
    for index in range(4):
        made.image(index)[...] = index
        made.image(index)[0] += 10
    windows = np.concatenate([sample_crops(made, 24, Draws(0, i, 0, range(64)), True) for i in range(40)])
    assert 1200 < (windows[:, 0, 0, 0] >= 10).sum() < 1360, "the two possible first rows are equally likely"
    windows = windows[:, 1:]
    counts = np.bincount(windows[:, 0, 0, 0], minlength=4)
    assert (abs(counts - 640) < 80).all()


def test_a_pack_of_the_size_of_div2k_is_never_read_whole(tmp_path: Path) -> None:
    """800 images of 2040 x 1356 pixels are 6.6 GB; the file is sparse, so the test needs neither disk nor time."""
    images = tuple(PackedImage(f"{i:04d}", 2040, 1356, i * 2040 * 1356 * 3, "0" * 64) for i in range(800))
    info = PackInfo("large", images, pack_sha256(images))
    with open(tmp_path / patches.PIXELS, "wb") as stream:
        stream.truncate(info.size)
    (tmp_path / patches.INDEX).write_text(
        json.dumps(
            {"dataset": "large", "sha256": info.sha256, "images": [dataclasses.asdict(image) for image in images]}
        )
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    opened = Pack.open(tmp_path, compare=False)
    assert opened.info == info
    for iteration in range(3):
        assert not sample_crops(opened, 400, Draws(0, iteration, 0, range(16)), True).any()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000, "kilobytes"
