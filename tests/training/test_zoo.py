"""Methods of the zoo in training: exact resume, two processes, capture; on real batches."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.datasets.patches import Pack
from harness.experiment.experiment import load_experiment
from harness.networks.build import build_network
from harness.networks.tape import Tape
from harness.networks.teacher import Teacher
from harness.networks.weights import load_weights
from harness.regularizers import available, load_regularizer
from harness.spec import RunSpec
from harness.training.batches import BatchSource
from harness.training.graph import Recorder
from harness.training.step import Learner
from harness.training.train import train
from tests.conftest import ROOT
from tests.regularizers.helpers import ZOO, zoo
from tests.training.conftest import job, tiny_spec
from tests.training.test_distributed import load_weights_at_start, train_in_two

GRAPHS = [name for name in ZOO if name != "moa"]


def spec_of(name: str, **training: object) -> RunSpec:
    return tiny_spec(name, options=ZOO[name], iterations=12, batch_size=8, **training)


def learner_of(spec: RunSpec, recorder: Recorder | None = None) -> Learner:
    teacher = None
    if spec.regularizer.regularizer == "empirical_centroid":
        teacher = Teacher(build_network(spec.network, 9), spec.network.taps)
    return Learner(spec, "cpu", teacher=teacher, recorder=recorder)


def go_on(learner: Learner, packs: Path, first: int, last: int) -> Learner:
    """Train on the batches that the run would see, degraded and all."""
    views = learner.regularizer.views
    source = BatchSource(
        Pack.open(packs / "embedded_train"), learner.spec, views, "cpu", regularizer=learner.regularizer
    )
    for iteration in range(first, last + 1):
        learner.step(iteration, source.batch(iteration))
    return learner


def differing(one: Learner, other: Learner) -> list[str]:
    expected, found = one.tensors(), other.tensors()
    assert expected.keys() == found.keys()
    return [name for name in expected if not torch.equal(expected[name], found[name])]


def test_every_method_is_somewhere() -> None:
    assert set(ZOO) == set(available()) - {"baseline", "dropout", "simple_align", "adaptive_dropout"}
    assert [name for name in ZOO if load_regularizer(name).graph_safe] == GRAPHS


@pytest.mark.parametrize("name", zoo("cutmix", "sam"))
def test_a_resumed_run_goes_on_with_the_same_bytes(name: str, packs: Path) -> None:
    spec = spec_of(name)
    whole = go_on(learner_of(spec), packs, 1, 6)
    begun = go_on(learner_of(spec), packs, 1, 3)
    resumed = learner_of(spec)
    resumed.restore({key: tensor.clone() for key, tensor in begun.tensors().items()})
    assert differing(whole, go_on(resumed, packs, 4, 6)) == []


@pytest.mark.parametrize("name", zoo("cutmix", "sam"))
def test_a_step_is_not_the_baselines(name: str, packs: Path) -> None:
    baseline = go_on(Learner(tiny_spec(iterations=12, batch_size=8), "cpu"), packs, 1, 2)
    learner = go_on(learner_of(spec_of(name)), packs, 1, 2)
    assert not torch.equal(baseline.parameters[0], learner.parameters[0])


def test_options_of_the_optimizer_are_not_the_baselines_run_in_the_demo(packs: Path) -> None:
    runs = {run.variant: run.spec for run in load_experiment(ROOT / "configs/experiments/zoo_demo.yaml").runs}
    baseline, *others = (
        go_on(Learner(runs[name], "cpu"), packs, 1, 5)
        for name in ("baseline", "weight_decay", "clipping", "weight_averaging")
    )
    expected = baseline.weights()
    for learner in others:
        found = learner.weights()
        assert any(not torch.equal(expected[name], found[name]) for name in expected), learner.spec.training


@pytest.mark.parametrize("name", [one for one in zoo("cutmix", "sam") if one.values[0] in GRAPHS])
def test_a_taped_step_changes_no_bit(name: str, packs: Path) -> None:
    plain, taped = (go_on(learner_of(spec_of(name), recorder), packs, 1, 6) for recorder in (None, Tape()))
    assert taped.captured is not None
    assert taped.captured.state == "captured"
    assert differing(plain, taped) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [one for one in zoo("cutmix") if one.values[0] != "empirical_centroid"])
def test_two_processes_equal_one(name: str, packs: Path, tmp_path: Path) -> None:
    one, two = (spec_of(name, processes=number, learning_rate=2e-4) for number in (1, 2))
    train(one, job(packs, tmp_path / "one"))
    train_in_two(two, packs, tmp_path / "two")
    single, double = (load_weights(tmp_path / part / "run" / "weights.safetensors") for part in ("one", "two"))
    start = load_weights_at_start(one)
    # Of all weights together: where a gradient is rounding alone, Adam's step has either sign.
    moved, apart = (
        torch.cat([(single[key] - other[key]).flatten() for key in single]).norm() for other in (start, double)
    )
    assert float(apart) < 0.02 * float(moved)
