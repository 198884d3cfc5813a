"""A pack that is cut off, altered or touched under a run: one line or no harm, and never a death without a message."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from harness.datasets.pack_files import INDEX, PIXELS
from harness.datasets.patches import Pack, pack, sample_crops
from harness.foundation.errors import HarnessError
from harness.foundation.rng import Draws
from tests.bad_inputs.case import BASE
from tests.conftest import ROOT


@pytest.fixture
def opened(packs: Path, tmp_path: Path) -> Pack:
    for name in (PIXELS, INDEX):
        (tmp_path / name).write_bytes((packs / "embedded_heldout" / name).read_bytes())
    return Pack.open(tmp_path)


def crops(opened: Pack) -> np.ndarray:
    return sample_crops(opened, 32, Draws(0, 1, 0, range(4)), True)


def test_a_pack_that_was_cut_off_is_told(opened: Pack, tmp_path: Path) -> None:
    crops(opened)
    os.truncate(tmp_path / PIXELS, 100)
    with pytest.raises(HarnessError, match=r"pixels\.bin: 100 bytes where the index says \d+; "):
        crops(opened)


def test_pixels_that_change_under_a_run_are_told(opened: Pack, tmp_path: Path) -> None:
    crops(opened)
    with open(tmp_path / PIXELS, "r+b") as stream:
        stream.write(b"\xff\x00\xff")
    with pytest.raises(HarnessError, match=r"pixels\.bin: 1 of \d+ images are not what was packed"):
        crops(opened)


def test_a_pack_that_was_only_touched_or_replaced_goes_on(opened: Pack, tmp_path: Path) -> None:
    before = crops(opened)
    os.utime(tmp_path / PIXELS, (1, 1))
    np.testing.assert_array_equal(crops(opened), before)
    (tmp_path / "new").write_bytes(b"")
    (tmp_path / "new").replace(tmp_path / PIXELS)
    np.testing.assert_array_equal(crops(opened), before)


def test_a_pack_that_is_cut_off_while_a_run_trains_ends_it_with_one_line(tmp_path: Path) -> None:
    text = BASE.replace("iterations: 4", "iterations: 1000000").replace("log_every: 2", "log_every: 1")
    (tmp_path / "long.yaml").write_text(text)
    for name in ("embedded_train", "embedded_heldout"):
        pack(name, "nowhere", tmp_path / "results" / "training_data" / name, jobs=1)
    command = [sys.executable, "-m", "harness", "train", "long.yaml", "--run", "srresnet_tiny.baseline.s0"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=-1, stderr=-1, text=True) as run:
        assert run.stdout is not None
        try:
            assert "iteration 1/" in run.stdout.readline()
            time.sleep(0.2)  # in the middle of the run
            os.truncate(tmp_path / "results" / "training_data" / "embedded_train" / PIXELS, 1000)
            _, error = run.communicate(timeout=60)
        finally:
            run.kill()
    assert run.returncode == 2, f"{signal.Signals(-run.returncode) if run.returncode < 0 else run.returncode}: {error}"
    (line,) = error.splitlines()
    assert "embedded_train/pixels.bin: 1000 bytes where the index says" in line
    assert "run `python -m harness pack EXPERIMENT embedded_train`" in line
