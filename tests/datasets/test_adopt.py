"""Adopting a user's copy: exact ones under any name, and the right diagnosis for all others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.datasets import locks
from harness.datasets.adopt import adopt
from harness.datasets.benchmark import generate
from harness.datasets.manifests import Row, read_manifest, write_manifest
from harness.datasets.resolve import missing
from harness.datasets.verify import verify, wrong_originals
from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels, crop_to_multiple, read_rgb
from tests.datasets.conftest import Catalogue, photograph, save

NAMES = ("10", "2", "baby")  # string-sorted, as benchmark lists are
SIZES = {"10": (43, 31), "2": (50, 38), "baby": (61, 46)}


def original(name: str) -> Pixels:
    return photograph(name, *SIZES[name])


@pytest.fixture
def copy(tmp_path: Path, write_catalogue: Catalogue) -> Path:
    """The catalogue knows `tiny`; the user's folder is still empty."""
    configs = write_catalogue(
        {
            "tiny": {"kind": "benchmark", "images": 3, "folder": "sets/tiny", "manifest": "tiny"},
            "plain": {"kind": "training", "images": 3, "folder": "sets/plain"},
        }
    )
    write_manifest(configs / "manifests/tiny.tsv", {}, [Row.of(name, original(name)) for name in NAMES])
    write_manifest(configs / "manifests/LIVE1.tsv", {}, [Row.of("bikes", photograph("bikes"))])
    (tmp_path / "copy").mkdir()
    return tmp_path / "copy"


