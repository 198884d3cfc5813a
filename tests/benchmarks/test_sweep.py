"""The measurement of large experiments, at a small size."""

from __future__ import annotations

from pathlib import Path

from benchmarks.sweep import DEMO, dry_run_seconds, resolve_seconds, write_sweep
from harness.experiment import load_experiment


def test_a_sweep_has_at_least_as_many_runs_as_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    runs = write_sweep(DEMO, path, 501)
    assert runs == len(load_experiment(path).runs) == 505


def test_resolving_ten_thousand_runs_takes_seconds(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    assert write_sweep(DEMO, path, 10_000) == 10_000
    assert resolve_seconds(path) < 10


def test_a_dry_run_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    write_sweep(DEMO, path, 5)
    assert dry_run_seconds(path, tmp_path) > 0.1
