"""Sets of many degradations in an experiment: files of their own, and nothing else changes its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.experiment import Experiment, load_experiment
from harness.experiment.left_out import WITHOUT
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.reporting.files import figure_files, table_files
from harness.workflow.forecast.jobs import Jobs
from harness.workflow.forecast.plan import plan
from harness.workflow.forecast.rates import Measured
from harness.workflow.snakefile import Plan

SETS = """
extends: demo
variants: [baseline, dropout]
evaluation:
  systematic:
    - Set14_SE
    - {dataset: embedded_test, degradations: benchmark_space, metrics: [psnr_y], excellence: dropout}
"""


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(SETS)
    return load_experiment(tmp_path / "mine.yaml")


def test_each_set_has_rows_of_its_own_beside_the_others(experiment: Experiment) -> None:
    seal, own = experiment.systematic
    assert seal.part.metrics == ("psnr_y_whole", "ssim_y_whole")
    assert (seal.part.degradations[99], own.part.degradations[11]) == ("deg_99", "benchmark_space_011")
    assert seal.published is not None
    assert own.published is None
    assert len(experiment.evaluation.sets) == 1
    run = experiment.runs[0]
    paths = [path for path in experiment.metric_files if path.parent.name == run.name]
    stems = (experiment.evaluation.hash[:8], f"Set14_SE.{seal.evaluation.hash[:8]}")
    assert [path.stem for path in paths] == [*stems, f"embedded_test_benchmark_space.{own.evaluation.hash[:8]}"]
    call = f"evaluate EXPERIMENT --run {run.name}"
    assert f"{call} --systematic Set14_SE`" in layout.remedy(paths[1])
    assert f"{call}`" in layout.remedy(paths[0])
    Path("plain.yaml").write_text(SETS.partition("evaluation:")[0])
    plain = load_experiment("plain.yaml")
    assert plain.evaluation.hash == experiment.evaluation.hash
    assert [one.name for one in plain.runs] == [one.name for one in experiment.runs]


def test_a_job_of_its_own_makes_the_images_after_those_of_the_evaluation(experiment: Experiment) -> None:
    workflow = Plan(experiment.path)
    images = [path.replace("{dataset}", "embedded_test") for path in workflow.systematic.images("embedded_test")]
    manifests = [path for path in images if path.endswith("manifest.tsv")]
    assert len(manifests) == 12
    assert [path for path in images if path not in manifests] == [workflow.systematic.index(_stem(experiment, 1))]
    assert workflow.systematic.before("embedded_test") == [workflow.index("embedded_test")]
    assert sum("/hr/" in path for path in workflow.systematic.images("Set14_SE")) == 1  # nobody else makes it
    assert workflow.systematic.before("Set14_SE") == []
    assert len(workflow.manifests) == len(set(workflow.manifests)) == 1 + 8 + 12 + 1 + 100
    assert workflow.systematic.pattern.count("|") == 1


def _stem(experiment: Experiment, place: int) -> str:
    return layout.evaluation_stem(experiment.systematic[place].key)


def test_plan_and_reporting_count_them(experiment: Experiment) -> None:
    lines = plan(experiment, Jobs({}, frozenset()), Measured({}, {}, ()), {})
    (told,) = (line.strip() for line in lines if line.strip().startswith("Set14_SE: 100 degradations"))
    assert told == "Set14_SE: 100 degradations, 1,400 images more of each (psnr_y_whole, ssim_y_whole)"
    assert any("18 left" in line for line in lines)  # 4 runs and 2 references, three times
    names = {path.name for path in (*table_files(experiment), *figure_files(experiment))}
    assert {"systematic.csv", "systematic.tex", "systematic_Set14_SE_srresnet_tiny.png"} <= names


def test_a_set_can_be_left_out(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WITHOUT, "Set14_SE")
    assert [one.name for one in load_experiment(experiment.path).systematic] == ["embedded_test_benchmark_space"]


def test_representatives_are_for_one_scale_and_one_place(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(SETS.replace("evaluation:", "evaluation:\n  degradations: [clean, benchmark_space]"))
    with pytest.raises(HarnessError, match="'benchmark_space': stands under evaluation.degradations too"):
        load_experiment(file)
    file.write_text(SETS.replace("variants:", "scale: 2\nvariants:").replace("    - Set14_SE\n", ""))
    with pytest.raises(HarnessError, match="'benchmark_space': representatives for scale 4, not 2; choose others"):
        load_experiment(file)
