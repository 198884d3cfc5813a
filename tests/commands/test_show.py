"""A name is told as what it is, with the files and the commands that belong to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.commands.app import app
from harness.experiment import load_experiment
from harness.foundation.errors import HarnessError
from tests.conftest import ROOT

DEMO = ROOT / "configs" / "experiments" / "demo.yaml"


def told(*arguments: str) -> str:
    answer = CliRunner().invoke(app, ["show", *arguments], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("srresnet_tiny", ("network srresnet_tiny", "path: ")),
        ("dropout", ("variant dropout", "regularizer: dropout")),
        ("Set5", ("data set Set5", "images: 5", "folder: benchmarks/Set5")),
        ("blur_noise", ("degradation blur_noise",)),
        ("psnr_rgb", ("metric psnr_rgb", "protocol: ")),
        ("second_order", ("training degradation second_order",)),
        ("demo", ("experiment demo", "make it: snakemake --cores all --configfile ", "demo: 10 runs, 10 waiting")),
    ],
)
def test_each_kind_of_name(name: str, parts: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for part in parts:
        assert part in told(name)


def test_a_run_has_its_spec_its_files_and_its_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = load_experiment(DEMO).runs[0]
    for name in (run.name, run.label):
        text = told(name)
        assert f"run {run.name} of " in text
        assert f"learning_rate: {run.spec.training.learning_rate}" in text
        assert "state: waiting, iteration 0 of 1,200" in text
        assert f"demo.yaml --run {run.name}" in text
    with pytest.raises(HarnessError, match="show: 'nothing': no experiment, run or entry"):
        CliRunner().invoke(app, ["show", "nothing"], catch_exceptions=False)


def test_a_run_of_an_experiment_elsewhere_is_found_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(DEMO.read_text().replace("seeds: [0, 1]", "seeds: [70707]"))
    run = load_experiment("mine.yaml").runs[0]
    assert run.seed == 70707, "a run that no experiment in configs/experiments has"
    for name in (run.name, run.label):
        with pytest.raises(HarnessError, match="show RUN --experiment FILE"):
            told(name)
        assert f"run {run.name} of mine.yaml" in told(name, "--experiment", "mine.yaml")
