"""Rounding to 8 bit, plain float32, and the same numbers on a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harness.evaluation.evaluate import Method, evaluate_checkpoint
from harness.evaluation.upscalers import NetworkUpscaler, ReferenceUpscaler, exact_float32, to_8bit
from harness.foundation.errors import HarnessError
from harness.spec import SetSpec
from tests.evaluation.conftest import SCALE, TinyNetwork, photograph


def test_rounding_is_basicsrs() -> None:
    levels = torch.tensor([-3.0, -0.2, 0.49, 0.5, 0.51, 1.5, 2.5, 254.5, 255.4, 300.0]) / 255
    image = levels.expand(3, 1, -1)
    expected = (image.clamp(0, 1).permute(1, 2, 0).numpy() * 255.0).round().astype(np.uint8)  # tensor2img
    assert to_8bit(image).numpy().tolist() == expected.tolist()
    assert to_8bit(image).shape == (1, 10, 3)


def test_time_in_the_method_is_measured() -> None:
    network, reference = NetworkUpscaler(TinyNetwork(), SCALE, "cpu"), ReferenceUpscaler("bicubic", SCALE)
    for upscaler in (network, reference):
        assert upscaler.seconds == 0
        result, finite = upscaler(photograph(8, 9))
        assert result.shape == (32, 36, 3)
        assert result.dtype == torch.uint8
        assert bool(finite)
        assert upscaler.seconds > 0


def test_threads_are_restored() -> None:
    before = torch.get_num_threads()
    NetworkUpscaler(TinyNetwork(), SCALE, "cpu")(photograph(8, 9))
    assert torch.get_num_threads() == before


def test_settings_are_restored_after_an_error() -> None:
    deterministic = torch.backends.cudnn.deterministic
    torch.set_float32_matmul_precision("high")
    try:
        with exact_float32():
            assert torch.get_float32_matmul_precision() == "highest"
            assert not torch.backends.cudnn.allow_tf32
            assert torch.backends.cudnn.deterministic
        assert torch.get_float32_matmul_precision() == "high"
        with pytest.raises(HarnessError):
            _fail_inside()
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert torch.backends.cudnn.deterministic == deterministic


def _fail_inside() -> None:
    with exact_float32():
        raise HarnessError("x")


@pytest.mark.gpu
def test_a_gpu_gives_the_same_numbers(benchmarks: Path) -> None:
    """Sums of convolutions differ in the last bits, which can move single pixels by one level."""
    spec = SetSpec(dataset="tiny", degradations=("clean", "dark"), metrics=("psnr_rgb", "psnr_y", "ssim_y", "ssim_rgb"))
    rows = [
        evaluate_checkpoint(TinyNetwork(), Method("a", "b", "c", 0), [spec], benchmarks, SCALE, device)["value"]
        for device in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(rows[0], rows[1], rtol=0, atol=1e-3)
