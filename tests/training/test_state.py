"""The state folder: two generations, and what is broken is recognized."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch

from harness.foundation import files
from harness.foundation.errors import HarnessError
from harness.training.state import Snapshot, StateFolder


def snapshot(iteration: int) -> Snapshot:
    return Snapshot(
        iteration, {"a": torch.full((3,), float(iteration)), "b": torch.tensor(7, dtype=torch.int64)}, {"n": [1, None]}
    )


def test_round_trip_is_exact(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    assert folder.newest() is None
    folder.write(snapshot(5))
    found = folder.newest()
    assert found is not None
    assert found.iteration == 5
    assert found.notes == {"n": [1, None]}
    assert torch.equal(found.tensors["a"], torch.full((3,), 5.0))
    assert found.tensors["b"].dtype == torch.int64


def test_keeps_two_generations(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    for iteration in (1, 20, 300):
        folder.write(snapshot(iteration))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["iteration-000000020.state", "iteration-000000300.state"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_falls_back_to_the_generation_before(tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = StateFolder(tmp_path)
    folder.write(snapshot(1))
    folder.write(snapshot(2))
    newest = tmp_path / "iteration-000000002.state"
    content = bytearray(newest.read_bytes())
    if damage == "flip":
        content[-1] ^= 1
    newest.write_bytes(bytes(content[: {"truncate": len(content) - 3, "flip": len(content), "empty": 0}[damage]]))
    found = folder.newest()
    assert found is not None
    assert found.iteration == 1
    assert "iteration-000000002.state: truncated or corrupted" in capsys.readouterr().err
    assert not newest.exists()


def test_full_disk_leaves_the_last_good_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = StateFolder(tmp_path)
    folder.write(snapshot(1))

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "_fsync", full)
    with pytest.raises(HarnessError, match="the disk is full"):
        folder.write(snapshot(2))
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["iteration-000000001.state"]
    found = folder.newest()
    assert found is not None
    assert found.iteration == 1
