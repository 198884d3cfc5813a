"""From a dataset's name to its files: what is found, and what is said when it is not as it should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.datasets import catalogue, resolve
from harness.datasets.adopt import adopt
from harness.datasets.catalogue import find_entry, load_catalogue
from harness.datasets.resolve import data_root, missing, resolve_images
from harness.foundation.errors import HarnessError
from harness.foundation.images import read_rgb
from tests.datasets.conftest import Catalogue, photograph, save

TINY = {"kind": "benchmark", "images": 2, "folder": "sets/tiny"}


def names(dataset: str, root: Path) -> list[str]:
    return [image.name for image in resolve_images(dataset, root)]


def refused(dataset: str, root: Path) -> str:
    """The one line that both the preflight and the stage say."""
    line = missing(dataset, root)
    assert line is not None
    assert "\n" not in line
    with pytest.raises(HarnessError) as caught:
        resolve_images(dataset, root)
    assert str(caught.value) == line
    return line


def test_images_are_sorted_by_name_whatever_their_format(tmp_path: Path, write_catalogue: Catalogue) -> None:
    write_catalogue({"tiny": TINY})
    save(tmp_path / "sets/tiny/b.BMP", photograph("b"))
    save(tmp_path / "sets/tiny/a.x.jpg", photograph("a"))
    for other in (".hidden.png", "notes.txt", "c.png.part"):
        (tmp_path / "sets/tiny" / other).write_text("")
    (tmp_path / "sets/tiny/folder.png").mkdir()
    assert names("tiny", tmp_path) == ["a.x", "b"]
    assert missing("tiny", tmp_path) is None


def test_missing_folders_and_images_come_with_advice(tmp_path: Path, write_catalogue: Catalogue) -> None:
    source = {"url": "https://example.org/{file}"}
    write_catalogue({"tiny": {**TINY, "sources": [source]}, "manual": {**TINY, "manual": "ask the authors"}})
    folder = tmp_path / "sets/tiny"
    assert refused("tiny", tmp_path) == (
        f"tiny: no folder {folder}; run `python -m harness fetch tiny`, "
        "or `python -m harness adopt tiny FOLDER` for a copy you have"
    )
    assert "(it cannot be fetched: ask the authors)" in refused("manual", tmp_path)
    folder.mkdir(parents=True)
    assert f"tiny: no images in {folder};" in refused("tiny", tmp_path)
    save(folder / "a.png", photograph("a"))
    assert f"tiny: {folder}: 1 images where 2 belong;" in refused("tiny", tmp_path)


def test_a_manifest_knows_the_names(tmp_path: Path, write_catalogue: Catalogue) -> None:
    configs = write_catalogue({"tiny": {**TINY, "manifest": "tiny"}})
    rows = "".join(f"{name}\t40\t32\t{'0' * 64}\n" for name in "ab")
    (configs / "manifests/tiny.tsv").write_text("name\twidth\theight\tsha256\n" + rows)
    save(tmp_path / "sets/tiny/a.png", photograph("a"))
    assert "1 of 2 images missing: b;" in refused("tiny", tmp_path)
    for name in "bcdefghi":
        save(tmp_path / f"sets/tiny/{name}.png", photograph(name))
    line = refused("tiny", tmp_path)
    assert line.endswith("images that do not belong to tiny: c, d, e, f, g and 2 more; remove them from the folder")


def test_two_files_of_one_name_are_refused(tmp_path: Path, write_catalogue: Catalogue) -> None:
    write_catalogue({"tiny": TINY})
    save(tmp_path / "sets/tiny/a.bmp", photograph("a"))
    save(tmp_path / "sets/tiny/a.png", photograph("a"))
    with pytest.raises(
        HarnessError, match=r"a\.png: the image name 'a' is taken by a\.bmp already; remove one of them"
    ):
        resolve_images("tiny", tmp_path)


def test_pairs_are_matched_by_name(tmp_path: Path, write_catalogue: Catalogue) -> None:
    entry = {
        "kind": "real_paired",
        "images": 2,
        "folder": "p",
        "pattern": "*/Test/{name}_HR",
        "low": "*/Test/{name}_LR4",
    }
    write_catalogue({"pairs": entry})
    for camera in ("Canon", "Nikon"):
        for kind in ("HR", "LR4"):
            save(tmp_path / f"p/{camera}/Test/{camera}_1_{kind}.png", photograph(camera))
    images = resolve_images("pairs", tmp_path)
    assert [image.name for image in images] == ["Canon_1", "Nikon_1"]
    assert images[1].low == tmp_path / "p/Nikon/Test/Nikon_1_LR4.png"
    images[1].low.unlink()
    assert "without the other half of their pair: Nikon_1;" in refused("pairs", tmp_path)


def test_folders_take_any_number_of_photographs(tmp_path: Path, write_catalogue: Catalogue) -> None:
    write_catalogue({"mine": {"kind": "folder", "folder": "photos"}})
    assert refused("mine", tmp_path).endswith("put photographs there")
    save(tmp_path / "photos/x.png", photograph("x"))
    assert names("mine", tmp_path) == ["x"]


def test_pairs_of_your_own_lie_anywhere_and_need_no_number(tmp_path: Path, write_catalogue: Catalogue) -> None:
    folder = tmp_path / "elsewhere"
    mine = {"kind": "real_paired", "folder": str(folder), "pattern": "HR/{name}", "low": "LR/{name}"}
    write_catalogue({"mine": mine})
    root = tmp_path / "data"
    assert (
        refused("mine", root)
        == f"mine: no folder {folder}; put photographs there, pairs as HR/{{name}} and LR/{{name}}"
    )
    save(folder / "HR/x.png", photograph("x"))
    assert "without the other half of their pair: x; put photographs there, pairs as" in refused("mine", root)
    save(folder / "LR/x.jpg", photograph("x", 10, 8))
    assert names("mine", root) == ["x"]
    with pytest.raises(HarnessError, match="mine: is real_paired and needs no adoption; put photographs into"):
        adopt("mine", folder, root)


def test_crops_are_centred_and_checked(tmp_path: Path, write_catalogue: Catalogue) -> None:
    write_catalogue({"cut": {"kind": "folder", "folder": "cut", "crop": 20}})
    path = save(tmp_path / "cut/x.png", photograph("x", 41, 30))
    (image,) = resolve_images("cut", tmp_path)
    assert (image.read() == read_rgb(path)[5:25, 10:30]).all()
    save(path, photograph("x", 41, 19))
    with pytest.raises(HarnessError, match="41 x 19 pixels, smaller than the dataset's crop 20"):
        image.read()


def test_unknown_names_list_the_known_ones(write_catalogue: Catalogue) -> None:
    write_catalogue({"tiny": TINY, "other": TINY})
    with pytest.raises(HarnessError, match="no dataset 'BSD100'; there are: other, tiny"):
        find_entry("BSD100")


def test_the_environment_names_the_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    assert data_root("x") == Path("x")
    monkeypatch.setenv("HARNESS_DATA", "elsewhere")
    assert data_root("x") == Path("elsewhere")


def test_missing_packages_are_told(write_catalogue: Catalogue, tmp_path: Path) -> None:
    entry = {"kind": "embedded", "images": 1}
    write_catalogue(
        {
            "gone": {**entry, "files": {"x": "no_such_package:x.png"}},
            "moved": {**entry, "files": {"x": "skimage:data/no_such.png"}},
        }
    )
    assert "the package no_such_package, which carries the photographs, is missing" in refused("gone", tmp_path)
    assert "is missing from the installed package skimage; reinstall it" in refused("moved", tmp_path)


def test_embedded_photographs_are_there_and_share_no_scene() -> None:
    entries = {name: entry for name, entry in load_catalogue().items() if entry.kind == "embedded"}
    assert set(entries) == {"embedded_train", "embedded_heldout", "embedded_test", "embedded_other"}
    seen: set[str] = set()
    for name, entry in entries.items():
        scenes = {file.removesuffix("_left").removesuffix("_right") for file in entry.files}
        assert not scenes & seen
        seen |= scenes
        assert missing(name, "nowhere") is None
        wanted = resolve.read_manifest(entry.manifest_path or "").rows
        for image in resolve_images(name, "nowhere"):
            assert image.path.is_file()
            assert resolve.read_manifest(entry.manifest_path or "").rows[image.name].file == entry.files[
                image.name
            ].replace(":", "/")
        assert set(wanted) == set(entry.files)


@pytest.mark.parametrize("package", ["skimage", "sklearn"])
def test_embedded_photographs_come_with_the_wheels(package: str) -> None:
    """Not downloaded later: pip's record of the installed files names each of them."""
    from importlib.metadata import files

    distribution = {"skimage": "scikit-image", "sklearn": "scikit-learn"}[package]
    installed = {str(path) for path in files(distribution) or ()}
    wanted = {
        place.replace(":", "/")
        for entry in load_catalogue().values()
        for place in entry.files.values()
        if place.startswith(package + ":")
    }
    assert wanted
    assert wanted <= installed


def test_catalogue_is_read_once_per_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_catalogue() == load_catalogue(catalogue.CONFIGS / "datasets.yaml")
    load_catalogue().clear()
    assert load_catalogue(), "a caller cannot change the shared catalogue"
