"""From one method to thirty: all can be told apart, and nothing is cut off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from harness.foundation.images import read_rgb
from harness.reporting.figures import estimates
from harness.reporting.figures.build import write_figures
from harness.reporting.figures.style import MethodStyle, legend_above, styled
from harness.reporting.files import figure_names
from tests.reporting import synthetic
from tests.reporting.conftest import write
from tests.reporting.figures.test_figures import write_benchmarks


def test_thirty_methods_and_ten_references_are_told_apart_everywhere() -> None:
    references = tuple(f"reference{index}" for index in range(10))
    methods = ("baseline", *(f"variant{index}" for index in range(30)))
    look = MethodStyle((*references, *methods), references, "baseline")
    for mark in (look.hatch, look.marker):
        assert len({(look.color(name), mark(name)) for name in (*references, *methods)}) == 41
    assert len({(look.color(name), str(look.dash(name))) for name in methods}) == 31


@pytest.mark.parametrize("count", [1, 10, 30])
def test_a_legend_fits_its_figure_and_leaves_the_axes_their_room(count: int) -> None:
    with styled(3.5, 2.0) as figure:
        axis = figure.subplots()
        lines = {f"a rather long name of a method {index}": axis.plot([index])[0] for index in range(count)}
        legend_above(figure, lines, 5)
        figure.draw_without_rendering()
        box = figure.legends[0].get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
        assert len(figure.legends) == 1
        assert axis.get_window_extent().height > 100
        assert not box.overlaps(axis.get_window_extent())


def test_the_ranks_of_long_names_leave_room_for_the_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("baseline", *(f"empirical_centroid_input_unchanged{index}" for index in range(25)))
    study = synthetic.study(datasets=("embedded_test",), methods=names)
    inside: list[bool] = []

    def look(figure: Figure, folder: Path, name: str) -> list[Path]:
        figure.draw_without_rendering()
        inside.extend(axis.xaxis.label.get_window_extent().x1 <= figure.bbox.x1 for axis in figure.axes)
        return []

    monkeypatch.setattr(estimates, "save", look)
    estimates.rank_bars(pd.DataFrame(), study, "psnr_rgb", tmp_path)
    assert inside
    assert all(inside)


@pytest.mark.slow
@pytest.mark.parametrize("count", [10, 30])
def test_many_methods_can_be_drawn_without_touching_the_border(count: int, tmp_path: Path) -> None:
    methods = ("baseline", *(f"dropout_variant_{index:02d}" for index in range(count - 1)))
    study = synthetic.study(
        methods=methods, seeds=(0,), datasets=("Set5",), degradations=("clean", "blur"), metrics=("psnr_rgb",)
    )
    written = write(tmp_path, study, synthetic.metric_rows(study))
    write_benchmarks(written, tmp_path / "benchmarks")
    for path in write_figures(written.metrics, study, written.runs, tmp_path / "benchmarks", tmp_path / "figures"):
        if path.suffix == ".png":
            pixels = read_rgb(path)
            border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
            assert (border == 255).all(), f"{path.name} is cut off"


def test_one_variant_and_no_reference_can_be_drawn(tmp_path: Path) -> None:
    one = synthetic.study(methods=("baseline",), datasets=("Set5",), degradations=("clean",), seeds=(0,))
    study = replace(one, references=())
    written = write(tmp_path, study, synthetic.metric_rows(study))
    drawn = write_figures(written.metrics, study, written.runs, tmp_path / "benchmarks", tmp_path / "figures")
    assert len(drawn) == 1 + 3 * len(figure_names(study))
    for path in drawn:
        if path.suffix == ".png":
            assert read_rgb(path).std() > 2, f"{path.name} is empty"
