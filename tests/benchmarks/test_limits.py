"""What regularizers cost in arithmetic, counted; and the verdict on what they cost in time."""

from __future__ import annotations

import pytest

from benchmarks.limits import lines, shares, verdicts


def test_regularizers_add_next_to_no_products() -> None:
    found = shares(small=True)
    assert found["dropout"] == found["adaptive_dropout"] == 1
    assert found["simple_align"] == pytest.approx(1, abs=0.01)


def test_verdicts() -> None:
    found = verdicts(
        {"fp32_adaptive_dropout": 1.05, "fp32_simple_align": 1.7}, {"adaptive_dropout": 1, "simple_align": 1.2}
    )
    assert found["fp32_simple_align"] == {"slowdown": 1.7, "share": 1.2, "limit": pytest.approx(1.56)}
    assert [line.rsplit("  ", 1)[-1] for line in lines(found)][1:] == ["kept", "NOT KEPT"]
