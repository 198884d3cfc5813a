"""What the Snakefile asks of an experiment, without Snakemake."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.experiment import load_experiment
from harness.foundation.errors import HarnessError
from harness.workflow import preflight
from harness.workflow.snakefile import DEFAULT, Plan, experiment_file, reporting_to
from tests.conftest import ROOT
from tests.workflow.conftest import DEMO


def test_the_default_experiment_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert experiment_file([], {}) == DEFAULT
    assert experiment_file([ROOT / DEMO], {}) == DEMO
    monkeypatch.chdir(tmp_path)
    assert experiment_file([], {}) == str(ROOT / DEFAULT)
    assert experiment_file([ROOT / DEMO], {}) == str(ROOT / DEMO)


def test_only_training_on_a_gpu_asks_for_one() -> None:
    assert Plan(ROOT / DEMO).gpus == 0
    assert Plan(ROOT / DEFAULT).gpus == 1


def test_an_error_carries_no_frames() -> None:
    with pytest.raises(ValueError, match="^a mistake$") as caught, reporting_to(ValueError):
        raise HarnessError("a mistake")
    assert caught.value.__traceback__ is None


def test_the_log_of_a_job_outlives_signals_to_its_group(tmp_path: Path) -> None:
    prefix = Plan(ROOT / DEMO).shell_prefix.replace("{{", "{").replace("}}", "}")
    code = (
        "import os, signal, sys, time\n"  # os.write: the signal may come while a print has not returned
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.2), os.write(1, b'last words\\n'), sys.exit(3)))\n"
        "os.write(1, b'ready\\n')\n"
        "time.sleep(30)"
    )
    log = tmp_path / "log"
    command = f"{prefix} {shlex.quote(sys.executable)} -c {shlex.quote(code)} 2>&1 | tee {log}"
    with subprocess.Popen(["bash", "-c", command], start_new_session=True, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == "ready\n"
        os.killpg(job.pid, signal.SIGTERM)
        assert job.stdout.read() == "last words\n"
    assert log.read_text() == "ready\nlast words\n"


def test_a_pipe_into_the_log_keeps_the_status_of_the_job(tmp_path: Path) -> None:
    prefix = Plan(ROOT / DEMO).shell_prefix.replace("{{", "{").replace("}}", "}")
    done = subprocess.run(["bash", "-c", f"{prefix} (exit 3) 2>&1 | tee {tmp_path / 'log'}"], check=False)
    assert done.returncode == 3


def test_digests_follow_the_code_of_the_stage() -> None:
    plan = Plan(ROOT / DEMO)
    digests = {plan.code(stage) for stage in ("pack", "benchmark", "train", "evaluate", "report")}
    digests |= {plan.training_code("srresnet_tiny", variant) for variant in ("baseline", "dropout", "simple_align")}
    assert len(digests) == 8
    assert plan.training_code("srresnet_tiny", "simple_align") == plan.training_code("srresnet_tiny", "two_views")


def test_planning_imports_no_torch() -> None:
    code = "import sys; from harness.workflow.snakefile import Plan; "
    code += "Plan('configs/experiments/paper.yaml'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "pandas", "cv2", "matplotlib"} & set(done.stdout.split())


def test_needs_are_read_off_the_jobs() -> None:
    jobs = [("pack", {"dataset": "a"}), ("benchmark", {"dataset": "b"}), ("train_dropout", {}), ("all", {})]
    assert preflight.Needs.of(jobs) == preflight.Needs(("a", "b"), training=True, evaluation=False)
    assert preflight.Needs.of([("tables", {})]) == preflight.Needs((), training=False, evaluation=False)
    # What is trained and evaluated after a choice is not among the jobs yet.
    assert preflight.Needs.of([("tuning", {})]) == preflight.Needs((), training=True, evaluation=True)
    assert preflight.Needs.of([("chosen", {})]) == preflight.Needs((), training=False, evaluation=False)


@pytest.mark.parametrize(
    ("limit", "visible", "expected"),
    [
        (None, "", "no CUDA GPU is visible"),
        (4, "0,1", "--resources gpu=4: only 2 GPUs are visible; give gpu=2 or less"),
        (0, "0,1", "--resources gpu=0: less than training.processes 1"),
        (2, "0,1", None),
        (1, "0,1", None),
    ],
)
def test_gpus_are_counted_before_the_first_job(
    limit: int | None, visible: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")  # no nvidia-smi that knows how many there are
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    needs = preflight.Needs((), training=True, evaluation=False)
    problems = preflight.problems(load_experiment(ROOT / DEFAULT), needs, limit)
    assert [expected in line for line in problems if expected] == [True] * bool(expected)
    assert bool(problems) == bool(expected)


def test_gpus_of_other_machines_are_not_counted_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    experiment, needs = load_experiment(ROOT / DEFAULT), preflight.Needs((), training=True, evaluation=False)
    assert preflight.problems(experiment, needs, 64, elsewhere=True) == []
    assert "less than training.processes 1" in preflight.problems(experiment, needs, 0, elsewhere=True)[0]


def test_files_that_are_done_need_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert preflight.problems(load_experiment(ROOT / DEFAULT), preflight.Needs((), False, False), None) == []


def test_a_wrong_citation_is_told_before_the_first_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    Path("configs/citations.yaml").write_text("regularizers: {mine: [me2026]}\n")
    (found,) = preflight.problems(load_experiment(ROOT / DEFAULT), preflight.Needs((), False, False), None)
    assert found.startswith(
        "configs/citations.yaml: regularizers.mine: 'me2026': no such entry in configs/references.bib"
    )
