"""What training asks a cluster for."""

from __future__ import annotations

from harness.experiment import load_experiment
from harness.workflow.job_resources import training_megabytes, training_minutes
from harness.workflow.snakefile import DEFAULT
from tests.conftest import ROOT


def test_requests_follow_the_work() -> None:
    training = load_experiment(ROOT / DEFAULT).training
    assert training_minutes(training) == 10 + 834  # 500,000 steps of 16 images, 160 images per second
    half = training.model_copy(update={"iterations": training.iterations // 2})
    assert training_minutes(half) == 10 + 417
    assert training_minutes(training.model_copy(update={"patch": 64})) == 10 + 209
    two = training.model_copy(update={"processes": 2})
    assert training_minutes(two) == 10 + 417
    assert training_megabytes(two) == 2 * training_megabytes(training) == 16000


def test_threads_count_on_a_cpu_only() -> None:
    training = load_experiment(ROOT / DEFAULT).training.model_copy(update={"threads": 2})
    on_cpu = training.model_copy(update={"device": "cpu"})
    assert training_minutes(training) == 10 + 834
    assert training_minutes(on_cpu) == 10 + 17_095
