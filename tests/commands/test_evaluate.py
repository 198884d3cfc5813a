"""The command ``evaluate`` on weight files: a table of means, the rows in a file, and one line for every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

import harness.foundation.compat  # noqa: F401
from harness.commands.evaluate import evaluate
from harness.experiment import load_experiment
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.files import file_sha256
from harness.networks.build import build_network
from harness.spec import NetworkSpec
from tests.workflow.conftest import SMALLEST

SRRESNET = "basicsr.archs.srresnet_arch:MSRResNet"
TINY = {"num_feat": 4, "num_block": 1, "upscale": 4}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with ``tiny.safetensors``, and ``both.pth`` as BasicSR writes it."""
    monkeypatch.chdir(tmp_path)
    weights = build_network(NetworkSpec(path=SRRESNET, arguments=TINY), 1).state_dict()
    save_file(weights, "tiny.safetensors")
    torch.save({"params": {n: t * 0 for n, t in weights.items()}, "params_ema": weights}, "both.pth")
    return tmp_path


def call(**changes: Any) -> None:
    """Evaluate ``tiny.safetensors`` on one small set, but for ``changes``; None leaves an option out."""
    options = {"weights": Path("tiny.safetensors"), "network": SRRESNET, "arguments": "{num_feat: 4, num_block: 1}"}
    options |= {"datasets": "embedded_test", "degradations": "clean"}
    evaluate(**{name: value for name, value in {**options, **changes}.items() if value is not None})


