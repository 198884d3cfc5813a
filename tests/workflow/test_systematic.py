"""Many degradations in a real workflow: added to a finished experiment they repeat nothing, and go where it goes."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.workflow.merge import merge
from tests.conftest import ROOT
from tests.workflow.conftest import DEMO, Checkout, environment

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

SECTION = """  systematic:
    - {dataset: embedded_test, degradations: three, metrics: [psnr_y_whole], excellence: dropout}
"""
NEW = {"benchmark_embedded_test": 1, "evaluate_run_systematic": 2, "evaluate_reference_systematic": 1}
REPORTING = {"aggregate": 1, "tables": 1, "figures": 1, "report": 1, "all": 1}


@pytest.fixture(scope="module")
def systematic(finished_once: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A finished checkout that was then asked for three degradations that represent a space."""
    checkout = finished_once.copy(tmp_path_factory.mktemp("systematic") / "checkout")
    chosen = yaml.safe_load((ROOT / "configs/representatives/benchmark_space.yaml").read_text())
    chosen |= {key: chosen[key][:3] for key in ("draws", "shares")}
    (checkout.root / "configs/representatives/three.yaml").write_text(yaml.safe_dump(chosen))
    checkout.append(DEMO, SECTION)
    assert checkout.planned() == {**NEW, **REPORTING}  # no training, and no evaluation that was there
    call = checkout.snakemake("--cores", "2", "--configfile", DEMO)
    assert call.status == 0, call.text
    return checkout


def table(checkout: Checkout) -> dict[str, dict[str, str]]:
    with (checkout.root / "reports/demo/tables/systematic.csv").open() as stream:
        return {row["method"]: row for row in csv.DictReader(stream)}


def test_every_method_has_rows_a_table_and_a_figure(systematic: Checkout) -> None:
    assert systematic.planned() == {}
    rows = table(systematic)
    assert list(rows) == ["bicubic", "baseline", "dropout"]
    assert {row["lines"] for row in rows.values()} == {"own"}
    assert all(10 < float(row["mean"]) < 40 for row in rows.values())
    assert float(rows["bicubic"]["own_ar"]) == 1  # it is the line
    figure = systematic.root / "reports/demo/figures/systematic_embedded_test_three_srresnet_small.csv"
    assert [line.split(",")[2] for line in figure.read_text().splitlines()[-3:]] == ["1", "2", "3"]
    assert '<section id="systematic">' in (systematic.root / "reports/demo/report.html").read_text()
    sealed = list(systematic.root.glob("results/metrics/*/embedded_test_three.*.parquet.sha256"))
    assert len(sealed) == 3


def test_what_is_lost_is_measured_again_and_no_more(systematic: Checkout, tmp_path: Path) -> None:
    checkout = systematic.copy(tmp_path / "lost")
    (lost,) = checkout.root.glob("results/metrics/bicubic/embedded_test_three.*.parquet")
    content = lost.read_bytes()
    lost.unlink()
    assert checkout.planned("evaluate") == {"evaluate_reference_systematic": 1, "evaluate": 1}
    call = checkout.snakemake("evaluate", "--cores", "2", "--configfile", DEMO)
    assert call.status == 0, call.text
    assert lost.read_bytes() == content


def harness(checkout: Checkout, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        cwd=checkout.root,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rows_go_into_bundles_and_come_with_merges(systematic: Checkout, tmp_path: Path) -> None:
    harness(systematic, "publish", "demo", "--out", str(tmp_path / "bundle.zip"))
    empty = tmp_path / "there"
    (empty / "results").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "harness", "import", str(tmp_path / "bundle.zip")],
        cwd=empty,
        env=environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    names = {path.relative_to(systematic.root) for path in systematic.root.glob("results/metrics/*/*three*.parquet")}
    assert len(names) == 3
    assert all((empty / name).read_bytes() == (systematic.root / name).read_bytes() for name in names)
    merge([systematic.root / "results"], tmp_path / "merged" / "results")
    assert all((tmp_path / "merged" / name).is_file() for name in names)
