"""The degradation benchmark runs at a small size, and its reference is what it claims to be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.degradation import STEPS, measure, synthetic_photographs, table
from benchmarks.reference import Reference, draw_kernels
from harness.degradations.parameters import draw_parameters
from harness.degradations.spec import SecondOrderSpec
from harness.foundation.rng import Draws


def test_result_has_every_step_of_both_sides() -> None:
    result = measure(repetitions=1, batch=2, crop=64)
    for side in ("reference", "harness"):
        assert set(result["seconds"][side]) == {"total", *STEPS}
        assert all(value > 0 for value in result["seconds"][side].values())
    assert result["ratio"] > 0
    assert result["conditions"]["crop"] == 64
    lines = list(table(result))
    assert len(lines) == len(STEPS) + 2
    assert lines[-1].startswith("total")


def test_images_are_8_bit_and_have_contrast() -> None:
    images = synthetic_photographs(2, 48, seed=0)
    torch.testing.assert_close(images * 255, (images * 255).round(), rtol=0, atol=1e-4)
    assert 0.1 < images.std() < 0.4
    assert torch.equal(images, synthetic_photographs(2, 48, seed=0))


def test_reference_refuses_kinds_of_single_images() -> None:
    draws = Draws(0, 0, 0, range(16))
    parameters = draw_parameters(SecondOrderSpec(), draws)
    with pytest.raises(ValueError, match="kinds_per: batch"):
        list(Reference().steps(synthetic_photographs(16, 32, seed=0), parameters, 4))


def test_reference_kernels_are_normalized() -> None:
    for kernel in draw_kernels(SecondOrderSpec()):
        assert kernel.shape == (21, 21)
        assert np.isclose(kernel.sum(), 1)
