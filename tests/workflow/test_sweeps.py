"""Large experiments: what a job depends on stays small, and batches and groups divide the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.workflow.snakefile import DEFAULT, Plan
from tests.conftest import ROOT
from tests.workflow.conftest import DEMO, Checkout


def test_an_evaluation_depends_on_one_file_per_dataset() -> None:
    plan = Plan(ROOT / DEFAULT)
    datasets = [Path(path).parts[3] for path in plan.sets]
    assert len(set(datasets)) == len(datasets) == 7
    assert len(plan.manifests) > 40


@pytest.mark.slow
def test_batches_divide_the_runs(fresh: Checkout) -> None:
    fresh.replace(DEMO, "seeds: [0]", "seeds: [0, 1, 2]")
    first, second = (fresh.planned("train", "--batch", f"train={number}/3") for number in (1, 2))
    assert first.pop("pack") == second.pop("pack") == 2
    assert sum(first.values()) == sum(second.values()) == 2
    last = fresh.snakemake("train", "--cores", "2", "-n", "--configfile", DEMO, "--batch", "train=3/3")
    assert "not all previous batches have been completed" in last.text
    aggregated = fresh.planned("aggregate", "--batch", "aggregate=1/3")
    assert aggregated["evaluate_reference"] + aggregated["evaluate_run"] == 3
    assert "aggregate" not in aggregated
