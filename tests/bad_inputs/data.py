"""Data sets that are not what the catalogue says, and benchmarks that changed after they were made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.datasets import catalogue
from harness.datasets.benchmark import generate
from harness.datasets.manifests import read_manifest
from harness.foundation.images import encode_png
from tests.bad_inputs.case import BASE, EXPERIMENT, Case, Make, aged, both, cut, replaced, written
from tests.bad_inputs.images import FOLDER, GOOD, noise

SET5 = "data/benchmarks/Set5"
PAIRS = "data/realworld/RealSR_v3/Canon/Test/4"
SETS = "results/benchmarks/x4/embedded_test"
BICUBIC = f"evaluate {EXPERIMENT} --reference bicubic"
METRICS = ("results/metrics/bicubic/*", "results/times/bicubic/*")
FETCH5 = "run `python -m harness fetch Set5`, or `python -m harness adopt Set5 FOLDER` for a copy you have"
FETCH_PAIRS = FETCH5.replace("Set5", "RealSR_v3")
ON_SET5 = written(EXPERIMENT, BASE.replace("embedded_test", "Set5"))
ON_PAIRS = written(EXPERIMENT, BASE.replace("[embedded_test]", "[embedded_test]\n  real_paired: [RealSR_v3]"))


def set5(*names: str) -> Make:
    """Put other images under the names of Set5, or under ``names``."""

    def make(folder: Path) -> None:
        ON_SET5(folder)
        manifest = catalogue.MANIFESTS / "Set5.tsv"
        for name in names or read_manifest(manifest).rows:
            written(f"{SET5}/{name}.png", GOOD)(folder)

    return make


def pairs(high: int = 8, low: int = 2) -> Make:
    """Put a hundred pairs where RealSR's are, the first of them with these sides in pixels."""

    def make(folder: Path) -> None:
        ON_PAIRS(folder)
        (folder / PAIRS).mkdir(parents=True)
        for number in range(1, 101):
            for kind, side in (("HR", high if number == 1 else 8), ("LR4", low if number == 1 else 2)):
                (folder / PAIRS / f"Canon_{number:03}_{kind}.png").write_bytes(encode_png(noise(side, side)))

    return make


def without(name: str) -> Make:
    """Remove a file."""
    return lambda folder: (folder / name).unlink()


def _leak(folder: Path) -> None:
    import skimage

    (folder / FOLDER).mkdir(parents=True)
    shutil.copy(Path(skimage.__file__).parent / "data" / "chelsea.png", folder / FOLDER / "cat.png")


def _other_lock(folder: Path) -> None:
    shutil.copytree(catalogue.MANIFESTS, folder / "manifests")
    path = folder / "manifests" / "rdsr-v1" / "embedded_test.clean.tsv"
    text = path.read_text()
    path.write_text(text[:-6] + text[-7:-12:-1] + "\n")


def _generate(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "MANIFESTS", folder / "manifests")
        generate("embedded_test", ["clean"], "results/benchmarks/x4", "data", jobs=1)


def _twice(folder: Path) -> None:
    path = folder / SETS / "clean" / "manifest.tsv"
    path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")


def _no_index(folder: Path) -> None:
    for path in (folder / SETS).glob("index.*"):
        path.unlink()


PIXELS = "results/training_data/embedded_train"
TRAIN = f"train {EXPERIMENT} --run srresnet_tiny.baseline.s0"
WRONG = f"{SET5}/baby.png: not the original of the manifest (32 x 32 pixels instead of 512 x 512); `python -m harness adopt` says which copy you have"

