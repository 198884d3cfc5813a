"""The specification's defaults are PROTOCOL's table, and its mistakes are told by field."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from harness.degradations.spec import SecondOrderSpec, SecondStageSpec, StageSpec, training_degradation
from tests.conftest import ROOT


def test_second_stage_keeps_its_own_defaults() -> None:
    spec = SecondOrderSpec.model_validate({"second": {"sigma": [0.2, 1.0]}})
    assert spec.second.sigma == (0.2, 1.0)
    assert spec.second.resize_range == (0.3, 1.2)
    assert spec.second.blur_probability == 0.8
    assert spec.first == StageSpec()


def test_round_trip_through_json() -> None:
    spec = SecondOrderSpec(kinds_per="batch", second=SecondStageSpec(gray_probability=0.0))
    assert SecondOrderSpec.model_validate_json(spec.model_dump_json()) == spec


def test_the_gray_pattern_is_written_only_where_it_is_not_the_default() -> None:
    assert "gray_pattern" not in SecondOrderSpec(gray_pattern="image").model_dump()
    assert SecondOrderSpec(gray_pattern="batch").model_dump()["gray_pattern"] == "batch"


def test_second_stage_is_written_out_in_json() -> None:
    assert SecondOrderSpec().model_dump()["second"]["gaussian_sigma"] == (1.0, 25.0)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"first": {"sigma": [3, 1]}}, "first sigma smaller number first"),
        ({"first": {"sigma": [0, 1]}}, "first sigma above 0"),
        ({"first": {"sigma": [float("nan"), 1]}}, "first.sigma finite"),
        ({"first": {"kernel_sizes": [7, 20]}}, "first kernel_sizes odd"),
        ({"first": {"kernels": {"iso": 0.5}}}, "first.kernels sum to 1.05"),
        ({"first": {"resize": {"up": 0.5, "down": 0.5, "keep": 0.5}}}, "first.resize sum to 1.5"),
        ({"first": {"resize_range": [1.1, 1.5]}}, "first resize_range contain 1"),
        ({"first": {"resize_modes": []}}, "first resize_modes at least one"),
        ({"first": {"resize_modes": ["lanczos"]}}, "first.resize_modes 'area', 'bilinear' or 'bicubic'"),
        ({"first": {"gaussian_sigma": [-1, 3]}}, "first gaussian_sigma at least 0"),
        ({"first": {"gaussian_probability": 1.5}}, "first.gaussian_probability less than or equal to 1"),
        ({"second": {"jpeg_quality": [30, 100]}}, "second jpeg_quality at most 99"),
        ({"second": {"beta_plateau": [1.5, 2.0]}}, "second beta_plateau must contain 1"),
        ({"final_sinc_sizes": [2, 21]}, "final_sinc_sizes odd"),
        ({"kinds_per": "pixel"}, "kinds_per 'image' or 'batch'"),
        ({"gray_pattern": "view"}, "gray_pattern 'image' or 'batch'"),
        ({"thrid": {}}, "thrid Extra inputs"),
    ],
)
def test_mistakes(entry: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SecondOrderSpec.model_validate(entry)
    message = str(caught.value)
    for word in words.split():
        assert word in message, f"{word!r} not in {message!r}"


def test_catalogue_writes_the_defaults_out() -> None:
    entries = yaml.safe_load((ROOT / "configs" / "degradations.yaml").read_text())["training"]
    assert SecondOrderSpec.model_validate(entries["second_order"]) == SecondOrderSpec()
    assert entries["second_order"].keys() == SecondOrderSpec.model_fields.keys()
    assert entries["second_order"]["first"].keys() == StageSpec.model_fields.keys()
    assert entries["second_order"]["second"].keys() == SecondStageSpec.model_fields.keys()
    for entry in entries.values():
        assert training_degradation(entry).model_validate(entry)


def test_specification_imports_no_torch() -> None:
    code = "import sys, harness.degradations.spec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
