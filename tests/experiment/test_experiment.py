"""Experiments: what they span, and every mistake in one line with file, field, value and choices."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.experiment import Experiment, load_experiment
from harness.experiment.catalogues import Catalogues
from harness.foundation.errors import HarnessError
from harness.spec import NetworkEntry, PerformanceSpec
from tests.conftest import ROOT

CATALOGUES = Catalogues.load()


def content() -> dict[str, Any]:
    """A small experiment that is right."""
    return {
        "description": "x",
        "scale": 4,
        "networks": ["srresnet_small"],
        "variants": ["baseline", "adaptive_dropout"],
        "seeds": [0, 1],
        "training": {
            "data": "embedded_train",
            "heldout": "embedded_heldout",
            "degradation": "second_order",
            "iterations": 100,
            "batch_size": 8,
            "crop": 128,
            "patch": 64,
            "learning_rate": 1e-3,
            "device": "cpu",
        },
        "evaluation": {"datasets": ["embedded_test"], "degradations": ["clean"], "metrics": ["psnr_rgb"]},
    }


def load(folder: Path, data: dict[str, Any]) -> Experiment:
    path = folder / "x.yaml"
    path.write_text(yaml.safe_dump(data))
    return load_experiment(path, CATALOGUES)


def changed(place: str, value: Any) -> dict[str, Any]:
    data = content()
    *parents, last = place.split(".")
    target = data
    for parent in parents:
        target = target[parent]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return data


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("serds", [0], "serds: unknown key; allowed: analysis, baseline, batches, data_root"),
        ("training.learning_rat", 1.0, "training.learning_rat: unknown key; allowed: averaging, batch_size, betas"),
        ("evaluation.dataset", [], "evaluation.dataset: unknown key; allowed: datasets, degradations"),
        ("networks", ["srresnt"], "networks: 'srresnt': unknown; allowed: rrdb"),
        ("variants", ["baseline", "dropuot"], "variants: 'dropuot': unknown; allowed: adaptive_dropout"),
        ("references", ["lanczos"], "'lanczos': input should be 'bicubic', 'bicubic_matlab', 'bilinear', 'input' or"),
        ("references", ["input"], "references: 'input': is the degraded image itself and needs scale 1, not 4"),
        ("training.degradation", "gaussian15", "training.degradation: noise alone needs scale 1, not 4"),
        ("evaluation.datasets", ["Set6"], "evaluation.datasets: 'Set6': unknown; allowed: B100"),
        (
            "evaluation.degradations",
            ["jepg"],
            "evaluation.degradations: 'jepg': unknown; allowed: benchmark_space, blur",
        ),
        ("evaluation.metrics", ["psnr"], "evaluation.metrics: 'psnr': unknown; allowed: brisque"),
        ("training.degradation", "first_order", "training.degradation: 'first_order': unknown; allowed: benchmark_"),
        ("training.data", "DIV3K", "training.data: 'DIV3K': unknown; allowed:"),
        ("training.heldout", "embedded_train", "training.heldout: 'embedded_train': must not be the training data"),
        ("scale", "4", "scale: '4': input should be a valid integer"),
        ("seeds", 0, "seeds: 0: input should be a valid array"),
        ("seeds", [0.5], "seeds.0: 0.5: input should be a valid integer"),
        ("seeds", [-1], "seeds: -1: must not be negative"),
        (
            "training.learning_rate",
            "1e-4",
            "training.learning_rate: '1e-4' is text to YAML, not a number; write 1.0e-4",
        ),
        ("training.learning_rate", -1.0, "training.learning_rate: -1.0: input should be greater than 0"),
        ("training.batch_size", 0, "training.batch_size: 0: input should be greater than 0"),
        ("training.crop", -8, "training.crop: -8: input should be greater than 0"),
        ("training.iterations", 0, "training.iterations: 0: input should be greater than 0"),
        ("training.crop", 130, "training.crop 130: must be a multiple of the scale 4"),
        ("training.patch", 66, "training.patch 66: must be a multiple of the scale 4"),
        ("training.patch", 256, "training: patch 256: must not be greater than crop 128"),
        (
            "training.iterations",
            25,
            "training.iterations: 25: variant 'adaptive_dropout' anneals in steps and needs at least 26",
        ),
        ("networks", [], "networks: an empty list; give at least 1"),
        ("variants", [], "variants: an empty list; give at least 1"),
        ("seeds", [], "seeds: an empty list; give at least 1"),
        ("evaluation.metrics", [], "evaluation.metrics: an empty list; give at least 1"),
        ("seeds", [0, 0], "seeds: 0: a duplicate run"),
        ("variants", ["baseline", "baseline"], "variants: 'baseline': a duplicate run"),
        ("networks", ["srresnet_small"] * 2, "networks: 'srresnet_small': a duplicate run"),
        ("baseline", "dropout", "baseline: 'dropout': must be one of the variants: baseline, adaptive_dropout"),
        ("training.device", "gpu", "training.device: 'gpu': input should be 'cpu' or 'cuda'"),
        ("training.cuda_graph", True, "training: cuda_graph true: needs device: cuda, not cpu"),
        ("training.prefetch", True, "training: prefetch true: needs device: cuda, not cpu"),
        ("training.precision", "fp16", "training.precision: 'fp16': input should be 'fp32', 'tf32' or 'bf16'"),
        ("description", None, "description: required, but not given"),
        ("training.schedule", {"periods": [0.1], "restart_weights": [1.0]}, "add up to less than 1"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, place: str, value: Any, expected: str) -> None:
    with pytest.raises(HarnessError) as caught:
        load(tmp_path, changed(place, value))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'x.yaml'}: ")
    assert expected in message
    assert "\n" not in message


def test_a_method_that_tells_images_apart_needs_some_that_differ(tmp_path: Path) -> None:
    data = yaml.safe_load((ROOT / "configs/experiments/denoise_demo.yaml").read_text())
    data["variants"] = ["baseline", "degradation_weighted"]
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(HarnessError, match="training.degradation: .* but all are degraded alike; give a range"):
        load_experiment(tmp_path / "x.yaml")


def test_odd_batch_for_two_views(tmp_path: Path) -> None:
    data = changed("variants", ["baseline", "simple_align"])
    data["training"]["batch_size"] = 7
    with pytest.raises(
        HarnessError, match=r"training\.batch_size: 7: must be a multiple of 2: variant 'simple_align' has 2 views"
    ):
        load(tmp_path, data)


def test_spans_networks_variants_and_seeds(tmp_path: Path) -> None:
    experiment = load(tmp_path, content())
    labels = [(run.variant, run.seed) for run in experiment.runs]
    assert labels == [("baseline", 0), ("baseline", 1), ("adaptive_dropout", 0), ("adaptive_dropout", 1)]
    assert len({run.spec.hash for run in experiment.runs}) == 4
    first = experiment.runs[0]
    assert first.name == f"srresnet_small.baseline.s0.{first.spec.hash[:8]}"
    assert experiment.run("srresnet_small.baseline.s0") is first
    with pytest.raises(HarnessError, match=r"no run 'srresnet_small\.baseline\.s7'"):
        experiment.run("srresnet_small.baseline.s7")


def test_a_longer_baseline_is_the_same_training_with_more_iterations(tmp_path: Path) -> None:
    runs = {run.variant: run for run in load(tmp_path, content() | {"variants": ["baseline", "baseline_x150"]}).runs}
    longer, plain = runs["baseline_x150"].spec, runs["baseline"].spec
    assert longer.training.iterations == 150
    assert longer.model_copy(update={"training": plain.training}) == plain
    assert runs["baseline_x150"].name != runs["baseline"].name


def test_hash_changes_with_everything_that_changes_a_result_and_nothing_else(tmp_path: Path) -> None:
    def first_hash(data: dict[str, Any]) -> str:
        return load(tmp_path, data).runs[0].spec.hash

    base = first_hash(content())
    assert first_hash(changed("description", "other")) == base
    assert first_hash(changed("evaluation.metrics", ["psnr_y"])) == base
    assert first_hash(changed("seeds", [0, 1, 2])) == base
    for place, value in {
        "training.iterations": 101,
        "training.ema": 0.99,
        "training.horizontal_flip": False,
        "training.threads": 2,
        "networks": ["srresnet"],
        "training.degradation": "second_order_batch_kinds",
        "training.window": "batch",
        "training.crops": "sub_images",
    }.items():
        assert first_hash(changed(place, value)) != base, place


def test_defaults_are_spelled_out_in_the_spec(tmp_path: Path) -> None:
    spec = load(tmp_path, content()).run("srresnet_small.adaptive_dropout.s0").spec
    assert spec.regularizer.options["initial_weight"] == 0.3
    assert spec.training.betas == (0.9, 0.99)
    assert spec.training.degradation.first.sigma == (0.2, 3.0)


def test_how_batches_are_made_is_in_the_spec_where_it_is_not_the_default(tmp_path: Path) -> None:
    """So runs of before keep their names."""
    hashes = set()
    for place, value in [("seeds", [0]), ("training.window", "image"), ("training.crops", "photographs")]:
        spec = load(tmp_path, changed(place, value)).runs[0].spec
        hashes.add(spec.hash)
        assert not {"window", "crops"} & spec.model_dump()["training"].keys()
        assert "gray_pattern" not in spec.model_dump()["training"]["degradation"]
    assert len(hashes) == 1


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "experiments").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_experiments_resolve(path: Path) -> None:
    assert load_experiment(path, CATALOGUES).runs


def test_resolving_imports_no_torch() -> None:
    code = (
        "import sys; from harness.experiment import load_experiment; load_experiment('configs/experiments/demo.yaml');"
        "from harness import workflow; print([m for m in ('torch', 'cv2', 'pyiqa', 'matplotlib') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def performance(experiment: Experiment, network: str = "srresnet_small", variant: str = "baseline") -> dict[str, Any]:
    """The options of performance in a run's spec."""
    training = experiment.run(f"{network}.{variant}.s0").spec.training.model_dump()
    return {name: training[name] for name in PerformanceSpec.model_fields}


