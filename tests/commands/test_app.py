"""The command line: mistakes are one line and status 2, and commands do what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

DEMO = str(ROOT / "configs" / "experiments" / "demo.yaml")


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "harness", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("check", "nothing.yaml"), "nothing.yaml: no such file"),
        (
            ("train", DEMO, "--run", "srresnet_tiny.dropuot.s0"),
            "no run 'srresnet_tiny.dropuot.s0'; there are 10, such as",
        ),
        (("evaluate", DEMO), "evaluate: give one of --run, --reference, --external and --weights"),
        (
            ("evaluate", DEMO, "--reference", "bicubic"),
            "not generated yet; run `python -m harness benchmark EXPERIMENT embedded_test`",
        ),
        (("benchmark", DEMO, "Set5"), "evaluation.datasets: 'Set5': not evaluated here; there are: embedded_test"),
        (("pack", DEMO, "Set55"), "no dataset 'Set55'"),
        (("fetch", "Set55"), "no dataset 'Set55'"),
        (("aggregate", DEMO), "bicubic"),
        (("new-regularizer", "Bad"), "new-regularizer: name 'Bad'"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(tmp_path: Path, arguments: tuple[str, ...], expected: str) -> None:
    answer = call(tmp_path, *arguments)
    assert answer.returncode == 2
    assert expected in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stderr.startswith("error: ")


def test_yaml_that_does_not_parse_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("scale: [4\nseeds: 1")
    answer = call(tmp_path, "check", "x.yaml")
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: x.yaml: line 2")


def test_the_demo_lacks_nothing(tmp_path: Path) -> None:
    answer = call(tmp_path, "check", DEMO)
    assert answer.returncode == 0, answer.stderr
    assert "10 runs, 1 datasets" in answer.stdout


def test_benchmark_then_verify(tmp_path: Path) -> None:
    assert call(tmp_path, "benchmark", DEMO, "embedded_test").returncode == 0
    answer = call(tmp_path, "verify", "embedded_test")
    assert answer.returncode == 0
    assert "embedded_test/noise: 4 images as locked in rdsr-v1" in answer.stdout
    image = next((tmp_path / "results" / "benchmarks" / "x4" / "embedded_test" / "noise").glob("*.png"))
    image.write_bytes((image.parents[1] / "blur" / image.name).read_bytes())
    answer = call(tmp_path, "verify", "embedded_test")
    assert answer.returncode == 2
    assert image.stem in answer.stdout
