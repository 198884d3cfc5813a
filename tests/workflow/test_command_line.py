"""What users type and what they are told: targets, mistakes, missing things, other folders."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.workflow.conftest import DEMO, SMALLEST, Checkout

pytestmark = pytest.mark.slow


def told(text: str) -> list[str]:
    """Return what Snakemake says of an error."""
    assert "Traceback" not in text
    assert '  File "' not in text
    return text.split("WorkflowError:\n")[1].strip().splitlines()


@pytest.mark.parametrize(
    ("target", "rules"),
    [
        ("benchmarks", {"benchmark": 1}),
        ("train", {"pack": 2, "train_baseline": 1, "train_dropout": 1}),
        ("evaluate", {"evaluate_run": 2, "evaluate_reference": 1}),
        ("tables", {"tables": 1, "aggregate": 1}),
        ("figures", {"figures": 1, "aggregate": 1}),
        ("report", {"tables": 1, "figures": 1, "report": 1}),
        ("all", {"tables": 1, "figures": 1, "report": 1, "all": 1}),
    ],
)
def test_named_targets(bare: Checkout, target: str, rules: dict[str, int]) -> None:
    planned = bare.planned(target)
    assert planned[target] == 1
    assert rules.items() <= planned.items()


def test_the_default_command_lists_all_that_is_missing_before_the_first_job(fresh: Checkout) -> None:
    call = fresh.snakemake("--cores", "8", "--resources", "gpu=2")
    assert call.status == 1
    first, *lines = told(call.text)
    assert first == "before this can run:"
    subjects = [line.split(":")[0].removeprefix("  - ") for line in lines if line.startswith("  - ")]
    data = ["DIV2K_train", "DIV2K_valid", "Set5", "Set14", "B100", "Urban100", "Manga109", "RealSR_v3", "RealSRSet"]
    assert subjects == [*data, "configs/experiments/paper.yaml", "metric niqe"]
    assert all("python -m harness fetch" in line or "adopt" in line for line in lines[: len(data)])
    assert "no CUDA GPU is visible" in lines[len(data)]
    assert any(line.strip().startswith("python -m harness fetch DIV2K_train DIV2K_valid Set5 ") for line in lines)
    assert "`--config without=Manga109`" in call.text
    assert "Finished jobid" not in call.text
    assert not (fresh.root / "results").exists() or not list((fresh.root / "results").rglob("*.log"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("scale: 4", "scale: 4\nsclae: 4", "sclae: unknown key; allowed: "),
        ("[baseline, dropout]", "[baseline, dropuot]", "variants: 'dropuot': unknown; allowed: "),
        ("0.001", "1e-4", "training.learning_rate: '1e-4' is text to YAML, not a number; write 1.0e-4"),
        ("crop: 96", "crop: 97", "training.crop 97: must be a multiple of the scale 4"),
        ("seeds: [0]", "seeds: []", "seeds: an empty list"),
        ("seeds: [0]", "seeds: [0, 0]", "seeds: 0: a duplicate run"),
    ],
)
def test_a_mistake_in_an_experiment_is_one_line(bare: Checkout, old: str, new: str, expected: str) -> None:
    assert SMALLEST.count(old) == 1
    (bare.root / "configs/experiments/mistake.yaml").write_text(SMALLEST.replace(old, new))
    call = bare.snakemake("--cores", "1", "-n", "--configfile", "configs/experiments/mistake.yaml")
    assert call.status == 1
    (line,) = told(call.text)
    assert line.startswith("configs/experiments/mistake.yaml: ")
    assert expected in line


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--config", "seeds=[1]"], "--config: seeds="),
        (["--configfile", DEMO, "--config", "seeds=[1]"], "--config: seeds="),
        (["--configfile", DEMO, "configs/experiments/paper.yaml"], "give one experiment file, they are not merged"),
    ],
)
def test_configuration_on_the_command_line_is_refused(bare: Checkout, arguments: list[str], expected: str) -> None:
    call = bare.snakemake("--cores", "1", "-n", *arguments)
    assert call.status == 1
    (line,) = told(call.text)
    assert expected in line


def test_broken_yaml_and_missing_files_are_refused(bare: Checkout) -> None:
    (bare.root / "configs/experiments/broken.yaml").write_text("seeds: [")
    for name in ("broken", "absent"):
        path = f"configs/experiments/{name}.yaml"
        assert bare.snakemake("--cores", "1", "-n", "--configfile", path).status != 0


def test_it_runs_from_any_folder_with_the_code_of_its_checkout(fresh: Checkout, tmp_path: Path) -> None:
    """Although another checkout is installed: this one's code must run, not that one's."""
    fresh.append("harness/datasets/benchmark.py", "print('this checkout')")
    place = tmp_path / "place"
    snakefile = str(fresh.root / "Snakefile")
    chosen = ("--snakefile", snakefile, "--directory", str(place), "--configfile", str(fresh.root / DEMO))
    call = fresh.snakemake("benchmarks", "--cores", "2", *chosen, folder=tmp_path)
    assert call.status == 0, call.text
    assert "Using workflow specific profile" in call.text
    assert "this checkout" in (place / "results/logs/benchmark/embedded_test.log").read_text()
    assert (place / "results/benchmarks/x4/embedded_test/clean/manifest.tsv").is_file()
    assert not (fresh.root / "results").exists()

    default = fresh.snakemake("--cores", "2", "-n", "--snakefile", snakefile, folder=tmp_path)
    assert default.status == 0, default.text


def test_a_failing_job_fails_the_workflow_and_says_why(fresh: Checkout) -> None:
    fresh.append("harness/datasets/benchmark.py", "raise HarnessError('sabotaged')")
    call = fresh.snakemake("benchmarks", "--cores", "2", "--configfile", DEMO)
    assert call.status == 1
    assert "error: sabotaged" in call.text
    assert "error: sabotaged" in (fresh.root / "results/logs/benchmark/embedded_test.log").read_text()


def test_a_thousand_runs_are_planned_quickly(bare: Checkout, record_property: pytest.RecordProperty) -> None:
    many = SMALLEST.replace("dropout]", "dropout, two_views, simple_align, adaptive_dropout]")
    many = many.replace("seeds: [0]", f"seeds: {list(range(200))}")
    many = many.replace("iterations: 25", "iterations: 26")  # the least that adaptive_dropout anneals in
    (bare.root / "configs/experiments/many.yaml").write_text(many)
    start = time.monotonic()
    planned = bare.planned("--quiet", "rules", experiment="configs/experiments/many.yaml")
    seconds = time.monotonic() - start
    record_property("seconds", seconds)
    print(f"dry run of 1,000 runs: {seconds:.1f} s")
    assert sum(count for rule, count in planned.items() if rule.startswith("train_")) == 1000
    assert seconds < 30  # ten on a machine with nothing else to do


@pytest.mark.parametrize("experiment", sorted(path.name for path in (ROOT / "configs/experiments").glob("*.yaml")))
def test_the_linter_has_nothing_to_say(bare: Checkout, experiment: str) -> None:
    written = {
        "original.yaml": DEMO,
        "linted.yaml": f"configs/experiments/{experiment}",
    }  # here the demo is another one
    folder = bare.root / "configs/experiments"
    for name, source in written.items():
        (folder / name).write_text((ROOT / source).read_text().replace("extends: demo.yaml", "extends: original.yaml"))
    call = bare.snakemake("--lint", "--configfile", "configs/experiments/linted.yaml")
    for name in written:
        (folder / name).unlink()
    assert call.status == 0, call.text
    assert "Lints for" not in call.text
