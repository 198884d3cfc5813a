"""A cell that failed is measured again once what made it fail is gone, and not before."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.workflow.conftest import DEMO, Checkout, environment

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

SET = "results/benchmarks/x4/embedded_test"
AGAIN = {"evaluate_reference": 1, "evaluate_run": 1, "aggregate": 1, "tables": 1}


def harness(checkout: Checkout, *arguments: str) -> None:
    command = [sys.executable, "-m", "harness", *arguments]
    subprocess.run(command, cwd=checkout.root, env=environment(), check=True, capture_output=True, timeout=300)


def main_table(checkout: Checkout, *targets: str) -> str:
    """Bring the tables, and other targets, up to date and return the main one."""
    call = checkout.snakemake(*targets, "tables", "--cores", "2", "--configfile", DEMO)
    assert call.status == 0, call.text
    return (checkout.root / "reports/demo/tables/main.md").read_text()


def damage(checkout: Checkout) -> None:
    """Cut one image short, and have a reference and one run of two measured on it."""
    picture = next((checkout.root / SET / "clean").glob("*.png"))
    picture.write_bytes(picture.read_bytes()[:200])
    for pattern in ("bicubic", "srresnet_small.baseline.*"):
        (metrics,) = (checkout.root / "results/metrics").glob(f"{pattern}/*.parquet")
        metrics.unlink()


def test_a_failed_cell_is_tried_again_when_its_image_is_whole_and_not_before(finished: Checkout) -> None:
    whole = (finished.root / "reports/demo/tables/main.md").read_text()
    damage(finished)
    assert "failed" in main_table(finished, "evaluate")
    assert finished.planned("tables") == {}, "nothing has changed"
    (log,) = (finished.root / "results/logs/evaluate").glob("srresnet_small.baseline.*")
    assert "run `python -m harness benchmark EXPERIMENT embedded_test`" in log.read_text()

    harness(finished, "benchmark", DEMO, "embedded_test")
    assert finished.planned("tables") == AGAIN, "the run without failures is left alone"
    assert main_table(finished) == whole
    assert finished.planned("tables") == {}

    damage(finished)
    assert "failed" in main_table(finished, "evaluate")
    shutil.rmtree(finished.root / "results/benchmarks")
    # Images that are made anew repeat whatever is measured on them.
    assert finished.planned("tables") == {"benchmark": 1, **AGAIN, "evaluate_run": 2}
    assert main_table(finished) == whole
    assert finished.planned("tables") == {}

    shutil.rmtree(finished.root / "results/benchmarks")
    assert finished.planned("tables") == {}, "every cell has its value: nothing needs the images"
    assert finished.planned("benchmarks") == {"benchmark": 1, "benchmarks": 1}