def half(pixels: Pixels, factor: int = 2) -> Pixels:
    height, width = pixels.shape[:2]
    return np.asarray(Image.fromarray(pixels).resize((width // factor, height // factor)))


def adopted(copy: Path, name: str = "tiny") -> str:
    lines = adopt(name, copy, copy.parent / "data", jobs=1)
    assert missing(name, copy.parent / "data") is None
    return "\n".join(lines)


def refused(copy: Path, name: str = "tiny") -> str:
    with pytest.raises(HarnessError) as caught:
        adopt(name, copy, copy.parent / "data", jobs=1)
    line = str(caught.value)
    assert "\n" not in line
    assert not (copy.parent / "data").exists(), "nothing was copied"
    return line


NAMINGS: dict[str, Callable[[int, str], str]] = {
    "own names": lambda index, name: f"{name}.png",
    "numbers in string-sorted order": lambda index, name: f"img_{index + 1:03d}.png",
    "with _HR": lambda index, name: f"{name}_HR.bmp",
    "with SRF": lambda index, name: f"img_{index + 1:03d}_SRF_4_HR.png",
    "in folders": lambda index, name: f"HR/x4/{name}x4.tif",
    "anything": lambda index, name: f"{'zyx'[index]}.png",
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_exact_copies_are_recognized_under_any_name(copy: Path, naming: str) -> None:
    for index, name in enumerate(NAMES):
        save(copy / NAMINGS[naming](index, name), original(name))
    text = adopted(copy)
    assert "all 3 images recognized by their pixels and copied" in text
    assert ("had other names" in text) is (naming != "own names")
    for name in NAMES:
        (path,) = (copy.parent / "data/sets/tiny").glob(f"{name}.*")
        np.testing.assert_array_equal(read_rgb(path), original(name))


def test_renamed_images_are_named(copy: Path) -> None:
    for index, name in enumerate(NAMES):
        save(copy / f"img_{index + 1:03d}.png", original(name))
    assert "3 had other names: img_001 is 10, img_002 is 2, img_003 is baby" in adopted(copy)


def test_copies_cropped_to_a_multiple_of_four_serve_where_locked(copy: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in NAMES:
        save(source / "sets/tiny" / f"{name}.png", original(name))
        save(copy / f"{name}.png", crop_to_multiple(original(name), 4))
    generate("tiny", ["noise"], tmp_path / "out", source, jobs=1)
    assert "3 are cropped to a multiple of 4, with other pixels (10.png, 2.png, baby.png)" in refused(copy)
    locks.write_lock(tmp_path / "out", "tiny", "hr")
    locks.write_lock(tmp_path / "out", "tiny", "noise")
    assert "3 are cropped to a multiple of 4, which is the same at x4: 10, 2, baby" in adopted(copy)
    assert wrong_originals("tiny", tmp_path / "data") == []
    assert generate("tiny", ["noise"], tmp_path / "again", tmp_path / "data", jobs=1) == [], "the same locked pixels"
    with pytest.raises(HarnessError, match="not the original of the manifest"):
        generate("tiny", ["noise"], tmp_path / "third", tmp_path / "data", jobs=1, scale=3)


COPIES: dict[str, tuple[Callable[[Pixels], Pixels], str]] = {
    "half size": (half, "3 are half the size"),
    "low resolution": (lambda p: half(p, 4), "3 are low-resolution images (1/4 of the size)"),
    "other source": (lambda p: p ^ 1, "3 are the right size, but other pixels (another source, or saved with loss)"),
    "cropped": (lambda p: crop_to_multiple(p, 4) ^ 1, "3 are cropped to a multiple of 4, with other pixels"),
    "turned": (lambda p: np.rot90(p), "3 are turned by 90 degrees"),
    "other size": (lambda p: p[:-5, :-7], "is of another size|are of another size"),
}
NAMED: dict[str, Callable[[int, str], str]] = {
    "own": lambda index, name: f"{name}.png",
    "numbered": lambda index, name: f"img_{index + 1:03d}.png",
    "x4": lambda index, name: f"{index + 1:04d}x4.png",
    "HR": lambda index, name: f"{name}_HR.png",
    "order": lambda index, name: f"{'abc'[index]}.png",
}


@pytest.mark.parametrize("named", NAMED)
@pytest.mark.parametrize("kind", COPIES)
def test_other_copies_are_diagnosed(copy: Path, kind: str, named: str) -> None:
    change, diagnosis = COPIES[kind]
    for index, name in enumerate(NAMES):
        save(copy / NAMED[named](index, name), np.ascontiguousarray(change(original(name))))
    line = refused(copy)
    assert line.startswith(f"tiny: {copy}: 0 of 3 images recognized by their pixels; ")
    assert any(part in line for part in diagnosis.split("|"))
    assert line.endswith("missing: 10, 2, baby; nothing was copied")


def test_a_lossy_copy_is_no_copy(copy: Path) -> None:
    for name in NAMES:
        Image.fromarray(original(name)).save(copy / f"{name}.jpg", quality=95)
    assert "3 are the right size, but other pixels" in refused(copy)


def test_images_of_other_datasets_are_recognized(copy: Path) -> None:
    save(copy / "x.png", photograph("bikes"))
    assert "1 are images of LIVE1 (x.png)" in refused(copy)


def test_one_missing_one_broken_one_strange(copy: Path) -> None:
    save(copy / "10.png", original("10"))
    (copy / "2.png").write_bytes(b"")
    save(copy / "holiday.png", photograph("holiday", 99, 77))
    save(copy / "more.png", photograph("more", 99, 77))
    line = refused(copy)
    assert "1 of 3 images recognized" in line
    assert "2 are unknown by name and by pixels (holiday.png, more.png)" in line
    assert "1 cannot be read" in line
    assert "2.png: an empty file" in line
    assert "missing: 2, baby" in line


def test_extra_images_are_left_out(copy: Path) -> None:
    for name in NAMES:
        save(copy / "HR" / f"{name}.png", original(name))
        save(copy / "LR" / f"{name}.png", half(original(name), 4))
    assert "left out: 3 low-resolution images (1/4 of the size) (10.png, 2.png, baby.png)" in adopted(copy)
    assert len(list((copy.parent / "data/sets/tiny").iterdir())) == 3


def test_adopting_again_replaces_files_of_other_formats(copy: Path) -> None:
    for name in NAMES:
        save(copy / f"{name}.bmp", original(name))
        save(copy.parent / "data/sets/tiny" / f"{name}.png", photograph("wrong"))
    adopted(copy)
    assert {path.suffix for path in (copy.parent / "data/sets/tiny").iterdir()} == {".bmp"}
    assert (copy / "10.bmp").is_file(), "the user's copy stays"
    adopt("tiny", copy.parent / "data/sets/tiny", copy.parent / "data", jobs=1)
    assert missing("tiny", copy.parent / "data") is None, "a folder that is in place already is left as it is"


def test_without_manifest_names_and_number_decide(copy: Path) -> None:
    for index in range(3):
        save(copy / "DIV2K/HR" / f"{index + 1:04d}.png", photograph(str(index)))
        save(copy / "DIV2K/other" / f"{index + 1:04d}.png", photograph(str(index)))
    save(copy / "DIV2K/other/x.png", photograph("x"))
    text = adopted(copy, "plain")
    assert text == f"plain: 3 images copied from {copy / 'DIV2K/HR'}; there is no manifest to check their pixels"


def test_without_manifest_low_resolution_images_are_refused(copy: Path) -> None:
    for index in range(3):
        save(copy / f"{index + 1:04d}x4.png", photograph(str(index)))
    assert "these are low-resolution images (0001x4.png, 0002x4.png, 0003x4.png); take the HR folder" in refused(
        copy, "plain"
    )
    save(copy / "more.png", photograph("more"))
    assert "no folder in it holds 3 images named {name}; the fullest holds 4; nothing was copied" in refused(
        copy, "plain"
    )


def test_folders_without_images_and_kinds_without_adoption(copy: Path) -> None:
    assert "holds no images" in refused(copy)
    assert "no such folder" in refused(copy / "nowhere")
    with pytest.raises(HarnessError, match="no dataset 'Set55'"):
        adopt("Set55", copy, copy)


def test_embedded_datasets_need_no_adoption(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="embedded_test: is embedded and needs no adoption"):
        adopt("embedded_test", tmp_path, tmp_path)


def test_verify_tells_good_from_bad(copy: Path, tmp_path: Path) -> None:
    for name in NAMES:
        save(copy / f"{name}.png", original(name))
    adopted(copy)
    data, out = tmp_path / "data", tmp_path / "out" / "x4"
    generate("tiny", ["clean", "noise"], out, data, jobs=1)
    locks.write_lock(out, "tiny", "clean")
    lines = {verdict.line: verdict.good for verdict in verify([], data, out.parent)}
    assert lines == {
        "tiny: 3 images, all as in the manifest": True,
        "tiny/clean: 3 images as locked in rdsr-v1": True,
        "tiny/hr: 3 images, as generated": True,
        "tiny/noise: no lock file for rdsr-v1 at x4; the pixels are reproducible, but not checked": True,
    }
    save(data / "sets/tiny/2.png", photograph("wrong", *SIZES["2"]))
    save(out / "tiny/noise/10.png", photograph("wrong"))
    path = locks.lock_path("tiny", "clean")
    path.write_text(path.read_text().replace(read_manifest(path).rows["baby"].sha256, "0" * 64))
    bad = [verdict.line for verdict in verify(["tiny", "plain"], data, out.parent) if not verdict.good]
    assert len(bad) == 4
    for line, part in zip(
        bad, ("2.png: other pixels", "tiny/clean: 1 of 3", "10.png: its pixels", "plain: no folder"), strict=True
    ):
        assert part in line


@pytest.mark.parametrize("dataset", ["Set5", "Set14"])
def test_real_copies_named_and_cropped_as_they_circulate(dataset: str, shared_data_root: Path, tmp_path: Path) -> None:
    """As in the copies that many repositories carry: img_001 ... in string-sorted order, cropped to multiples of 4."""
    originals = sorted((shared_data_root / "benchmarks" / dataset).iterdir(), key=lambda path: path.stem)
    for index, path in enumerate(originals):
        save(tmp_path / "copy" / f"img_{index + 1:03d}.png", crop_to_multiple(read_rgb(path), 4))
    text = "\n".join(adopt(dataset, tmp_path / "copy", tmp_path / "data", jobs=2))
    assert f"all {len(originals)} images recognized by their pixels and copied" in text
    assert generate(dataset, ["blur_noise_jpeg"], tmp_path / "out", tmp_path / "data", jobs=2) == []


def test_half_size_urban100_is_told(shared_data_root: Path, tmp_path: Path) -> None:
    for path in (shared_data_root / "benchmarks" / "Urban100_part").iterdir():
        save(tmp_path / f"{path.stem}.png", half(read_rgb(path)))
    with pytest.raises(HarnessError, match="0 of 100 images recognized by their pixels; 5 are half the size"):
        adopt("Urban100", tmp_path, tmp_path / "data", jobs=2)
