"""pyiqa's metrics: those that need no download really run; the others get their weights from a local folder only."""

from __future__ import annotations

import dataclasses
import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

import harness.foundation.compat  # noqa: F401
from harness.evaluation import weight_files
from harness.evaluation.evaluate import evaluate_reference
from harness.evaluation.fidelity import Reference
from harness.evaluation.metrics import METRICS
from harness.evaluation.scores import scorer
from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels, read_rgb
from harness.spec import SetSpec
from tests.evaluation.conftest import SCALE, photograph, write_set


@pytest.fixture
def no_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests put stand-ins in the place of real weights."""
    plain = {name: dataclasses.replace(file, sha256="") for name, file in weight_files.WEIGHT_FILES.items()}
    monkeypatch.setattr("harness.evaluation.learned.WEIGHT_FILES", plain)
    monkeypatch.setattr(weight_files, "WEIGHT_FILES", plain)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)


def score(name: str, root: Path, *images: Pixels, truth: Pixels | None = None) -> list[float]:
    reference = None if truth is None else Reference(torch.from_numpy(truth.copy()), 4)
    judge = scorer(METRICS[name], "cpu", root)
    return [judge.finish(number) for number in judge.measure(torch.from_numpy(np.stack(images)), reference).tolist()]


def test_piqe_runs_without_any_file(tmp_path: Path) -> None:
    image = photograph(96, 128)
    blocky = np.kron(image[::16, ::16], np.ones((16, 16, 1), np.uint8))
    values = score("piqe", tmp_path, image, blocky)
    assert all(0 <= value <= 100 for value in values)
    assert values[0] != values[1]
    assert score("piqe", tmp_path, blocky) == values[1:], "the batch must not matter"
    assert list(tmp_path.iterdir()) == []


def test_niqe_with_basicsrs_model(tmp_path: Path, shared_data_root: Path) -> None:
    """Close to BasicSR's own NIQE, which resizes and rounds slightly differently (PROTOCOL: NIQEs differ)."""
    from basicsr.metrics.niqe import calculate_niqe

    image = read_rgb(sorted((shared_data_root / "benchmarks" / "Set5").iterdir())[1])
    found = score("niqe_basicsr", tmp_path, image)
    oracle = float(calculate_niqe(np.ascontiguousarray(image[..., ::-1]), 0, convert_to="y"))
    assert found[0] == pytest.approx(oracle, rel=0.05)
    assert score("niqe_basicsr", tmp_path, image) == found


def test_small_images_have_no_niqe_but_the_rest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_set(tmp_path / "photos" / "real", {"big": photograph(25, 30), "small": photograph(20, 30)})
    spec = SetSpec(dataset="photos", degradations=("real",), metrics=("niqe_basicsr", "piqe"))
    with caplog.at_level(logging.WARNING):
        rows = evaluate_reference("bicubic", [spec], tmp_path, SCALE)
    assert rows.query("status == 'failed'")[["image", "metric"]].to_numpy().tolist() == [["small", "niqe_basicsr"]]
    assert set(rows["degradation"]) == {"real"}
    assert "NIQE needs at least 96x96 pixels, not 120x80" in caplog.text


def test_unpaired_and_paired_photographs(benchmarks: Path) -> None:
    write_set(benchmarks / "paired" / "hr", {"a": photograph(48, 64)})
    write_set(benchmarks / "paired" / "real", {"a": photograph(12, 16)})
    sets = [
        SetSpec(dataset="paired", degradations=("real",), metrics=("psnr_rgb", "piqe")),
        SetSpec(dataset="photos", degradations=("real",), metrics=("piqe",)),
    ]
    rows = evaluate_reference("bicubic", sets, benchmarks, SCALE)
    found = list(zip(rows["dataset"], rows["image"], rows["metric"], rows["status"], strict=True))
    assert found == [
        ("paired", "a", "psnr_rgb", "ok"),
        ("paired", "a", "piqe", "ok"),
        ("photos", "one", "piqe", "ok"),
        ("photos", "two", "piqe", "ok"),
    ]
    with pytest.raises(HarnessError, match="photos/hr: not generated yet"):
        evaluate_reference("bicubic", [sets[1].model_copy(update={"metrics": ("psnr_rgb",)})], benchmarks, SCALE)


def brisque_model(path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    torch.save((torch.randn(9, generator=generator), torch.randn(9, 36, generator=generator)), path)


@pytest.mark.usefixtures("no_checksums")
def test_weights_come_from_the_local_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub = torch.hub.get_dir()
    brisque_model(tmp_path / "brisque_svm_weights.pth")
    values = score("brisque", tmp_path, photograph(64, 64, 1), photograph(64, 64, 2))
    assert np.isfinite(values).all()
    assert torch.hub.get_dir() == hub
    assert capsys.readouterr().out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["brisque_svm_weights.pth"]


class Trojan:
    """A pickle that would run code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("pickled code ran",)


@pytest.mark.usefixtures("no_checksums")
@pytest.mark.parametrize("content", [b"", b"garbage", pickle.dumps(Trojan())])
def test_damaged_or_dangerous_weights(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "brisque_svm_weights.pth").write_bytes(content)
    with pytest.raises(
        HarnessError, match=r"metric brisque: cannot be loaded from .*brisque_svm_weights.pth: "
    ) as caught:
        score("brisque", tmp_path, photograph(64, 64))
    assert "\n" not in str(caught.value)
    assert "pickled code ran" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["lpips", "dists", "niqe", "brisque", "musiq", "clipiqa", "maniqa"])
def test_missing_weights_are_known_without_loading(name: str, tmp_path: Path) -> None:
    assert weight_files.missing_weights(name, tmp_path) == list(METRICS[name].weights) != []
    with pytest.raises(HarnessError, match=rf"metric {name}: .* lacks .*fetch-weights {name}"):
        score(name, tmp_path, photograph(64, 64))


@pytest.mark.parametrize("name", ["psnr_rgb", "ssim_y", "piqe", "niqe_basicsr"])
def test_what_needs_no_file(name: str, tmp_path: Path) -> None:
    assert weight_files.missing_weights(name, tmp_path) == []
    assert weight_files.explain_missing(name, tmp_path) is None
