"""The whole workflow, from photographs to the report: run once, shared by all tests, and never repeated in vain."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from harness.experiment import load_experiment
from harness.reporting.files import figure_files, table_files
from tests.workflow.conftest import DEMO, PARTS, Checkout, run_demo

pytestmark = pytest.mark.slow

MADE = ("weights.safetensors", "history.csv", "run.json")
RUN_FILES = {name + ending for name in MADE for ending in ("", ".sha256")}


def test_all_declared_files_are_made(finished_once: Checkout) -> None:
    experiment = load_experiment(finished_once.root / DEMO)
    declared = {*table_files(experiment), *figure_files(experiment), Path("reports/demo/report.html")}
    made = {p.relative_to(finished_once.root) for p in (finished_once.root / "reports").rglob("*") if p.is_file()}
    assert made == declared | {Path("reports/index.html")}  # over all experiments, and so no output of a rule
    assert all((finished_once.root / path).stat().st_size > 0 for path in declared)
    for run in experiment.runs:
        folder = finished_once.root / "results/runs" / run.name
        assert {path.name for path in folder.iterdir()} == RUN_FILES


def test_what_is_printed_can_be_read(finished_once: Checkout) -> None:
    text = (finished_once.root / "output.txt").read_text()
    assert "Using workflow specific profile" in text
    assert "train srresnet_small with baseline, seed 0" in text
    assert "python -m harness train configs/experiments/demo.yaml --run srresnet_small.dropout.s0." in text
    assert text.count("iteration 25/25") == 2
    assert "Traceback" not in text
    warnings = [line for line in text.splitlines() if "warning" in line.lower()]
    assert len(warnings) == 1, warnings
    assert "worse on average than bicubic" in warnings[0], "25 iterations cannot beat it, and the table has to say so"
    assert "harness/reporting/" not in text, "source files in the messages"


def test_a_second_call_has_nothing_to_do_and_says_so_quickly(finished: Checkout) -> None:
    start = time.monotonic()
    call = run_demo(finished)
    assert call.status == 0
    assert "Nothing to be done" in call.text
    assert time.monotonic() - start < 15


def test_touching_every_source_file_repeats_nothing(finished: Checkout) -> None:
    later = time.time() + 60
    for part in PARTS:
        for path in [finished.root / part, *(finished.root / part).rglob("*")]:
            os.utime(path, (later, later), follow_symlinks=False)
    assert finished.planned() == {}


def test_snakemake_writes_its_own_report(finished: Checkout) -> None:
    call = finished.snakemake("--configfile", DEMO, "--report", "own.html")
    assert call.status == 0, call.text
    page = (finished.root / "own.html").read_text()
    assert "report.html" in page
    assert "figures/forest.png" in page
    assert "tables/main.html" in page


def test_experiments_share_runs_and_metrics(finished: Checkout) -> None:
    finished.replace(DEMO, "The smallest", "Another name for the smallest")
    (finished.root / DEMO).rename(finished.root / "configs/experiments/other.yaml")
    planned = finished.planned(experiment="configs/experiments/other.yaml")
    assert planned == {"aggregate": 1, "tables": 1, "figures": 1, "report": 1, "all": 1}
