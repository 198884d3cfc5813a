"""The table of one weight file: an average over its lines, and a column of failures only where something failed."""

from __future__ import annotations

import numpy as np
import pytest

from harness.reporting.tables.terminal import means_table
from tests.reporting import synthetic


def test_the_average_is_that_of_the_lines_and_nothing_is_empty() -> None:
    study = synthetic.study(datasets=("Set5", "Set14"), degradations=("clean", "blur"), metrics=("psnr_rgb",))
    rows = synthetic.metric_rows(study)
    rows = rows[rows["variant"] == "bicubic"]
    table = means_table(rows, "bicubic")
    assert "failed" not in table.header
    assert len(table.rows) == 5
    assert table.rows[-1][0] == "average"
    expected = rows.groupby(["dataset", "degradation"])["value"].mean().mean()
    assert float(table.rows[-1][-1]) == pytest.approx(expected, abs=0.006)
    bad = rows["image"].eq("set5_001") & rows["degradation"].eq("blur")
    rows = rows.assign(value=rows["value"].mask(bad), status=np.where(bad, "failed", "ok"))
    table = means_table(rows, "bicubic")
    assert [row[table.header.index("failed")] for row in table.rows] == ["", "1", "", "", ""]
