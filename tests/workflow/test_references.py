"""Control rows in a real workflow: what no training has touched, and the warning where training has lost to it."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.workflow.conftest import DEMO, Checkout
from tests.workflow.test_changes import REPORTING

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

WARNING = "Warning: on srresnet_small, baseline ("


def test_control_rows_and_a_baseline_that_is_below_them(finished: Checkout) -> None:
    finished.replace(DEMO, "seeds: [0]", "references: [bicubic, bilinear, untrained]\nseeds: [0]")
    assert finished.planned() == {"evaluate_reference": 2, **REPORTING}
    call = finished.snakemake("--cores", "2", "--configfile", DEMO)
    assert call.status == 0, call.text
    assert finished.planned() == {}

    (folder,) = (finished.root / "results/metrics").glob("untrained.srresnet_small.*")
    assert len(folder.name.split(".")[2]) == 8
    tables = finished.root / "reports/demo/tables"
    means = pd.read_csv(tables / "main.csv").set_index(["method", "column"])["mean"].unstack()["average"]
    assert means["untrained"] == pytest.approx(means["bilinear"], abs=0.01), "SRResNet adds its output to bilinear"
    assert means["bicubic"] > means["bilinear"] + 0.03
    assert means["baseline"] < means["bicubic"], "25 iterations are no training"
    page = (finished.root / "reports/demo/report.html").read_text()
    assert "--reference untrained.srresnet_small" in page
    places = [(tables / f"main.{suffix}").read_text() for suffix in ("md", "html", "tex")]
    for text in (*places, page):
        assert WARNING.replace("_", "\\_") in text or WARNING in text
    top = page.index('id="result"'), page.index("<table"), page.index(WARNING)
    assert top[0] < top[2] < top[1]
    assert places[0].index("Warning") < places[0].index("| method")
