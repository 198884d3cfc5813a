"""``extends:``: the same experiment as the one written out, and every mistake told with both files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.experiment import load_experiment
from harness.foundation.errors import HarnessError
from harness.foundation.project import ROOT

DEMO = ROOT / "configs/experiments/demo.yaml"


def test_extended_is_what_is_written_out_down_to_the_hashes(tmp_path: Path) -> None:
    whole = yaml.safe_load(DEMO.read_text())
    whole["seeds"], whole["training"]["iterations"] = [7], 60
    (tmp_path / "whole.yaml").write_text(yaml.safe_dump(whole))
    (tmp_path / "middle.yaml").write_text("extends: demo\ntraining: {iterations: 60}\n")
    (tmp_path / "short.yaml").write_text("extends: middle\nseeds: [7]\n")
    short, written = (load_experiment(tmp_path / f"{name}.yaml") for name in ("short", "whole"))
    assert [run.spec.hash for run in short.runs] == [run.spec.hash for run in written.runs]
    assert [run.spec.hash for run in short.runs] != [run.spec.hash for run in load_experiment(DEMO).runs]
    assert short.evaluation.hash == written.evaluation.hash
    assert short.file == written.file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("extends: nowhere\n", "extends: nowhere: no such experiment"),
        ("extends: [demo]\n", "give one experiment"),
        ("extends: own.yaml\n", "cannot extend itself"),
        ("extends: demo\nseeeds: [0]\n", "seeeds"),
        ("extends: demo\ntraining: {iterations: many}\n", "training.iterations"),
    ],
)
def test_mistakes_name_the_file_and_the_field(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(HarnessError) as caught:
        load_experiment(path)
    (line,) = str(caught.value).splitlines()
    assert expected in line
    assert "own.yaml" in line
    assert "demo.yaml" in line or not text.startswith("extends: demo")


def test_the_command_line_takes_an_extended_experiment(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("extends: demo\nseeds: [5]\nseeeds: 1\n")
    command = [sys.executable, "-m", "harness", "check", str(tmp_path / "own.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "demo.yaml" in done.stderr
    (tmp_path / "own.yaml").write_text("extends: demo\nseeds: [5]\n")
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert f"{len(load_experiment(tmp_path / 'own.yaml').runs)} runs" in done.stdout, done.stderr
