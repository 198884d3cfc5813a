"""Control rows through the commands that measure and show them, for two networks at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from harness.commands import data, evaluate, report
from harness.evaluation.trained import untrained_network
from harness.evaluation.upscalers import ReferenceUpscaler
from harness.experiment import load_experiment
from harness.foundation.errors import HarnessError
from tests.evaluation.conftest import photograph
from tests.workflow.conftest import SMALLEST

TEXT = SMALLEST.replace("[srresnet_small]", "[srresnet_small, swinir_small]").replace(
    "seeds: [0]", "references: [bilinear, untrained]\nseeds: [1, 2]"
)


def test_bilinear_is_pillows() -> None:
    pixels = photograph(9, 7)
    expected = np.asarray(Image.fromarray(pixels).resize((28, 36), Image.Resampling.BILINEAR))
    assert np.array_equal(ReferenceUpscaler("bilinear", 4)(pixels)[0].numpy(), expected)


def test_untrained_is_a_row_of_each_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    experiment = Path("controls.yaml")
    experiment.write_text(TEXT)
    data.benchmark(experiment, "embedded_test")
    for reference in ("bilinear", "untrained.srresnet_small", "untrained.swinir_small"):
        evaluate.evaluate(experiment, reference=reference)
    report.aggregate(experiment, partial=True)
    report.tables(experiment)
    table = pd.read_csv("reports/controls/tables/main.csv").set_index(["network", "method", "column"])["mean"]
    bilinear = table["srresnet_small", "bilinear", "average"]
    assert table["swinir_small", "bilinear", "average"] == bilinear
    assert table["srresnet_small", "untrained", "average"] == pytest.approx(bilinear, abs=0.01)
    assert table["swinir_small", "untrained", "average"] < bilinear - 5, "it has no skip around its upsampler"
    rows = pd.read_parquet("results/controls/metrics.parquet")
    untrained = rows[rows["variant"] == "untrained"]
    assert set(untrained["network"]) == {"srresnet_small", "swinir_small"}
    assert set(untrained["regularizer"]) == {"reference"}
    assert untrained["seed"].isna().all()


def test_names_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "controls.yaml"
    path.write_text(TEXT)
    experiment = load_experiment(path)
    names = [method.call for method in experiment.references]
    assert names == ["bilinear", "untrained.srresnet_small", "untrained.swinir_small"]
    for method in experiment.references:
        assert experiment.reference(method.call) == experiment.reference(method.identifier) == method
    assert experiment.reference("bicubic").name == "bicubic", "it need not be listed"
    with pytest.raises(HarnessError) as caught:
        evaluate.evaluate(path, reference="untrained.srresnet")
    known = "bicubic, bicubic_matlab, bilinear, input, untrained.srresnet_small, untrained.swinir_small"
    assert str(caught.value) == f"{path}: reference 'untrained.srresnet' is unknown; choose from: {known}"


def test_the_folder_of_an_untrained_network_is_another_one_when_the_network_is(tmp_path: Path) -> None:
    path = tmp_path / "controls.yaml"
    path.write_text(TEXT)
    before = load_experiment(path).references[1]
    assert before.spec is not None
    changed = before.spec.model_copy(update={"initialization": "zero_last"})
    assert type(before)(before.name, before.network, changed).identifier != before.identifier


def test_layout_of_an_evaluation_is_that_of_float32_and_moves_rounding_alone(tmp_path: Path) -> None:
    path = tmp_path / "controls.yaml"
    path.write_text(TEXT)
    experiment = load_experiment(path)
    spec = experiment.references[1].spec
    assert spec is not None
    assert experiment.evaluates_channels_last("srresnet_small"), "as configs/networks.yaml says"
    assert not load_experiment("configs/experiments/paper.yaml").evaluates_channels_last("srresnet"), "on CUDA"
    plain, fast = (untrained_network(spec, channels_last=layout) for layout in (False, True))
    assert fast.conv_first.weight.is_contiguous(memory_format=torch.channels_last)
    assert plain.conv_first.weight.is_contiguous()
    image = torch.rand(1, 3, 24, 20, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(plain(image), fast(image), rtol=0, atol=2e-6)
