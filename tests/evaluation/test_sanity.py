"""The whole chain from photographs to rows, against the known values of bicubic upscaling."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.commands import data, evaluate, report
from harness.datasets.benchmark import generate
from harness.evaluation.evaluate import evaluate_reference
from harness.spec import SetSpec
from tests.workflow.conftest import SMALLEST

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


CLASSIC = 28.429
"""Known-good: Set5, MATLAB's imresize x4 down and up, each pass rounded to 8 bit, PSNR of the Y channel in dB."""


def test_classic_bicubic_row_in_the_table_of_an_experiment(
    shared_data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_DATA", str(shared_data_root))
    text = SMALLEST.replace("seeds: [0]", "references: [bicubic, bicubic_matlab]\nseeds: [0]")
    text = text.replace("[embedded_test]", "[Set5]").replace("[clean, blur_noise_jpeg]", "[clean, clean_matlab]")
    experiment = Path("classic.yaml")
    experiment.write_text(text)
    data.benchmark(experiment, "Set5")
    for reference in ("bicubic", "bicubic_matlab"):
        evaluate.evaluate(experiment, reference=reference)
    report.aggregate(experiment, partial=True)
    report.tables(experiment)
    table = pd.read_csv("reports/classic/tables/psnr_y.csv").set_index(["method", "column"])["mean"]
    assert table["bicubic_matlab", "clean_matlab"] == pytest.approx(CLASSIC, abs=0.001)
    assert table["bicubic", "clean"] > CLASSIC, "Pillow's downscale is another degradation"
    assert "bicubic matlab" in Path("reports/classic/tables/psnr_y.html").read_text()
