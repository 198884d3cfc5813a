"""The command that trains: whether it leases the devices is its own affair, not that of variables left in a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.foundation import launch
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
