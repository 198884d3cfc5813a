"""GPU leases: exclusive, freed by death, in queues; devices are only names here, so no GPU is needed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.foundation import devices
from harness.foundation.devices import lease, lease_folder, visible_gpus
from harness.foundation.errors import HarnessError

HOLD = """
import sys, time
from pathlib import Path
from harness.foundation.devices import lease
with lease(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[1])) as gpus:
    print(",".join(gpus), flush=True)
    time.sleep(60)
"""


def holder(folder: Path, count: int = 1, slots: int = 1) -> subprocess.Popen[str]:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "0,1"}
    command = [sys.executable, "-c", HOLD, str(folder), str(count), str(slots)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr(devices, "_POLL", 0.05)


@pytest.mark.parametrize(
    ("value", "expected"), [("0,1", ["0", "1"]), ("", []), (" GPU-ab ,2", ["GPU-ab", "2"]), ("0,-1,1", ["0"])]
)
def test_visible_devices_are_what_cuda_would_see(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == expected


@pytest.mark.usefixtures("two_gpus")
def test_holders_get_different_devices_and_a_killed_one_frees_its_own(tmp_path: Path) -> None:
    first, second = holder(tmp_path), holder(tmp_path)
    try:
        assert {line(first), line(second)} == {"0", "1"}
        waiting = holder(tmp_path)
        assert line(waiting) == "waiting for 1 of 2 GPUs to become free"
        first.kill()
        assert line(waiting) in {"0", "1"}
        waiting.kill()
    finally:
        for process in (first, second, waiting):
            process.kill()
            process.communicate()


@pytest.mark.usefixtures("two_gpus")
def test_lease_hides_other_devices_and_gives_the_setting_back(tmp_path: Path) -> None:
    with lease(1, folder=tmp_path) as first:
        assert os.environ["CUDA_VISIBLE_DEVICES"] == first[0]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


@pytest.mark.usefixtures("two_gpus")
def test_two_runs_share_a_device_only_when_asked(tmp_path: Path) -> None:
    holders = [holder(tmp_path, slots=2) for _ in range(4)]
    try:
        assert sorted(line(process) for process in holders) == ["0", "0", "1", "1"]
    finally:
        for process in holders:
            process.kill()
            process.communicate()


@pytest.mark.usefixtures("two_gpus")
def test_all_or_nothing(tmp_path: Path) -> None:
    one = holder(tmp_path)
    try:
        line(one)
        both = holder(tmp_path, count=2)
        assert line(both) == "waiting for 2 of 2 GPUs to become free"
        started = time.monotonic()
        with lease(1, folder=tmp_path) as free:
            assert free == ["1"]
        assert time.monotonic() - started < 30
        one.kill()
        assert line(both) == "0,1"
    finally:
        for process in (one, both):
            process.kill()
            process.communicate()


@pytest.mark.usefixtures("two_gpus")
def test_asking_for_more_than_there_are_says_so(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="3 GPUs are needed, but 2 are visible"), lease(3, folder=tmp_path):
        pass


def test_none_needed_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with lease(0, folder=tmp_path) as nothing:
        assert nothing == []


def test_machines_and_slurm_jobs_have_leases_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    machine = lease_folder()
    assert machine.name == platform.node()
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert lease_folder() == machine / "slurm-17"
