"""docs/new-regularizer.md, done word by word: the files it tells to write, the one line, and what comes out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from harness.foundation.files import file_sha256
from tests.conftest import ROOT
from tests.tutorial import Block, apply, blocks
from tests.workflow.conftest import DEMO, SMALLEST, Checkout, environment

PAGE = "new-regularizer.md"
DROPBLOCK = "DropBlock in ten minutes"
TEACHER = "A rule that differs: a teacher"
STUDENTS = """
hints_weak: {regularizer: feature_hints, options: {weight: 0.1}}
hints_strong: {regularizer: feature_hints, options: {weight: 10.0}}
"""


def harness(checkout: Checkout, *arguments: str) -> str:
    command = [sys.executable, "-m", "harness", *arguments]
    done = subprocess.run(command, cwd=checkout.root, env=environment(), text=True, stdout=-1, stderr=-2, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def git(checkout: Checkout, *arguments: str) -> str:
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, cwd=checkout.root, capture_output=True, text=True, check=True).stdout


def of(found: list[Block], language: str) -> list[Block]:
    return [block for block in found if block.language == language]


def follow(checkout: Checkout, section: str) -> list[Block]:
    """Write what a section says, into what the scaffold writes; not the experiment's line."""
    found = blocks(PAGE, section)
    (name,) = [block.title.split("/")[-1].removesuffix(".py") for block in of(found, "python")]
    harness(checkout, "new-regularizer", name)
    apply([*of(found, "python"), *of(found, "snakemake")], checkout.root)
    return found


def name_variants(checkout: Checkout, *names: str) -> None:
    checkout.replace(DEMO, "[baseline, dropout]", f"[{', '.join(['baseline', 'dropout', *names])}]")


def test_two_new_files_and_one_changed_line(fresh: Checkout) -> None:
    for name in (DEMO, ".gitignore"):
        shutil.copy2(ROOT / name, fresh.root / name)
    git(fresh, "init", "-q")
    git(fresh, "add", "-A")
    git(fresh, "commit", "-qm", "clean clone")
    found = follow(fresh, DROPBLOCK)
    apply(of(found, "yaml"), fresh.root)
    (status,) = of(found, "text")
    assert git(fresh, *status.title.split()[1:]) == status.text
    assert "1 file changed, 1 insertion(+), 1 deletion(-)" in git(fresh, "diff", "--stat")
    assert "+variants: [baseline, dropout, two_views, simple_align, adaptive_dropout, dropblock]" in git(fresh, "diff")


def test_the_pages_python_is_short_and_in_the_format_that_lint_asks_for(fresh: Checkout) -> None:
    for section in (DROPBLOCK, TEACHER):
        (code,) = of(follow(fresh, section), "python")
        assert code.text.count("\n") < 60
        shutil.copy2(ROOT / "pyproject.toml", fresh.root)
        for command in (["check"], ["format", "--check"]):
            ruff = [sys.executable, "-m", "ruff", *command, code.title]
            done = subprocess.run(ruff, cwd=fresh.root, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.thorough
def test_the_pages_regularizers_conform(fresh: Checkout) -> None:
    for section, name in ((DROPBLOCK, "dropblock"), (TEACHER, "feature_hints")):
        follow(fresh, section)
        assert (
            harness(fresh, "conformance", name, "--network", "srresnet_tiny") == f"{name}: conforms on srresnet_tiny\n"
        )


@pytest.mark.slow
@pytest.mark.thorough
def test_the_tables_have_its_row_and_nothing_else_is_trained(finished: Checkout) -> None:
    follow(finished, DROPBLOCK)
    follow(finished, TEACHER)
    name_variants(finished, "dropblock", "feature_hints")
    planned = finished.planned("tables")
    assert {name: count for name, count in planned.items() if name.startswith("train")} == {
        "train_dropblock": 1,
        "train_feature_hints": 1,
    }
    call = finished.snakemake("tables", "--cores", "2", "--configfile", DEMO)
    assert call.status == 0, call.text
    rows = pd.read_parquet(finished.root / "results/demo/metrics.parquet")
    for name in ("dropblock", "feature_hints"):
        assert name in (finished.root / "reports/demo/tables/main.csv").read_text()
        assert set(rows.loc[rows["variant"] == name, "status"]) == {"ok"}

    (student,) = (finished.root / "results/runs").glob("*.feature_hints.*/run.json")
    (teacher,) = (finished.root / "results/runs").glob("*.baseline.*/run.json")
    record, taught_by = json.loads(student.read_text()), json.loads(teacher.read_text())
    assert record["spec"]["regularizer"]["options"]["teacher"] == taught_by["spec_hash"]
    assert record["teacher_sha256"] == file_sha256(teacher.parent / "weights.safetensors")


def test_the_teacher_is_trained_first_and_once(fresh: Checkout) -> None:
    follow(fresh, TEACHER)
    fresh.append("configs/regularizers.yaml", STUDENTS)
    name_variants(fresh, "feature_hints", "hints_weak", "hints_strong")
    call = fresh.snakemake("train", "--dag", "--configfile", DEMO)
    rules = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)', call.text, re.MULTILINE))
    students = [number for number, rule in rules.items() if rule == "train_feature_hints"]
    (teacher,) = [number for number, rule in rules.items() if rule == "train_baseline"]
    assert len(students) == 3
    assert all(f"{teacher} -> {student}\n" in call.text for student in students)


def test_a_teacher_that_is_not_compared_is_an_error(fresh: Checkout) -> None:
    follow(fresh, TEACHER)
    text = SMALLEST.replace("variants: [baseline, dropout]", "baseline: dropout\nvariants: [dropout, feature_hints]")
    (fresh.root / DEMO).write_text(text)
    call = fresh.snakemake("train", "--cores", "2", "-n", "--configfile", DEMO)
    assert call.status != 0
    assert "teacher: 'baseline': must be one of the experiment's variants: dropout, feature_hints" in call.text
