"""Every kernel family against BasicSR's function, and what all kernels have in common."""

from __future__ import annotations

import harness.foundation.compat  # noqa: F401

# isort: split
import numpy as np
import pytest
from basicsr.data import degradations as basicsr
from hypothesis import given
from hypothesis import strategies as st

from harness.degradations.kernels import FAMILIES, bivariate_kernels, pulses, sinc_kernels

SIDE = 21

parameters = st.tuples(
    st.integers(0, 5),
    st.sampled_from(range(7, 22, 2)),
    st.floats(0.2, 3),
    st.floats(0.2, 3),
    st.floats(-np.pi, np.pi),
    st.floats(0.5, 4),
)


def _kernels(rows: list[tuple[int, int, float, float, float, float]]) -> np.ndarray:
    family, size, sigma_x, sigma_y, rotation, beta = (np.array(column) for column in zip(*rows, strict=True))
    return bivariate_kernels(family, size, sigma_x, sigma_y, rotation, beta, SIDE)


def _basicsr_kernel(family: int, size: int, sigma_x: float, sigma_y: float, rotation: float, beta: float) -> np.ndarray:
    name = FAMILIES[family]
    isotropic = not name.endswith("aniso")
    if name.startswith("generalized"):
        kernel = basicsr.bivariate_generalized_Gaussian(size, sigma_x, sigma_y, rotation, beta, isotropic=isotropic)
    elif name.startswith("plateau"):
        kernel = basicsr.bivariate_plateau(size, sigma_x, sigma_y, rotation, beta, isotropic=isotropic)
    else:
        kernel = basicsr.bivariate_Gaussian(size, sigma_x, sigma_y, rotation, isotropic=isotropic)
    return np.pad(kernel, (SIDE - size) // 2)


@given(st.lists(parameters, min_size=1, max_size=6))
def test_bivariate_kernels_equal_basicsr(rows: list[tuple[int, int, float, float, float, float]]) -> None:
    kernels = _kernels(rows)
    for row, kernel in zip(rows, kernels, strict=True):
        np.testing.assert_allclose(kernel, _basicsr_kernel(*row), rtol=0, atol=1e-12)


@pytest.mark.parametrize("family", range(6), ids=FAMILIES)
def test_every_family_at_the_extremes_of_its_ranges(family: int) -> None:
    rows = [
        (family, size, sigma_x, sigma_y, rotation, beta)
        for size in (7, 21)
        for sigma_x, sigma_y in ((0.2, 0.2), (0.2, 3.0), (3.0, 0.2), (3.0, 3.0))
        for rotation in (-np.pi, 0.0, 1.0)
        for beta in (0.5, 1.0, 4.0)
    ]
    for row, kernel in zip(rows, _kernels(rows), strict=True):
        np.testing.assert_allclose(kernel, _basicsr_kernel(*row), rtol=0, atol=1e-12)


@given(st.lists(parameters, min_size=1, max_size=6))
def test_bivariate_kernels_are_weights(rows: list[tuple[int, int, float, float, float, float]]) -> None:
    kernels = _kernels(rows)
    assert (kernels >= 0).all()
    np.testing.assert_allclose(kernels.sum(axis=(1, 2)), 1, atol=1e-12)
    np.testing.assert_allclose(kernels, kernels[:, ::-1, ::-1], atol=1e-12)
    for row, kernel in zip(rows, kernels, strict=True):
        margin = (SIDE - row[1]) // 2
        assert kernel[margin : SIDE - margin, margin : SIDE - margin].sum() == pytest.approx(kernel.sum())


@given(st.sampled_from(range(7, 22, 2)), st.floats(np.pi / 5, np.pi))
def test_sinc_kernel_equals_basicsr(size: int, cutoff: float) -> None:
    kernel = sinc_kernels(np.array([size]), np.array([cutoff]), SIDE)[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = basicsr.circular_lowpass_kernel(cutoff, size, pad_to=SIDE)
    np.testing.assert_allclose(kernel, expected, rtol=0, atol=1e-12)
    assert kernel.sum() == pytest.approx(1)


def test_sinc_kernels_ring() -> None:
    assert sinc_kernels(np.array([21]), np.array([np.pi / 3]), SIDE).min() < 0


def test_pulses() -> None:
    kernels = pulses(2, 5)
    assert kernels.sum() == 2
    assert kernels[1, 2, 2] == 1
