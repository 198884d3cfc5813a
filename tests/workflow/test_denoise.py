"""Nothing assumes upscaling: denoising at scale 1, through every stage, with a convolutional and a window network."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.conftest import ROOT
from tests.workflow.conftest import Checkout

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

DENOISE = "configs/experiments/denoise_demo.yaml"


@pytest.fixture(scope="module")
def denoised(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout whose denoising demo has run, as it is committed but for its size."""
    checkout = Checkout.make(tmp_path_factory.mktemp("denoise") / "checkout")
    content = yaml.safe_load((ROOT / DENOISE).read_text())
    content["variants"], content["seeds"] = ["baseline", "adaptive_dropout"], [0]
    content["training"] |= {"iterations": 26, "batch_size": 4, "crop": 16, "patch": 16, "heldout_images": 4}
    content["evaluation"] |= {"degradations": ["gaussian15"], "metrics": ["psnr_rgb"]}
    (checkout.root / DENOISE).write_text(yaml.safe_dump(content))
    call = checkout.snakemake("--cores", "2", "--configfile", DENOISE)
    assert call.status == 0, call.text
    return checkout


def test_every_network_and_the_noisy_input_are_measured(denoised: Checkout) -> None:
    rows = pd.read_parquet(denoised.root / "results/denoise_demo/metrics.parquet")
    assert set(rows["status"]) == {"ok"}
    assert set(rows["network"]) == {"", "srresnet_x1_small", "swinir_x1_small"}
    noisy = rows[rows["variant"] == "input"].groupby("degradation", observed=True)["value"].mean()
    assert noisy["gaussian15"] == pytest.approx(24.9, abs=0.3)  # 20 log10(255 / 15) = 24.6, and clipping helps


def test_a_few_iterations_remove_noise(denoised: Checkout) -> None:
    for path in (denoised.root / "results/runs").glob("srresnet_x1_small.baseline.*/history.csv"):
        heldout = pd.read_csv(path)["heldout_l1"].dropna()
        assert heldout.iloc[-1] < heldout.iloc[0]


def test_report_says_what_the_task_is(denoised: Checkout) -> None:
    folder: Path = denoised.root / "reports/denoise_demo"
    text = (folder / "report.html").read_text()
    assert "restoration without upscaling" in text
    assert "white Gaussian noise of standard deviation 15" in text
    assert "second order" not in text
    assert "input" in (folder / "tables/main.md").read_text()
