"""Training and evaluation run where nothing is installed that only the workflow, learned metrics and reports need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bad_inputs.case import BASE
from tests.bad_inputs.test_bad_inputs import call
from tests.conftest import ROOT

NOT_NEEDED = ("snakemake", "pyiqa", "timm", "matplotlib", "seaborn")

BLOCKED = f"""
import runpy, sys
sys.path.insert(0, {str(ROOT)!r})

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {NOT_NEEDED}:
            raise ModuleNotFoundError(f"{{name}} is not installed here")

sys.meta_path.insert(0, Missing())
runpy.run_module("harness", run_name="__main__")
"""


def harness(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", BLOCKED, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_training_and_evaluation_need_no_workflow_metrics_and_report_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(BASE)
    for dataset in ("embedded_train", "embedded_heldout"):
        assert call("pack", "mine.yaml", dataset) == 0
    harness("train", "mine.yaml", "--run", "srresnet_tiny.baseline.s0")
    (weights,) = tmp_path.glob("results/runs/*/weights.safetensors")
    measured = ["--datasets", "embedded_test", "--degradations", "clean", "--metrics", "psnr_rgb", "--generate"]
    table = harness("evaluate", "--weights", str(weights), "--network", "srresnet_tiny", *measured)
    assert "PSNR" in table
