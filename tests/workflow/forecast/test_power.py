"""``plan --power`` as a person types it: before training from what is declared, afterwards from what was measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.commands.app import app
from harness.experiment import load_experiment
from harness.foundation import layout
from harness.reporting.rows.compared import study_of
from harness.reporting.rows.metric_rows import write_aggregate
from tests.conftest import ROOT
from tests.reporting import synthetic

LAPTOP = ROOT / "configs" / "experiments" / "laptop.yaml"


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["plan", "--power", str(LAPTOP), *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_before_training_it_takes_what_is_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = said("--sigma", "0.05", "0.15", "0.05")
    assert "2 seeds; Set5 5, Set14 14, B100 100 images" in text
    assert "declared with --sigma" in text
    assert re.search(r"^\| +0\.50 dB \| +9\d% \| +2 \| +x1 \|$", text, re.MULTILINE)
    assert "more than 30" in text
    assert "nothing is measured yet" in text


def test_after_training_it_says_what_would_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = study_of(load_experiment(LAPTOP))
    rows = synthetic.metric_rows(study, gains={"dropout": 0.2, "simple_align": 3.0})
    rows.to_parquet("rows.parquet")
    write_aggregate([Path("rows.parquet")], study, layout.experiment_metrics(study.name))
    text = said()
    assert "estimated from laptop: 4 comparisons, 2 seeds, 119 images" in text
    assert re.search(r"^simple_align on srresnet_small: \+[23]\.\d\d, better$", text, re.MULTILINE)
    assert re.search(r"^dropout on srresnet_small: .*undecided; if that is the true difference, it takes", text, re.M)
    for pilot in (str(LAPTOP), "laptop"):
        assert "estimated from laptop" in said("--pilot", pilot)
