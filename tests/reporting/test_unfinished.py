"""Reporting at any time, through the command line: what failed or is missing is shown; same input, same bytes."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.experiment import load_experiment
from harness.reporting.files import figure_names, tables_below
from harness.reporting.rows.compared import study_of
from tests.conftest import ROOT
from tests.reporting.html_check import problems, visible_text
from tests.reporting.unfinished import LONGER, NAME


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "reports" / NAME / "tables" / f"{name}.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_every_file_is_written(unfinished: Path) -> None:
    study = study_of(load_experiment(unfinished / f"{NAME}.yaml"))
    folder = unfinished / "reports" / NAME
    assert sorted((folder / "tables").iterdir()) == tables_below(study, folder / "tables")
    assert len(list((folder / "figures").iterdir())) == 1 + 3 * len(figure_names(study))
    assert (folder / "report.html").is_file()


def test_cells_say_what_became_of_them(unfinished: Path) -> None:
    states = {(row["method"], row["scope"], row["column"]): row["state"] for row in table(unfinished, "summary")}
    assert states["two_views", "Set14", "clean"] == "missing"
    assert states["simple_align", "Set5", "blur"] == "partial"
    assert states["dropout", "Set5", "clean"] == "failed"
    assert states["dropout", "Set14", "clean"] == "ok"
    assert states["adaptive_dropout", "Set14", "blur"] == "failed"
    assert states["adaptive_dropout", "Set14", "noise"] == "ok"
    failed = {(row["method"], row["data set"], row["images"]) for row in table(unfinished, "failures")}
    assert ("adaptive_dropout", "Set14", "set14_003") in failed
    assert any(method == "two_views" for method, _, _ in failed)
    assert {row["method"]: row["hours"] for row in table(unfinished, "cost")}["two_views"] == "not trained yet"


def test_equal_cost_pairs_with_the_baseline_of_equal_time(unfinished: Path) -> None:
    rows = {row["method"]: row for row in table(unfinished, "equal_cost")}
    assert set(rows) == {"dropout", "two_views", "simple_align", "adaptive_dropout"}
    assert rows["dropout"]["equal-cost baseline"] == LONGER
    assert rows["dropout"]["time"] == "1.45"
    assert rows["dropout"]["its time"] == "1.50"
    assert rows["simple_align"]["equal-cost baseline"] == "baseline"
    assert rows["simple_align"]["at equal cost, dB"] == rows["simple_align"]["at equal iterations, dB"]
    assert re.match(r"[+-]0\.\d\d \[", rows["simple_align"]["at equal cost, dB"])
    assert rows["dropout"]["at equal cost, dB"] == "failed"
    assert rows["two_views"]["time"] == "not trained yet"


def test_report_tells_all_of_it(unfinished: Path) -> None:
    page = (unfinished / "reports" / NAME / "report.html").read_text()
    assert problems(page) == []
    text = visible_text(page)
    assert "2 of 12 runs are not trained yet" in text
    assert "failed 5/" in text
    assert "At equal cost" in text
    for run in load_experiment(unfinished / f"{NAME}.yaml").runs:
        assert f"python -m harness train {NAME}.yaml --run {run.name}" in text
        assert f"python -m harness evaluate {NAME}.yaml --run {run.name}" in text


@pytest.mark.slow
def test_another_process_in_another_folder_writes_the_same_bytes(unfinished: Path, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    shutil.copytree(unfinished, place, ignore=shutil.ignore_patterns("reports"))
    (place / "results" / NAME / "metrics.parquet").unlink()
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.reporting.unfinished", f"{NAME}.yaml"]
    subprocess.run(command, cwd=place, env=environment, check=True, capture_output=True)
    files = [path for path in (unfinished / "reports" / NAME).rglob("*") if path.is_file()]  # the overview has a date
    assert len(files) > 40
    for path in [*files, unfinished / "results" / NAME / "metrics.parquet"]:
        assert path.read_bytes() == (place / path.relative_to(unfinished)).read_bytes(), path.name


def test_pages_have_no_mistake_that_tidy_knows(unfinished: Path) -> None:
    tidy = shutil.which("tidy")
    if tidy is None:
        pytest.skip("no tidy on this machine (apt-get install tidy)")
    for page in (unfinished / "reports" / NAME).rglob("*.html"):
        done = subprocess.run([tidy, "-errors", "-quiet", "-utf8", str(page)], capture_output=True, text=True)
        assert [line for line in done.stderr.splitlines() if "Error:" in line] == [], page.name


@pytest.mark.slow
def test_latex_compiles(unfinished: Path, tmp_path: Path) -> None:
    latex = shutil.which("pdflatex")
    if latex is None:
        pytest.skip("no pdflatex on this machine (apt-get install texlive-latex-recommended)")
    folder = unfinished / "reports" / NAME / "tables"
    command = [latex, "-interaction=nonstopmode", "-halt-on-error", f"-output-directory={tmp_path}", "preview.tex"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "preview.pdf").stat().st_size > 5000
