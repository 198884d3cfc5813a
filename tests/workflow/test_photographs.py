"""Photographs of a user's own, with and without ground truth, from a folder to tables of their own."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.datasets.resolve import resolve_images
from harness.foundation.images import Pixels, encode_png
from tests.reporting.html_check import problems
from tests.workflow.conftest import DEMO, Checkout, environment

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

LOCAL = """
two_cameras: {{kind: real_paired, folder: pairs, pattern: "HR/{{name}}", low: "LR/{{name}}", licence: mine}}
holiday: {{kind: real_unpaired, folder: {elsewhere}, licence: mine}}
"""
REAL = """  real_paired: [two_cameras]
  real_unpaired: [holiday]
  unpaired_metrics: [niqe_basicsr]
"""


def put(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(np.ascontiguousarray(pixels)))


@pytest.fixture(scope="module")
def photographed(finished_once: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout whose demo measures a user's photographs too, from trainings that were done before."""
    folder = tmp_path_factory.mktemp("photographed")
    checkout = finished_once.copy(folder / "checkout")
    for image in resolve_images("embedded_test", folder)[:2]:
        pixels = image.read()
        small = np.asarray(Image.fromarray(pixels[:96, :96]).resize((24, 24), Image.Resampling.BOX))
        put(checkout.root / "data/pairs/HR" / f"{image.name}.png", pixels[:96, :96])
        put(checkout.root / "data/pairs/LR" / f"{image.name}.png", small)
        put(folder / "holiday" / f"{image.name}.png", pixels[100:164, 100:164])
    (checkout.root / "configs/datasets.local.yaml").write_text(LOCAL.format(elsewhere=folder / "holiday"))
    checkout.replace(DEMO, "variants: [baseline, dropout]", "variants: [baseline]")
    checkout.append(DEMO, REAL)
    call = checkout.snakemake("--cores", "2", "--configfile", DEMO)
    assert call.status == 0, call.text
    assert "take photographs of holiday" in call.text
    assert "train srresnet_small" not in call.text, "trainings were there already"
    return checkout


def rows(checkout: Checkout, table: str) -> list[dict[str, str]]:
    with (checkout.root / "reports/demo/tables" / f"{table}.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_photographs_have_tables_of_their_own(photographed: Checkout) -> None:
    paired, unpaired = rows(photographed, "real_paired"), rows(photographed, "real_unpaired")
    assert {(row["metric"], row["scope"], row["column"]) for row in paired} == {
        ("psnr_rgb", "real", "two_cameras"),
        ("psnr_y", "real", "two_cameras"),
    }
    assert {(row["metric"], row["scope"], row["column"]) for row in unpaired} == {("niqe_basicsr", "real", "holiday")}
    for row in (*paired, *unpaired):
        assert row["method"] in ("bicubic", "baseline")
        assert (row["state"], row["images"], float(row["mean"]) > 0) == ("ok", "2", True)


def test_degraded_tables_know_nothing_of_them(photographed: Checkout) -> None:
    tables = photographed.root / "reports/demo/tables"
    assert not (tables / "niqe_basicsr.md").exists()
    for name in ("main", "psnr_y"):
        text = (tables / f"{name}.md").read_text()
        assert "two_cameras" not in text
        assert "real" not in text


def test_the_report_shows_them_apart(photographed: Checkout) -> None:
    page = photographed.root / "reports/demo/report.html"
    text = page.read_text()
    assert problems(text, page.parent) == []
    section = text.split('<section id="photographs">')[1].split("</section>")[0]
    assert section.count("<table") == 3
    assert "Lower is better." in section
    assert "two_cameras (with ground truth), holiday (without ground truth)" in text


def test_what_is_missing_is_told_before_the_first_job(photographed: Checkout) -> None:
    (photographed.root / "data/pairs/LR/chelsea.png").unlink()
    photographed.replace("configs/datasets.local.yaml", "two_cameras", "three_cameras")
    photographed.replace(DEMO, "two_cameras", "three_cameras")
    command = [sys.executable, "-m", "harness", "check", DEMO]
    call = subprocess.run(command, cwd=photographed.root, env=environment(), text=True, capture_output=True)
    assert call.returncode == 2
    line = "three_cameras: data/pairs: without the other half of their pair: chelsea; put photographs there, pairs as"
    assert line in call.stderr
