"""docs/library.md, done word by word, and what it promises: the harness's own weights, and no trace afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.datasets.patches import Pack
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.networks.build import build_network
from harness.regularizers.conformance import Trial, check
from harness.regularizers.library import Batch, Regularized
from harness.reporting import results
from harness.training.batches import BatchSource
from harness.training.schedule import learning_rate
from harness.training.step import Learner
from tests.conftest import ROOT
from tests.regularizers import planted_hooks
from tests.reporting import synthetic
from tests.reporting.conftest import write
from tests.training.conftest import packs, tiny_spec
from tests.tutorial import blocks

__all__ = ["packs"]
PAGE = "library.md"
FACES = ("regularizers", "regularizers.library", "degradations", "networks", "evaluation", "reporting", "experiment")
ITERATIONS = 30  # of the training; adaptive_dropout anneals and needs 26
STEPS = 3


def code(section: str) -> str:
    (block,) = blocks(PAGE, section)
    return block.text


def run(text: str, folder: Path) -> str:
    """Run a program in an interpreter of its own, as its reader would."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error::UserWarning:harness", "-c", text]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def network(seed: int = 1) -> nn.Module:
    return build_network(tiny_spec().network, seed)


def batch(size: int = 4) -> Batch:
    numbers = torch.Generator().manual_seed(3)
    return Batch(*(torch.rand(size, 3, side, side, generator=numbers) for side in (8, 32)))


def attach(to: nn.Module, name: Any = "dropout", **changes: Any) -> Regularized:
    return Regularized(to, name, **{"taps": "srresnet", "batch_size": 4, "iterations": 30, **changes})


def test_the_loop_runs_in_fifteen_lines(tmp_path: Path) -> None:
    assert len(code("Plain torch").splitlines()) <= 16
    assert len(run(code("Plain torch"), tmp_path).splitlines()) == 5
    assert "conv_last.weight" in torch.load(tmp_path / "weights.pth", weights_only=True)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("baseline", {}),
        ("dropout", {"rate": 0.5}),
        ("simple_align", {}),
        ("adaptive_dropout", {}),
        ("adaptive_dropout", {"gate": "learned"}),
        ("degradation_weighted", {}),
        ("frequency_mask", {}),
        ("sam", {}),
    ],
)
def test_a_loop_of_ones_own_gives_the_weights_of_the_harness(name: str, options: dict[str, Any], packs: Path) -> None:
    spec = tiny_spec(name, seed=4, options=options, iterations=ITERATIONS)
    images = Pack.open(packs / "embedded_train")
    learner = Learner(spec, "cpu")
    source = BatchSource(images, spec, learner.regularizer.views, "cpu", None, learner.regularizer)
    for iteration in range(1, STEPS + 1):
        learner.step(iteration, source.batch(iteration))

    own, training = build_network(spec.network, spec.seed), spec.training
    named = {"taps": "srresnet_small", "batch_size": training.batch_size, "iterations": ITERATIONS, "seed": spec.seed}
    with attach(own, name, options=options, **named) as regularized:
        batches = BatchSource(images, spec, regularized.views, "cpu", None, regularized.regularizer)
        optimizer = torch.optim.Adam(regularized.parameters, betas=training.betas, fused=training.fused_optimizer)
        for iteration in range(1, STEPS + 1):
            rate = learning_rate(iteration, ITERATIONS, training.learning_rate, training.schedule)
            optimizer.param_groups[0]["lr"] = rate
            regularized.gradients(iteration, batches.batch(iteration))
            optimizer.step()
        kept = regularized.state_dict()
    assert all(torch.equal(own.state_dict()[key], value) for key, value in learner.network.state_dict().items())
    learned = [*learner.regularizer.parameters(), *learner.regularizer.state().values()]
    assert all(torch.equal(a, b) for a, b in zip(kept.values(), learned, strict=True))
    assert bool(kept) == (options == {"gate": "learned"})


def test_hooks_are_gone_afterwards_and_after_an_exception_too() -> None:
    plain, own, images = network(), network(), batch().lr
    with attach(own) as regularized:
        regularized.gradients(1, batch())
        assert not torch.equal(own(images), plain(images))
    assert torch.equal(own(images), plain(images))
    with pytest.raises(ZeroDivisionError), attach(own, "simple_align"):
        raise ZeroDivisionError
    assert torch.equal(own(images), plain(images))
    hooks = [hook for module in own.modules() for hook in (*module._forward_hooks, *module._forward_pre_hooks)]
    assert not hooks
    regularized.detach()


