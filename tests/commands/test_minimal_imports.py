"""Training and evaluation run where nothing is installed that only the workflow, learned metrics and reports need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bad_inputs.case import BASE
from tests.bad_inputs.test_bad_inputs import call
from tests.conftest import ROOT

NOT_NEEDED = (
    "basicsr", "cv2", "jinja2", "joblib", "lightning", "markupsafe", "matplotlib", "pyarrow", "pyiqa",
    "pygments", "rich", "seaborn", "skimage", "sklearn", "snakemake", "timm", "torchvision",
)  # fmt: skip

BLOCKED = f"""
import importlib.machinery, runpy, sys
sys.path.insert(0, {str(ROOT)!r})
found = importlib.machinery.PathFinder.find_spec

def find_spec(name, path=None, target=None):
    return None if name.split(".")[0] in {NOT_NEEDED} else found(name, path, target)

importlib.machinery.PathFinder.find_spec = staticmethod(find_spec)  # as if they were not installed
runpy.run_module(sys.argv.pop(1), run_name="__main__")
"""


def harness(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, "harness", *arguments], capture_output=True, text=True, timeout=300
    )
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
    measured = ["--weights", str(weights), "--network", "srresnet_tiny", "--datasets", "embedded_test"]
    measured += ["--degradations", "clean", "--metrics", "psnr_rgb,ssim_y"]
    assert call("evaluate", *measured, "--generate") == 0
    table = harness("evaluate", *measured, "--output", "rows.csv")
    assert "PSNR" in table
    assert Path("rows.csv").read_text().count("embedded_test") == 2 * 4  # metrics and images
