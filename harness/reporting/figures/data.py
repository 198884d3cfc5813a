"""The numbers behind each figure as CSV, so that anyone can draw it anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from harness.foundation.files import write_text
from harness.reporting.figures.gains import widest_scope
from harness.reporting.rows.run_records import Key


def write_data(frames: Mapping[str, pd.DataFrame], folder: Path) -> list[Path]:
    """Write each figure's numbers as ``NAME.csv`` below ``folder`` and return the files."""
    paths = []
    for name, frame in frames.items():
        path = folder / f"{name}.csv"
        text = (
            frame.to_csv(index=False, float_format="%.6g", lineterminator="\n") if len(frame.columns) else "no data\n"
        )
        write_text(path, text)
        paths.append(path)
    return paths


def differences(summary: pd.DataFrame, metric: str) -> dict[str, pd.DataFrame]:
    """Return what the figures of differences show, by their names: rows of the summary of one metric."""
    rows = summary[summary["metric"] == metric]
    wide = rows[rows["scope"] == widest_scope(rows)] if len(rows) else rows
    last = rows.groupby(["network", "scope"], sort=False)["column"].transform("last") if len(rows) else rows["column"]
    return {"gains": wide, "heatmap": rows, "forest": rows[rows["column"] == last]}


def histories(found: Mapping[Key, pd.DataFrame]) -> pd.DataFrame:
    """Return the histories of all runs below each other, with network, method and seed in front."""
    parts = []
    for (network, method, seed), history in found.items():
        part = history.copy()
        for place, (name, value) in enumerate((("network", network), ("method", method), ("seed", seed))):
            part.insert(place, name, value)
        parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["network", "method", "seed"])
