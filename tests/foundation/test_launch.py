"""Processes below torchrun: a closed terminal reaches them, unless nohup is at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bad_inputs.case import BASE
from tests.conftest import ROOT

SETTINGS = {"iterations: 4": "iterations: 100000\n  processes: 2", "heldout_every: 4": "heldout_every: 100000"}
RUN = "srresnet_tiny.baseline.s0"


@pytest.mark.slow
@pytest.mark.usefixtures("hangups_count")
@pytest.mark.parametrize("nohup", [False, True], ids=["hangup", "nohup"])
@pytest.mark.thorough
def test_a_closed_terminal_and_two_processes(tmp_path: Path, nohup: bool) -> None:
    text = BASE
    for old, new in SETTINGS.items():
        text = text.replace(old, new)
    (tmp_path / "mine.yaml").write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    harness = [sys.executable, "-m", "harness"]
    for dataset in ("embedded_train", "embedded_heldout"):
        subprocess.run([*harness, "pack", "mine.yaml", dataset], cwd=tmp_path, env=environment, check=True)
    command = [*harness, "train", "mine.yaml", "--run", RUN]
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            ["nohup", *command] if nohup else command, cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
    try:
        wait_for(tmp_path / "log", "iteration ")
        process.send_signal(signal.SIGHUP)
        if nohup:
            time.sleep(3)
            assert process.poll() is None, "nohup is for this"
            process.send_signal(signal.SIGTERM)
        assert process.wait(90) != 0
    finally:
        process.kill()
    assert "state saved" in (tmp_path / "log").read_text()
    assert list(tmp_path.glob("results/state/*/iteration-*.state"))


def wait_for(log: Path, text: str) -> None:
    patience = time.monotonic() + 120
    while text not in log.read_text():
        assert time.monotonic() < patience, log.read_text()
        time.sleep(0.2)
