"""Tables: what they show is what was measured, and nothing that failed vanishes."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from harness.reporting.files import tables_below
from harness.reporting.rows.compared import EvaluationSet
from harness.reporting.rows.metric_rows import blocks, load
from harness.reporting.statistics.comparison import comparison
from harness.reporting.statistics.summary import rank_table, summarize
from harness.reporting.tables.formats import PlainTable
from harness.reporting.tables.latex import escape as latex_escape
from harness.reporting.tables.render import latex, markdown
from harness.reporting.tables.write import write_tables
from tests.reporting import synthetic
from tests.reporting.conftest import Written, write
from tests.reporting.html_check import problems


@pytest.fixture(scope="module")
def tables(plain: Written, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    assert write_tables(plain.metrics, plain.study, plain.runs, folder) == tables_below(plain.study, folder)
    return folder


@pytest.fixture(scope="module")
def broken_tables(broken: Written, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broken_tables")
    write_tables(broken.metrics, broken.study, broken.runs, folder)
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as stream:
        return list(csv.DictReader(stream))


def test_same_metrics_give_the_same_bytes(plain: Written, tables: Path, tmp_path: Path) -> None:
    for path in write_tables(plain.metrics, plain.study, plain.runs, tmp_path):
        assert path.read_bytes() == (tables / path.name).read_bytes(), path.name


def test_means_and_differences_are_those_of_the_rows(plain: Written, tables: Path) -> None:
    raw = plain.rows[(plain.rows["metric"] == "psnr_rgb") & (plain.rows["degradation"] == "jpeg")]
    mean = raw.groupby(["variant", "dataset"])["value"].mean()
    found = {row["method"]: row for row in rows_of(tables / "main.csv") if row["column"] == "jpeg"}
    for method in plain.study.all_methods:
        expected = (mean[method, "Set5"] + mean[method, "Set14"]) / 2
        assert float(found[method]["mean"]) == pytest.approx(expected, rel=1e-5)
    gain = float(found["dropout"]["mean"]) - float(found["baseline"]["mean"])
    assert float(found["dropout"]["difference"]) == pytest.approx(gain, abs=2e-3)
    assert float(found["dropout"]["low"]) < gain < float(found["dropout"]["high"])


def test_main_table_fits_a_terminal_and_names_everything(plain: Written, tables: Path) -> None:
    text = (tables / "main.md").read_text()
    assert max(map(len, text.splitlines())) <= 120
    for method in plain.study.all_methods:
        assert method in text
    assert "3 training seeds" in text
    assert "19 images of Set5 and Set14" in text
    assert "hierarchical bootstrap" in text


def test_many_methods_still_fit_the_terminal(tmp_path: Path) -> None:
    methods = ("baseline", *(f"adaptive_dropout_k{n}0" for n in range(1, 10)))
    study = synthetic.study(datasets=("Set5",), seeds=(0,), methods=methods, metrics=("psnr_rgb",))
    written = write(tmp_path, study, synthetic.metric_rows(study))
    write_tables(written.metrics, study, written.runs, tmp_path / "tables")
    text = (tmp_path / "tables" / "main.md").read_text()
    assert max(map(len, text.splitlines())) <= 120
    assert text.count("adaptive_dropout_k90") == 2


def test_one_seed_is_said(tmp_path: Path) -> None:
    study = synthetic.study(datasets=("Set14",), seeds=(7,))
    written = write(tmp_path, study, synthetic.metric_rows(study))
    write_tables(written.metrics, study, written.runs, tmp_path / "tables")
    text = " ".join((tmp_path / "tables" / "main.md").read_text().split())
    assert "over images only" in text
    assert "says anything about other seeds" in text
    assert "hierarchical" not in text
    assert "No star is possible for any of the primary comparisons: that takes more than one seed" in text
    assert not re.search(r"\d\]?\*", text.replace("**", "")), "no star"


def test_failed_missing_and_partial_cells_are_shown(broken_tables: Path) -> None:
    text = (broken_tables / "main.md").read_text()
    assert "failed 1/38" in text
    assert "missing" in text
    assert "°" in text
    assert "failed 1/38" in (broken_tables / "main.html").read_text()
    assert "failed 1/38" in (broken_tables / "main.tex").read_text()
    states = {
        (row["network"], row["method"], row["column"]): row["state"] for row in rows_of(broken_tables / "main.csv")
    }
    assert states["srresnet", "simple_align", "blur"] == "failed"
    assert states["srresnet", "simple_align", "average"] == "failed"
    assert states["srresnet", "dropout", "blur"] == "partial"
    assert states["rrdb", "dropout", "clean"] == "missing"
    assert states["rrdb", "baseline", "clean"] == "ok"


def test_failures_are_listed(broken_tables: Path) -> None:
    rows = rows_of(broken_tables / "failures.csv")
    failed = [row for row in rows if row["status"] == "failed"]
    assert {(row["network"], row["images"]) for row in failed} == {("srresnet", "set5_002"), ("rrdb", "set5_002")}
    assert {row["method"] for row in rows if row["status"] == "missing"} == {"dropout"}


def test_bold_needs_significance_over_every_rival(tmp_path: Path) -> None:
    clear = {"bicubic": -2.0, "baseline": 0.0, "dropout": 0.5, "simple_align": 0.1, "adaptive_dropout": 3.0}
    close = clear | {"dropout": 3.0}
    for name, gains, bold in (("clear", clear, True), ("close", close, False)):
        study = synthetic.study(datasets=("B100",), metrics=("psnr_rgb",))
        written = write(tmp_path / name, study, synthetic.metric_rows(study, gains=gains))
        table = comparison(summarize(load(written.metrics), study), study, "psnr_rgb", "B100")
        assert table is not None
        assert all(cell.bold == bold for cell in table.blocks["srresnet"]["adaptive_dropout"])
        assert not any(cell.bold for cell in table.blocks["srresnet"]["simple_align"])


def test_no_bold_where_a_rival_failed(broken: Written) -> None:
    summary = summarize(load(broken.metrics), broken.study)
    assert not summary[summary["column"] == "blur"]["best_significant"].any()


def test_nothing_is_significant_without_an_effect(tmp_path: Path) -> None:
    study = synthetic.study(metrics=("psnr_rgb",))
    gains = dict.fromkeys(study.all_methods, 0.0)
    written = write(tmp_path, study, synthetic.metric_rows(study, gains=gains))
    summary = summarize(load(written.metrics), study)
    assert not summary["significant"].any()
    assert not summary["best_significant"].any()


def test_lower_is_better_turns_best_around(tmp_path: Path) -> None:
    study = synthetic.study(datasets=("B100",), metrics=("lpips",), seeds=(0,))
    rows = synthetic.metric_rows(study)
    written = write(tmp_path, study, rows)
    summary = summarize(load(written.metrics), study)
    assert set(summary[summary["best"]]["method"]) == {"bicubic"}
    bicubic = summary[(summary["method"] == "bicubic") & (summary["column"] == "jpeg")].iloc[0]
    assert bicubic["difference"] < 0
    assert bicubic["improvement"] > 0.9


@pytest.fixture(scope="module")
def photographed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Written, Path]:
    """A study with a degraded set, two sets of pairs and one without ground truth, and the folder of its tables."""
    folder = tmp_path_factory.mktemp("photographed")
    study = synthetic.study(datasets=("Set5",), degradations=("clean", "blur"), metrics=("psnr_rgb", "psnr_y"))
    pairs = [EvaluationSet(name, "real", ("psnr_rgb", "psnr_y")) for name in ("Pairs_v3", "More")]
    alone = EvaluationSet("Photos", "real", ("niqe",))
    study = dataclasses.replace(study, sets=(*study.sets, *pairs, alone))
    images = {"Set5": 5, "Pairs_v3": 3, "More": 4, "Photos": 6}
    written = write(folder, study, synthetic.metric_rows(study, images=images))
    assert write_tables(written.metrics, study, written.runs, folder / "tables") == tables_below(
        study, folder / "tables"
    )
    return written, folder / "tables"


def test_real_photographs_have_tables_of_their_own(photographed: tuple[Written, Path]) -> None:
    _, folder = photographed
    paired, unpaired = ((folder / f"real_{kind}.md").read_text() for kind in ("paired", "unpaired"))
    assert re.findall("^## (.*)$", paired, re.MULTILINE) == [
        "PSNR (RGB), dB: real photographs",
        "PSNR (Y), dB: real photographs",
    ]
    assert re.search(r"^\| method +\| +Pairs_v3 +\| +More +\| +average +\|$", paired, re.MULTILINE)
    assert "their ground truth is a second photograph" in paired.replace("\n", " ")
    assert re.findall("^## (.*)$", unpaired, re.MULTILINE) == ["NIQE: real photographs"]
    assert re.search(r"^\| method +\| +Photos +\|$", unpaired, re.MULTILINE)
    assert "Lower is better." in unpaired
    assert "judges the results alone" in unpaired.replace("\n", " ")
    assert not (folder / "niqe.md").exists()
    for name in ("main", "psnr_y"):
        text = (folder / f"{name}.md").read_text()
        assert not re.search("Pairs|More|Photos|real", text)


def test_real_photographs_stay_out_of_averages(photographed: tuple[Written, Path]) -> None:
    written, _ = photographed
    summary = summarize(load(written.metrics), written.study)
    assert set(summary["scope"]) == {"Set5", "real"}
    real = summary[summary["scope"] == "real"]
    rows = written.rows[(written.rows["degradation"] == "real") & (written.rows["metric"] == "psnr_rgb")]
    means = rows.groupby(["variant", "dataset"])["value"].mean()
    found = real[real["metric"] == "psnr_rgb"].set_index(["method", "column"])["mean"]
    for method in written.study.all_methods:
        assert found[method, "More"] == pytest.approx(means[method, "More"])
        assert found[method, "average"] == pytest.approx((means[method, "More"] + means[method, "Pairs_v3"]) / 2)
    assert set(real[real["metric"] == "niqe"]["column"]) == {"Photos"}
    assert set(real[(real["metric"] == "niqe") & real["best"]]["method"]) == {"bicubic"}, "lower is better"


def test_networks_have_a_block_each_and_one_family_of_tests(broken: Written, broken_tables: Path) -> None:
    text = (broken_tables / "main.md").read_text()
    assert text.count("### srresnet\n") == 2
    assert text.count("### rrdb\n") == 2
    summary = summarize(load(broken.metrics), broken.study)
    family = summary[(summary["metric"] == "psnr_rgb") & (summary["scope"] == "average")]
    primary = family[family["role"] == "primary"]
    assert set(primary["network"]) == {"srresnet", "rrdb"}
    assert set(primary["column"]) == {"average"}
    assert (family["significant"] == (family["p_family"] < 0.05)).all()


def test_latex_is_balanced_and_escaped(tables: Path, broken_tables: Path) -> None:
    for path in (*tables.glob("*.tex"), *broken_tables.glob("*.tex")):
        text = path.read_text()
        assert text.isascii(), path.name
        assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
        assert text.count(r"\begin{") == text.count(r"\end{")
        assert not re.search(r"(?<!\\)_(?!\{)", re.sub(r"\\(label|input)\{[^}]*\}", "", text)), path.name
        for part in text.split(r"\begin{tabular}")[1:]:
            lines = part.partition(r"\end{tabular}")[0].splitlines()
            columns = {line.count("&") for line in lines if line.endswith(r"\\") and "multicolumn" not in line}
            assert len(columns) == 1, path.name


def test_latex_files_are_bodies_with_labels_of_their_own(tables: Path, broken_tables: Path) -> None:
    for folder in (tables, broken_tables):
        bodies = [path for path in folder.glob("*.tex") if path.name != "preview.tex"]
        labels = [label for path in bodies for label in re.findall(r"\\label\{(.*?)\}", path.read_text())]
        assert labels
        assert len(labels) == len(set(labels))
        for path in bodies:
            text = path.read_text()
            assert not re.search(r"\\documentclass|\\begin\{document\}|\\resizebox", text), path.name
            assert all(len(caption) < 200 for caption in re.findall(r"\\caption\{(.*)\}", text)), path.name
            assert rf"\input{{{path.stem}}}" in (folder / "preview.tex").read_text()


@pytest.mark.parametrize("engine", ["pdflatex", "lualatex", "tectonic"])
def test_a_two_column_document_takes_the_tables_in(engine: str, tables: Path, tmp_path: Path) -> None:
    program = shutil.which(engine)
    if program is None:
        pytest.skip(f"no {engine} on this machine (apt-get install texlive-latex-recommended texlive-science)")
    shutil.copytree(tables, tmp_path / "reports/demo/tables")
    lines = [r"\documentclass[twocolumn]{article}", r"\usepackage[T1]{fontenc}", r"\usepackage{booktabs}"]
    lines += [r"\usepackage{siunitx}", r"\begin{document}", r"\input{reports/demo/tables/main}", r"\end{document}"]
    (tmp_path / "paper.tex").write_text("\n".join(lines))
    options = [] if engine == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error"]
    done = subprocess.run([program, *options, "paper.tex"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000


def test_letters_marks_and_files_are_explained(tables: Path) -> None:
    for name in ("main.md", "main.tex"):
        text = (tables / name).read_text()
        assert "b: blur, n: noise, j: JPEG" in text
        assert "jpeg" not in text
        assert "the second best, if it is" in text.replace("\n", " ")
        assert re.search(r"\[\+0\.\d+, \+0\.\d+\]", text)
    index = (tables / "README.md").read_text()
    for path in tables.iterdir():
        assert path.name == "README.md" or f"| {path.stem} " in index


def test_the_second_best_is_underlined_only_if_it_beats_all_but_the_best(tmp_path: Path) -> None:
    clear = {"bicubic": -2.0, "baseline": 0.0, "dropout": 3.0, "simple_align": 0.1, "adaptive_dropout": 3.0}
    for name, gains, marked in (("clear", clear, True), ("close", clear | {"simple_align": 3.0}, False)):
        study = synthetic.study(datasets=("B100",), metrics=("psnr_rgb",))
        written = write(tmp_path / name, study, synthetic.metric_rows(study, gains=gains))
        table = comparison(summarize(load(written.metrics), study), study, "psnr_rgb", "B100")
        assert table is not None
        cells = {method: cells[-1] for method, cells in table.blocks["srresnet"].items()}
        assert sum(cell.second for cell in cells.values()) == marked
        assert not any(cells[name].second for name in ("baseline", "simple_align", "bicubic"))
        assert not any(cell.bold for cell in cells.values())
        assert ("<u>" in markdown(table)) == (r"\underline" in latex(table, "tab:x")) == marked


def test_one_data_set_and_nothing_published_leave_no_second_copy_and_no_empty_file(tmp_path: Path) -> None:
    study = synthetic.study(datasets=("B100",), networks=("tiny",), metrics=("psnr_rgb", "ssim_y"), seeds=(0,))
    written = write(tmp_path, study, synthetic.metric_rows(study))
    paths = write_tables(written.metrics, study, written.runs, tmp_path / "tables")
    assert paths == tables_below(study, tmp_path / "tables")
    assert {path.stem for path in paths}.isdisjoint({"psnr_rgb", "published"})
    assert "ssim_y" in {path.stem for path in paths}


def test_html_tables_are_sound_and_load_nothing(tables: Path, broken_tables: Path) -> None:
    for path in (*tables.glob("*.html"), *broken_tables.glob("*.html")):
        assert problems(path.read_text()) == []


def test_names_with_special_characters_survive_every_format() -> None:
    table = PlainTable("x", "a < b & c | 5%", ("a|b", "c_d"), (("<i>", "50% & #1"),))
    assert r"a\|b" in table.markdown()
    assert "&lt;i&gt;" in table.html()
    assert latex_escape("50% & #1_{x}") in table.latex().replace("_\\{x", "_{x") or r"50\% \& \#1" in table.latex()
    assert table.csv() == "a|b,c_d\n<i>,50% & #1\n"


def test_ranks_are_shares_that_add_up(plain: Written) -> None:
    table = rank_table(blocks(load(plain.metrics), plain.study), plain.study)
    shares = table[[name for name in table.columns if name.startswith("rank_")]].to_numpy()
    np.testing.assert_allclose(shares.sum(1), 1)
    assert (table[table["method"] == "bicubic"]["mean_rank"] > 4.9).all()


def test_a_time_that_is_the_implementations_is_called_so(plain: Written, tmp_path: Path) -> None:
    """Neither a graph that a regularizer could not have nor one that was refused goes by in silence."""
    runs = shutil.copytree(plain.runs, tmp_path / "runs")
    for path in runs.glob("*/run.json"):
        record = json.loads(path.read_text())
        record["spec"]["training"]["cuda_graph"] = ".adaptive_dropout." not in path.parent.name
        refused = ".dropout." in path.parent.name
        record["sessions"] = [{"cuda_graph": "captured"}, {"cuda_graph": "refused" if refused else "captured"}]
        path.write_text(json.dumps(record))
    write_tables(plain.metrics, plain.study, runs, tmp_path / "tables")
    for name in ("cost", "equal_cost"):
        text = " ".join((tmp_path / "tables" / f"{name}.md").read_text().split())
        said = re.findall(r"(\w+): trained without the CUDA graph that baseline had, so its time is that of this", text)
        assert sorted(set(said)) == ["adaptive_dropout", "dropout"], name
