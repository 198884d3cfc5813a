"""GPU leases: exclusive, freed by death, in queues. nvidia-smi is a script here, so no GPU is needed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.foundation import devices, lease_locks
from harness.foundation.devices import gpu_names, lease, visible, visible_gpus
from harness.foundation.errors import HarnessError

HOLD = """
import sys, time
from pathlib import Path
from harness.foundation.devices import lease
with lease(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[1])) as gpus:
    print(",".join(gpus), flush=True)
    time.sleep(60)
"""


def holder(folder: Path, count: int = 1, slots: int = 1, visible: str | None = "0,1") -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    environment |= {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    command = [sys.executable, "-c", HOLD, str(folder), str(count), str(slots)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


LISTED = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa-1)
GPU 1: NVIDIA T400 (UUID: GPU-bbbb-2)
"""
DIVIDED = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa-1)
  MIG 3g.40gb     Device  0: (UUID: MIG-1111)
  MIG 3g.40gb     Device  1: (UUID: MIG-2222)
GPU 1: NVIDIA T400 (UUID: GPU-bbbb-2)
"""

Smi = Callable[..., None]


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Smi:
    """Return what puts an nvidia-smi of these words on the path; it is asked as the real one."""
    folder = tmp_path / "smi"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def write(text: str, status: int = 0, seconds: float = 0) -> None:
        (folder / "said").write_text(text)
        script = f'#!/bin/sh\n[ "$*" = -L ] || exit 9\nsleep {seconds}\ncat {folder}/said\nexit {status}\n'
        (folder / "nvidia-smi").write_text(script)
        (folder / "nvidia-smi").chmod(0o755)

    return write


@pytest.fixture
def two_gpus(smi: Smi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two devices that nvidia-smi knows by numbers alone."""
    smi("GPU 0: A\nGPU 1: B\n")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr(lease_locks, "_POLL", 0.05)


FIRST, SECOND = "GPU-aaaa-1", "GPU-bbbb-2"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, [FIRST, SECOND]),
        ("0,1", [FIRST, SECOND]),
        (" 1 , 0 ", [SECOND, FIRST]),
        ("01", [SECOND]),
        ("GPU-bbbb-2,GPU-aaaa-1", [SECOND, FIRST]),
        ("GPU-a", [FIRST]),
        ("0,GPU-bbbb-2", [FIRST, SECOND]),
        ("0,7,1", [FIRST]),
        ("0,-1,1", [FIRST]),
        ("GPU-", []),
        ("GPU-cccc", []),
        ("0,0", []),
        ("0,GPU-aaaa-1", []),
        *((none, []) for none in ("", " ", "-1", "none", "void", "NoDevFiles", "all", "gpu0", ",0", "1x")),
    ],
)
def test_visible_devices_are_what_cuda_would_see(
    smi: Smi, monkeypatch: pytest.MonkeyPatch, value: str | None, expected: list[str]
) -> None:
    smi(LISTED)
    if value is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == expected
    assert bool(visible().problem) is (not expected or value == "0,7,1")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ["MIG-1111", "MIG-2222", SECOND]),
        ("0", ["MIG-1111"]),
        (FIRST, ["MIG-1111"]),
        ("MIG-2222", ["MIG-2222"]),
        ("MIG-3333", []),
        ("MIG-GPU-aaaa-1/1/0", ["MIG-GPU-aaaa-1/1/0"]),
    ],
)
def test_a_divided_gpu_is_its_instances(
    smi: Smi, monkeypatch: pytest.MonkeyPatch, value: str | None, expected: list[str]
) -> None:
    smi(DIVIDED)
    if value is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == expected
    assert gpu_names() == ["NVIDIA H100 80GB HBM3", "NVIDIA T400"]


@pytest.mark.parametrize(("value", "expected"), [("0,1", ["0", "1"]), ("GPU-x", ["GPU-x"]), ("0,all", ["0"])])
def test_without_nvidia_smi_names_stand_for_themselves(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: list[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == expected
    assert visible().certain


@pytest.mark.parametrize("pair", [("0", FIRST), ("1,0", "GPU-a"), (None, "0")])
def test_one_card_has_one_lock_whatever_it_is_called(
    smi: Smi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pair: tuple[str | None, str]
) -> None:
    smi(LISTED)
    monkeypatch.setattr(lease_locks, "_POLL", 0.05)
    (tmp_path / "locks").mkdir()
    holders = [holder(tmp_path / "locks", 2 if pair[0] != "0" else 1, visible=pair[0])]
    try:
        assert FIRST in line(holders[0])
        holders.append(holder(tmp_path / "locks", visible=pair[1]))
        assert line(holders[1]) == "waiting for 1 of 1 GPUs to become free"
        holders[0].kill()
        assert line(holders[1]) == FIRST
    finally:
        for process in holders:
            process.kill()
            process.communicate()


def test_children_count_devices_as_nvidia_smi_does(smi: Smi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi(LISTED)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
    with lease(1, folder=tmp_path / "locks"):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == SECOND
        assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    assert os.environ["CUDA_DEVICE_ORDER"] == "FASTEST_FIRST"


@pytest.mark.parametrize(
    ("text", "status", "seconds", "problem"),
    [
        ("Failed to initialize NVML: Driver/library version mismatch", 18, 0, r"nvidia-smi fails \(Failed to init"),
        (LISTED, 0, 60, r"nvidia-smi gives no answer within 0\.3 s: the driver hangs"),
    ],
)
def test_an_nvidia_smi_that_fails_or_hangs_is_one_line(
    smi: Smi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, status: int, seconds: float, problem: str
) -> None:
    smi(text, status, seconds)
    monkeypatch.setattr(devices, "_PATIENCE", 0.3)
    for value in (None, "0"):
        if value is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
        started = time.monotonic()
        with pytest.raises(HarnessError, match=problem), lease(1, folder=tmp_path / "locks"):
            pass
        assert time.monotonic() - started < 5
    assert not (tmp_path / "locks").exists()


def test_a_device_that_is_named_twice_is_told_and_not_waited_for(
    smi: Smi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smi(LISTED)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,0")
    with pytest.raises(HarnessError, match="names a GPU twice, and CUDA then sees none"), lease(2, folder=tmp_path):
        pass


def test_instances_of_a_divided_gpu_do_not_share_a_run(smi: Smi, tmp_path: Path) -> None:
    smi(DIVIDED)
    with pytest.raises(HarnessError, match=r"MIG instances.*set training\.processes: 1"), lease(2, folder=tmp_path):
        pass


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
