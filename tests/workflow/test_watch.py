"""The view of an experiment at work says what its files say: states, speed, time left, failures."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from harness.commands.app import app
from harness.experiment import Experiment, load_experiment
from harness.experiment.analyses import Analyses
from harness.foundation import layout, timings
from harness.training.history import Row
from harness.training.progress import Progress
from harness.workflow.forecast.outlook import left
from harness.workflow.forecast.status import statuses
from harness.workflow.watch import gpu_lines, screen_of, snapshot
from tests.conftest import ROOT

DEMO = ROOT / "configs" / "experiments" / "demo.yaml"


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    monkeypatch.chdir(tmp_path)
    return load_experiment(DEMO)


def finish(experiment: Experiment, index: int, evaluated: bool, seconds: float = 10.0) -> None:
    run = experiment.runs[index]
    folder = layout.run(run.name)
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(b"x")
    speed = 5 * run.spec.training.batch_size
    record = {"images_per_second": speed, "spec": run.spec.model_dump(mode="json"), "heldout_l1_final": 0.0625}
    (folder / "run.json").write_text(json.dumps(record))
    if evaluated:
        metrics = layout.metrics(run.name, experiment.evaluation.hash)
        metrics.parent.mkdir(parents=True)
        metrics.write_bytes(b"x")
        timings.note(run.name, experiment.evaluation.hash, seconds, 8)


def test_one_run_in_each_state(demo: Experiment) -> None:
    first, second, third, fourth, *rest = demo.runs
    finish(demo, 0, evaluated=True)
    finish(demo, 1, evaluated=False)
    with Progress(third.name, 0, third.spec.training, state=layout.state(third.spec.hash)) as progress:
        progress.log(Row(1, 0.25, 0.25, 0.0, 1e-3, 0.125))
        progress.advance()
        progress._tell(progress._marks[0][0] + 0.5)
        log = layout.RESULTS / "logs" / "train" / f"{fourth.name}.log"
        log.parent.mkdir(parents=True)
        log.write_text("going on\nerror: the loss is not finite; lower the learning rate\n")
        answer = CliRunner().invoke(app, ["watch", str(DEMO), "--once"], catch_exceptions=False)
    lines = answer.output.splitlines()
    counted = "1 training, 1 failed, 1 trained, 6 waiting, 1 evaluated"
    assert lines[0] == f"demo: 10 runs, {counted}", answer.output
    assert lines[1].startswith("at least ")
    rows = {line.split()[0]: line.split() for line in lines[2:]}
    assert rows[third.label][1:4] == ["training", "0%", "2"]
    assert rows[third.label][-2:] == ["0.2500", "0.1250"]
    assert rows[first.label][1:] == ["evaluated", "100%", "5", "0.0625"]
    assert rows[second.label][1] == "trained"
    assert rows[rest[0].label] == [rest[0].label, "waiting"]
    assert f"{fourth.label} failed: the loss is not finite; lower the learning rate" in lines


def test_the_whole_takes_what_was_measured(demo: Experiment) -> None:
    all_files = len(demo.metric_files)
    expected = f"time left not known yet (10 trainings, {all_files} evaluations and 10 analyses to go)"
    assert left(demo, statuses(demo)).line() == expected
    finish(demo, 0, evaluated=True)
    found = left(demo, statuses(demo))
    assert replace(found, unknown=2).line().startswith("at least ")
    iterations = demo.training.iterations
    assert (found.trainings, found.evaluations, found.analyses, found.unknown) == (9, all_files - 1, 10, 10)
    assert found.seconds == pytest.approx(9 * iterations / 5 + (all_files - 1) * 10.0)
    for index in range(1, 10):
        finish(demo, index, evaluated=True)
    todo = all_files - 10
    told = f"at least {todo}0 s left ({todo} evaluations and 10 analyses to go, 10 of unknown length)"
    assert left(demo, statuses(demo)).line() == told
    for one in Analyses(demo).all[:8]:
        one.rows.parent.mkdir(parents=True)
        one.rows.touch()
        timings.note(one.run.name, Analyses(demo).hash, 5.0, 1)
    told = f"about {todo + 1}0 s left ({todo} evaluations and 2 analyses to go)"
    assert left(demo, statuses(demo)).line() == told


def test_a_run_whose_process_is_gone_is_stopped_and_an_error_is_kept(demo: Experiment) -> None:
    first, second, *_ = demo.runs
    for run, error in ((first, None), (second, RuntimeError("no memory\nat all"))):
        folder = layout.state(run.spec.hash)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "getpid", lambda: 2**22 + 1)  # above the largest number of a process
            progress = Progress(run.name, 0, run.spec.training, state=folder)
            progress.__enter__()
            if error is not None:
                progress.__exit__(type(error), error, None)
    found = statuses(demo)
    assert [found[0].state, found[1].state, found[1].said] == ["stopped", "failed", "no memory at all"]


def test_a_screen_shows_what_needs_a_look_and_counts_the_rest(demo: Experiment) -> None:
    finish(demo, 9, evaluated=False)
    console = Console(width=100, height=14, record=True, file=io.StringIO())
    console.print(screen_of(snapshot(demo), console.height))
    lines = console.export_text().splitlines()
    assert len(lines) <= 14
    assert "10.0% of all iterations" in lines[2]
    assert lines[4].split()[:2] == [demo.runs[9].label, "trained"]
    assert "and 3 more: 3 waiting" in lines
    assert lines[-1] == "Ctrl-C ends the view, not the experiment"
    shot = snapshot(demo)
    console.print(screen_of(replace(shot, runs=[replace(one, state="evaluated") for one in shot.runs]), 40))
    assert "all runs are evaluated: the view ends" in console.export_text()


def test_gpus_are_those_that_nvidia_smi_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '0, NVIDIA H100, SXM, 97, 40210, 81559'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_lines() == ["GPU 0 NVIDIA H100, SXM: 97% busy, 40210 of 81559 MiB used"]
    program.unlink()
    assert gpu_lines() == []
