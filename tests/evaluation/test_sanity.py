"""The whole chain from photographs to rows, against the known values of bicubic upscaling."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.datasets.benchmark import generate
from harness.evaluation.evaluate import evaluate_reference
from harness.spec import SetSpec

KNOWN = {
    "clean": (26.69, 0.01),
    "blur": (24.89, 0.01),
    "jpeg": (23.77, 0.01),
    "blur_jpeg": (22.97, 0.01),
    "noise": (22.1, 0.1),
    "blur_noise": (21.3, 0.1),
    "noise_jpeg": (22.5, 0.1),
    "blur_noise_jpeg": (21.9, 0.1),
}
"""PROTOCOL: Set5, Pillow's bicubic down and up, RGB PSNR in dB, and the tolerance (noise is one draw)."""


def test_bicubic_on_set5(shared_data_root: Path, tmp_path: Path) -> None:
    generate("Set5", list(KNOWN), tmp_path, shared_data_root, jobs=1)
    spec = SetSpec(dataset="Set5", degradations=tuple(KNOWN), metrics=("psnr_rgb", "psnr_y"))
    rows = evaluate_reference("bicubic", [spec], tmp_path, 4)
    assert set(rows["status"]) == {"ok"}
    means = rows[rows["metric"] == "psnr_rgb"].groupby("degradation")["value"].mean()
    for degradation, (value, tolerance) in KNOWN.items():
        assert means[degradation] == pytest.approx(value, abs=tolerance), degradation
