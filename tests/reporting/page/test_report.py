"""The report: complete, self-contained, the same bytes twice."""

from __future__ import annotations

import html
from pathlib import Path

import pytest
from markupsafe import Markup
from PIL import Image

from harness.experiment import load_experiment
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.reporting.page.pictures import MOST_BYTES, picture
from harness.reporting.page.protocol import protocol
from harness.reporting.page.report import write_report
from harness.reporting.page.sections import Section
from harness.reporting.rows.compared import study_of
from harness.reporting.rows.run_records import Records, load_records
from tests.conftest import ROOT
from tests.reporting import synthetic
from tests.reporting.conftest import Written, write
from tests.reporting.html_check import problems, visible_text


def test_report_is_sound_and_loads_nothing(page: Path) -> None:
    assert problems(page.read_text()) == []


def test_report_says_everything(plain: Written, page: Path) -> None:
    text = visible_text(page.read_text())
    for run in plain.study.runs:
        assert f"--run {run.name}" in text
    assert "harness pack configs/experiments/synthetic.yaml" in text
    for word in (
        "torch 2.13.0",
        "0" * 40,
        "synthetic",
        "held-out",
        "Set14",
        "blur + noise + JPEG",
        "every cell was measured",
    ):
        assert word in text
    assert page.read_text().count('<img src="data:image/webp;base64,') == 7


def test_same_input_gives_the_same_bytes(plain: Written, page: Path, tmp_path: Path) -> None:
    again = write_report(plain.metrics, plain.study, plain.runs, page.parent / "figures", tmp_path / "report.html")
    assert again.read_bytes() == page.read_bytes()


def test_report_of_a_broken_experiment(broken: Written, tmp_path: Path) -> None:
    page = write_report(broken.metrics, broken.study, broken.runs, tmp_path / "none", tmp_path / "r.html").read_text()
    assert problems(page) == []
    text = visible_text(page)
    assert "failed 1/38" in text
    assert "No figures were drawn" in text


def test_report_before_anything_is_there(tmp_path: Path) -> None:
    study = synthetic.study()
    empty = write(tmp_path, study, synthetic.metric_rows(study)[:0])
    page = write_report(empty.metrics, study, tmp_path / "none", tmp_path / "none", tmp_path / "r.html").read_text()
    assert problems(page) == []
    assert "12 of 12 runs are not trained yet" in visible_text(page)


def test_sections_of_other_modules_are_shown(tmp_path: Path) -> None:
    study = synthetic.study(datasets=("Set5",), seeds=(0,))
    base = write(tmp_path, study, synthetic.metric_rows(study)[:0])
    extra = Section("extra", "One & more", Markup("<p>body</p>"))
    target = tmp_path / "r.html"
    page = write_report(base.metrics, study, base.runs, tmp_path / "none", target, sections=[extra]).read_text()
    assert problems(page) == []
    assert '<a href="#extra">One &amp; more</a>' in page
    assert '<section id="extra">' in page


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    study = synthetic.study(name="<script>alert(1)</script>", datasets=("Set5",), seeds=(0,))
    written = write(tmp_path, study, synthetic.metric_rows(study))
    page = write_report(written.metrics, study, written.runs, tmp_path / "none", tmp_path / "r.html").read_text()
    assert "<script>alert" not in page
    assert html.escape("<script>alert(1)</script>") in page


@pytest.mark.parametrize(("name", "content"), [("run.json", "{"), ("run.json", "[]"), ("history.csv", "a,b\n1,2\n")])
def test_broken_records_are_one_clear_line(name: str, content: str, tmp_path: Path) -> None:
    study = synthetic.study(seeds=(0,))
    synthetic.write_runs(study, tmp_path)
    (tmp_path / study.runs[0].name / name).write_text(content)
    with pytest.raises(HarnessError) as caught:
        load_records(study, tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert name in str(caught.value)


def test_the_photographs_authors_are_named() -> None:
    experiment = load_experiment(ROOT / "configs/experiments/demo.yaml")
    facts = {fact.name: fact.text for fact in protocol(study_of(experiment), Records({}, {}, {}))}
    assert "flower, by vultilion, flickr.com/photos/vultilion" in facts["images shown"]


@pytest.mark.parametrize(
    "folder",
    [
        layout.report("demo") / "figures",
        layout.ablation("demo", "rate"),
        layout.tuning("demo"),
        layout.analysis_report("demo"),
        layout.selection_report("demo"),
    ],
    ids=str,
)
def test_links_to_large_files_lead_from_the_page(folder: Path, tmp_path: Path) -> None:
    report, place = tmp_path / layout.report("demo"), tmp_path / folder
    place.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(place / "x.png")
    (place / "x.csv").write_bytes(b"0" * (MOST_BYTES + 1))
    (place / "x.pdf").write_bytes(b"0")
    shown = picture(place / "x.png", "x", "", report)
    assert shown is not None
    pdf, data = shown.links
    assert pdf.target.startswith("data:application/pdf;base64,")
    assert (report / data.target).samefile(place / "x.csv")
