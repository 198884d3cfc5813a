"""Set5, Set14 and B100 in full: locked pixels, the released script's pixels, and the protocol's sanity values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.datasets.benchmark import generate, read_benchmark
from harness.datasets.resolve import resolve_images
from harness.degradations.fixed import DEGRADATIONS, STANDARD, VERSION, bicubic_upscale, gaussian_noise, matlab_resize
from harness.evaluation.scores import psnr_rgb, psnr_y
from harness.foundation.images import Pixels, crop_to_multiple, read_rgb
from tests.degradations.test_fixed import released

SETS = ("Set5", "Set14", "B100")
SIZES = {"Set5": 5, "Set14": 14, "B100": 100}

# PROTOCOL: Pillow bicubic down and up, RGB PSNR, 4-pixel border; the noisy sets are one draw
EXACT = {
    "Set5": {"clean": 26.69, "blur": 24.89, "jpeg": 23.77, "blur_jpeg": 22.97},
    "Set14": {"clean": 24.46, "blur": 23.23, "jpeg": 22.58, "blur_jpeg": 21.95},
    "B100": {"clean": 24.63, "blur": 23.66, "jpeg": 23.16, "blur_jpeg": 22.65},
}
NOISY = {
    "Set5": {"noise": 22.1, "noise40": 17.9, "blur_noise": 21.3, "noise_jpeg": 22.5, "blur_noise_jpeg": 21.9},
    "Set14": {"noise": 21.04, "noise40": 17.33, "blur_noise": 20.41, "noise_jpeg": 21.58, "blur_noise_jpeg": 21.13},
}
TOLERANCE = {"Set5": 0.1, "Set14": 0.05}
CLASSIC = {"Set5": 28.429, "Set14": 26.088, "B100": 25.961}  # MATLAB down and up, Y channel


@pytest.fixture(scope="module", params=SETS)
def generated(
    request: pytest.FixtureRequest, shared_data_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, list[str]]:
    """A dataset, the folder of its degraded versions, and what the generator had to say."""
    root = tmp_path_factory.mktemp("benchmarks")
    return request.param, root, generate(request.param, tuple(DEGRADATIONS), root, shared_data_root, jobs=2)


def truth(root: Path, dataset: str) -> dict[str, Pixels]:
    return {image.name: read_rgb(image.path) for image in read_benchmark(root, dataset, "hr")}


def test_pixels_are_locked(generated: tuple[str, Path, list[str]]) -> None:
    dataset, root, notes = generated
    assert notes == [], "every set has a lock file, and no image differs"
    assert len(read_benchmark(root, dataset, "blur_noise_jpeg")) == SIZES[dataset]


def test_bicubic_rows_reproduce_the_protocol(generated: tuple[str, Path, list[str]]) -> None:
    dataset, root, _ = generated
    hr = truth(root, dataset)
    for name, expected in {**EXACT[dataset], **NOISY.get(dataset, {})}.items():
        images = read_benchmark(root, dataset, name)
        mean = np.mean([psnr_rgb(bicubic_upscale(read_rgb(i.path), 4), hr[i.name], border=4) for i in images])
        tolerance = 0.01 if name in EXACT[dataset] else TOLERANCE[dataset]
        assert mean == pytest.approx(expected, abs=tolerance), f"{dataset} {name}"


def test_matlab_rows_reproduce_the_classic_literature(generated: tuple[str, Path, list[str]]) -> None:
    dataset, root, _ = generated
    hr = truth(root, dataset)
    images = read_benchmark(root, dataset, "clean_matlab")
    mean = np.mean([psnr_y(matlab_resize(read_rgb(i.path), 4), hr[i.name], border=4) for i in images])
    assert mean == pytest.approx(CLASSIC[dataset], abs=0.01)


def test_pixels_are_those_of_the_released_script(
    generated: tuple[str, Path, list[str]], shared_data_root: Path
) -> None:
    dataset, root, _ = generated
    files = {name: {i.name: i.path for i in read_benchmark(root, dataset, name)} for name in STANDARD}
    for image in resolve_images(dataset, shared_data_root):
        hr = crop_to_multiple(image.read(), 4)
        for name in STANDARD:
            shape = (hr.shape[0] // 4, hr.shape[1] // 4, 3)
            noise = gaussian_noise(shape, VERSION, dataset, image.name, name) if "noise" in name else None
            same = (read_rgb(files[name][image.name]) == released(hr, name, noise)).all()
            assert same, f"{dataset} {image.name} {name}"
