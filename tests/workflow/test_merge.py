"""What Snakemake makes of merged results: nothing is trained again, and later changes repeat what depends on them."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.workflow.conftest import Call, Checkout, environment
from tests.workflow.test_changes import REPORTING, TRAINING

pytestmark = pytest.mark.slow


def half(checkout: Checkout, variant: str) -> Checkout:
    """A copy as of a machine that trained one variant only."""
    copy = checkout.copy(checkout.root.with_name(f"only_{variant}"))
    for folder in (*copy.root.glob("results/runs/*"), *copy.root.glob("results/metrics/*.s0.*")):
        if f".{variant}." not in folder.name:
            shutil.rmtree(folder)
    return copy


def call_merge(into: Checkout, *arguments: str) -> Call:
    command = [sys.executable, "-m", "harness", "merge", *arguments]
    done = subprocess.run(command, cwd=into.root, env=environment(), text=True, stdout=-1, stderr=-2, timeout=300)
    return Call(done.returncode, done.stdout)


def test_merged_results_are_snakemakes_own(finished: Checkout, fresh: Checkout) -> None:
    halves = [half(finished, name) for name in ("baseline", "dropout")]
    call = call_merge(fresh, *(str(one.root) for one in halves))
    assert call.status == 0, call.text
    assert "9 files copied, 1 runs and files of rows were there already" in call.text
    assert fresh.planned() == REPORTING, "what each machine trained and evaluated counts as done"
    fresh.append("harness/training/step.py", "# changed")
    planned = fresh.planned()
    assert TRAINING.items() <= planned.items(), "records of the merged files came along"
