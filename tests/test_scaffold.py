"""A new regularizer works as it is written: it conforms, and nothing but two files is touched."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.regularizers.conformance import check
from harness.scaffold import new_regularizer


def test_what_is_written_conforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module_file, rule = new_regularizer("feature_noise", tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == [module_file, rule]
    spec = importlib.util.spec_from_file_location("feature_noise", module_file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "feature_noise", module)
    spec.loader.exec_module(module)
    assert check(module.FeatureNoise) == []
    assert "train_feature_noise" in rule.read_text()


@pytest.mark.parametrize("name", ["Upper", "with-dash", "1st", "", "base", "class", "../x"])
def test_bad_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(HarnessError, match="new-regularizer: name"):
        new_regularizer(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    first, _ = new_regularizer("mine", tmp_path)
    first.write_text("kept")
    with pytest.raises(HarnessError, match="is there already"):
        new_regularizer("mine", tmp_path)
    assert first.read_text() == "kept"
