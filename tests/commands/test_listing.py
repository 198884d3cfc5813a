"""What can be named is listed, experiments are found by name, and the version is printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from harness.commands.app import app
from harness.commands.arguments import experiment_path
from harness.commands.listing import Kind
from harness.datasets.catalogue import load_catalogue
from harness.evaluation.metrics import registry
from harness.evaluation.references import ReferenceName
from harness.experiment.catalogues import Catalogues
from harness.foundation.errors import HarnessError
from tests.conftest import ROOT


def listed(*arguments: str) -> list[str]:
    found = CliRunner().invoke(app, ["list", *arguments], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output.splitlines()


def names(kind: Kind) -> list[str]:
    return [line.split()[0] for line in listed(kind.value)]


def test_every_name_of_every_catalogue_is_there() -> None:
    catalogues = Catalogues.load()
    assert names(Kind.networks) == list(catalogues.networks)
    assert names(Kind.variants) == sorted(catalogues.variant_names)
    assert names(Kind.datasets) == list(load_catalogue())
    assert names(Kind.degradations) == list(catalogues.degradations)
    assert names(Kind.training_degradations) == list(catalogues.training_degradations)
    assert names(Kind.metrics) == list(registry())
    assert sorted(names(Kind.references)) == sorted(get_args(ReferenceName))
    assert {"demo", "laptop", "paper"} <= set(names(Kind.experiments))
    assert {"dropout_rate", "training_pool"} <= set(names(Kind.ablations))


def test_everything_is_listed_under_its_kind_in_lines_that_fit() -> None:
    lines = listed()
    assert [line.rstrip(":") for line in lines if not line.startswith(" ")] == [kind.value for kind in Kind]
    assert max(map(len, lines)) <= 130
    assert "  baseline_x150" in "\n".join(lines)
    assert any("duration 1.5" in line for line in lines)


def test_what_a_project_adds_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "configs" / "experiments"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("description: An idea of mine. More about it.\n")
    (tmp_path / "configs" / "regularizers.yaml").write_text("half: {regularizer: dropout, options: {rate: 0.5}}\n")
    monkeypatch.chdir(tmp_path)
    assert any(line.split() == ["mine", *["An", "idea", "of", "mine"]] for line in listed("experiments"))
    assert any(line.startswith("half ") and "rate 0.5" in line for line in listed("variants"))


def test_an_experiment_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert experiment_path("demo") == ROOT / "configs/experiments/demo.yaml"
    assert experiment_path("demo.yaml") == Path("demo.yaml"), "a file's name is a file's"
    assert experiment_path("some/demo") == Path("some/demo")
    (tmp_path / "demo").write_text("")
    assert experiment_path("demo") == Path("demo"), "what lies here goes first"
    with pytest.raises(HarnessError, match="lapptop: no such experiment; give a file, or one of: demo, denoise,"):
        experiment_path("lapptop")
    monkeypatch.chdir(ROOT)
    assert experiment_path("laptop") == Path("configs/experiments/laptop.yaml")
    assert experiment_path(str(ROOT / "configs/experiments/demo.yaml")) == Path("configs/experiments/demo.yaml")


def test_the_project_goes_before_the_harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs" / "experiments").mkdir(parents=True)
    (tmp_path / "configs" / "experiments" / "demo.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert experiment_path("demo") == Path("configs/experiments/demo.yaml")


def test_version() -> None:
    call = [sys.executable, "-m", "harness", "--version"]
    found = subprocess.run(call, capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.startswith("harness 0.")
    assert "commit" in found.stdout


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("harness tables la", "laptop"),
        ("harness wat", "watch"),
        ("harness fetch Set1", "Set14"),
        ("harness show psnr_", "psnr_rgb"),
        ("harness check demo --without embedded_t", "embedded_test"),
    ],
)
def test_a_shell_completes_commands_and_names(typed: str, expected: str) -> None:
    asked = {"_HARNESS_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    found = CliRunner().invoke(app, [], prog_name="harness", env=asked)
    assert expected in found.output.split()
