"""Which code decides which results: stages know their files, and nothing is forgotten."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.foundation.provenance import (
    PACKAGE,
    code_digest,
    commit_of,
    git_commit,
    stage_modules,
    versions,
)
from tests.conftest import ROOT
from tools import architecture

STARTS = {
    "pack": ["harness.datasets.patches"],
    "benchmark": ["harness.datasets.benchmark"],
    "train": ["harness.training.train"],
    "analyse": ["harness.analysis.analyse", "harness.evaluation.trained"],
    "evaluate": ["harness.evaluation.evaluate", "harness.evaluation.external", "harness.evaluation.trained"],
}
"""What the command of a stage calls."""

NO_RESULT = {
    "foundation/errors.py": "words",
    "foundation/durations.py": "words",
    "foundation/live.py": "what `watch` shows",
    "foundation/layout.py": "places",
    "foundation/own_code.py": "this very digest",
    "foundation/project.py": "which catalogue a name is read from: its meaning is in spec, stamp or evaluation",
    "foundation/provenance.py": "this very digest",
    "foundation/yamlfile.py": "reads configuration: what it meant is in spec, stamp or evaluation",
    "foundation/device_errors.py": "which faults of the machine end a job, which then has no result",
    "foundation/names.py": "what names may be: another one is another spec",
    "foundation/places.py": "where folders lie",
    "regularizers/search.py": "where tuning looks: what it drew is in the spec of each run",
    "foundation/sums.py": "checks of files: a wrong one ends the job",
    "datasets/progress.py": "bars",
}
"""Why a module that a stage imports is not in its digest, and what stands in the way of a wrong result."""

CHECKED_IMAGES = {
    f"datasets/{name}.py" for name in ("catalogue", "locks", "manifests", "resolve", "stamped", "benchmark")
}
"""Where images come from: the hash of what was packed is in each run, and the benchmark's index is an input."""

SPECS = {"spec.py", "degradations/spec.py", "degradations/fixed_noise.py"}
"""Evaluation takes from these the fields of a network and the names of degradations."""

ON_CUDA = {f"foundation/{name}.py" for name in ("philox", "philox_triton", "quantiles", "kernels")}
"""Noise of pixels in training on a GPU; the other stages draw on the host."""


NOT_MEASURED = {f"evaluation/{name}.py" for name in ("metrics", "passes", "references", "retries")}
"""Analyses measure by none of these; networks that draw at test time are refused."""

DRAWN = {"datasets/sub_images.py"}
"""How often a packed image is drawn in training; its pack is the same."""


def names(stage: str) -> set[str]:
    return {path.relative_to(PACKAGE).as_posix() for path in stage_modules(stage)}


@pytest.mark.parametrize("stage", ["pack", "benchmark", "degrade", "train", "evaluate", "choose", "report"])
def test_what_python_compiles_beside_the_sources_counts_for_nothing(stage: str) -> None:
    code = (
        "import compileall, sys; from harness.foundation.provenance import PACKAGE, code_digest, stage_modules as m; "
        "before = code_digest(m(sys.argv[1])); compileall.compile_dir(PACKAGE, quiet=1); "
        "print((PACKAGE / 'reporting/templates/__pycache__').is_dir(), before == code_digest(m(sys.argv[1])))"
    )
    done = subprocess.run([sys.executable, "-c", code, stage], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "True True\n"
    assert "foundation/rng.py" in names(stage)


def test_every_module_that_makes_results_belongs_to_a_stage() -> None:
    known = set().union(*(names(stage) for stage in ("pack", "benchmark", "train", "evaluate", "report")))
    folders = ("degradations", "networks", "training", "evaluation", "reporting")
    there = {p.relative_to(PACKAGE).as_posix() for folder in folders for p in (PACKAGE / folder).rglob("*.py")}
    assert there <= known


@pytest.mark.parametrize("stage", STARTS)
def test_what_a_stage_imports_decides_its_result_or_is_named_here(stage: str) -> None:
    graph, files = architecture.imports(), architecture.modules()
    waiting, reached = list(STARTS[stage]), set()
    while waiting:
        if (module := waiting.pop()) not in reached and module != "harness":
            reached.add(module)
            waiting += graph[module]
    there = {files[module].relative_to(PACKAGE).as_posix() for module in reached}
    named = set(NO_RESULT) | CHECKED_IMAGES | (DRAWN if stage == "pack" else SPECS)
    if stage == "analyse":
        named |= {*SPECS, *NOT_MEASURED}
    if stage in ("analyse", "evaluate"):
        named |= names("benchmark")  # which made its images: their index is an input
    assert there - names(stage) <= (named if stage == "train" else named | ON_CUDA)
    if stage == "train":
        assert {"spec.py", *DRAWN} <= names(stage)
        assert names("degrade") >= DRAWN


def test_stages_are_apart() -> None:
    assert "evaluation/metrics.py" not in names("train")
    for name in ("drawn", "fixed", "representatives", "sweeps"):
        assert not {f"degradations/{name}.py"} & (names("train") | names("degrade")), "no reason to train again"
    assert "training/step.py" not in names("evaluate")
    assert not any(name.startswith("regularizers/dropout") for name in names("train"))


def test_digest_is_of_contents(tmp_path: Path) -> None:
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    first.write_text("x = 1")
    second.write_text("x = 2")
    before = code_digest([first, second])
    first.touch()
    assert code_digest([first, second]) == before
    first.write_text("x = 3")
    assert code_digest([first, second]) != before


def test_versions_and_commit_are_told() -> None:
    assert versions()["torch"][0].isdigit()
    assert git_commit()


def git(folder: Path, *arguments: str) -> str:
    author = ["-c", "user.name=x", "-c", "user.email=x@y"]
    command = ["git", "-C", str(folder), *author, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_checkout_without_its_repository_has_no_commit_of_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    for folder in (tmp_path, inside):
        git(folder, "init", "-q")
        git(folder, "commit", "-q", "--allow-empty", "-m", folder.name)
    own = git(inside, "rev-parse", "HEAD")
    assert own != git(tmp_path, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert commit_of(inside) == own, "whatever a hook has set"
    shutil.rmtree(inside / ".git")
    assert commit_of(inside) == "unknown"
    (inside / ".git").mkdir()
    assert commit_of(inside) == "unknown", "an empty one is none"
