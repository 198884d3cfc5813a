"""The report of one experiment, written once for all tests of the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.reporting.figures.build import write_figures
from harness.reporting.page.report import write_report
from tests.reporting.conftest import Written
from tests.reporting.figures.test_figures import write_benchmarks


@pytest.fixture(scope="session")
def page(plain: Written, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_benchmarks(plain, folder / "benchmarks")
    write_figures(plain.metrics, plain.study, plain.runs, folder / "benchmarks", folder / "figures")
    return write_report(plain.metrics, plain.study, plain.runs, folder / "figures", folder / "report.html")
