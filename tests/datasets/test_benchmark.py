"""Degraded benchmarks: same bytes for any order and number of workers, resumed without redoing, locked and verified."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.datasets import benchmark, locks
from harness.datasets.benchmark import generate, read_benchmark, verify_benchmark
from harness.datasets.catalogue import load_catalogue
from harness.datasets.manifests import MANIFEST, Row, read_manifest
from harness.datasets.resolve import ImageFile
from harness.degradations import fixed
from harness.degradations.drawn import Drawn
from harness.degradations.fixed import DEGRADATIONS, NOISES, SWEPT, VERSION, Recipe, degrade_all, own_meanings, select
from harness.degradations.spec import SecondOrderSpec
from harness.evaluation.sets import open_set
from harness.experiment.catalogues import Catalogues
from harness.experiment.direct_evaluation import adhoc_evaluation
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.files import file_sha256
from harness.foundation.images import crop_to_multiple, pixel_sha256, read_rgb
from harness.spec import SetSpec
from tests.datasets.conftest import Catalogue, photograph, save

SETS = ("clean", "blur_noise", "noise_jpeg")


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("index.")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_layout_pixels_and_manifests(tiny: Path, tmp_path: Path) -> None:
    generate("tiny", SETS, tmp_path / "out", tiny, jobs=1)
    folder = tmp_path / "out" / "tiny"
    index = layout.index_name(SETS, {})
    assert {path.name for path in folder.iterdir()} == {"hr", *SETS, index, f"{index}.sha256"}
    lines = [line.split("\t") for line in (folder / index).read_text().splitlines()]
    assert lines == [[name, file_sha256(folder / name / MANIFEST)] for name in sorted(("hr", *SETS))]
    for name in ("a", "b", "c", "gray"):
        hr = crop_to_multiple(read_rgb(tiny / "tiny" / f"{name}.png"), 4)
        np.testing.assert_array_equal(read_rgb(folder / "hr" / f"{name}.png"), hr)
        for degradation, pixels in degrade_all(hr, select(SETS), 4, VERSION, "tiny", name).items():
            np.testing.assert_array_equal(read_rgb(folder / degradation / f"{name}.png"), pixels)
            row = read_manifest(folder / degradation / MANIFEST).rows[name]
            assert (row.width, row.height, row.sha256) == (*pixels.shape[1::-1], pixel_sha256(pixels))
    header = read_manifest(folder / "noise_jpeg" / MANIFEST).header
    assert header["version"] == VERSION
    assert header["degradation"] == "noise_jpeg"
    assert {"Pillow", "OpenCV", "NumPy", "dataset", "scale"} <= set(header)


def test_an_index_follows_manifests_that_another_experiment_writes(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    generate("tiny", ("clean", "blur_noise"), tmp_path, tiny, jobs=1)
    generate("tiny", ("noise_jpeg",), tmp_path, tiny, jobs=1)
    first, third = (folder / layout.index_name(names, {}) for names in (("blur_noise", "clean"), ("noise_jpeg",)))
    before = first.read_text(), first.stat().st_mtime_ns
    generate("tiny", ("clean",), tmp_path, tiny, jobs=1)
    assert (first.read_text(), first.stat().st_mtime_ns) == before, "the same manifests: nothing to bring up to date"
    (folder / "blur_noise" / MANIFEST).write_text("changed")
    (folder / "noise_jpeg" / MANIFEST).unlink()
    generate("tiny", ("clean",), tmp_path, tiny, jobs=1)
    assert f"blur_noise\t{file_sha256(folder / 'blur_noise' / MANIFEST)}\n" in first.read_text() != before[0]
    assert not third.exists()


def test_bytes_depend_neither_on_workers_nor_on_order(tiny: Path, tmp_path: Path) -> None:
    generate("tiny", SETS, tmp_path / "one", tiny, jobs=1)
    generate("tiny", tuple(reversed(SETS)), tmp_path / "many", tiny, jobs=3)
    for degradation in SETS:
        generate("tiny", (degradation,), tmp_path / "apart", tiny, jobs=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "many") == contents(tmp_path / "apart")


def test_finished_images_are_kept_and_damaged_ones_made_again(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate("tiny", SETS, tmp_path, tiny, jobs=1)
    before = contents(tmp_path / "tiny")
    folder = tmp_path / "tiny"
    (folder / "clean" / "a.png").unlink()
    (folder / "blur_noise" / "b.png").write_bytes(before["blur_noise/b.png"][:-40])
    other = read_rgb(folder / "noise_jpeg" / "c.png").copy()
    other[0, 0] ^= 1
    save(folder / "noise_jpeg" / "c.png", other)
    (folder / "clean" / MANIFEST).unlink()
    save(folder / "clean" / "stranger.png", other)

    made: list[tuple[str, tuple[str, ...]]] = []
    original = benchmark.degrade_all
    monkeypatch.setattr(
        benchmark,
        "degrade_all",
        lambda hr, recipes, *key: made.append((key[-1], tuple(recipes))) or original(hr, recipes, *key),
    )
    generate("tiny", SETS, tmp_path, tiny, jobs=1)
    assert made == [("a", ("clean",)), ("b", ("blur_noise",)), ("c", ("noise_jpeg",)), ("gray", ())]
    assert contents(tmp_path / "tiny") == before


def test_a_changed_original_is_degraded_again(tiny: Path, tmp_path: Path) -> None:
    generate("tiny", SETS, tmp_path, tiny, jobs=1)
    save(tiny / "tiny" / "a.png", photograph("other", 41, 30))
    generate("tiny", SETS, tmp_path, tiny, jobs=1)
    generate("tiny", SETS, tmp_path / "fresh", tiny, jobs=1)
    assert contents(tmp_path / "tiny") == contents(tmp_path / "fresh" / "tiny")


def test_an_unreadable_image_loses_nothing_that_was_finished(tiny: Path, tmp_path: Path) -> None:
    broken = tiny / "tiny" / "c.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:100])
    with pytest.raises(HarnessError, match=r"c\.png: corrupt or unreadable"):
        generate("tiny", SETS, tmp_path, tiny, jobs=1)
    assert (tmp_path / "tiny" / "clean" / "a.png").is_file()
    assert not list(tmp_path.rglob(MANIFEST)), "an unfinished set has no manifest"
    broken.write_bytes(whole)
    assert generate("tiny", SETS, tmp_path, tiny, jobs=1) == [
        "tiny: no lock files at x4 for clean, blur_noise, noise_jpeg: reproducible, but not checked"
    ]


def test_an_image_smaller_than_the_scale_is_named(tiny: Path, tmp_path: Path) -> None:
    save(tiny / "tiny" / "b.png", photograph("b")[:1, :1])
    with pytest.raises(HarnessError, match=r"b\.png: smaller than the scale 4; remove it from tiny"):
        generate("tiny", ("clean",), tmp_path, tiny, jobs=1)


def test_wrong_originals_are_refused(tmp_path: Path, write_catalogue: Catalogue) -> None:
    configs = write_catalogue(
        {"known": {"kind": "benchmark", "images": 1, "folder": "known", "manifest": "known", "crop": 16}}
    )
    pixels = photograph("x")
    path = save(tmp_path / "known" / "x.png", pixels)
    row = f"x\t40\t32\t{pixel_sha256(pixels)}"
    (configs / "manifests" / "known.tsv").write_text(f"name\twidth\theight\tsha256\n{row}\n")
    generate("known", ("clean",), tmp_path / "out", tmp_path, jobs=1)
    save(path, photograph("other"))
    with pytest.raises(HarnessError, match=r"x\.png: not the original of the manifest \(other pixels, .*harness adopt"):
        generate("known", ("clean",), tmp_path / "out", tmp_path, jobs=1)
    (note,) = [
        n for n in generate("known", ("clean",), tmp_path / "out", tmp_path, 1, allow_mismatch=True) if "lock" not in n
    ]
    assert "x.png: not the original of the manifest (other pixels" in note
    save(path, photograph("x", 20, 16))
    with pytest.raises(HarnessError, match=r"\(20 x 16 pixels instead of 40 x 32"):
        generate("known", ("clean",), tmp_path / "out", tmp_path, jobs=1)


def test_locks_name_every_image_that_differs(tiny: Path, tmp_path: Path) -> None:
    generate("tiny", SETS, tmp_path, tiny, jobs=1)
    for degradation in SETS:
        locks.write_lock(tmp_path, "tiny", degradation)
    assert generate("tiny", SETS, tmp_path, tiny, jobs=1) == []

    path = locks.lock_path("tiny", "clean")
    lines = [line for line in path.read_text().splitlines() if not line.startswith("b\t")]
    text = "\n".join(lines).replace(read_manifest(path).rows["gray"].sha256, "0" * 64)
    path.write_text(text.replace("# Pillow: ", "# Pillow: 0.") + "\n")
    expected = (
        r"tiny/clean: 2 of 3 images differ from tiny\.clean\.tsv \(b, gray\); "
        r"made here with Pillow \d.* locked with Pillow 0\."
    )
    with pytest.raises(HarnessError, match=expected):
        generate("tiny", SETS, tmp_path, tiny, jobs=1)
    assert not (tmp_path / "tiny" / "clean" / MANIFEST).is_file(), "a refused set cannot be evaluated"
    assert (tmp_path / "tiny" / "noise_jpeg" / MANIFEST).is_file()
    (note,) = generate("tiny", SETS, tmp_path, tiny, jobs=1, allow_mismatch=True)
    assert "(b, gray)" in note
    assert (tmp_path / "tiny" / "clean" / MANIFEST).is_file()


def test_other_scales_have_no_lock(tiny: Path, tmp_path: Path) -> None:
    generate("tiny", ("clean",), tmp_path, tiny, jobs=1)
    locks.write_lock(tmp_path, "tiny", "clean")
    (note,) = generate("tiny", ("clean", "blur_sweep_1", "blur_sweep_2"), tmp_path, tiny, jobs=1, scale=2)
    assert "no lock files at x2 for clean, blur_sweep_*: " in note
    assert read_rgb(tmp_path / "tiny" / "clean" / "a.png").shape == (15, 20, 3)


def test_verify_names_changed_and_lost_files(tiny: Path, tmp_path: Path) -> None:
    generate("tiny", SETS, tmp_path, tiny, jobs=1)
    assert verify_benchmark(tmp_path, "tiny", "clean") == []
    (tmp_path / "tiny" / "clean" / "a.png").unlink()
    save(tmp_path / "tiny" / "clean" / "b.png", photograph("b", 10, 7))
    lost, changed = verify_benchmark(tmp_path, "tiny", "clean")
    assert lost.endswith("a.png: no such image file")
    assert "b.png: its pixels are not those of manifest.tsv" in changed
    with pytest.raises(HarnessError, match="not generated yet"):
        read_benchmark(tmp_path, "tiny", "blur")


def test_real_pairs_are_taken_as_they_are(tmp_path: Path, write_catalogue: Catalogue) -> None:
    write_catalogue(
        {"pairs": {"kind": "real_paired", "images": 2, "folder": "p", "pattern": "HR/{name}", "low": "LR/{name}_x4"}}
    )
    for name in ("u", "v"):
        save(tmp_path / "p" / "HR" / f"{name}.png", photograph(name, 40, 32))
        save(tmp_path / "p" / "LR" / f"{name}_x4.png", photograph(name, 10, 8))
    generate("pairs", ("real",), tmp_path / "out", tmp_path, jobs=2)
    np.testing.assert_array_equal(read_rgb(tmp_path / "out/pairs/real/u.png"), photograph("u", 10, 8))
    np.testing.assert_array_equal(read_rgb(tmp_path / "out/pairs/hr/u.png"), photograph("u", 40, 32))
    save(tmp_path / "p" / "LR" / "v_x4.png", photograph("v", 11, 8))
    with pytest.raises(HarnessError, match=r"v\.png: 40 x 32 is not 4 times 11 x 8 of .*v_x4\.png"):
        generate("pairs", ("real",), tmp_path / "out", tmp_path, jobs=1)


def test_photographs_without_ground_truth_have_no_hr(tmp_path: Path, write_catalogue: Catalogue) -> None:
    write_catalogue({"wild": {"kind": "real_unpaired", "images": 1, "folder": "w"}})
    save(tmp_path / "w" / "u.png", photograph("u", 13, 9))
    assert generate("wild", ("real",), tmp_path / "out", tmp_path, jobs=1) == []
    assert read_rgb(tmp_path / "out/wild/real/u.png").shape == (9, 13, 3)
    assert not (tmp_path / "out/wild/hr").exists()
    with pytest.raises(HarnessError, match=r"\['clean'\]: the dataset wild is real_unpaired, and allows \[real\]"):
        generate("wild", ("clean",), tmp_path / "out", tmp_path, jobs=1)


def test_training_data_is_not_degraded(tmp_path: Path, write_catalogue: Catalogue) -> None:
    write_catalogue({"train": {"kind": "folder", "folder": "t"}})
    with pytest.raises(HarnessError, match="the dataset train is folder, and allows none: it is for training"):
        generate("train", ("clean",), tmp_path, tmp_path, jobs=1)


def test_a_full_disk_is_one_line(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny" / "clean").mkdir(parents=True)
    (tmp_path / "tiny" / "clean" / "b.png").symlink_to("/dev/full")
    with pytest.raises(HarnessError, match=r"b\.png: the disk is full; .* run again, nothing finished is lost"):
        generate("tiny", ("clean",), tmp_path, tiny, jobs=1)
    assert (tmp_path / "tiny" / "clean" / "a.png").is_file()


def test_every_degradation_can_be_generated_for_the_embedded_photographs(tmp_path: Path) -> None:
    names = (*DEGRADATIONS, *SWEPT)
    assert generate("embedded_test", names, tmp_path, tmp_path, jobs=2) == [], "all as locked"
    assert len(list((tmp_path / "embedded_test").rglob("*.png"))) == 4 * (1 + len(names))


def test_every_noise_can_be_generated_at_full_size_for_the_embedded_photographs(tmp_path: Path) -> None:
    assert generate("embedded_test", tuple(NOISES), tmp_path, tmp_path, jobs=2, scale=1) == []
    noisy, truths = (read_benchmark(tmp_path, "embedded_test", name) for name in ("mixture", "hr"))
    assert [(image.row.width, image.row.height) for image in noisy] == [(i.row.width, i.row.height) for i in truths]
    (unlocked,) = generate("embedded_test", ("mixture",), tmp_path / "x2", tmp_path, jobs=2, scale=2)
    assert "no lock files at x2 for mixture" in unlocked


def test_another_recipe_under_the_same_name_is_another_evaluation(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = tmp_path / "project" / "configs" / "degradations.yaml"
    catalogue.parent.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    names, out = ("clean", "worn"), tmp_path / "out"
    spec = SetSpec(dataset="tiny", degradations=names, metrics=("psnr_rgb",))

    def written(quality: int) -> str:
        catalogue.write_text(f"benchmark: {{worn: {{jpeg: {quality}}}}}\n")
        fixed._own_recipes.cache_clear()  # a command reads it once
        return layout.index_name(names, own_meanings(names))

    first = written(30)
    assert own_meanings(("clean", "blur")) == {}, "what the harness calls so, its version names"
    generate("tiny", names, out, tiny, jobs=1)
    open_set(spec, out)
    again = written(20)
    with pytest.raises(HarnessError, match=r"worn/manifest\.tsv: made by another recipe than 'worn' has now; "):
        open_set(spec, out)
    assert not (out / "tiny" / again).exists(), "what Snakemake waits for is missing"
    generate("tiny", names, out, tiny, jobs=1)
    open_set(spec, out)
    assert not (out / "tiny" / first).exists(), "nor does the old index stand for pixels of the new recipe"
    hashes = set()
    for quality in (30, 20):
        written(quality)
        known = replace(Catalogues.load(), datasets=load_catalogue())
        hashes.add(adhoc_evaluation(["tiny"], names, ["psnr_rgb"], 4, known).hash)
    assert len(hashes) == 2


def test_drawn_images_are_made_again_by_other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Recipe(drawn=Drawn(spec=SecondOrderSpec(), scale=4, seed=0, draw=0))
    task = benchmark._Task(ImageFile("a", Path("a"), "a"), "tiny", Path(), (), 4, {}, None)
    row = Row("a", 1, 1, "0" * 64)
    before = {name: task._stamp(name, row, recipe) for name, recipe in {"d": drawn, "blur": Recipe(blur=2.0)}.items()}
    monkeypatch.setattr(benchmark, "_drawing", lambda: "other code")
    assert task._stamp("d", row, drawn) != before["d"]
    assert task._stamp("blur", row, Recipe(blur=2.0)) == before["blur"]
