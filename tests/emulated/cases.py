"""What is run on the pretended device: the degradation, steps of every kind, an evaluation."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import _disable_current_modes

from benchmarks.specs import VARIANTS, bench_spec, network_spec
from harness.analysis.channels import channel_saliency, leave_one_out
from harness.analysis.features import as_input, features_of
from harness.analysis.shift import similarity
from harness.datasets.pack_files import PackedImage, PackInfo
from harness.datasets.patches import Pack
from harness.degradations import second_order
from harness.degradations.filters import pad_reflected
from harness.degradations.usm import sharpen
from harness.evaluation.evaluate import Method, evaluate_checkpoint
from harness.experiment import load_experiment
from harness.experiment.catalogues import Catalogues
from harness.foundation.rng import numpy_stream
from harness.networks.build import build_network
from harness.networks.taps import Taps
from harness.regularizers import load_regularizer, resolve_options, teacher_of
from harness.spec import RegularizerSpec, RunSpec, SetSpec, TrainingSpec
from harness.training import step
from harness.training.batches import BatchSource, prepare
from harness.training.graph import WARM_UP
from harness.training.kept import KeptBatch
from harness.training.prefetch import ahead
from harness.training.step import Learner
from tests.conftest import ROOT
from tests.emulated import device
from tests.emulated.watch import Recorder, Watch
from tests.evaluation.conftest import SCALE, photograph, write_set

_MODE = FakeTensorMode(allow_non_fake_inputs=True)
"""One for all cases: the tables that the harness keeps on a device belong to it."""

Found = dict[str, dict[str, Any]]
"""What each part of a case asked of the device: counts, problems and reads by the part's name."""


def measure(prefix: str = "") -> dict[str, Found]:
    """Return what every case, or those whose names begin so, asked of the device."""
    device.pretend()
    step.build_network = _on_the_host(step.build_network)
    cases: dict[str, Callable[[], Found]] = {"degradation": degradation, "evaluation": evaluation, "analysis": analysis}
    cases |= {name: partial(training, spec) for name, spec in specs().items()}
    cases["paper_later_arm"] = partial(training, bench_spec("baseline", "cuda"), later=True)
    return {name: case() for name, case in cases.items() if name.startswith(prefix)}


def specs() -> dict[str, RunSpec]:
    """The runs by name: the paper's baseline, all variants of demo and zoo, each class of networks, further options.

    Not those that learn from a teacher, whose weights are a run's.
    """
    demo = {run.variant: run.spec for run in load_experiment(ROOT / "configs/experiments/demo.yaml").runs}
    found: dict[str, RunSpec] = {}
    for variant in VARIANTS:
        name = "paper" if variant == "baseline" else f"paper_{variant}"
        found |= {name: bench_spec(variant, "cuda"), f"{name}_bf16": bench_spec(variant, "cuda", "bf16")}
    found |= {f"demo_{variant}": _on_cuda(spec) for variant, spec in demo.items()}
    zoo = {run.variant: run.spec for run in load_experiment(ROOT / "configs/experiments/zoo_demo.yaml").runs}
    for variant, spec in zoo.items():
        if variant not in demo and teacher_of(spec.regularizer) is None:
            captured = load_regularizer(spec.regularizer.regularizer).graph_safe
            found[f"zoo_{variant}"] = _on_cuda(spec, cuda_graph=captured)
    found |= {name: network_spec(name, "cuda", 2, 64) for name in ("rrdb_small", "swinir_small")}
    found["swinir"] = network_spec("swinir", "cuda", 16, 128)
    plain = found["demo_baseline"]
    found["small_patches"] = _on_cuda(plain, crop=32, patch=32)  # smaller than the largest kernels
    found["resident"] = _on_cuda(plain, placement="device")
    found["other_optimizer"] = _on_cuda(plain, optimizer="adamw", averaging="swa", swa_start=0.0, clip_norm=1.0)
    found["no_graph"] = _on_cuda(plain, cuda_graph=False, fused_optimizer=False, foreach_ema=False)
    for name, regularizer, options in (
        ("dropout_of_elements", "dropout", {"kind": "element", "positions": ["first", "last"]}),
        ("learned_gate", "adaptive_dropout", {"gate": "learned", "order": "none"}),
    ):
        chosen = RegularizerSpec(regularizer=regularizer, options=resolve_options(regularizer, options))
        network = Catalogues.load().networks["srresnet_tiny"].network  # with all its taps
        found[name] = _on_cuda(demo[regularizer].model_copy(update={"regularizer": chosen, "network": network}))
    return found


def _on_cuda(spec: RunSpec, **training: Any) -> RunSpec:
    settings = spec.training.model_dump(mode="python") | {"device": "cuda", "cuda_graph": True, "prefetch": True}
    changed = TrainingSpec.model_validate(settings | {"channels_last": True} | training)
    return spec.model_copy(update={"training": changed})


