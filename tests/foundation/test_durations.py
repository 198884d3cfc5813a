"""Lengths of time as people say them."""

from __future__ import annotations

import pytest

from harness.foundation.durations import shown


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-1, "0 s"),
        (45, "45 s"),
        (600, "10 min"),
        (5940, "99 min"),
        (7199, "2 h 00 min"),
        (172800, "2 d 0 h"),
        (360000, "4 d 4 h"),
    ],
)
def test_two_units_are_enough(seconds: float, expected: str) -> None:
    assert shown(seconds) == expected
