"""The import repairs: each case in an interpreter of its own, because imports happen once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


def run(code: str) -> str:
    """Run ``code`` in a fresh interpreter and return what it prints; its standard error is the failure's message."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_compat_is_free() -> None:
    heavy = "torch", "torchvision", "basicsr", "pyiqa", "numpy"
    assert run(f"import harness.foundation.compat, sys; print(*(m for m in {heavy} if m in sys.modules))") == ""


def test_basicsr_imports_and_its_grayscale_is_torchvisions() -> None:
    code = """
import harness.foundation.compat, torch
from basicsr.data.degradations import rgb_to_grayscale
from torchvision.transforms import functional
assert rgb_to_grayscale is functional.rgb_to_grayscale
from basicsr.archs.srresnet_arch import MSRResNet
print(tuple(MSRResNet(num_feat=4, num_block=1, upscale=4)(torch.zeros(1, 3, 8, 8)).shape))
"""
    assert run(code) == "(1, 3, 32, 32)"


def test_torchvision_works_however_torch_was_built() -> None:
    code = """
import harness.foundation.compat, torch, torchvision
from torchvision.transforms import functional
print(tuple(functional.resize(torch.zeros(3, 8, 8), [4, 4]).shape), torchvision.models.alexnet() is not None)
"""
    assert run(code) == "(3, 4, 4) True"


@pytest.mark.slow
def test_pyiqa_imports_and_measures() -> None:
    code = """
import harness.foundation.compat, pyiqa, torch
image = torch.linspace(0, 1, 3 * 48 * 48).reshape(1, 3, 48, 48)
print(round(float(pyiqa.create_metric("psnr", device="cpu")(image, 0.9 * image)), 1))
"""
    assert 20 < float(run(code).splitlines()[-1]) < 30


def test_reloading_installs_one_finder() -> None:
    code = """
import importlib, sys, harness.foundation.compat
before = len(sys.meta_path)
importlib.reload(harness.foundation.compat)
print(len(sys.meta_path) - before)
"""
    assert run(code) == "0"


def test_a_real_module_wins_over_the_stand_in(tmp_path: Path) -> None:
    (tmp_path / "functional_tensor.py").write_text("rgb_to_grayscale = None")  # as in an old torchvision
    code = f"""
import sys, harness.foundation.compat
finder = sys.meta_path[0]
print(type(finder.find_spec("torchvision.transforms.functional_tensor", [{str(tmp_path)!r}]).loader).__name__)
print(finder.find_spec("torchvision.transforms.functional_tensor", []).loader is finder)
"""
    assert run(code).split() == ["SourceFileLoader", "True"]


def test_other_modules_are_left_alone() -> None:
    assert run("import sys, harness.foundation.compat; print(sys.meta_path[0].find_spec('json'))") == "None"
