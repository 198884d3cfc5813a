"""Blur kernels of the second-order degradation, a whole batch at a time.

Seven families: isotropic and anisotropic Gaussian, generalized Gaussian and plateau kernels (Real-ESRGAN, arXiv
2107.10833, section 3.2), and the circular sinc filter. All kernels of a batch share one array; smaller ones are
surrounded by zeros. Kernels are made on the host in float64: they cost microseconds and are the same for every device.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import j1

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FAMILIES = ("iso", "aniso", "generalized_iso", "generalized_aniso", "plateau_iso", "plateau_aniso")
"""Names of the families in :func:`bivariate_kernels`, in the order of their numbers."""


def bivariate_kernels(
    families: Ints, sizes: Ints, sigma_x: Floats, sigma_y: Floats, rotation: Floats, beta: Floats, side: int
) -> Floats:
    """Return kernels of the six bell-shaped families.

    With ``q = v^T S^-1 v`` for the offset ``v`` from the centre and the rotated covariance ``S``, a Gaussian is
    ``exp(-q / 2)``, a generalized Gaussian ``exp(-q^beta / 2)`` (Pascal et al., arXiv 1302.6498) and a plateau
    ``1 / (1 + q^beta)``.

    Args:
        families: (N,) indices into :data:`FAMILIES`; isotropic ones ignore ``sigma_y`` and ``rotation``.
        sizes: (N,) odd sides of the kernels' supports, at most ``side``.
        sigma_x: (N,) standard deviations in pixels, above 0.
        sigma_y: (N,) the same along the second axis.
        rotation: (N,) angles of the first axis, radians.
        beta: (N,) shapes of generalized and plateau kernels, above 0; Gaussians ignore it.
        side: odd side of the returned arrays.

    Returns:
        (N, side, side); each kernel is non-negative, sums to 1 and is zero outside its size.
    """
    isotropic = families % 2 == 0
    sigma_y = np.where(isotropic, sigma_x, sigma_y)
    rotation = np.where(isotropic, 0.0, rotation)
    cosine, sine = np.cos(rotation), np.sin(rotation)
    precision_x, precision_y = sigma_x**-2.0, sigma_y**-2.0
    xx = cosine**2 * precision_x + sine**2 * precision_y
    yy = sine**2 * precision_x + cosine**2 * precision_y
    xy = cosine * sine * (precision_x - precision_y)

    y, x = _offsets(side)
    quadratic = _column(xx) * x**2 + 2 * _column(xy) * (x * y) + _column(yy) * y**2
    power = np.maximum(quadratic, 0.0) ** _column(np.where(families < 2, 1.0, beta))
    with np.errstate(under="ignore", over="ignore"):
        kernels = np.where(_column(families) >= 4, 1.0 / (1.0 + power), np.exp(-0.5 * power))
    return _normalized(kernels * _support(sizes, side))


def sinc_kernels(sizes: Ints, cutoff: Floats, side: int) -> Floats:
    """Return circular low-pass filters, ``cutoff / (2 pi r) J1(cutoff r)``, normalized.

    Args:
        sizes: (N,) odd sides of the supports, at most ``side``.
        cutoff: (N,) cut-off frequencies in radians per pixel, in (0, pi].
        side: odd side of the returned arrays.

    Returns:
        (N, side, side); each kernel sums to 1, has negative lobes and is zero outside its size.
    """
    y, x = _offsets(side)
    radius = np.hypot(x, y)
    centre = side // 2
    radius[centre, centre] = 1.0  # avoids 0 / 0; the value there is the limit below
    frequency = _column(cutoff)
    kernels = frequency * j1(frequency * radius) / (2 * np.pi * radius)
    kernels[:, centre, centre] = cutoff**2 / (4 * np.pi)
    return _normalized(kernels * _support(sizes, side))


def pulses(count: int, side: int) -> Floats:
    """Return ``count`` kernels that change nothing: 1 in the centre of (side, side) zeros."""
    kernels = np.zeros((count, side, side))
    kernels[:, side // 2, side // 2] = 1.0
    return kernels


def _offsets(side: int) -> tuple[Floats, Floats]:
    axis = np.arange(side, dtype=np.float64) - side // 2
    x, y = np.meshgrid(axis, axis)
    return y, x


def _support(sizes: Ints, side: int) -> npt.NDArray[np.bool_]:
    y, x = _offsets(side)
    reach: npt.NDArray[np.bool_] = np.maximum(abs(y), abs(x)) <= _column(sizes // 2)
    return reach


def _normalized(kernels: Floats) -> Floats:
    normalized: Floats = kernels / kernels.sum(axis=(1, 2), keepdims=True)
    return normalized


def _column(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values[:, None, None]