def test_options_of_performance_come_from_the_network_unless_given(tmp_path: Path) -> None:
    data = changed("networks", ["srresnet_small", "srresnet"])
    plain = {"precision": "fp32", "placement": "host", "compile": False, "fused_optimizer": True, "foreach_ema": True}
    on_cpu = plain | {"cuda_graph": False, "prefetch": False}
    assert performance(load(tmp_path, data)) == on_cpu | {"channels_last": True}
    assert performance(load(tmp_path, data), "srresnet") == on_cpu | {"channels_last": "auto"}
    in_bf16 = data | {"training": data["training"] | {"precision": "bf16"}}
    assert performance(load(tmp_path, in_bf16))["channels_last"] is True
    data["training"] |= {"device": "cuda", "fused_optimizer": False}
    on_cuda = plain | {"channels_last": True, "cuda_graph": True, "prefetch": True, "fused_optimizer": False}
    assert performance(load(tmp_path, data), "srresnet") == on_cuda
    before = load(tmp_path, data).runs[0].spec.hash
    data["training"] |= {"channels_last": False, "cuda_graph": False}
    assert performance(load(tmp_path, data)) == on_cuda | {"channels_last": False, "cuda_graph": False}
    assert load(tmp_path, data).runs[0].spec.hash != before


def test_defaults_that_cannot_be_had_are_left_out_and_wishes_refused(tmp_path: Path) -> None:
    def on_cuda(**training: Any) -> dict[str, Any]:
        data = content()
        data["training"] |= {"device": "cuda", **training}
        return data

    two = performance(load(tmp_path, on_cuda(processes=2)))
    assert (two["cuda_graph"], two["prefetch"]) == (False, True)
    pooled = performance(load(tmp_path, on_cuda(pool=16)))
    assert (pooled["cuda_graph"], pooled["prefetch"]) == (True, False)
    for training, expected in (
        ({"processes": 2, "cuda_graph": True}, "cuda_graph true: needs processes 1, not 2"),
        ({"pool": 16, "prefetch": True}, "prefetch true: needs pool 0, not 16"),
    ):
        with pytest.raises(HarnessError, match=expected):
            load(tmp_path, on_cuda(**training))


