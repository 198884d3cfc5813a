"""Networks that draw random numbers at test time: rows of single passes and of means, the same in any order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from harness.evaluation.evaluate import Method, evaluate_checkpoint
from harness.evaluation.passes import Passes, shown
from harness.evaluation.upscalers import NetworkUpscaler, exact_float32
from harness.experiment.catalogues import Catalogues
from harness.foundation.errors import HarnessError
from harness.networks.chance import draws_of_pass, use_draws
from harness.networks.sizes import forward_padded
from harness.regularizers.conformance.networks import trial_network
from harness.spec import PassesSpec, SetSpec
from tests.evaluation.conftest import SCALE, TinyNetwork, photograph

PASSES = PassesSpec(passes=3, seeds=(0, 4))
SETS = [SetSpec(dataset="tiny", degradations=("clean", "dark"), metrics=("psnr_rgb", "ssim_y"))]
METHOD = Method("masked", "baseline", "baseline", 1)
ONE, THREE = "masked (1 pass)", "masked (3 passes)"


@pytest.fixture(scope="module")
def masked() -> nn.Module:
    """SwinIR with an attention mask, of weights with which the mask matters."""
    network = trial_network(Catalogues.load().networks["swinir_masked_tiny"].network, 1)
    with torch.no_grad():  # an output in [0, 1] that no rounding hides
        for parameter in network.get_submodule("conv_last").parameters():
            parameter.mul_(0.1)
    return network


def evaluated(network: nn.Module, root: Path, sets: list[SetSpec] | None = None) -> pd.DataFrame:
    return evaluate_checkpoint(network, METHOD, sets or SETS, root, SCALE, passes=PASSES)


def test_a_result_is_the_mean_of_passes_before_it_is_rounded(masked: nn.Module) -> None:
    pixels = photograph(13, 22, "one")  # neither side a multiple of the window: it is extended, and cut back
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255
    with exact_float32():
        outputs = []
        for number in range(3):
            use_draws(masked.eval(), draws_of_pass(pixels, 4, number, "cpu"))
            outputs.append(forward_padded(masked, image, SCALE)[0])
        found = NetworkUpscaler(masked, SCALE, "cpu", Passes(4, 3))(pixels)[0]
        single = NetworkUpscaler(masked, SCALE, "cpu", Passes(4, 1))(pixels)[0]
    mean = torch.stack(outputs).mean(0).clamp(0, 1) * 255
    assert (found.permute(2, 0, 1) - mean).abs().max() <= 0.5 + 1e-3
    assert torch.equal(single.permute(2, 0, 1), (outputs[0].clamp(0, 1) * 255).round().byte())
    assert not torch.equal(single, found)


def test_rows_of_each_seed_and_their_mean(masked: nn.Module, benchmarks: Path) -> None:
    rows = evaluated(masked, benchmarks)
    ways = shown("masked", PASSES)
    assert [way.name for way in ways] == [ONE, THREE]
    names = [name for way in ways for name in (way.name, *way.drawn)]
    assert list(dict.fromkeys(rows["network"])) == names
    assert names[1] == "masked (1 pass, test seed 0)"
    assert (rows["status"] == "ok").all()
    assert (rows["seed"] == 1).all()
    values = {name: own["value"].to_numpy() for name, own in rows.groupby("network")}
    assert {len(one) for one in values.values()} == {3 * 2 * 2}
    for way in ways:
        drawn = [values[name] for name in way.drawn]
        np.testing.assert_array_equal(values[way.name], np.mean(drawn, 0))
        assert (drawn[0] != drawn[1]).all(), "seeds differ"
    psnr = {name: rows[(rows["network"] == name) & (rows["metric"] == "psnr_rgb")]["value"].mean() for name in names}
    assert psnr[THREE] > psnr[ONE], "the mean of passes has less noise"


def test_the_same_rows_again_and_in_another_order(masked: nn.Module, benchmarks: Path) -> None:
    first = evaluated(masked, benchmarks)
    pd.testing.assert_frame_equal(first, evaluated(masked, benchmarks))
    (manifest,) = (benchmarks / "tiny" / "dark").glob("manifest.tsv")
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([*lines[:2], *reversed(lines[2:])]) + "\n")
    (whole,) = SETS
    swapped = [whole.model_copy(update={"degradations": ("dark", "clean")})]
    keys = ["network", "degradation", "image", "metric"]
    other = evaluated(masked, benchmarks, swapped)
    assert not other[keys].equals(first[keys])
    pd.testing.assert_frame_equal(
        first.sort_values(keys, ignore_index=True), other.sort_values(keys, ignore_index=True)
    )


def test_what_one_seed_cannot_measure_has_no_mean(masked: nn.Module, benchmarks: Path) -> None:
    (benchmarks / "tiny" / "dark" / "bee.png").unlink()
    rows = evaluated(masked, benchmarks)
    failed = rows[rows["status"] == "failed"]
    assert set(zip(failed["degradation"], failed["image"], strict=True)) == {("dark", "bee")}
    assert failed["value"].isna().all()
    assert len(failed) == 2 * 3 * 2
    assert any(path.endswith("bee.png") for path in rows.attrs["unreadable"])


def test_what_is_said_of_a_network_must_be_so(masked: nn.Module, benchmarks: Path) -> None:
    with pytest.raises(HarnessError, match=r"^evaluate masked\.baseline\.s1: MaskedSwinIR draws random numbers"):
        evaluate_checkpoint(masked, METHOD, SETS, benchmarks, SCALE)
    with pytest.raises(HarnessError, match=r"^evaluate plain\.baseline\.s1: test_time: every pass of TinyNetwork"):
        evaluate_checkpoint(TinyNetwork(), replace(METHOD, network="plain"), SETS, benchmarks, SCALE, passes=PASSES)
