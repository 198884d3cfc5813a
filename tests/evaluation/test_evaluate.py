"""Evaluation on a small benchmark: right numbers, and failures that cost only themselves."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from harness.degradations.fixed import bicubic_upscale
from harness.evaluation.evaluate import COLUMNS, Method, evaluate_checkpoint, evaluate_reference, write_metrics
from harness.evaluation.scores import compare, psnr_rgb
from harness.foundation.errors import HarnessError
from harness.foundation.images import read_rgb, write_png
from harness.spec import SetSpec
from tests.evaluation.conftest import SCALE, TinyNetwork, photograph, write_set

METRICS = ("psnr_rgb", "psnr_y", "ssim_y")
TINY = SetSpec(dataset="tiny", degradations=("clean", "dark"), metrics=METRICS)
METHOD = Method("tinynet", "baseline", "baseline", 3)


def value(rows: pd.DataFrame, **where: str) -> float:
    chosen = rows[np.logical_and.reduce([rows[column] == wanted for column, wanted in where.items()])]
    assert len(chosen) == 1
    return float(chosen["value"].iloc[0])


def test_bicubic_rows(benchmarks: Path) -> None:
    rows = evaluate_reference("bicubic", [TINY], benchmarks, SCALE)
    assert list(rows.columns) == list(COLUMNS)
    assert len(rows) == 3 * 2 * 3
    assert set(rows["status"]) == {"ok"}
    assert set(rows["network"]) == {""}
    assert set(rows["variant"]) == {"bicubic"}
    assert set(rows["regularizer"]) == {"reference"}
    assert rows["seed"].isna().all()
    assert rows["seed"].dtype == "Int64"
    for degradation in TINY.degradations:
        output = bicubic_upscale(read_rgb(benchmarks / "tiny" / degradation / "bee.png"), SCALE)
        truth = read_rgb(benchmarks / "tiny" / "hr" / "bee.png")
        for metric in METRICS:
            found = value(rows, degradation=degradation, image="bee", metric=metric)
            assert found == compare(metric, output, truth, SCALE)


def test_checkpoint_rows_are_those_of_the_plain_network(benchmarks: Path) -> None:
    network = TinyNetwork()
    rows = evaluate_checkpoint(network, METHOD, [TINY], benchmarks, SCALE)
    lr = torch.from_numpy(read_rgb(benchmarks / "tiny" / "dark" / "cat.png").copy()).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        output = (network(lr)[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    expected = psnr_rgb(output, read_rgb(benchmarks / "tiny" / "hr" / "cat.png"), SCALE)
    assert value(rows, degradation="dark", image="cat", metric="psnr_rgb") == expected
    assert network.training, "the mode of the network is restored"
    assert rows["seed"].tolist() == [3] * len(rows)


def test_numbers_and_bytes_do_not_depend_on_readers_or_threads(benchmarks: Path, tmp_path: Path) -> None:
    written = []
    before = torch.get_num_threads()
    try:
        for readers, threads in ((1, 1), (3, 2), (1, 1)):
            torch.set_num_threads(threads)
            rows = evaluate_checkpoint(TinyNetwork(), METHOD, [TINY], benchmarks, SCALE, readers=readers)
            path = tmp_path / f"{len(written)}.parquet"
            write_metrics(rows, path)
            written.append(path.read_bytes())
    finally:
        torch.set_num_threads(before)
    assert written[0] == written[1] == written[2]


def test_numbers_do_not_depend_on_what_is_evaluated_beside(benchmarks: Path) -> None:
    """All versions of an image are measured as one batch: alone, each has the same numbers."""
    both = SetSpec(dataset="tiny", degradations=("clean", "dark"), metrics=("psnr_rgb", "psnr_y", "ssim_y", "ssim_rgb"))
    together = evaluate_reference("bicubic", [both], benchmarks, SCALE)
    for name in both.degradations:
        alone = evaluate_reference("bicubic", [both.model_copy(update={"degradations": (name,)})], benchmarks, SCALE)
        expected = together[together["degradation"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, expected, check_exact=True)
        assert len(alone) == 12


def test_parquet_round_trip(benchmarks: Path, tmp_path: Path) -> None:
    rows = evaluate_reference("bicubic", [TINY], benchmarks, SCALE)
    write_metrics(rows, tmp_path / "rows.parquet")
    read = pd.read_parquet(tmp_path / "rows.parquet")
    pd.testing.assert_frame_equal(rows, read)


def test_one_bad_image_does_not_lose_the_others(benchmarks: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = evaluate_reference("bicubic", [TINY], benchmarks, SCALE)
    clean = benchmarks / "tiny" / "clean"
    (clean / "ape.png").write_bytes((clean / "ape.png").read_bytes()[:100])
    write_png(clean / "bee.png", read_rgb(clean / "bee.png") ^ 1)
    (benchmarks / "tiny" / "dark" / "cat.png").unlink()
    with caplog.at_level(logging.WARNING):
        rows = evaluate_reference("bicubic", [TINY], benchmarks, SCALE)
    failed = rows["status"] == "failed"
    assert set(zip(rows["degradation"][failed], rows["image"][failed], strict=True)) == {
        ("clean", "ape"),
        ("clean", "bee"),
        ("dark", "cat"),
    }
    assert rows["value"][failed].isna().all()
    pd.testing.assert_frame_equal(rows[~failed], good[~failed])
    assert sum(record.levelno == logging.WARNING for record in caplog.records) == 3
    messages = " | ".join(record.getMessage() for record in caplog.records)
    assert "ape.png: corrupt or unreadable" in messages or "ape.png: not an image" in messages
    assert "bee.png: pixels differ from manifest.tsv" in messages
    assert "cat.png: no such image file" in messages


def test_a_bad_ground_truth_fails_its_image_only(benchmarks: Path, caplog: pytest.LogCaptureFixture) -> None:
    (benchmarks / "tiny" / "hr" / "ape.png").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        rows = evaluate_reference("bicubic", [TINY], benchmarks, SCALE)
    assert set(rows["image"][rows["status"] == "failed"]) == {"ape"}
    assert (rows["status"] == "failed").sum() == 6
    assert sum(record.levelno == logging.WARNING for record in caplog.records) == 1


def test_sizes_that_do_not_fit(benchmarks: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_set(benchmarks / "odd" / "hr", {"a": photograph(48, 64), "b": photograph(48, 64)})
    write_set(benchmarks / "odd" / "real", {"a": photograph(12, 15), "b": photograph(12, 16), "c": photograph(12, 16)})
    odd = SetSpec(dataset="odd", degradations=("real",), metrics=METRICS)
    with caplog.at_level(logging.WARNING):
        rows = evaluate_reference("bicubic", [odd], benchmarks, SCALE)
    assert set(rows["image"][rows["status"] == "ok"]) == {"b"}
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0] == "failed: odd real a: 15x12 times 4 is not the ground truth's size 64x48"
    assert "odd/hr/manifest.tsv: c is not listed" in messages[1]


class Broken(nn.Module):
    """Fails on one size, gives NaN on another."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if images.shape[-2] == 12:
            raise RuntimeError("out of memory\nwith a long explanation")
        result = torch.nn.functional.interpolate(images, scale_factor=SCALE)
        return result / 0 if images.shape[-2] == 14 else result