def training(spec: RunSpec, later: bool = False) -> Found:
    """Train for as long as it takes to capture the step and to replay it, with batches made ahead.

    ``later``: an arm that reads the degraded images that another one has kept.
    """
    recorder = Recorder()
    with _device():
        learner = Learner(spec, "cuda", recorder=recorder if spec.training.cuda_graph else None)
        source = BatchSource(_pack(), spec, learner.regularizer.views, "cuda", regularizer=learner.regularizer)
        if later:
            source.kept = _Kept(spec)  # type: ignore[assignment]
        last = WARM_UP + 2  # warm up, capture, replay
        with ahead(source, "cuda", last) as batches:
            for iteration in range(1, last + 1):
                with Watch() as batching:
                    batch = batches.batch(iteration)
                with Watch() as stepping:
                    recorder.watch = stepping
                    learner.step(iteration, batch)
            # The last batch was made with the one before it: make it once more, to count it alone.
            with Watch() as making:
                source.make(last, source.prepare(last))
        found = {"step": stepping.report()}
        if learner.captured is not None:
            assert learner.captured.state == "captured"
        else:  # as a state file gives them: from the host
            learner.restore({name: torch.zeros(t.shape, dtype=t.dtype) for name, t in learner.tensors().items()})
            with Watch() as resuming:
                learner.step(last, batch)
            found["resumed step"] = resuming.report()
    making.problems += batching.problems
    making.reads += batching.reads
    return {"batch": making.report(), **found}


class _Kept:
    """Kept batches of an arm that came before: images in ordinary memory, as files are read."""

    def __init__(self, spec: RunSpec) -> None:
        training = spec.training
        side = training.patch // spec.scale
        with _disable_current_modes():
            views = (torch.zeros(training.batch_size, 3, side, side, dtype=torch.uint8),)
        self._batch = KeptBatch(views, 0.0)
        self.credit = 0.0

    def read(self, iteration: int) -> KeptBatch:
        """Return what every iteration has."""
        return self._batch


def degradation() -> Found:
    """Degrade a batch of the paper's, stage by stage."""
    spec = bench_spec("baseline", "cuda")
    found: Found = {}
    with _device():
        for _ in range(2):  # the first time, tables go to the device
            recipe = prepare(_pack(), spec, 3, 0, range(spec.training.batch_size), 1, "cuda")
            with Watch() as watch:
                images = recipe.crops.to("cuda", non_blocking=True).permute(0, 3, 1, 2).float().div_(255)  # type: ignore[union-attr]
            found["crops"] = watch.report()
            with Watch() as watch:
                target = sharpen(images)
            found["usm"] = watch.report()
            stages = second_order.steps(target, recipe.plans[0], spec.scale)  # type: ignore[arg-type]
            for name in _STAGES:
                with Watch() as watch:
                    assert next(stages)[0] == name
                found[name] = watch.report()
            assert next(stages, None) is None
        with Watch() as watch:  # sides below a kernel's radius
            pad_reflected(torch.empty(1, 3, 7, 8, device="cuda"), 10)
        found["small sides"] = watch.report()
    return found


_STAGES = ("blur1", "resize1", "noise1", "jpeg1", "blur2", "resize2", "noise2", "final")


def evaluation() -> Found:
    """Evaluate the demo's network on two versions of two images."""
    spec = specs()["demo_baseline"]
    network = build_network(spec.network, 0)
    chosen = SetSpec(dataset="tiny", degradations=("clean", "dark"), metrics=("psnr_rgb", "psnr_y", "ssim_y"))
    with tempfile.TemporaryDirectory() as folder:
        truth = {name: photograph(48, 64, name) for name in ("ape", "bee")}
        for name, divisor in (("clean", 1), ("dark", 2)):
            small = {key: np.ascontiguousarray(pixels[::SCALE, ::SCALE] // divisor) for key, pixels in truth.items()}
            write_set(Path(folder) / "tiny" / name, small)
        write_set(Path(folder) / "tiny" / "hr", truth)
        with _device(), Watch() as watch:
            rows = evaluate_checkpoint(network, Method("n", "v", "r", 0), [chosen], Path(folder), SCALE, "cuda")
    assert (rows["status"] == "ok").all()
    return {"two images": watch.report()}


def analysis() -> Found:
    """Analyse a convolutional network and one of tokens: features, saliency, and the result without each channel."""
    found: Found = {}
    for name in ("srresnet_tiny", "swinir_small"):
        spec = Catalogues.load().networks[name].network
        pixels = photograph(16, 24, "ape")
        with _device():
            network = build_network(spec, 0).to("cuda").eval().requires_grad_(False)
            taps = Taps(network, spec.taps)
            for _ in range(2):  # the first time, what the network keeps goes to the device
                with Watch() as watch:
                    image = as_input(pixels, "cuda")
                    _, (features, *_) = features_of(network, taps, "features", image, SCALE)
                    similarity(features, features)
                    channel_saliency(network, taps, "features", image, SCALE)
                found[name] = watch.report()
            if name != "srresnet_tiny":
                continue
            with Watch() as watch:
                leave_one_out(network, taps, "features", 0, image, SCALE, lambda output: float(output.mean()))
            found[f"{name} without each channel"] = watch.report()
    return found


@contextmanager
def _device() -> Iterator[None]:
    """Let tensors have no values, and let values be read where nobody counts."""
    with _MODE, Watch():
        yield


def _on_the_host(build: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """Let a network be built with values: SwinIR's constructor reads some."""

    def built(*arguments: Any) -> nn.Module:
        with _disable_current_modes():
            return build(*arguments)

    return built


def _pack() -> Pack:
    side = 400
    pixels = numpy_stream("noise").integers(0, 256, side * side * 3, dtype=np.uint8)
    return Pack(PackInfo("noise", (PackedImage("noise", side, side, 0, ""),), ""), pixels)
