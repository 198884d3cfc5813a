"""Text of users' own in every format: escaped where it would be taken for markup, readable everywhere else."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.reporting.figures.build import write_figures
from harness.reporting.figures.style import drawable
from harness.reporting.files import figure_names
from harness.reporting.page.report import write_report
from harness.reporting.tables.formats import PlainTable, csv_text, markdown_escape
from harness.reporting.tables.latex import escape as latex_escape
from harness.reporting.tables.write import write_tables
from tests.reporting import synthetic
from tests.reporting.conftest import write
from tests.reporting.figures.test_figures import write_benchmarks
from tests.reporting.html_check import problems

HOSTILE = "$x_{1}$ & <b>|50%\\#*~^`a`[c](d)図"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("psnr_rgb, +0.35* (95%) a & b #1 [+0.1, +0.2]", "psnr_rgb, +0.35* (95%) a & b #1 [+0.1, +0.2]"),
        ("2 < 3 ~ 4 $5", "2 < 3 ~ 4 $5"),
        ("*a* `b` ~~c~~", r"\*a\* \`b\` \~\~c\~\~"),
        ("$a$", r"\$a\$"),
        ("_a_ b_c", r"\_a\_ b_c"),
        ("<img src=x> &lt; [a](b)", r"\<img src=x> \&lt; [a\](b)"),
        ("a|b\r\n\n c", r"a\|b c"),
        (r"a\*b \d", r"a\\*b \d"),
    ],
)
def test_markdown(text: str, expected: str) -> None:
    assert markdown_escape(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "$x_1$ 50% & #1 {a} ~ ^ \\",
            r"\$x\_1\$ 50\% \& \#1 \{a\} \textasciitilde{} \textasciicircum{} \textbackslash{}",
        ),
        ("[1] *", "{[}1{]} {*}"),
        ("dropout--rate ?` ``a'' ,,", "dropout-{}-rate ?{}` `{}`a'{}' ,{},"),
        ("1–2 ± 3 <4>", r"1--2 $\pm$ 3 \textless{}4\textgreater{}"),
        ("cafe\u0301 ő", "café ő"),
        ("図 \u202f", "{[}U+56F3{]} {[}U+202F{]}"),
        ("a\n\nb", "a b"),
    ],
)
def test_latex(text: str, expected: str) -> None:
    assert latex_escape(text) == expected


def test_csv_reads_back_and_computes_nothing() -> None:
    cells = ["a,b", 'say "x"', "two\nlines", "+0.35", "-1e-3", "-inf", "=1+1", "@SUM(1)", "-a", "+0.1 [+0.0, +0.2]*"]
    (row,) = csv.reader(io.StringIO(csv_text(cells, [])))
    assert row == [*cells[:6], "'=1+1", "'@SUM(1)", "'-a", cells[-1]]


def test_a_hostile_table_keeps_its_shape_in_every_format() -> None:
    table = PlainTable("na me$", HOSTILE, ("a", HOSTILE), (("[1]", HOSTILE), ("*", f"{HOSTILE}\n")))
    lines = table.markdown().splitlines()[-4:]
    assert {line.replace(r"\|", "").count("|") for line in lines} == {3}
    assert "<b>" not in table.html()
    assert "&lt;b&gt;" in table.html()
    body = table.latex()
    assert r"\label{tab:na-me-}" in body
    assert r"\\" + "\n[" not in body
    assert body.count(r"\\" + "\n") == 3


def test_figures_spell_what_their_font_lacks() -> None:
    assert drawable("café $x$\n図.png") == "café $x$ [U+56F3].png"


def test_hostile_names_pass_through_tables_figures_and_report(tmp_path: Path) -> None:
    plain = synthetic.study(
        methods=("baseline", "dropout"), datasets=("Set5",), degradations=("clean",), metrics=("psnr_rgb",), seeds=(0,)
    )
    rows = synthetic.metric_rows(plain)
    name = "$\\alpha_{ & <b>図$"  # not even mathematics
    study = replace(
        plain,
        description=HOSTILE,
        sets=tuple(replace(item, dataset=name) for item in plain.sets),
        experiment="my configs/$(x).yaml",
    )
    rows = rows.assign(dataset=name, image=rows["image"].replace({"set5_001": "=a|b$c$"}))
    rows.loc[rows["variant"].eq("dropout") & rows["image"].eq("=a|b$c$"), ["value", "status"]] = [np.nan, "failed"]
    written = write(tmp_path, study, rows)
    write_benchmarks(written, tmp_path / "sets")
    tables = write_tables(written.metrics, study, written.runs, tmp_path / "tables")
    drawn = write_figures(written.metrics, study, written.runs, tmp_path / "sets", tmp_path / "figures")
    assert len(drawn) == 1 + 3 * len(figure_names(study))
    page = write_report(written.metrics, study, written.runs, tmp_path / "figures", tmp_path / "report.html")
    for path in [page, *(path for path in tables if path.suffix == ".html")]:
        assert problems(path.read_text()) == [], path.name
        assert "<b>" not in path.read_text()
    assert "'my configs/$(x).yaml'" in page.read_text().replace("&#39;", "'")
    failures = pd.read_csv(tmp_path / "tables/failures.csv")
    assert failures["images"].tolist() == ["'=a|b$c$"]
    assert r"=a\|b\$c\$" in (tmp_path / "tables/failures.md").read_text()
    tex = (tmp_path / "tables/main.tex").read_text()
    assert r"\$\textbackslash{}alpha\_\{ \& \textless{}b\textgreater{}{[}U+56F3{]}\$" in tex
