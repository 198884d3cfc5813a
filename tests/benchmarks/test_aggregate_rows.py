"""The benchmark of many rows takes the way that the workflow takes, here with few."""

from __future__ import annotations

from pathlib import Path

from benchmarks.aggregate_rows import measure, plan, table
from harness.reporting.files import tables_below
from harness.reporting.rows.metric_rows import load

FEW = {"Set5": 3, "Set14": 4}


def test_few_rows_become_all_tables(tmp_path: Path) -> None:
    result = measure(tmp_path, FEW, metrics=2)
    study = plan(FEW, 2)
    assert len(study.runs) == 48
    assert result["rows"] == 49 * 8 * 7 * 2
    frame = load(tmp_path / "metrics.parquet")
    assert len(frame) == result["rows"]
    assert set(frame["status"]) == {"ok"}
    assert sorted((tmp_path / "tables").iterdir()) == tables_below(study, tmp_path / "tables")
    assert result["tables"]["peak"] > 1e7
    assert "| both " in table(result)
