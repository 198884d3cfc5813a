"""PSNR and SSIM against BasicSR's functions on the same arrays, and the registry."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import harness.foundation.compat  # noqa: F401
from harness.evaluation import fidelity
from harness.evaluation.metrics import METRICS, get_metric, get_metrics, names
from harness.evaluation.scores import compare, psnr_rgb, psnr_y, scorer, ssim_rgb, ssim_y
from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels, crop_to_multiple, read_rgb
from harness.foundation.rng import numpy_stream
from tests.conftest import ROOT

OWN = ("psnr_rgb", "psnr_y", "ssim_y", "ssim_rgb")


def pair(height: int, width: int, error: float, *key: str | int) -> tuple[Pixels, Pixels]:
    """A smooth random image and a disturbed copy, ``error`` being the disturbance's standard deviation in levels."""
    random = numpy_stream("test metrics", height, width, *key)
    coarse = random.uniform(0, 255, (height // 8 + 2, width // 8 + 2, 3))
    target = np.kron(coarse, np.ones((8, 8, 1)))[:height, :width] + random.normal(0, 3, (height, width, 3))
    output = target + random.normal(0, error, target.shape)
    return tuple(np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in (output, target))  # type: ignore[return-value]


def basicsr(name: str, output: Pixels, target: Pixels, border: int) -> float:
    from basicsr.metrics.psnr_ssim import calculate_psnr, calculate_ssim

    function = calculate_psnr if name.startswith("psnr") else calculate_ssim
    bgr = [np.ascontiguousarray(image[..., ::-1]) for image in (output, target)]
    return float(function(*bgr, crop_border=border, test_y_channel=name.endswith("_y")))


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("border", [0, 4])
@pytest.mark.parametrize("error", [3.0, 9.0, 30.0])
def test_equals_basicsr(name: str, border: int, error: float) -> None:
    output, target = pair(61, 90, error)
    assert compare(name, output, target, border) == pytest.approx(basicsr(name, output, target, border), abs=1e-6)


@pytest.mark.parametrize("name", OWN)
def test_equals_basicsr_on_photographs(name: str, shared_data_root: Path) -> None:
    for file in sorted((shared_data_root / "benchmarks" / "Set5").iterdir())[:3]:
        target = crop_to_multiple(read_rgb(file), 4)
        output = np.roll(target, 1, axis=0)
        assert compare(name, output, target, 4) == pytest.approx(basicsr(name, output, target, 4), abs=1e-6)


def test_luma_of_almost_identical_images_is_more_exact_than_basicsrs() -> None:
    """BasicSR rounds luma to float32, which shows from 48 dB on; the oracle here is the formula in float64."""
    output, target = pair(61, 90, 0.3)
    weights = np.array([65.481, 128.553, 24.966]) / 255
    error = np.mean((output.astype(float) @ weights - target.astype(float) @ weights) ** 2)
    found = psnr_y(output, target, 0)
    assert found == pytest.approx(10 * np.log10(255**2 / error), abs=1e-9)
    assert found == pytest.approx(basicsr("psnr_y", output, target, 0), abs=2e-5)


@pytest.mark.parametrize(
    ("name", "pyiqa_name", "tolerance"),
    [("psnr_rgb", "psnr", 1e-4), ("ssim_y", "ssim", 5e-4), ("ssim_rgb", "ssimc", 1e-4)],
)
def test_agrees_with_pyiqa(name: str, pyiqa_name: str, tolerance: float) -> None:
    """Up to float32 and pyiqa's rounding of luma to 8 bit; its SSIM takes YIQ luma unless told."""
    from harness.evaluation.learned import import_pyiqa

    output, target = pair(64, 80, 10.0)
    options = {"color_space": "ycbcr"} if name == "ssim_y" else {}
    metric = import_pyiqa().create_metric(pyiqa_name, device="cpu", **options)
    tensors = [torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255 for image in (output, target)]
    assert compare(name, output, target, 0) == pytest.approx(float(metric(*tensors)), abs=tolerance)


def test_full_range_luma_is_lower_by_the_known_amount() -> None:
    """PROTOCOL: 1.32 dB, the square of 255 / 219."""
    output, target = pair(64, 64, 10.0)
    difference = (output.astype(int) - target) @ np.array([0.299, 0.587, 0.114])
    full_range = 10 * math.log10(255**2 / np.mean(difference**2))
    assert psnr_y(output, target, 0) - full_range == pytest.approx(20 * math.log10(255 / 219), abs=1e-9)


@pytest.mark.parametrize("border", [0, 4])
def test_identical_images(border: int) -> None:
    _, image = pair(32, 40, 0.0)
    assert psnr_rgb(image, image, border) == math.inf
    assert psnr_y(image, image, border) == math.inf
    assert ssim_y(image, image, border) == pytest.approx(1.0, abs=1e-12)
    assert ssim_rgb(image, image, border) == pytest.approx(1.0, abs=1e-12)


@given(
    height=st.integers(19, 40),
    width=st.integers(19, 40),
    seed=st.integers(0, 1000),
    error=st.floats(0.5, 60),
)
def test_symmetric_bounded_and_blind_to_the_border(height: int, width: int, seed: int, error: float) -> None:
    output, target = pair(height, width, error, seed)
    for name in OWN:
        value = compare(name, output, target, 4)
        assert value == pytest.approx(compare(name, target, output, 4), abs=1e-9)
        assert value == compare(name, output[::-1], target[::-1], 4) or name.startswith("ssim")
        frame = output.copy()
        frame[:4], frame[-4:], frame[:, :4], frame[:, -4:] = 0, 255, 7, 9
        assert compare(name, frame, target, 4) == value
        assert -1 <= value <= 1 or name.startswith("psnr")


@pytest.mark.parametrize("name", OWN)
def test_numbers_depend_on_neither_batch_nor_threads(name: str) -> None:
    pairs = [pair(260, 300, error) for error in (1.0, 5.0, 25.0)]
    target = pairs[0][1]
    outputs = torch.from_numpy(np.stack([output for output, _ in pairs]))
    measure = {
        "psnr_rgb": fidelity.rgb_mse,
        "psnr_y": fidelity.luma_mse,
        "ssim_y": fidelity.ssim_luma,
        "ssim_rgb": fidelity.ssim_channels,
    }[name]
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            reference = fidelity.Reference(torch.from_numpy(target), 4)
            found.append(measure(outputs, reference).tolist())
            found.append([float(measure(one[None], reference)[0]) for one in outputs])
    finally:
        torch.set_num_threads(before)
    assert all(numbers == found[0] for numbers in found)


@pytest.mark.gpu
@pytest.mark.parametrize("name", OWN)
def test_numbers_of_a_gpu_depend_on_no_batch_and_are_the_cpus(name: str) -> None:
    pairs = [pair(260, 300, error) for error in (1.0, 5.0, 25.0)]
    target = pairs[0][1]
    outputs = torch.from_numpy(np.stack([output for output, _ in pairs])).cuda()
    judge = scorer(get_metric(name), "cuda")
    reference = fidelity.Reference(torch.from_numpy(target).cuda(), 4)
    together = judge.measure(outputs, reference).tolist()
    assert together == [float(judge.measure(one[None], reference)[0]) for one in outputs]
    tolerance = 1e-12 if name.startswith("ssim") else 0.0
    on_cpu = [compare(name, output, target, 4) for output, _ in pairs]
    assert [judge.finish(number) for number in together] == pytest.approx(on_cpu, rel=0, abs=tolerance)


def test_luma_is_matlabs() -> None:
    corners = torch.tensor([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=torch.uint8)
    expected = [16.0, 235.0, 81.481, 144.553, 40.966]
    assert fidelity.luma(corners).tolist() == pytest.approx(expected, abs=1e-9)


def test_mistakes_are_told() -> None:
    output, target = pair(32, 40, 1.0)
    with pytest.raises(HarnessError, match=r"output is 40x28x3 and ground truth 40x32x3"):
        psnr_rgb(output[:28], target, 4)
    with pytest.raises(HarnessError, match="nothing inside a border of 4"):
        psnr_rgb(output[:8], target[:8], 4)
    with pytest.raises(HarnessError, match="too few for SSIM"):
        ssim_y(output[:18], target[:18], 4)
    with pytest.raises(HarnessError, match=r"output must be uint8 \(H, W, 3\), not float64"):
        psnr_y(output / 255.0, target, 4)
    with pytest.raises(HarnessError, match=r"target must be uint8 \(H, W, 3\), not uint8 \(32, 40\)"):
        ssim_rgb(output, target[..., 0], 4)
    with pytest.raises(HarnessError, match=r"metric 'psnr' is unknown; choose from: psnr_rgb, psnr_y, ssim_y"):
        get_metric("psnr")
    with pytest.raises(HarnessError, match="'ssim_y' is given twice"):
        get_metrics(["ssim_y", "ssim_y"])
    with pytest.raises(HarnessError, match="none is given"):
        get_metrics([])


def test_registry() -> None:
    assert list(METRICS)[:3] == ["psnr_rgb", "psnr_y", "ssim_y"]
    assert names(reference=True) == list(METRICS)
    assert names(reference=False) == ["niqe", "niqe_basicsr", "brisque", "piqe", "musiq", "clipiqa", "maniqa"]
    assert all(METRICS[name].higher_is_better and METRICS[name].needs_reference for name in OWN)
    assert not METRICS["lpips"].higher_is_better
    assert METRICS["psnr_y"].unit == "dB"


def test_registry_imports_neither_torch_nor_pyiqa() -> None:
    code = "import harness.evaluation.metrics, harness.evaluation.weight_files, sys; "
    code += "print(sorted({'torch', 'pyiqa', 'torchvision'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "[]\n"
