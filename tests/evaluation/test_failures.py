"""What an evaluation leaves out and what stops it: images fail alone, machines fail the job."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from harness.evaluation.evaluate import Method, evaluate_checkpoint, evaluate_reference
from harness.foundation.errors import HarnessError
from harness.spec import SetSpec
from tests.evaluation.conftest import SCALE, TinyNetwork, photograph, write_set

TINY = SetSpec(dataset="tiny", degradations=("clean", "dark"), metrics=("psnr_rgb", "psnr_y", "ssim_y"))
METHOD = Method("tinynet", "baseline", "baseline", 3)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings; where the command line ran before in this process, there are more lines."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


class Lost(nn.Module):
    """A GPU that fails after some images."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.calls = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls > 3:
            raise self.error
        return torch.nn.functional.interpolate(images, scale_factor=SCALE)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "out of GPU memory .*runs_per_gpu: 1"),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), "the GPU failed .*check nvidia-smi"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"), "the GPU failed .*check nvidia-smi"),
        (MemoryError(), "out of memory .*a machine with more"),
    ],
)
def test_a_machine_that_fails_stops_the_job(benchmarks: Path, error: Exception, line: str) -> None:
    with pytest.raises(HarnessError, match=rf"^evaluate tinynet\.baseline\.s3: {line}.*, then run again$"):
        evaluate_checkpoint(Lost(error), METHOD, [TINY], benchmarks, SCALE)


def test_a_reader_out_of_memory_stops_the_job(benchmarks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def starved(path: Path) -> None:
        raise HarnessError(f"{path}: does not fit into memory") from MemoryError()

    monkeypatch.setattr("harness.evaluation.sets.read_rgb", starved)
    with pytest.raises(HarnessError, match="evaluate bicubic: out of memory"):
        evaluate_reference("bicubic", [TINY], benchmarks, SCALE)


class HalfBlind(TinyNetwork):
    """Gives NaN for dark images, and raises what no network should for one size."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if images.shape[-2] == 28:
            return {}["no such key"]  # type: ignore[no-any-return]
        return super().forward(images) * (torch.nan if images.mean() < 0.35 else 1)


def test_what_fails_in_one_degradation_takes_no_other_with_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    truth = {name: photograph(height, 128, name) for name, height in (("a", 128), ("b", 112))}
    clean = {name: pixels[::4, ::4].copy() for name, pixels in truth.items()}
    write_set(tmp_path / "set" / "hr", truth)
    write_set(tmp_path / "set" / "clean", clean)
    write_set(tmp_path / "set" / "dark", {name: pixels // 2 for name, pixels in clean.items()})
    metrics = ("psnr_rgb", "ssim_y", "niqe_basicsr", "piqe")
    spec = SetSpec(dataset="set", degradations=("clean", "dark"), metrics=metrics)
    with caplog.at_level(logging.WARNING):
        rows = evaluate_checkpoint(HalfBlind(), METHOD, [spec], tmp_path, SCALE)
    good = rows[rows["status"] == "ok"]
    assert set(zip(good["image"], good["degradation"], good["metric"], strict=True)) == {
        ("a", "clean", metric) for metric in metrics
    }
    alone = spec.model_copy(update={"degradations": ("clean",)})
    expected = evaluate_checkpoint(HalfBlind(), METHOD, [alone], tmp_path, SCALE)
    assert good["value"].tolist() == expected[expected["image"] == "a"]["value"].tolist()
    assert told(caplog)[:3] == [
        "failed: set dark a: the network's result is not finite (NaN or infinity)",
        "failed: set clean b: KeyError: 'no such key'",
        "failed: set dark b: KeyError: 'no such key'",
    ]


def test_images_without_texture_get_one_reason_without_raw_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = {"black": np.zeros((128, 128, 3), np.uint8), "tiny": photograph(2, 3), "whole": photograph(128, 128)}
    write_set(tmp_path / "set" / "real", images)
    spec = SetSpec(dataset="set", degradations=("real",), metrics=("niqe_basicsr", "piqe"))
    with caplog.at_level(logging.WARNING):
        rows = evaluate_reference("input", [spec], tmp_path, 1)
    assert set(rows["image"][rows["status"] == "ok"]) == {"whole"}
    messages = told(caplog)
    same = "is not defined for this image of 128x128 pixels: all pixels are the same"
    assert messages == [
        f"failed: set real: niqe_basicsr black: niqe_basicsr {same}",
        f"failed: set real: piqe black: piqe {same}",
        "failed: set real: niqe_basicsr tiny: NIQE needs at least 96x96 pixels, not 3x2",
        "failed: set real: piqe tiny: piqe is not defined for this image of 3x2 pixels: "
        "it is too small or has too little texture",
    ]