def test_a_regularizer_that_does_not_say_graph_safe_is_not_captured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.regularizers.adaptive_dropout import AdaptiveDropout

    monkeypatch.setattr(AdaptiveDropout, "graph_safe", False)
    data = content()
    data["training"]["device"] = "cuda"
    experiment = load(tmp_path, data)
    assert performance(experiment)["cuda_graph"] is True
    assert performance(experiment, variant="adaptive_dropout")["cuda_graph"] is False
    data["training"]["cuda_graph"] = True
    with pytest.raises(HarnessError, match="training.cuda_graph: True: the regularizer 'adaptive_dropout' does"):
        load(tmp_path, data)


def test_a_regularizer_that_is_not_compile_safe_is_not_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.regularizers.adaptive_dropout import AdaptiveDropout

    entry = NetworkEntry.defaults
    monkeypatch.setattr(NetworkEntry, "defaults", lambda *given: entry(*given) | {"compile": True})
    assert performance(load(tmp_path, content()), variant="adaptive_dropout")["compile"] is True
    monkeypatch.setattr(AdaptiveDropout, "compile_safe", False)
    experiment = load(tmp_path, content())
    assert performance(experiment)["compile"] is True
    assert performance(experiment, variant="adaptive_dropout")["compile"] is False
    data = content()
    data["training"]["compile"] = True
    problem = "training.compile: True: the regularizer 'adaptive_dropout' says that it is not compile_safe; use compile"
    with pytest.raises(HarnessError, match=problem):
        load(tmp_path, data)
