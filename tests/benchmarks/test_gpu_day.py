"""The GPU day at toy size on a CPU: what can run there holds, what cannot says why, and no item stops the next."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from benchmarks import gpu_day, gpu_items
from benchmarks.gpu_items import ITEMS, Day

NEED_A_GPU = {"capture", "tests"}
LONG = {"graph", "resume", "rates", "options", "profile"}


def states(folder: Path) -> dict[str, str]:
    return {path.stem: json.loads(path.read_text())["state"] for path in folder.glob("*.json")}


@pytest.mark.parametrize(
    "names", [sorted(set(ITEMS) - LONG), pytest.param(sorted(LONG), marks=pytest.mark.thorough)], ids=["short", "long"]
)
def test_items_hold_on_a_cpu_or_say_why_not(names: list[str], tmp_path: Path) -> None:
    gpu_day.main(["--device", "cpu", "--small", "--out", str(tmp_path), "--items", *names])
    assert states(tmp_path) == {name: "skipped" if name in NEED_A_GPU else "holds" for name in names}


def test_an_item_that_fails_or_is_refuted_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(day: Day) -> dict[str, str]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def surprised(day: Day) -> dict[str, str]:
        raise AssertionError("an invariant of torch's compiler")

    monkeypatch.setitem(gpu_items.ITEMS, "imports", (broken, 1))
    monkeypatch.setitem(gpu_items.ITEMS, "evaluation", (surprised, 1))
    monkeypatch.setitem(gpu_items.RECORDED, "uniform", "other")
    gpu_day.main(
        ["--device", "cpu", "--small", "--out", str(tmp_path), "--items", "imports", "evaluation", "bits", "memory"]
    )
    assert states(tmp_path) == {"imports": "failed", "evaluation": "failed", "bits": "refuted", "memory": "holds"}
    assert "RuntimeError: CUDA error: an illegal memory access was encountered" in capsys.readouterr().out


def test_the_minutes_are_kept_and_what_they_leave_out_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = []

    def stopped(name: str, day: Day, out: Path, limit: float) -> None:
        """An item that takes all that it may."""
        limits.append(limit)
        clock[0] += limit

    clock = [100.0]
    monkeypatch.setattr(gpu_day.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(gpu_day, "isolated", stopped)
    gpu_day.main(["--device", "cpu", "--minutes", "10", "--out", str(tmp_path)])
    assert sum(limits) <= 600
    left_out = list(ITEMS)[len(limits) :]
    assert left_out
    assert states(tmp_path) == dict.fromkeys(left_out, "left out")
    assert f"left out for lack of time: {', '.join(left_out)}; run them" in capsys.readouterr().out


def test_an_item_that_takes_too_long_is_stopped_at_its_limit(tmp_path: Path) -> None:
    start = time.monotonic()
    gpu_day.isolated("imports", Day("cpu", True, 60), tmp_path, 0.2)
    assert time.monotonic() - start < 5
    assert states(tmp_path) == {"imports": "out of time"}