CASES = [
    Case(
        "data-folder",
        "a data set that is not there",
        f"benchmark {EXPERIMENT} Set5",
        f"Set5: no folder {SET5}; {FETCH5}",
        ON_SET5,
    ),
    Case(
        "data-missing-images",
        "one of five images",
        f"benchmark {EXPERIMENT} Set5",
        f"Set5: {SET5}: 4 of 5 images missing: bird, butterfly, head, woman; {FETCH5}",
        set5("baby"),
    ),
    Case(
        "data-strangers",
        "an image that does not belong",
        f"benchmark {EXPERIMENT} Set5",
        f"Set5: {SET5}: images that do not belong to Set5: lenna; remove them from the folder",
        both(set5(), written(f"{SET5}/lenna.png", GOOD)),
    ),
    Case("data-other-pixels", "other images under the right names", f"benchmark {EXPERIMENT} Set5", WRONG, set5()),
    Case(
        "data-in-file",
        "a file where the data folder belongs",
        f"benchmark {EXPERIMENT} Set5",
        f"Set5: no folder {SET5}; {FETCH5}",
        both(ON_SET5, written("data", b"")),
    ),
    Case(
        "pair-without-low",
        "a ground truth without its photograph",
        f"benchmark {EXPERIMENT} RealSR_v3",
        f"RealSR_v3: data/realworld/RealSR_v3: without the other half of their pair: Canon_001; {FETCH_PAIRS}",
        both(pairs(), without(f"{PAIRS}/Canon_001_LR4.png")),
    ),
    Case(
        "pair-without-high",
        "a photograph without its ground truth",
        f"benchmark {EXPERIMENT} RealSR_v3",
        f"RealSR_v3: data/realworld/RealSR_v3: without the other half of their pair: Canon_001; {FETCH_PAIRS}",
        both(pairs(), without(f"{PAIRS}/Canon_001_HR.png")),
    ),
    Case(
        "pair-sizes",
        "a pair whose sizes do not fit",
        f"benchmark {EXPERIMENT} RealSR_v3",
        f"{PAIRS}/Canon_001_HR.png: 12 x 12 is not 4 times 2 x 2 of {PAIRS}/Canon_001_LR4.png; these two are no pair at x4",
        pairs(high=12),
    ),
    Case(
        "pair-count",
        "pairs that are too few",
        f"benchmark {EXPERIMENT} RealSR_v3",
        f"RealSR_v3: data/realworld/RealSR_v3: 99 images where 100 belong; {FETCH_PAIRS}",
        both(pairs(), without(f"{PAIRS}/Canon_001_HR.png"), without(f"{PAIRS}/Canon_001_LR4.png")),
    ),
    Case(
        "train-test-leak",
        "a test image among the training images",
        f"pack {EXPERIMENT} photographs",
        "photographs: 1 of the training images are test images: cat is chelsea of embedded_test; take them out",
        _leak,
    ),
    Case(
        "pack-unknown",
        "an unknown data set to pack",
        f"pack {EXPERIMENT} Set55",
        "configs/datasets.yaml: no dataset 'Set55'; there are: ...",
    ),
    Case(
        "benchmark-not-asked",
        "a benchmark that the experiment does not evaluate",
        f"benchmark {EXPERIMENT} Set5",
        "mine.yaml: evaluation.datasets: 'Set5': not evaluated here; there are: embedded_test",
    ),
    Case("adopt-no-folder", "a folder to adopt that is not there", "adopt Set5 elsewhere", "elsewhere: no such folder"),
    Case(
        "adopt-empty",
        "a folder to adopt without images",
        "adopt Set5 mine",
        "mine: holds no images (.png, .jpg, .jpeg, .bmp, .tif, .tiff, .webp)",
        written("mine/readme.txt", b""),
    ),
    Case(
        "adopt-others",
        "a folder to adopt with other images",
        "adopt Set5 mine",
        "Set5: mine: 0 of 5 images recognized by their pixels; 1 are of another size (32 x 32 where baby has 512 x 512) (baby.png); missing: baby, bird, butterfly, head, woman; nothing was copied",
        written("mine/baby.png", GOOD),
    ),
    Case(
        "lock-differs",
        "pixels other than those of the lock file (another OpenCV or Pillow)",
        f"benchmark {EXPERIMENT} embedded_test",
        "embedded_test/clean: 1 of 4 images differ from embedded_test.clean.tsv (...); made here with ..., locked with ...: install the locked versions, or allow the mismatch",
        _other_lock,
        call=_generate,
    ),
    Case(
        "benchmark-none",
        "a benchmark that was not generated",
        BICUBIC,
        f"{SETS}/...: not generated yet; run `python -m harness benchmark EXPERIMENT embedded_test`, or `snakemake benchmarks`",
    ),
    Case(
        "benchmark-manifest-twice",
        "a manifest that lists an image twice",
        BICUBIC,
        f"{SETS}/clean/manifest.tsv: line ...: 'flower' is listed twice",
        aged(both(_twice, _no_index)),
        finished=True,
    ),
    Case(
        "benchmark-manifest-cut",
        "a manifest cut in the middle of a line",
        BICUBIC,
        f"{SETS}/clean/manifest.tsv: line ...: ... is no SHA-256",
        aged(both(cut(f"{SETS}/clean/manifest.tsv", 0.97), _no_index)),
        finished=True,
    ),
    Case(
        "benchmark-manifest-empty",
        "a manifest of zero bytes",
        BICUBIC,
        f"{SETS}/clean/manifest.tsv: the manifest lists no images",
        aged(both(cut(f"{SETS}/clean/manifest.tsv", 0), _no_index)),
        finished=True,
    ),
    Case(
        "benchmark-image-cut",
        "a degraded image cut short: its rows fail, the others are measured",
        BICUBIC,
        f"failed: embedded_test clean chelsea: {SETS}/clean/chelsea.png: corrupt or unreadable image (...); run `python -m harness benchmark EXPERIMENT embedded_test`",
        cut(f"{SETS}/clean/chelsea.png", 0.5),
        0,
        True,
        METRICS,
    ),
    Case(
        "benchmark-image-changed",
        "a degraded image that was changed",
        BICUBIC,
        f"failed: embedded_test clean chelsea: {SETS}/clean/chelsea.png: pixels differ from manifest.tsv: changed since generation; run `python -m harness benchmark EXPERIMENT embedded_test`",
        replaced(f"{SETS}/clean/chelsea.png", encode_png(noise(64, 64))),
        0,
        True,
        METRICS,
    ),
    Case(
        "truth-gone",
        "a ground truth that was removed",
        BICUBIC,
        f"failed: embedded_test all degradations chelsea: {SETS}/hr/chelsea.png: no such image file; run `python -m harness benchmark EXPERIMENT embedded_test`",
        without(f"{SETS}/hr/chelsea.png"),
        0,
        True,
        METRICS,
    ),
    Case(
        "pack-none",
        "training images that were not packed",
        TRAIN,
        f"{PIXELS}: no finished pack of training images; run `python -m harness pack EXPERIMENT DATASET` again",
    ),
    Case(
        "pack-index",
        "an index of a pack that is no JSON",
        TRAIN,
        f"{PIXELS}/index.json: not an index of a pack (...); run `python -m harness pack EXPERIMENT embedded_train` to make it again",
        aged(replaced(f"{PIXELS}/index.json", b"{")),
        finished=True,
    ),
    Case(
        "pack-index-other",
        "an index of something else",
        TRAIN,
        f"{PIXELS}/index.json: not an index of a pack (...); run `python -m harness pack EXPERIMENT embedded_train` to make it again",
        aged(replaced(f"{PIXELS}/index.json", b"[1]")),
        finished=True,
    ),
    Case(
        "pack-short",
        "a pack cut short",
        TRAIN,
        f"{PIXELS}/pixels.bin: ... bytes where the index says ...; run `python -m harness pack EXPERIMENT embedded_train` to make it again",
        cut(f"{PIXELS}/pixels.bin", 0.5),
        finished=True,
    ),
]
