"""Systematic evaluation: SEAL's published answers, from its published means; and lines of an experiment."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from harness.commands.app import app
from harness.foundation.errors import HarnessError
from harness.reporting.rows.compared import Study
from harness.reporting.rows.labels import degradation_label, short_degradation
from harness.reporting.rows.lines import read_lines
from harness.reporting.rows.metric_rows import blocks
from harness.reporting.statistics.systematic import counted
from harness.reporting.tables.systematic import own_scores
from tests.conftest import ROOT
from tests.reporting import synthetic

SEAL = ROOT / "configs" / "published" / "seal"

# The README of github.com/XPixelGroup/SEAL; then what its released script writes, which filters nothing.
MEAN = (20.95, 21.08, 22.77, 22.67, 22.44, 22.82, 22.61)
PUBLISHED = {
    "ar": (0.00, 0.00, 0.59, 0.27, 0.08, 0.43, 0.41),
    "rpr_i": (0.02, 0.01, 0.42, 0.28, 0.23, 0.37, 0.24),
    "rpr_a": (0.00, 0.00, 0.72, 0.63, 0.63, 0.74, 0.58),
    "rpr_u": (0.03, 0.02, 0.27, 0.28, 0.21, 0.33, 0.29),
}
RELEASED = {
    "ar": (0.0, 0.0, 0.55, 0.28, 0.09, 0.46, 0.38),
    "rpr_i": (0.02, 0.01, 0.45, 0.29, 0.24, 0.38, 0.29),
}


def printed(*options: str, models: Path = SEAL / "models.csv", lines: Path = SEAL / "lines.csv") -> pd.DataFrame:
    arguments = ["systematic", "--models", str(models), "--lines", str(lines), *options]
    found = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return pd.read_csv(StringIO(found.output))


@pytest.mark.parametrize(("options", "known"), [((), PUBLISHED), (("--unfiltered",), RELEASED)])
def test_published_answers_come_out_to_two_decimals(
    options: tuple[str, ...], known: dict[str, tuple[float, ...]]
) -> None:
    table = printed("--metric", "psnr", *options)
    assert list(table.columns) == ["method", "mean", "ar", "rpr_i", "rpr_a", "rpr_u"]
    for name, values in {"mean": MEAN, **known}.items():
        np.testing.assert_allclose(table[name].round(2), values, atol=1e-9, err_msg=name)


def test_lines_of_ssim_leave_out_their_own_degradations() -> None:
    """Checked with loops over the rows of the files: the released formulas, and the filter that they mean."""
    lines, models = (pd.read_csv(SEAL / name) for name in ("lines.csv", "models.csv"))
    kept = [i for i in range(100) if round(lines["srresnet_ssim"][i] - lines["fsrcnn_ssim"][i], 6) >= 0.01]
    table = printed("--metric", "ssim").set_index("method")
    for name in ("BSRNet", "swinir-l"):
        ratios, good = [], []
        for i in kept:
            low, high, own = lines["fsrcnn_ssim"][i], lines["srresnet_ssim"][i], models[f"{name}_ssim"][i]
            ratios.append(1 / (1 + np.exp(-(own - low) / (high - low))))
            good.append(own >= low)
        quarters = pd.Series(ratios).quantile([0.25, 0.75])
        assert table["ar"][name] == pytest.approx(np.mean(good), abs=5e-5)
        assert table["rpr_i"][name] == pytest.approx(quarters[0.75] - quarters[0.25], abs=6e-5)
        assert table["rpr_a"][name] == pytest.approx(np.mean(np.array(ratios)[good]), abs=6e-5)


def test_93_degradations_of_psnr_have_lines_apart() -> None:
    _, acceptance, excellence = read_lines(SEAL / "lines.csv", "psnr")
    assert counted(acceptance, excellence, 0.1).sum() == 93


@pytest.mark.parametrize(
    ("options", "models", "lines", "expected"),
    [
        (("--metric", "lpips"), None, None, "--metric: 'lpips': published lines are for psnr and ssim"),
        ((), "there.csv", None, "there.csv: cannot be read as a CSV table"),
        ((), ",a_ssim\n0,0.5\n", None, "models.csv: no column ends in _psnr; there are: a_ssim"),
        ((), ",a_psnr\n0,25\n0,26\n", None, "models.csv: the first column must name every degradation once"),
        ((), ",a_psnr\n0,25\n1,none\n", None, "models.csv: a_psnr: no number for degradation 1"),
        ((), ",a_psnr\n0,25\n1,26\n", None, "models.csv: its 2 degradations are not the 100 of"),
        ((), None, ",low_psnr\n0,25\n", "lines.csv: must have two columns ending in _psnr"),
        (
            (),
            ",a_psnr\n0,25\n",
            ",low_psnr,high_psnr\n0,25,25.05\n",
            "lines.csv: the lines are nowhere 0.1 apart; choose another excellence line",
        ),
    ],
)
def test_each_mistake_is_one_line(
    options: tuple[str, ...], models: str | None, lines: str | None, expected: str, tmp_path: Path
) -> None:
    paths = {}
    for name, content in (("models", models), ("lines", lines)):
        paths[name] = SEAL / f"{name}.csv" if content is None else tmp_path / f"{name}.csv"
        if content == "there.csv":
            paths[name] = tmp_path / content
        elif content is not None:
            paths[name].write_text(content)
    with pytest.raises(HarnessError) as raised:
        printed(*options, **paths)
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


def own(study: Study, rows: pd.DataFrame, lines: Path | None, **changes: object) -> pd.DataFrame:
    block = blocks(rows, study)[0]
    options = {"acceptance": "bicubic", "excellence": "dropout", **changes}
    return own_scores(block, study, "Set14", lines, **options).set_index("method")  # type: ignore[arg-type]


def test_methods_of_an_experiment_can_be_the_lines() -> None:
    """The line itself is sigmoid(1) in every draw, and has no uncertainty; estimates equal loops over the rows."""
    study = synthetic.study(datasets=("Set14",), metrics=("psnr_rgb",), seeds=(0, 1))
    rows = synthetic.metric_rows(study)
    table = own(study, rows, None)
    assert all(name.startswith(("own_", "mean")) for name in table)  # no name of SEAL's
    line = table.loc["dropout"]
    assert line["own_ar"] == line["own_ar_low"] == line["own_ar_high"] == 1
    assert line["own_rpr_a"] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-12)
    assert table.loc["baseline", "own_ar_gain"] == 0
    means = rows.groupby(["variant", "degradation"])["value"].mean()
    ratios = [
        1
        / (1 + np.exp(-(means["simple_align", d] - means["bicubic", d]) / (means["dropout", d] - means["bicubic", d])))
        for d in study.degradations
    ]
    row = table.loc["simple_align"]
    assert row["own_rpr_a"] == pytest.approx(np.mean(ratios), abs=1e-9)
    assert row["own_rpr_i"] == pytest.approx(np.subtract(*np.quantile(ratios, (0.75, 0.25))), abs=1e-9)
    assert row["own_rpr_a_low"] < row["own_rpr_a"] < row["own_rpr_a_high"]
    assert row["own_rpr_a_gain_low"] < row["own_rpr_a_gain"] < row["own_rpr_a_gain_high"]


def test_published_lines_judge_an_experiment(tmp_path: Path) -> None:
    """A line that no method reaches and one that every method passes: AR is 0 and 1, and so are its bounds."""
    study = synthetic.study(datasets=("Set14",), metrics=("psnr_rgb",), degradations=("deg_0", "deg_1"), seeds=(0, 1))
    rows = synthetic.metric_rows(study)
    for level, rate in ((10, 1), (50, 0)):
        lines = tmp_path / "lines.csv"
        lines.write_text(f",low_psnr,high_psnr\n0,{level},{level + 1}\n1,{level},{level + 1}\n")
        table = own(study, rows, lines)
        assert (table[["ar", "ar_low", "ar_high"]] == rate).all(axis=None)
    with pytest.raises(HarnessError, match="--excellence: 'swinir': no method with all values"):
        own(study, rows, None, excellence="swinir")
    lines.write_text(",low_psnr,high_psnr\n0,20,21\n7,20,21\n")
    with pytest.raises(HarnessError, match=r"lines.csv: degradation deg_7 is not evaluated on Set14"):
        own(study, rows, lines)


def test_published_lines_move_with_the_images() -> None:
    """Images that differ by decibels say nothing of whether a line is reached: only differences to the baseline do."""
    degradations = tuple(f"deg_{i}" for i in range(100))
    study = synthetic.study(datasets=("Set14",), metrics=("psnr_rgb",), degradations=degradations, seeds=(0, 1))
    alike = {"sigma_seed": 0.0, "sigma_image": 0.0, "sigma_rest": 0.0}
    rows = synthetic.metric_rows(study, **alike)  # 3 dB between images
    levels = rows[rows["variant"] == "baseline"].groupby("degradation", sort=False)["value"].mean()
    rows["value"] += rows["degradation"].map(pd.read_csv(SEAL / "models.csv")["BSRNet_psnr"].set_axis(levels.index))
    rows["value"] -= rows["degradation"].map(levels)
    table = own(study, rows, SEAL / "lines.csv")
    assert round(table.loc["baseline", "ar"], 2) == 0.59
    np.testing.assert_allclose(table["ar_low"], table["ar"], atol=1e-9)
    np.testing.assert_allclose(table["ar_gain_high"], table["ar_gain"], atol=1e-9)
    once = synthetic.study(datasets=("Set14",), metrics=("psnr_rgb",), degradations=degradations, seeds=(0,))
    single = own(once, rows, SEAL / "lines.csv")
    assert single.loc["baseline":, ["ar_low", "mean_gain_high"]].isna().all(axis=None)
    assert single.loc["bicubic", "ar_low"] == 0


def test_measured_rows_equal_their_means_and_stand_below_published_networks(tmp_path: Path) -> None:
    """Rows whose means are those of a published network get its numbers."""
    values = pd.read_csv(SEAL / "models.csv")["BSRNet_psnr"]
    frame = pd.DataFrame(
        [
            {
                "variant": "mine",
                "degradation": f"deg_{i}",
                "image": image,
                "metric": "psnr_y_whole",
                "value": value + add,
            }
            for i, value in enumerate(values)
            for image, add in (("a", -0.25), ("b", 0.25))
        ]
    )
    path = tmp_path / "rows.csv"
    frame.to_csv(path, index=False)
    arguments = ["systematic", "--rows", str(path), "--lines", str(SEAL / "lines.csv")]
    arguments += ["--models", str(SEAL / "models.csv")]
    found = CliRunner().invoke(app, arguments, catch_exceptions=False)
    table = pd.read_csv(StringIO(found.output)).set_index("method")
    assert len(table) == 8
    np.testing.assert_allclose(table.loc["mine"], table.loc["BSRNet"], atol=1.1e-4)
    frame.loc[3, "value"] = np.nan
    frame.to_csv(path, index=False)
    with pytest.raises(HarnessError, match=r"rows.csv: deg_1: not measured, or not on every image"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    with pytest.raises(HarnessError, match="--metric: 'ssim_y': lines judge measured psnr or ssim; there are: psnr_y"):
        CliRunner().invoke(app, [*arguments, "--metric", "ssim_y"], catch_exceptions=False)


def test_numbered_degradations_are_no_sums() -> None:
    assert degradation_label("deg_12") == short_degradation("deg_12") == "deg 12"
    assert degradation_label("blur_noise") == "blur + noise"
