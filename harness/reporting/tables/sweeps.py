"""The tables of sweeps: where a method begins to pay, and every number."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from harness.degradations.sweeps import SWEEPS
from harness.foundation.files import write_text
from harness.reporting.rows.compared import Study
from harness.reporting.rows.labels import metric_label
from harness.reporting.statistics.sweeps import begins
from harness.reporting.tables.formats import PlainTable, csv_text, write_plain


def sweep_table(rows: pd.DataFrame, study: Study) -> PlainTable:
    """Return a row for each sweep, network and trained method: from which strength on it beats the baseline.

    Args:
        rows: of :func:`harness.reporting.statistics.sweeps.sweep_summary`.
        study: the comparison.
    """
    caption = (
        f"Sweeps of one degradation, {metric_label(study.metrics[0]).axis}, differences to {study.baseline}. Strengths "
        "go from weak to strong. A method pays (costs) where the 95% interval of its paired difference over seeds and "
        "images lies above (below) zero in the good direction, each strength by itself: of many strengths one in forty "
        "does so by chance. No part of the main table or of any average."
    )
    lines = tuple((SWEEPS[sweep].axis, network, method, text) for sweep, network, method, text in begins(rows, study))
    return PlainTable("sweep", caption, ("sweep", "network", "method", "where it begins to pay"), lines)


def write_sweeps(rows: pd.DataFrame, study: Study, folder: Path) -> list[Path]:
    """Write ``sweep.{csv,html,md,tex}`` and every number, ``sweep_numbers.csv``, and return their paths."""
    numbers = folder / "sweep_numbers.csv"
    text = [["" if pd.isna(one) else str(one) for one in row] for row in rows.itertuples(index=False)]
    write_text(numbers, csv_text(list(rows.columns), text))
    return [*write_plain(sweep_table(rows, study), "Sweeps of one degradation", folder, study.name), numbers]
