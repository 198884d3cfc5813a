"""Seeds that are added until it is decided, as a person meets them: the same command again, until it says stop."""

from __future__ import annotations

import json

import pytest

from tests.workflow.conftest import DEMO, Checkout

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

SEQUENCE = "seeds: {at_least: 2, at_most: 3, until: decided}\nmargin: {psnr_rgb: 0.000001}"


def test_the_same_command_adds_a_stage_until_it_stops(finished: Checkout) -> None:
    finished.replace(DEMO, "seeds: [0]", SEQUENCE)
    record = finished.root / "results/demo/seeds.json"
    one_more = {"train_baseline": 1, "train_dropout": 1, "evaluate_run": 2, "aggregate": 1, "tables": 1}
    assert finished.planned("tables") == one_more
    assert not record.exists(), "a dry run begins nothing"

    first = finished.snakemake("tables", "--cores", "2", "--configfile", DEMO)
    assert first.status == 0, first.text
    assert "demo: look 1 of 2, 2 seeds: undecided: dropout on srresnet_small; run snakemake again" in first.text
    before = record.read_bytes()
    assert finished.planned("tables") == one_more
    assert record.read_bytes() == before
    assert finished.snakemake("tables", "--cores", "2", "-n", "--configfile", DEMO).status == 0

    second = finished.snakemake("tables", "--cores", "2", "--configfile", DEMO)
    assert second.status == 0, second.text
    assert "demo: look 2 of 2, 3 seeds: stopped undecided at the most seeds" in second.text
    assert [look["seeds"] for look in json.loads(record.read_text())["looks"]] == [2, 3]
    assert finished.planned("tables") == {}
    text = " ".join((finished.root / "reports/demo/tables/main.md").read_text().split())
    assert "mean over 3 training seeds" in text
    assert "this is look 2 of 2" in text
