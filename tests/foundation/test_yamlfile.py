"""Configuration mistakes: one line each, with file, field and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from harness.foundation.errors import HarnessError
from harness.foundation.yamlfile import StrictModel, load_mapping, load_model, load_yaml


class Inner(StrictModel):
    rate: float = 0.5
    sizes: tuple[int, ...] = (1,)


class Outer(StrictModel):
    inner: Inner = Inner()
    count: int = Field(default=1, gt=0)
    optional: Inner | None = None
    many: dict[str, Inner] = {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inner: {rat: 0.1}", "inner.rat: unknown key; allowed: rate, sizes"),
        ("cuont: 2", "cuont: unknown key; allowed: count, inner, many, optional"),
        ("optional: {x: 1}", "optional.x: unknown key; allowed: rate, sizes"),
        ("many: {a: {x: 1}}", "many.a.x: unknown key; allowed: rate, sizes"),
        ("inner: {rate: 1e-4}", "inner.rate: '1e-4' is text to YAML, not a number; write 1.0e-4"),
        ("inner: {rate: 1e4}", "inner.rate: '1e4' is text to YAML, not a number; write 1.0e+4"),
        ("inner: {rate: fast}", "inner.rate: 'fast': input should be a valid number"),
        ("count: 0", "count: 0: input should be greater than 0"),
        ("count: -3", "count: -3: input should be greater than 0"),
        ("count: 1.5", "count: 1.5: input should be a valid integer"),
        ("count: '3'", "count: '3': input should be a valid integer"),
        ("count: yes", "count: True: input should be a valid integer"),
        ("inner: 3", "inner: 3: input should be an object"),
        ("count: [1]", "count: a list: input should be a valid integer"),
        ("count: 2026-11-22", "file: only text, numbers, lists and mappings are allowed"),
        ("count: 1\ncount: 2", "line 2, column 1: not valid YAML: key 'count' is given twice"),
        ("inner: {rate: 1", "not valid YAML"),
        ("inner: .inf", "inner: inf: input should be an object"),
    ],
)
def test_one_line_names_file_field_and_choices(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(HarnessError) as caught:
        load_model(path, Outer)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert expected in message
    assert "\n" not in message


def test_number_written_as_advised_is_a_number(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("inner: {rate: 1.0e-4}")
    assert load_model(path, Outer).inner.rate == 1e-4


def test_missing_file_lists_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "demo.yaml").write_text("count: 1")
    with pytest.raises(HarnessError, match=r"dmeo\.yaml: no such file; files there: demo\.yaml"):
        load_yaml(tmp_path / "dmeo.yaml")


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("count: 0\nextra: 1\ninner: {rate: text}")
    with pytest.raises(HarnessError) as caught:
        load_model(path, Outer)
    assert len(str(caught.value).splitlines()) == 3


def test_mapping_names_the_entry(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("first: {count: 1}\nsecond: {count: 0}")
    with pytest.raises(HarnessError, match="second.count: 0: input should be greater than 0"):
        load_mapping(path, Outer, "network")
    path.write_text("- 1")
    with pytest.raises(HarnessError, match="must map names to entries, not be a list"):
        load_mapping(path, Outer, "network")