def test_attaching_twice_is_an_error_until_the_first_is_detached() -> None:
    own = network()
    with attach(own) as first:
        for name in ("dropout", "adaptive_dropout"):
            with pytest.raises(HarnessError, match="the network has Dropout attached already; detach that first"):
                attach(own, name)
        first.gradients(1, batch())
    with attach(own, "adaptive_dropout"):
        pass
    one = Trial.of("dropout")
    with pytest.raises(HarnessError, match="regularizer Dropout: it is attached to a network already; make another"):
        type(one.attached)(network(), tiny_spec().network.taps, one.regularizer, lambda: one.draws)


def test_what_fails_to_attach_leaves_the_network_free() -> None:
    own, plain = network(), network()
    with pytest.raises(HarnessError, match="no role 'last' here"):
        attach(own, taps={"blocks": ["body.*.conv1:output"]})
    with pytest.raises(HarnessError, match="positions"):
        attach(own, options={"positions": ["block9"]})
    assert torch.equal(own(batch().lr), plain(batch().lr))
    attach(own).detach()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"taps": "sresnet"}, "configs/networks.yaml: 'sresnet': no such network; there are: rrdb, "),
        ({"name": "dropuot"}, "regularizer 'dropuot': unknown; allowed: "),
        ({"options": {"rate": 3}}, "regularizer dropout: options.rate: 3: "),
        ({"name": "simple_align", "batch_size": 3}, "batch_size 3: must be a multiple of 2 views, and at least 4"),
        ({"name": "empirical_centroid"}, "it learns from a trained network; give one as teacher="),
        ({"name": "adaptive_dropout", "iterations": 0}, "iterations 0: must be at least "),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(HarnessError) as error:
        attach(network(), **changes)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_steps_that_were_not_announced_are_refused() -> None:
    own = network()
    with attach(own) as regularized:
        for iteration in (0, 31):
            with pytest.raises(HarnessError, match=f"iteration {iteration}: must be from 1 to 30"):
                regularized.gradients(iteration, batch())
        with pytest.raises(HarnessError, match="3 inputs and 3 targets, but batch_size is 4; use drop_last=True"):
            regularized.gradients(1, batch(3))
        own.eval()
        with pytest.raises(HarnessError, match=r"the network is in eval\(\), where nothing acts; call train\(\)"):
            regularized.gradients(1, batch())
    with attach(own.train(), "degradation_weighted") as regularized, pytest.raises(HarnessError, match="underwent"):
        regularized.gradients(1, batch())


def test_the_teacher_is_left_as_it_is() -> None:
    teacher = network(2)
    with attach(network(), "empirical_centroid", teacher=teacher) as regularized:
        regularized.gradients(1, batch())
    assert teacher.training
    assert all(parameter.requires_grad for parameter in teacher.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in teacher.modules())


def test_what_steps_change_can_be_kept_and_taken_back() -> None:
    losses: list[Tensor] = []
    first = attach(network(), planted_hooks.Remembering)
    first.gradients(1, batch())
    kept = deepcopy(first.state_dict())
    losses.append(first.gradients(2, batch()))
    resumed = attach(network(), planted_hooks.Remembering)
    resumed.load_state_dict(kept)
    losses.append(resumed.gradients(2, batch()))
    assert torch.equal(*losses)
    with pytest.raises(HarnessError, match=r"its state is state\.mean, but nothing is given"):
        resumed.load_state_dict({})


def basicsr_options(regularizer: str, **options: Any) -> dict[str, Any]:
    arguments = {"num_in_ch": 3, "num_out_ch": 3, "num_feat": 8, "num_block": 2, "upscale": 4}
    return {
        "num_gpu": 0,
        "dist": False,
        "is_train": True,
        "manual_seed": 0,
        "path": {},
        "network_g": {"type": "MSRResNet", **arguments},
        "datasets": {"train": {"batch_size_per_gpu": 4}},
        "train": {
            "total_iter": 30,
            "regularizer": regularizer,
            "regularizer_options": options,
            "ema_decay": 0.5,
            "pixel_opt": {"type": "L1Loss", "loss_weight": 1.0, "reduction": "mean"},
            "optim_g": {"type": "Adam", "lr": 1e-3},
            "scheduler": {"type": "MultiStepLR", "milestones": [100], "gamma": 0.5},
        },
    }


