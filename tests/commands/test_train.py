"""The command that trains: whether it leases the devices is its own affair, not that of variables left in a shell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from harness.datasets.patches import Pack
from harness.foundation import launch
from harness.spec import RunSpec
from harness.training.batches import BatchSource
from tests.bad_inputs.case import BASE
from tests.bad_inputs.test_bad_inputs import call
from tests.conftest import ROOT

RUN = "srresnet_tiny.baseline.s0"


@pytest.mark.parametrize("left", ["LOCAL_RANK", "RANK", "HARNESS_STARTED", "HARNESS_ARGUMENTS"])
def test_variables_left_in_a_shell_do_not_skip_the_lease(
    left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(left, "0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    Path("mine.yaml").write_text(BASE.replace("device: cpu", "device: cuda"))
    assert call("train", "mine.yaml", "--run", RUN) == 2
    expected = "error: 1 GPUs are needed, but 0 are visible (CUDA_VISIBLE_DEVICES= hides all)"
    assert capsys.readouterr().err.startswith(expected)


@pytest.mark.slow
def test_a_run_in_two_processes_is_one_command_whatever_is_left_in_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(BASE.replace("device: cpu", "device: cpu\n  processes: 2"))
    for dataset in ("embedded_train", "embedded_heldout"):
        assert call("pack", "mine.yaml", dataset) == 0
    environment = os.environ | {"LOCAL_RANK": "7", "RANK": "7", "WORLD_SIZE": "9", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "harness", "train", "mine.yaml", "--run", RUN]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.glob("results/runs/*/weights.safetensors"))) == 1


def test_only_what_the_launcher_starts_is_started() -> None:
    assert not launch.is_started()
    code = "from harness.foundation.launch import is_started; print(is_started())"
    environment = os.environ | {"HARNESS_STARTED": str(os.getpid())}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n", "a child of a started process is none"


def test_a_run_trains_on_batches_as_released_and_its_record_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the file to what the run was given: its kept images are the record's, cut at one place."""
    monkeypatch.chdir(tmp_path)
    larger = BASE.replace("crop: 32", "crop: 48").replace("batch_size: 2", "batch_size: 4")
    variants = ["baseline", "baseline_window_per_batch", "baseline_gray_per_batch", "baseline_sub_images"]
    variants += ["baseline_released_batches"]
    Path("mine.yaml").write_text(larger.replace("[baseline]", f"[{', '.join(variants)}]") + "batches: keep\n")
    for dataset in ("embedded_train", "embedded_heldout"):
        assert call("pack", "mine.yaml", dataset) == 0
    seen: set[Path] = set()
    for variant in variants:
        before = set(tmp_path.glob("results/batches/*/rows4/*.safetensors"))
        assert call("train", "mine.yaml", "--run", f"srresnet_tiny.{variant}.s0") == 0
        (kept,) = set(tmp_path.glob("results/batches/*/rows4/*.safetensors")) - before
        (record,) = (path for path in tmp_path.glob("results/runs/*/run.json") if path not in seen)
        seen.add(record)
        written = json.loads(record.read_text())
        training = written["spec"]["training"]
        everything = variant == "baseline_released_batches"
        assert training.get("window") == ("batch" if everything or "window" in variant else None)
        assert training.get("crops") == ("sub_images" if everything or "sub_images" in variant else None)
        gray = "batch" if everything or "gray" in variant else None
        assert training["degradation"].get("gray_pattern") == gray
        source = BatchSource(_pack(), RunSpec.model_validate_json(json.dumps(written["spec"])), 1, "cpu")
        images = safetensors.torch.load_file(kept)["images"]
        assert len(images) == training["iterations"]
        for iteration, given in enumerate(images, start=1):
            recipe = source.prepare(iteration)
            assert torch.equal(given, source.make(iteration, recipe).lr.mul(255).round().to(torch.uint8))
            assert len(np.unique(recipe.corners, axis=0)) == 1 or "window" not in training
            assert len(np.unique(recipe.corners, axis=0)) > 1 or "window" in training
    assert len(seen) == len(variants)


def test_keep_every_added_later_is_said_and_trains_nothing_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(BASE)
    for dataset in ("embedded_train", "embedded_heldout"):
        assert call("pack", "mine.yaml", dataset) == 0
    assert call("train", "mine.yaml", "--run", RUN) == 0
    (run,) = Path("results/runs").iterdir()
    before = {path: path.read_bytes() for path in run.iterdir() if not path.name.startswith("run.json")}
    Path("mine.yaml").write_text(BASE + "keep_every: 3\nkeep_raw: true\n")
    capsys.readouterr()
    assert call("check", "mine.yaml") == 0
    what_to_do = f"to have it, delete {run} and results/state/{run.name[-8:]}* and train again"
    note = f"mine.yaml: keep_every: 1 finished run was trained without it and lacks kept weights; {what_to_do}"
    assert f"note: {note}" in capsys.readouterr().out
    assert call("plan", "mine.yaml") == 0
    assert note in (shown := capsys.readouterr().out)
    assert "1: networks 1, variants 1, seeds 1; 1 finished" in shown, "the run is still the same"
    assert call("train", "mine.yaml", "--run", RUN) == 0
    assert what_to_do in capsys.readouterr().err
    assert {path: path.read_bytes() for path in before} == before
    assert not (run / "kept").exists()
    for folder in (run, *Path("results/state").glob(f"{run.name[-8:]}*")):
        shutil.rmtree(folder)
    assert call("train", "mine.yaml", "--run", RUN) == 0
    weights = run / "weights.safetensors"
    assert weights.read_bytes() == before[weights]
    assert sorted(path.name for path in (run / "kept").glob("*.safetensors")) == [
        "000000003.raw.safetensors",
        "000000003.safetensors",
    ]
    capsys.readouterr()
    assert call("check", "mine.yaml") == 0
    assert "note" not in capsys.readouterr().out


def _pack() -> Pack:
    (index,) = Path().glob("**/embedded_train/index.json")
    return Pack.open(index.parent)
