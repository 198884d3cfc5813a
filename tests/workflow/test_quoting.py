"""What reaches a shell: every value is quoted, and no name or file name does anything there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.foundation.errors import HarnessError
from harness.workflow.snakefile import Plan
from tests.bad_inputs.case import BASE
from tests.bad_inputs.names import EMBEDDED
from tests.conftest import ROOT
from tests.workflow.conftest import Call, environment

_VALUE = re.compile(r"\{(?:wildcards|params|log|input|output|rule|config)\b[^}]*\}")
_SHELL = re.compile(r"^ {4,8}shell:\n((?: {8,}.*\n)+)", re.MULTILINE)


@pytest.mark.parametrize("path", sorted((ROOT / "workflow").rglob("*.smk")), ids=lambda path: path.name)
def test_every_value_in_a_command_is_quoted(path: Path) -> None:
    commands = _SHELL.findall(path.read_text() + "\n")
    assert path.read_text().count("shell:") == len(commands)
    values = [value for command in commands for value in _VALUE.findall(command)]
    assert [value for value in values if not value.endswith(":q}")] == []
    assert len(values) >= 2 * len(commands)


def snakemake(project: Path, *arguments: str) -> Call:
    """Call Snakemake with the harness's workflow in a project's folder."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1", *arguments]
    paths = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=project, env=environment() | paths, text=True, stdout=-1, stderr=-2, timeout=300)
    return Call(done.returncode, done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["y$(touch PWNED)", "{x}"])
def test_a_name_is_refused_before_anything_is_planned(tmp_path: Path, name: str) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/datasets.yaml").write_text(yaml.safe_dump({name: EMBEDDED}))
    (tmp_path / "mine.yaml").write_text(BASE.replace("[embedded_test]", f"[{name!r}]"))
    call = snakemake(tmp_path, "benchmarks", "--configfile", "mine.yaml")
    assert call.status == 1
    assert "Traceback" not in call.text
    (line,) = call.text.split("WorkflowError:\n")[1].strip().splitlines()
    assert line.endswith(
        f"configs/datasets.yaml: {name!r}: use letters, digits, _ and - only, with a letter or digit first"
    )
    assert {path.name for path in tmp_path.iterdir()} - {".snakemake"} == {"configs", "mine.yaml"}


def test_braces_in_the_place_of_weights_are_told(tmp_path: Path) -> None:
    entry = {"external": {"other": {"weights": "{z}.pth", "network": "srresnet"}}}
    (tmp_path / "mine.yaml").write_text(BASE + yaml.safe_dump(entry))
    with pytest.raises(HarnessError, match=r"external\.other: weights .*\{z\}\.pth: Snakemake takes .* rename it"):
        Plan(tmp_path / "mine.yaml")


@pytest.mark.slow
def test_folders_and_files_may_be_called_anything(tmp_path: Path) -> None:
    project = tmp_path / "it's $(touch PWNED); {x} & a b"
    place = project / '-my "experiments" $(touch PWNED) {y}'
    place.mkdir(parents=True)
    weights = tmp_path / "it's `touch PWNED` $(touch PWNED); a b.pth"
    weights.write_bytes(b"not weights")
    entry = {"external": {"other": {"weights": str(weights), "network": "srresnet"}}}
    (place / "mine.yaml").write_text(BASE + yaml.safe_dump(entry))
    call = snakemake(project, "benchmarks", "--configfile", f"{place}/mine.yaml")
    assert call.status == 0, call.text
    assert (project / "results/benchmarks/x4/embedded_test/clean/manifest.tsv").is_file()
    planned = snakemake(project, "all", "-n", "--configfile", f"{place}/mine.yaml")
    assert planned.status == 0, planned.text
    assert "evaluate_external" in planned.text
    assert not list(tmp_path.rglob("PWNED"))
