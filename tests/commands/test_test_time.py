"""A network of one's own that draws at test time, from the command line to the tables: both ways are shown."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.bad_inputs.case import BASE, EXPERIMENT
from tests.bad_inputs.conftest import call

NOISY = """
import torch
from torch import nn
from torch.nn.functional import interpolate

class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 3, 1, bias=False)
        nn.init.dirac_(self.body.weight)

    def use_draws(self, draws):
        self.draws = draws

    def forward(self, images):
        numbers = torch.zeros(len(images), 48, 48)
        if hasattr(self, "draws"):
            numbers = self.draws.uniform("noisy", 48, 48)
        tiled = numbers.repeat(1, 9, 9)[:, None, : images.shape[2], : images.shape[3]]
        return interpolate(self.body(images) + 0.2 * (tiled - 0.5), scale_factor=4.0, mode="bilinear")
"""
ENTRY = "noisy:\n  path: own_noisy:Noisy\n  test_time: {passes: 4, seeds: 2}\n"
RUN = "noisy.baseline.s0"


def test_single_passes_and_means_stand_in_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("own_noisy.py").write_text(NOISY)
    Path("configs").mkdir()
    Path("configs/networks.yaml").write_text(ENTRY.partition("  test_time")[0])
    Path(EXPERIMENT).write_text(BASE.replace("[srresnet_tiny]", "[noisy]"))
    assert call("train", EXPERIMENT, "--run", RUN) == 2
    assert (
        "networks.yaml: noisy: Noisy draws random numbers at test time too; add test_time:" in capsys.readouterr().err
    )
    Path("configs/networks.yaml").write_text(ENTRY)
    for dataset in ("embedded_train", "embedded_heldout"):
        assert call("pack", EXPERIMENT, dataset) == 0
    assert call("benchmark", EXPERIMENT, "embedded_test") == 0
    assert call("train", EXPERIMENT, "--run", RUN) == 0
    assert call("evaluate", EXPERIMENT, "--run", RUN) == 0
    (metrics,) = Path("results/metrics").glob("noisy.*/*.parquet")
    first = metrics.read_bytes()
    assert call("evaluate", EXPERIMENT, "--run", RUN) == 0
    assert metrics.read_bytes() == first
    assert call("evaluate", EXPERIMENT, "--reference", "bicubic") == 0
    assert call("aggregate", EXPERIMENT) == 0
    assert call("tables", EXPERIMENT) == 0
    main = Path("reports/mine/tables/main.md").read_text()
    assert "### noisy (1 pass)" in main
    assert "### noisy (4 passes)" in main
    table = pd.read_csv("reports/mine/tables/test_time.csv")
    assert table["passes"].tolist() == [1, 4]
    assert table["test seeds"].tolist() == [2, 2]
    assert table["value"][1] > table["value"][0] + 0.5
    assert (table["std over test seeds"] > 0).all()

    capsys.readouterr()
    (weights,) = Path("results/runs").glob("noisy.*/weights.safetensors")
    given = ("--weights", str(weights), "--network", "noisy", "--datasets", "embedded_test", "--degradations", "clean")
    assert call("evaluate", *given) == 0
    printed = capsys.readouterr().out
    titles = [line.partition(":")[0] for line in printed.splitlines() if line.endswith("means over images.")]
    assert titles == ["weights on noisy (1 pass)", "weights on noisy (4 passes)", "bicubic, the control"]
    sys.modules.pop("own_noisy", None)