def test_a_file_on_named_sets(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(HarnessError) as caught:
        call(degradations="clean,jpeg")
    assert str(caught.value) == (
        "results/benchmarks/x4: not generated yet: embedded_test (clean, jpeg); "
        "add --generate to make them from the photographs"
    )
    assert not (place / "results").exists()
    call(degradations="clean,jpeg", metrics="psnr_rgb,ssim_y", generate=True, output=Path("rows.csv"))
    printed = capsys.readouterr().out
    assert "generated embedded_test: clean, jpeg" in printed
    assert f"SHA-256 {file_sha256('tiny.safetensors')}" in printed
    rows = pd.read_csv("rows.csv")
    assert set(rows["variant"]) == {"tiny"}
    means = rows.groupby(["degradation", "metric"])["value"].mean()
    line = next(line for line in printed.splitlines() if "| JPEG" in line)
    assert f"{means['jpeg', 'psnr_rgb']:.2f}" in line
    assert f"{means['jpeg', 'ssim_y']:.4f}" in line

    call(weights=Path("both.pth"), key="params_ema", name="theirs", output=Path("rows.parquet"))
    assert "generated" not in capsys.readouterr().out
    again = pd.read_parquet("rows.parquet")
    assert set(again["variant"]) == {"theirs"}
    clean = rows[(rows["metric"] == "psnr_rgb") & (rows["degradation"] == "clean")]
    assert again["value"].tolist() == clean["value"].tolist()


def test_a_file_on_the_sets_of_an_experiment(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    external = (
        "external:\n  theirs: {weights: tiny.safetensors, network: '%s', arguments: {num_feat: 4, num_block: 1}}\n"
    )
    experiment = Path("outside.yaml")
    experiment.write_text(SMALLEST + "weights_root: .\n" + external % SRRESNET)
    here = {"datasets": None, "degradations": None, "experiment": experiment}
    call(**here, generate=True, output=Path("rows.parquet"))
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| embedded_test")]
    assert [line.split("|")[2].strip() for line in table] == ["clean", "blur + noise + JPEG"] * 2, "a control below"
    clean = [float(line.split("|")[4]) for line in table if "| clean" in line]
    assert clean[0] != clean[1] == 25.12, "bicubic's, as in the demo's tables"
    evaluate(experiment, external="theirs")
    loaded = load_experiment(experiment)
    (model,) = loaded.externals
    rows = pd.read_parquet(layout.metrics(model.identifier, loaded.evaluation.hash))
    pd.testing.assert_frame_equal(rows.assign(variant="tiny"), pd.read_parquet("rows.parquet"))
    with pytest.raises(HarnessError, match=r"^evaluate --metrics: outside.yaml says it; leave out one of them$"):
        call(**here, metrics="psnr_y")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"run": "x"}, "give one of --run, --reference, --external and --weights"),
        ({"weights": None}, "give one of --run, --reference, --external and --weights"),
        ({"weights": None, "run": "x"}, "evaluate --run: --network: goes with --weights only"),
        ({"network": None}, "give its --network: one of srresnet, "),
        ({"network": "srresnt"}, "network 'srresnt': unknown; allowed: srresnet, "),
        ({"network": "rrdb"}, "arguments: the catalogue has those of 'rrdb'"),
        ({"network": "nowhere.nets:Net"}, "module 'nowhere.nets' cannot be imported"),
        ({"arguments": "{num_feat: 4"}, "evaluate --arguments: line 1"),
        ({"arguments": "4"}, "evaluate: arguments: 4: input should be an object"),
        ({"arguments": "{num_feat: 5, num_block: 1}"}, "conv_first.weight (4, 3, 3, 3) instead of (5, 3, 3, 3)"),
        ({"arguments": "{num_feat: 4, num_block: 1, upscale: 2}"}, "has unknown upconv2.bias, upconv2.weight"),
        ({"weights": Path("x2.safetensors"), "arguments": "{num_feat: 4, num_block: 1, upscale: 2}"}, "the scale is 4"),
        ({"weights": Path("none.pth")}, "weights none.pth: no such weight file"),
        ({"weights": Path("folder")}, "weights folder: a folder; name the file in it"),
        ({"weights": Path("both.pth")}, "choose by key: params (raw) or params_ema (averaged)"),
        ({"weights": Path("both.pth"), "key": "ema"}, "holds no 'ema'; it holds: params, params_ema"),
        ({"name": "a/b"}, "evaluate --name: 'a/b': use letters, digits, _ and - only"),
        ({"datasets": None}, "or the sets to measure: --datasets Set5,Set14"),
        ({"datasets": "Set55"}, "--datasets: 'Set55': unknown; allowed: B100, "),
        ({"datasets": "Set5,Set5"}, "--datasets: 'Set5': given twice"),
        ({"datasets": "RealSRSet"}, "--metrics: RealSRSet has no ground truth; add one of niqe"),
        ({"degradations": "jepg"}, "--degradations: 'jepg': unknown; allowed: benchmark_space, blur, "),
        ({"metrics": "psnr"}, "--metrics: 'psnr': unknown; allowed: "),
        ({"device": "gpu"}, "evaluate --device: 'gpu': unknown; allowed: cpu, cuda"),
        ({"output": Path("rows.txt")}, "evaluate --output rows.txt: unknown format '.txt'; use .parquet or .csv"),
    ],
)
def test_mistakes_are_one_line(place: Path, changes: dict[str, Any], expected: str) -> None:
    double = NetworkSpec(path=SRRESNET, arguments={**TINY, "upscale": 2})
    save_file(build_network(double, 1).state_dict(), "x2.safetensors")
    (place / "folder").mkdir()
    (place / "results/benchmarks/x4/embedded_test/clean").mkdir(parents=True)
    for folder in ("hr", "clean"):
        path = layout.manifest(4, "embedded_test", folder)
        path.parent.mkdir(exist_ok=True)
        path.write_text("")  # weights are looked at before images
    with pytest.raises(HarnessError) as caught:
        call(**changes)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_a_gpu_the_advice_is_about_the_device(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    call(generate=True)
    with pytest.raises(
        HarnessError, match=r"^evaluate --device: 'cuda', but no CUDA GPU is visible.*; .*--device cpu$"
    ):
        call(device="cuda")
    experiment = Path("gpu.yaml")
    experiment.write_text(SMALLEST.replace("device: cpu", "device: cuda"))
    here = {"datasets": None, "degradations": None, "experiment": experiment}
    message = r"^gpu.yaml: training.device: 'cuda', but no CUDA GPU is visible.*; .*device: cpu$"
    with pytest.raises(HarnessError, match=message):
        call(**here, generate=True)
    with pytest.raises(HarnessError, match=message):
        evaluate(experiment, run="srresnet_small.baseline.s0")
