"""A new regularizer works as it is written: it conforms, and nothing but two files is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.foundation.errors import HarnessError
from harness.regularizers.scaffold import new_regularizer
from tests.conftest import ROOT


@pytest.mark.thorough
def test_what_is_written_conforms(tmp_path: Path) -> None:
    new = new_regularizer("feature_noise", tmp_path)
    module_file, rule = new.module, new.rule
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == [module_file, rule]
    # A process of its own: what other tests have compiled in this one counts towards torch.compile's limits.
    imports = "from feature_noise import FeatureNoise; from harness.regularizers.conformance.checks import check"
    program = f"{imports}; print(check(FeatureNoise))"
    environment = {**os.environ, "PYTHONPATH": f"{module_file.parent}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.stdout.strip() == "[]", answer.stdout + answer.stderr
    assert "train_feature_noise" in rule.read_text()


@pytest.mark.parametrize("name", ["Upper", "with-dash", "1st", "", "base", "class", "../x"])
def test_bad_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(HarnessError, match="new-regularizer: name"):
        new_regularizer(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    first = new_regularizer("mine", tmp_path).module
    first.write_text("kept")
    with pytest.raises(HarnessError, match="is there already"):
        new_regularizer("mine", tmp_path)
    assert first.read_text() == "kept"
