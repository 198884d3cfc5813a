"""Figures: the same input gives the same bytes, and every state of an experiment can be drawn."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.datasets.manifests import MANIFEST, Row, write_manifest
from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels, read_rgb, write_png
from harness.foundation.rng import numpy_stream
from harness.reporting.figures import gallery
from harness.reporting.figures.build import write_figures
from harness.reporting.figures.curves import annealing
from harness.reporting.files import CROPS, DATA_FORMAT, FIGURE_FORMATS, figure_names
from harness.reporting.rows.metric_rows import blocks, load
from harness.reporting.rows.run_records import load_records
from harness.reporting.statistics.costs import costs
from tests.reporting import synthetic
from tests.reporting.conftest import Written, write


def write_benchmarks(written: Written, folder: Path, side: int = 64) -> None:
    """Write random images for the cases that the gallery will choose, and their manifests."""
    rows: dict[Path, dict[str, Row]] = {}
    for case in gallery.choose_cases(
        blocks(load(written.metrics), written.study), written.study, written.study.metrics[0]
    ):
        noise = numpy_stream("picture", case.image).integers(0, 256, (side, side, 3), np.uint8)
        for name, pixels in (("hr", noise), (case.degradation, noise[::4, ::4])):
            place = folder / case.dataset / name
            write_png(place / f"{case.image}.png", pixels)
            rows.setdefault(place, {})[case.image] = Row.of(case.image, pixels)
    for place, listed in rows.items():
        write_manifest(place / MANIFEST, {}, listed.values(), sealed=True)


@pytest.fixture(scope="module")
def figures(plain: Written, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("figures")
    write_benchmarks(plain, folder / "benchmarks")
    write_figures(plain.metrics, plain.study, plain.runs, folder / "benchmarks", folder / "drawn")
    return folder / "benchmarks", folder / "drawn"


def test_every_declared_figure_is_written(plain: Written, figures: tuple[Path, Path]) -> None:
    expected = {f"{name}.{form}" for name in figure_names(plain.study) for form in (*FIGURE_FORMATS, DATA_FORMAT)}
    assert {path.name for path in figures[1].iterdir()} == {*expected, CROPS}


def test_same_input_gives_the_same_bytes(plain: Written, figures: tuple[Path, Path], tmp_path: Path) -> None:
    for path in write_figures(plain.metrics, plain.study, plain.runs, figures[0], tmp_path):
        assert path.read_bytes() == (figures[1] / path.name).read_bytes(), path.name


def test_images_that_were_altered_are_not_shown(plain: Written, figures: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(figures[0], tmp_path / "benchmarks")
    case = gallery.choose_cases(blocks(load(plain.metrics), plain.study), plain.study, plain.study.metrics[0])[0]
    shown = Path(case.dataset) / case.degradation / f"{case.image}.png"
    write_png(tmp_path / "benchmarks" / shown, 255 - read_rgb(figures[0] / shown))
    with pytest.raises(HarnessError, match=rf"{case.image}\.png: pixels differ from manifest\.tsv"):
        write_figures(plain.metrics, plain.study, plain.runs, tmp_path / "benchmarks", tmp_path / "drawn")


def test_figures_are_neither_empty_nor_dated(figures: tuple[Path, Path]) -> None:
    for path in figures[1].glob("*.png"):
        pixels = read_rgb(path)
        assert pixels.std() > 5, path.name
        assert b"tIME" not in path.read_bytes()
    for path in figures[1].glob("*.pdf"):
        content = path.read_bytes()
        assert content.startswith(b"%PDF")
        assert b"CreationDate" not in content


def test_broken_and_empty_experiments_can_be_drawn(broken: Written, tmp_path: Path) -> None:
    write_benchmarks(broken, tmp_path / "benchmarks")
    paths = write_figures(broken.metrics, broken.study, broken.runs, tmp_path / "benchmarks", tmp_path / "a")
    assert len(paths) == 1 + 3 * len(figure_names(broken.study))
    empty = write(tmp_path / "empty", synthetic.study(), synthetic.metric_rows(synthetic.study())[:0])
    paths = write_figures(empty.metrics, empty.study, tmp_path / "nowhere", tmp_path / "nowhere", tmp_path / "b")
    assert len(paths) == 1 + 3 * len(figure_names(empty.study))


def test_one_method_one_set_one_degradation_can_be_drawn(tmp_path: Path) -> None:
    study = synthetic.study(methods=("baseline",), datasets=("Set5",), degradations=("clean",), seeds=(0,))
    written = write(tmp_path, study, synthetic.metric_rows(study))
    write_benchmarks(written, tmp_path / "benchmarks")
    drawn = write_figures(written.metrics, study, written.runs, tmp_path / "benchmarks", tmp_path / "figures")
    assert drawn
    assert all(path.stat().st_size > 0 for path in drawn)


def test_no_loss_is_called_a_gain(plain: Written) -> None:
    study = plain.study
    found = [block for block in blocks(load(plain.metrics), study) if block.metric == "psnr_rgb"]
    for block in found:
        base = block.methods.index(study.baseline)
        for values in block.values.values():
            own = values[base].copy()
            values[:] = own - np.linspace(0.02, 1, values.shape[2])
            values[base] = own
    reasons = [case.reason for case in gallery.choose_cases(found, study, "psnr_rgb")][:3]
    kinds = ("smallest loss against", "median difference to", "largest loss against")
    assert reasons == [f"{kind} {study.baseline}" for kind in kinds]


def test_gallery_cases_follow_their_rule(plain: Written) -> None:
    cases = gallery.choose_cases(blocks(load(plain.metrics), plain.study), plain.study, "psnr_rgb")
    assert [case.reason.split()[0] for case in cases] == ["largest", "median", cases[2].reason.split()[0]]
    rows = plain.rows[plain.rows["metric"] == "psnr_rgb"]
    means = rows.groupby(["variant", "dataset", "degradation", "image"])["value"].mean()
    gain = (means["dropout"] + means["simple_align"] + means["adaptive_dropout"]) / 3 - means["baseline"]
    best = gain.idxmax()
    assert (cases[0].dataset, cases[0].degradation, cases[0].image) == best
    assert cases[0].gain == pytest.approx(gain.max())
    assert cases[2].gain == pytest.approx(gain.min())


def test_window_is_where_results_differ() -> None:
    flat = np.full((64, 96, 3), 100, np.uint8)
    other = flat.copy()
    other[40:48, 60:68] = 200
    top, left = gallery.most_telling_window([flat, other], 16, 4)
    assert top <= 40
    assert top + 16 >= 48
    assert left <= 60
    assert left + 16 >= 68
    assert top % 4 == left % 4 == 0


@pytest.mark.parametrize("shape", [(8, 8), (32, 20), (100, 30)])
def test_strips_are_aligned_and_inside(shape: tuple[int, int]) -> None:
    low = numpy_stream("low").integers(0, 256, (*shape, 3), np.uint8)

    def enlarge(pixels: Pixels) -> Pixels:
        return np.repeat(np.repeat(pixels, 4, 0), 4, 1)

    case = gallery.Case("n", "d", "clean", "i", "largest gain", 0.1, {"a": 20.0, "b": 21.0}, 0)
    strip = gallery.make_strip(case, enlarge(low), low, {"a": enlarge, "b": lambda p: 255 - enlarge(p), "c": None}, 4)
    side = min(gallery.CROP, *shape)
    assert strip.degraded.shape == (side, side, 3)
    assert strip.truth.shape == (4 * side, 4 * side, 3)
    assert strip.results["c"] is None
    np.testing.assert_array_equal(enlarge(strip.degraded), strip.results["a"])


def test_cost_compares_at_equal_time(plain: Written) -> None:
    table = costs(plain.study, load_records(plain.study, plain.runs)).set_index("method")
    assert table.loc["simple_align", "relative"] == pytest.approx(1.7, rel=0.01)
    assert table.loc["simple_align", "heldout_equal"] > table.loc["simple_align", "heldout"]
    assert table.loc["baseline", "heldout_equal"] == pytest.approx(table.loc["baseline", "heldout"])


def test_annealing_is_drawn(tmp_path: Path) -> None:
    weights = np.triu(np.full((5, 50), 0.7)) + 0.3
    assert len(annealing({"adaptive dropout": weights.clip(0, 1)}, 1000, tmp_path)) == 2


def test_gallery_of_an_unfinished_experiment_shows_what_is_there(broken: Written) -> None:
    cases = gallery.choose_cases(blocks(load(broken.metrics), broken.study), broken.study, "psnr_rgb")
    assert {case.network for case in cases} == {"srresnet", "rrdb"}
    assert np.isnan(next(case for case in cases if case.network == "rrdb").scores["dropout"])
