"""Labels agree with the registry of metrics."""

from __future__ import annotations

import pytest

from harness.evaluation.metrics import METRICS
from harness.reporting.rows.labels import degradation_label, explain_letters, metric_label, short_degradation


@pytest.mark.parametrize("name", sorted(METRICS))
def test_direction_and_unit_are_the_registrys(name: str) -> None:
    label = metric_label(name)
    assert label.higher_is_better == METRICS[name].higher_is_better
    assert label.unit == METRICS[name].unit


def test_differences_carry_a_sign_and_no_negative_zero() -> None:
    label = metric_label("psnr_rgb")
    assert label.difference(-0.004) == "+0.00"
    assert label.difference(-0.006) == "-0.01"
    assert label.difference(0.3) == "+0.30"


def test_degradations_in_words_and_in_short() -> None:
    assert degradation_label("blur_noise_jpeg") == "blur + noise + JPEG"
    assert short_degradation("blur_noise_jpeg") == "b+n+j"
    assert short_degradation("noise40") == "noise40"
    assert (degradation_label("salt_pepper"), short_degradation("salt_pepper")) == ("salt and pepper", "salt+pepper")
    assert (degradation_label("gaussian25"), short_degradation("gaussian25")) == ("Gaussian 25", "G25")


def test_letters_are_explained_where_they_are_used() -> None:
    assert explain_letters(["clean", "blur", "blur_noise", "noise_jpeg"]) == "b: blur, n: noise, j: JPEG"
    assert explain_letters(["clean", "blur_jpeg", "average"]) == "b: blur, j: JPEG"
    assert explain_letters(["gaussian15", "salt_pepper", "average"]) == "G: white Gaussian noise of that sigma"
    assert explain_letters(["clean", "noise_rounded"]) == ""
