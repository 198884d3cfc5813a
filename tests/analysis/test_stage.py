"""The analyses of one network as rows, and what the report makes of rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from typer.testing import CliRunner

from harness.analysis.analyse import ANALYSES, COLUMNS, Wanted, analyse, write_rows
from harness.analysis.clusters import cluster_indices
from harness.commands.app import app
from harness.datasets.benchmark import generate
from harness.experiment import Experiment, load_experiment
from harness.experiment.analyses import Analyses
from harness.experiment.catalogues import Catalogues
from harness.foundation.errors import HarnessError
from harness.foundation.project import ROOT
from harness.networks.build import build_network
from harness.reporting.page.analysis import stacked
from harness.reporting.statistics.analyses import compared, gaps, per_run, rank_correlation, read_values
from harness.workflow.analyses import AnalysisPlan

DEMO = ROOT / "configs" / "experiments" / "demo.yaml"
LABELS: dict[str, str | int] = {
    "network": "srresnet_tiny",
    "variant": "baseline",
    "regularizer": "baseline",
    "seed": 0,
    "iteration": 1,
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """All analyses of an untrained network on the held-out photographs."""
    torch.manual_seed(0)  # of initializers that take torch's generator
    folder = tmp_path_factory.mktemp("benchmarks")
    generate("embedded_heldout", ("clean", "blur", "noise"), folder, folder, jobs=1)
    demo = load_experiment(DEMO)
    run, taps = demo.runs[0], demo.catalogues.networks["srresnet_tiny"].network.taps
    wanted = Wanted(tuple(ANALYSES), "embedded_heldout", ("clean", "blur", "noise"), "clean", None, 3, 16, 6, "all")
    network = build_network(run.spec.network, seed=0)
    with torch.no_grad():
        network.get_parameter("conv_last.weight").normal_(std=0.05)  # it begins as its skip alone, at 0
    return analyse(network, taps, LABELS, wanted, folder, 4)


def test_every_analysis_gives_rows_of_every_layer(rows: pd.DataFrame, tmp_path: Path) -> None:
    assert tuple(rows.columns) == COLUMNS
    assert set(rows["analysis"]) == set(ANALYSES)
    assert rows["value"].notna().all()
    layers = list(rows.sort_values("depth")["layer"].drop_duplicates())
    assert (layers[0], layers[-1]) == ("first", "last")
    channels = rows[(rows["measure"] == "saliency") & (rows["layer"] == "last") & (rows["degradation"] == "blur")]
    assert list(channels["channel"]) == list(range(16))
    losses = rows[rows["measure"] == "loss"]
    assert list(losses.groupby("depth").size()) == [3 * 3 * 16] * len(layers), "per image, degradation and channel"
    assert losses.groupby("depth")["value"].std().nunique() == len(layers), "each layer has channels of its own"
    assert rows[rows["measure"] == "similarity"]["value"].between(-1, 1).all()
    assert set(rows[rows["measure"] == "own_patch_index"]["degradation"]) == {"blur", "noise"}
    write_rows(rows, tmp_path / "rows.csv")
    again = pd.read_csv(tmp_path / "rows.csv")
    np.testing.assert_array_equal(again["value"], rows["value"], err_msg="text holds every bit")


def test_indices_are_means_of_rows(rows: pd.DataFrame) -> None:
    values = per_run(rows).set_index("index")["value"]
    own = rows[(rows["measure"] == "silhouette") & (rows["layer"] == "last")]
    assert values["silhouette"] == pytest.approx(own["value"].mean())
    assert values["saliency_spread"] == pytest.approx(rows[rows["measure"] == "saliency_spread"]["value"].mean())


def test_differences_to_the_baseline_are_paired_by_seed() -> None:
    values = pd.DataFrame(
        [
            {"network": "n", "variant": variant, "seed": seed, "index": "similarity", "value": value}
            for variant, numbers in (("baseline", (1.0, 3.0, 5.0)), ("dropout", (1.5, 3.7, 5.9)))
            for seed, value in enumerate(numbers)
        ]
    )
    row = compared(values, "baseline").set_index("variant").loc["dropout"]
    assert row["difference"] == pytest.approx(0.7)
    half = 4.302652729911275 * 0.2 / np.sqrt(3)  # Student's t with two degrees of freedom, standard deviation 0.2
    assert (row["low"], row["high"]) == pytest.approx((0.7 - half, 0.7 + half))
    single = compared(values[values["seed"] == 0], "baseline").set_index("variant").loc["dropout"]
    assert single["difference"] == pytest.approx(0.5)
    assert np.isnan(single["low"])


def test_the_gap_is_what_a_network_gains_less_where_it_was_not_trained() -> None:
    cells = [("bicubic", -1, 20.0, 18.0), ("baseline", 0, 22.0, 18.5), ("dropout", 0, 21.5, 19.0)]
    frame = pd.DataFrame(
        [
            {"variant": variant, "seed": seed, "degradation": name, "value": value}
            for variant, seed, *values in cells
            for name, value in zip(("clean", "noise"), values, strict=True)
        ]
    ).assign(network="n", dataset="s", metric="psnr_rgb", status="ok")
    found = gaps(frame, "clean", ("noise",), "s", "psnr_rgb").set_index("variant")["value"]
    assert found["baseline"] == pytest.approx(2.0 - 0.5)
    assert found["dropout"] == pytest.approx(1.5 - 1.0)
    assert found["bicubic"] == 0, "the control row: nothing gained, no gap"


def test_a_run_without_a_hard_image_has_no_gap() -> None:
    values = {"easy": 30.0, "hard": 20.0}
    rows = [
        {"variant": variant, "seed": seed, "degradation": name, "image": image, "value": value + gain}
        for variant, seed, gain in (("bicubic", None, 0.0), ("baseline", 0, 1.0), ("dropout", 0, 2.0))
        for name in ("clean", "noise")
        for image, value in values.items()
    ]
    frame = pd.DataFrame(rows).assign(network="n", dataset="s", metric="psnr_rgb", status="ok")
    failed = (frame["variant"] == "dropout") & (frame["degradation"] == "noise") & (frame["image"] == "hard")
    for changes in ({"status": "failed", "value": np.nan}, {"value": np.inf}):
        changed = frame.copy()
        changed.loc[failed, list(changes)] = list(changes.values())
        found = gaps(changed, "clean", ("noise",), "s", "psnr_rgb").set_index("variant")["value"]
        assert dict(found) == {"baseline": 0.0, "bicubic": 0.0}, "dropout would seem to gain 5 dB on the easy image"


def test_values_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = [("", "bicubic", -1.0, 0.0, "generalization_gap"), ("n", "None", 0.0, np.nan, "silhouette")]
    frame = pd.DataFrame(rows, columns=["network", "variant", "seed", "value", "index"])
    frame.to_csv(tmp_path / "values.csv", index=False)
    pd.testing.assert_frame_equal(read_values(tmp_path / "values.csv"), frame)
    assert list(compared(read_values(tmp_path / "values.csv"), "baseline")["variant"]) == ["bicubic", "None"]


def test_rank_correlations_have_intervals() -> None:
    index = np.arange(12.0)
    assert rank_correlation(index, index**3, "up")[0] == pytest.approx(1.0)
    rho, low, high = rank_correlation(index, np.array([3, 1, 2, 0, 5, 4, 9, 7, 6, 8, 11, 10.0]), "mixed")
    assert low < rho < high
    assert np.isnan(rank_correlation(index[:3], index[:3], "few")).all()


def test_clusters_of_what_the_network_tells_apart_are_found() -> None:
    random = np.random.Generator(np.random.Philox(1))
    names = [kind for kind in ("a", "b") for _ in range(6)]
    images = [f"i{index}" for index in range(6)] * 2
    apart = random.normal(0, 0.1, (12, 4)) + np.repeat([[0.0], [5.0]], 6, axis=0)
    mixed = random.normal(0, 1, (12, 4))
    assert cluster_indices(apart, names, images).calinski_harabasz > 50
    low, high = cluster_indices(mixed, names, images).interval
    assert low < high


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"dataset": "Set5"}, "analysis.dataset: 'Set5'"),
        ({"degradations": ["clean"]}, "analysis.degradations: analyses compare degradations; name two at least"),
        ({"reference": "fog"}, "analysis.reference: 'fog'"),
        ({"over_time": True}, "analysis.over_time: looks at weights that are kept on the way; add keep_every"),
        ({"analyses": ["dreams"]}, "analysis.analyses"),
    ],
)
def test_wrong_sections_are_told(section: dict[str, object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(DEMO.read_text()), "analysis": section}))
    with pytest.raises(HarnessError, match=message):
        load_experiment(path)


def test_rows_that_are_not_there_name_their_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HarnessError, match=r"results/analysis/.*: not there; run `python -m harness analyse "):
        CliRunner().invoke(app, ["analysis", str(DEMO)], catch_exceptions=False)


def test_a_section_does_not_rename_runs(tmp_path: Path) -> None:
    without = {key: value for key, value in yaml.safe_load(DEMO.read_text()).items() if key != "analysis"}
    (tmp_path / "demo.yaml").write_text(yaml.safe_dump(without))
    assert [run.name for run in load_experiment(tmp_path / "demo.yaml").runs] == [
        run.name for run in load_experiment(DEMO).runs
    ]
    assert len(Analyses(load_experiment(DEMO)).all) == len(load_experiment(DEMO).runs)
    with pytest.raises(HarnessError, match="analysis: is missing"):
        Analyses(load_experiment(tmp_path / "demo.yaml"))


def test_the_page_puts_a_difference_below_its_value() -> None:
    cell = '<td class="n">0.38{}</td>'
    assert stacked(cell.format(" (+0.02 [-0.4, +0.5])")) == cell.format("<small>(+0.02<br>[-0.4, +0.5])</small>")
    assert stacked(cell.format(" (+0.02)")) == cell.format("<small>(+0.02)</small>")
    assert stacked(cell.format("")) == cell.format("")


def test_where_a_network_is_looked_at_is_a_parameter_of_its_job(tmp_path: Path) -> None:
    networks = yaml.safe_load((ROOT / "configs" / "networks.yaml").read_text())
    shutil.copytree(ROOT / "configs", tmp_path / "configs")

    def taps() -> str:
        (tmp_path / "configs" / "networks.yaml").write_text(yaml.safe_dump(networks))
        known = Catalogues.load(tmp_path / "configs")
        own = load_experiment(DEMO)
        return AnalysisPlan(Experiment(own.path, own.file, known)).taps(own.runs[0].name)

    before = taps()
    assert "conv_first" in before
    networks["srresnet_tiny"]["taps"]["first"] = ["conv_last:input"]
    assert taps() != before
    assert "experiment.analyses.taps(" in (ROOT / "workflow" / "rules" / "analysis.smk").read_text()
