"""Models from outside in a real workflow: the row of a run's own weights is the run's row."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from tests.workflow.conftest import DEMO, Checkout
from tests.workflow.test_changes import REPORTING
from tests.workflow.test_command_line import told

pytestmark = pytest.mark.slow

EXTERNAL = """
external:
  same: {weights: same.safetensors, network: srresnet_small}
  averaged: {weights: below/released.pth, network: srresnet_small, key: params_ema}
"""


def write_weights(run: Path, folder: Path) -> None:
    """Write a run's weights as they are, and as BasicSR saves two sets, under the published names."""
    weights = load_file(run / "weights.safetensors")
    folder.mkdir()
    (folder / "same.safetensors").write_bytes((run / "weights.safetensors").read_bytes())
    published = {}
    for name, tensor in weights.items():
        head, _, rest = name.partition(".")
        number, _, tail = rest.partition(".")
        published[f"body{int(number) + 1}.0.{tail}" if head == "body" else name] = tensor
    assert published.keys() != weights.keys()
    raw = {name: torch.zeros_like(tensor) for name, tensor in published.items()}
    (folder / "below").mkdir()
    torch.save({"params": raw, "params_ema": published}, folder / "below" / "released.pth")


@pytest.mark.thorough
def test_a_run_as_a_model_from_outside(finished: Checkout) -> None:
    finished.append(DEMO, EXTERNAL)
    call = finished.snakemake("--cores", "2", "--configfile", DEMO)
    assert call.status == 1
    assert [line.split(";")[0] for line in told(call.text)] == [
        "before this can run:",
        "  - external same: weights weights/same.safetensors: no such weight file",
        "  - external averaged: weights weights/below/released.pth: no such weight file",
    ]
    (run,) = (finished.root / "results/runs").glob("srresnet_small.dropout.s0.*")
    write_weights(run, finished.root / "weights")
    assert finished.planned() == {"evaluate_external": 2, **REPORTING}
    call = finished.snakemake("--cores", "2", "--configfile", DEMO)
    assert call.status == 0, call.text
    assert finished.planned() == {}

    rows = pd.read_parquet(finished.root / "results/demo/metrics.parquet")
    keys = ["dataset", "degradation", "image", "metric"]
    values = {name: part.set_index(keys)["value"] for name, part in rows.groupby("variant", observed=True)}
    for name in ("same", "averaged"):
        pd.testing.assert_series_equal(values[name], values["dropout"])
        assert not values[name].equals(values["baseline"])
        assert rows.loc[rows["variant"] == name, "seed"].isna().all()
        assert set(rows.loc[rows["variant"] == name, "regularizer"]) == {"external"}

    reports = finished.root / "reports/demo"
    table = pd.read_csv(reports / "tables/main.csv").set_index(["method", "column"])
    assert table.loc["averaged", "mean"].equals(table.loc["dropout", "mean"])
    assert set(table.loc["averaged", "seeds"]) == {0}
    page = (reports / "report.html").read_text()
    assert "averaged (from outside)" in page
    assert "same and averaged: weights from outside, one checkpoint each" in page

    (finished.root / "weights/below/released.pth").write_bytes(b"other weights")
    assert finished.planned() == {"evaluate_external": 1, **REPORTING}