def test_the_basicsr_model_trains_as_the_plain_loop() -> None:
    names: dict[str, Any] = {}
    exec(compile(code("A BasicSR model"), "regularized_model.py", "exec"), names)
    for name, options in (("dropout", {"rate": 0.5}), ("adaptive_dropout", {"gate": "learned"})):
        model = names["RegularizedSRModel"](basicsr_options(name, **options))
        own = deepcopy(network())
        own.load_state_dict(model.net_g.state_dict())
        before = deepcopy(own.state_dict())
        with attach(own, name, options=options) as regularized:
            optimizer = torch.optim.Adam(regularized.parameters, lr=1e-3)
            for iteration in (1, 2):
                model.feed_data({"lq": batch().lr, "gt": batch().target})
                model.optimize_parameters(iteration)
                regularized.gradients(iteration, batch())
                optimizer.step()
        assert all(torch.equal(model.net_g.state_dict()[key], value) for key, value in own.state_dict().items())
        assert not torch.equal(own.state_dict()["conv_last.weight"], before["conv_last.weight"])
        assert model.get_current_log()["l_pix"] > 0
        model.test()
        assert model.output.shape == (4, 3, 32, 32)
    del names["MODEL_REGISTRY"]._obj_map["RegularizedSRModel"]


def test_results_are_a_frame_in_a_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = synthetic.study(seeds=(0,))
    rows = synthetic.metric_rows(study)
    write(tmp_path / "written", study, rows).metrics.rename(tmp_path / "metrics.parquet")
    with pytest.raises(HarnessError, match="no results of 'demo' here; run the experiment"):
        results("demo", tmp_path)
    target = tmp_path / layout.experiment_metrics("demo")
    target.parent.mkdir(parents=True)
    (tmp_path / "metrics.parquet").rename(target)
    frame = results("demo", tmp_path)
    assert len(frame) >= len(rows)
    monkeypatch.chdir(tmp_path)
    exec(code("Results in a notebook"), {})
    shown = capsys.readouterr().out
    expected = frame[(frame["metric"] == "psnr_rgb") & (frame["variant"] == "dropout")]["value"].to_numpy()
    assert "dropout" in shown
    assert len(expected) > 0
    with pytest.raises(HarnessError, match="results: '../demo'"):
        results("../demo")


def test_a_step_in_a_repl(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(code("A step in a REPL"), names)
    shown = capsys.readouterr().out.split("tensor(")
    assert float(shown[1].split(")")[0]) != float(shown[2].split(")")[0])
    assert "torch.Size([4, 3, 32, 32]) torch.Size([4, 3, 8, 8])" in "tensor(".join(shown)
    trial = Trial.of("dropout", {"rate": 0.9}, "rrdb_small")
    assert trial.regularizer.options.model_dump()["rate"] == 0.9
    assert check(names["Half"], networks={}, processes=False) == []
    with pytest.raises(HarnessError, match="'srresnet': no small network; there are: srresnet_small"):
        Trial.of("dropout", network="srresnet")


@pytest.mark.slow
@pytest.mark.thorough
def test_every_page_can_be_imported_first_and_basicsr_after_all(tmp_path: Path) -> None:
    """Each page first, the others after it: forks of an interpreter that holds only torch."""
    orders = [[*FACES[place:], *FACES[:place]] for place in range(len(FACES))]
    program = f"""
import importlib, os, sys
import cv2, pandas, torch  # others' and slow
for order in {orders!r}:
    child = os.fork()
    if not child:
        for name in order:
            importlib.import_module(f"harness.{{name}}")
        import basicsr.data.degradations
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{{order}}: cannot be imported in this order")
"""
    run(program, tmp_path)


@pytest.mark.parametrize("face", ["regularizers", "reporting"])
def test_basicsr_can_be_imported_after_a_page_that_imports_no_torch(face: str, tmp_path: Path) -> None:
    run(f"import harness.{face}, basicsr.data.degradations", tmp_path)


def test_the_package_itself_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("torch", "torchvision", "basicsr", "pandas", "numpy", "matplotlib", "pydantic")
    light = f"import harness, harness.reporting, sys; print(*[m for m in {heavy} if m in sys.modules])"
    assert run(light, tmp_path).strip() == ""
