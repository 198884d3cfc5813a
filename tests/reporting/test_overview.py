"""The index over all reports: names, networks, seeds and averages as the reports tell them, escaped, nothing loaded."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from harness.commands.app import app
from harness.foundation.files import write_text
from harness.reporting.page import overview
from harness.reporting.page.overview import entry
from tests.reporting import synthetic


def test_reports_are_listed_with_their_averages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = synthetic.study()
    means = {"bicubic": 24.004, study.baseline: 25.006, "dropout": 25.5}
    rows = pd.DataFrame(
        [(study.networks[0], m, c, v + (c == "clean")) for m, v in means.items() for c in ("clean", "average")],
        columns=["network", "method", "column", "mean"],
    )
    told = entry(rows, study)
    for name, head in (("one", told), ("<b>", "{}"), ("broken", "no JSON"), ("list", "[1]")):
        (tmp_path / "reports" / name).mkdir(parents=True)
        template = f'<html><head><meta name="harness-overview" content="{escape(head)}"></head></html>'
        (tmp_path / "reports" / name / "report.html").write_text(template)
    answer = CliRunner().invoke(app, ["overview"], catch_exceptions=False)
    assert answer.output.strip() == "reports/index.html"
    text = Path("reports/index.html").read_text()
    assert all(f"href='{name}/report.html'" in text for name in ("one", "%3Cb%3E", "broken", "list"))
    assert "<b>" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert "prefers-color-scheme: dark" in text
    cells = re.findall("<td>(.*?)</td>", text.split("href='one/")[1].split("</tr>")[0])[1:]
    assert cells == [study.networks[0], "0, 1, 2", "PSNR (RGB), dB", "baseline 25.01", "bicubic 24.00"]


def test_reports_written_at_the_same_moment_are_all_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process writes its report and the whole index after the first has looked and before it writes."""

    def report(name: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.html").write_text("")

    def late(target: Path, content: str) -> None:
        monkeypatch.setattr(overview, "write_text", write_text)
        report("second")
        overview.write_overview(tmp_path)
        write_text(target, content)

    report("first")
    monkeypatch.setattr(overview, "write_text", late)
    text = overview.write_overview(tmp_path).read_text()
    assert all(f"href='{name}/report.html'" in text for name in ("first", "second"))


def escape(text: str) -> str:
    """As the report's template does."""
    from markupsafe import escape as escaped

    return str(escaped(text))
