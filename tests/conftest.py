"""What all tests share: one thread each, no network, fixed seeds, and where the shared test data lie."""

from __future__ import annotations

import os

# Before anything imports NumPy or torch: test processes run side by side, one core each.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["MPLBACKEND"] = "Agg"
os.environ["HF_HUB_OFFLINE"] = "1"

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
"""The repository's root."""

settings.register_profile("harness", derandomize=True, deadline=None, database=None, print_blob=True)
settings.load_profile("harness")


@pytest.fixture
def hangups_count() -> Iterator[None]:
    """Let SIGHUP end a process where the tests themselves run under nohup, which children inherit."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def shared_data() -> Path | None:
    """Return the folder of public test data (benchmarks, training images), or None where there is none.

    The environment variable HARNESS_TEST_DATA names it; without it, ``shared/data`` beside the repository is tried.
    """
    named = os.environ.get("HARNESS_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def shared_data_root() -> Path:
    """The folder of public test data; tests that ask for it are skipped where there is none."""
    folder = shared_data()
    if folder is None:
        pytest.skip("no shared test data; set HARNESS_TEST_DATA to its folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Let connections go to this machine only, so that no test depends on the network."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"tests may not reach the network, but one asked for {address[0]}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", local_only)
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot run."""
    if item.get_closest_marker("slurm") and not _slurm_answers():
        pytest.skip("no Slurm that answers on this machine")
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device on this machine")


@cache
def _slurm_answers() -> bool:
    """Whether jobs can be submitted here."""
    if shutil.which("sbatch") is None:
        return False
    try:
        return subprocess.run(["scontrol", "ping"], capture_output=True, timeout=20, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False
