"""What the report says of the degradation that was trained on: it is Real-ESRGAN's only where it is."""

from __future__ import annotations

import pytest

from harness.experiment.catalogues import Catalogues
from harness.reporting.page.protocol import _degradation


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("second_order", "second order, in the ranges of Real-ESRGAN's release; all parameters are in the spec below"),
        (
            "benchmark_levels",
            "Real-ESRGAN's second-order pipeline in other ranges: blur of sigma 0.2 to 2.4 (p 0.5), Gaussian noise of "
            "0 to 1 levels, JPEG 95 to 99; then no blur, Gaussian noise of 0 to 25 levels (p 0.35), else Poisson noise "
            "of scale 0.01 to 0.05, JPEG 40 to 99; all parameters are in the spec below",
        ),
        ("gaussian15", "white Gaussian noise of standard deviation 15, clipped and rounded to 8 bit"),
    ],
)
def test_the_degradation_is_told_as_it_was(name: str, expected: str) -> None:
    spec = Catalogues.load().training_degradations[name]
    assert _degradation(spec.model_dump(mode="json")) == expected