def test_failures_of_the_network(benchmarks: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        rows = evaluate_checkpoint(Broken(), METHOD, [TINY], benchmarks, SCALE)
    assert set(rows["image"][rows["status"] == "ok"]) == {"cat"}
    messages = [record.getMessage() for record in caplog.records]
    assert "failed: tiny clean ape: out of memory" in messages
    assert any("bee: the network's result is not finite" in message for message in messages)


def test_wrong_scale_is_told(benchmarks: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        rows = evaluate_checkpoint(TinyNetwork(2), METHOD, [TINY], benchmarks, SCALE)
    assert set(rows["status"]) == {"failed"}
    assert "wrong scale?" in caplog.records[0].getMessage()


def test_what_is_missing_is_one_error(benchmarks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HarnessError, match=r"tiny/noise: not generated yet; run"):
        evaluate_reference("bicubic", [TINY.model_copy(update={"degradations": ("clean", "noise")})], benchmarks, SCALE)
    with pytest.raises(HarnessError, match=r"photos/hr: not generated yet"):
        evaluate_reference(
            "bicubic", [SetSpec(dataset="photos", degradations=("real",), metrics=METRICS)], benchmarks, SCALE
        )
    with pytest.raises(HarnessError, match=r"reference 'lanczos' is unknown; choose from: bicubic"):
        evaluate_reference("lanczos", [TINY], benchmarks, SCALE)
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)
    learned = TINY.model_copy(update={"metrics": ("psnr_rgb", "lpips", "dists")})
    with pytest.raises(HarnessError) as caught:
        evaluate_reference("bicubic", [learned], benchmarks, SCALE, weights_root=tmp_path)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["metric lpips", "metric dists"]
    (benchmarks / "tiny" / "clean" / "manifest.tsv").write_text("name\twidth\nape\t3\n")
    with pytest.raises(HarnessError, match=r"clean/manifest.tsv: line"):
        evaluate_reference("bicubic", [TINY], benchmarks, SCALE)


def test_scale_one_has_no_border(tmp_path: Path) -> None:
    truth = photograph(20, 24)
    write_set(tmp_path / "same" / "hr", {"a": truth})
    write_set(tmp_path / "same" / "clean", {"a": truth})
    spec = SetSpec(dataset="same", degradations=("clean",), metrics=METRICS)
    rows = evaluate_reference("bicubic", [spec], tmp_path, 1)
    assert rows["value"].tolist() == [math.inf, math.inf, pytest.approx(1.0, abs=1e-12)]
    assert set(rows["status"]) == {"ok"}
    changed = truth.copy()
    changed[0, 0, 0] ^= 4
    write_set(tmp_path / "edge" / "hr", {"a": truth})
    write_set(tmp_path / "edge" / "clean", {"a": changed})
    rows = evaluate_reference("bicubic", [spec.model_copy(update={"dataset": "edge"})], tmp_path, 1)
    assert value(rows, metric="psnr_rgb") == pytest.approx(10 * math.log10(255**2 * 20 * 24 * 3 / 16))


class Windowed(nn.Module):
    """Accepts multiples of 8 only, as SwinIR does."""

    def __init__(self) -> None:
        super().__init__()
        self.window_size = 8
        self.inner = TinyNetwork()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert images.shape[-2] % 8 == 0
        assert images.shape[-1] % 8 == 0
        return self.inner(images)


def test_windowed_networks_get_multiples_of_their_window(benchmarks: Path) -> None:
    rows = evaluate_checkpoint(Windowed(), METHOD, [TINY], benchmarks, SCALE)
    assert set(rows["status"]) == {"ok"}


def test_tf32_is_off_and_settings_return(benchmarks: Path) -> None:
    seen = []

    class Spy(TinyNetwork):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append((torch.get_float32_matmul_precision(), torch.is_inference_mode_enabled(), self.training))
            return super().forward(images)

    torch.set_float32_matmul_precision("high")
    try:
        evaluate_checkpoint(Spy(), METHOD, [TINY], benchmarks, SCALE)
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert set(seen) == {("highest", True, False)}
