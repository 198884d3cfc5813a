"""`cite` prints what LaTeX can read, and nothing else on the standard output."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.commands.app import app
from harness.experiment.citations import OWN_KEY
from harness.foundation.bibtex import parse
from tests.conftest import ROOT


def told(*words: str) -> str:
    answer = CliRunner().invoke(app, ["cite", *words], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_a_name_a_path_and_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    by_name = told("demo")
    assert by_name == told(str(ROOT / "configs/experiments/demo.yaml"))
    assert {OWN_KEY, "kong2022reflash", "wang2024navigating", "xu2025adaptive", "wang2021realesrgan"} <= set(
        parse(by_name, "demo")
    )
    assert max(map(len, by_name.splitlines())) <= 120
    assert list(parse(told(), "own")) == [OWN_KEY]
    assert "Reflash Dropout in Image Super-Resolution" in told("demo", "--format", "text")
