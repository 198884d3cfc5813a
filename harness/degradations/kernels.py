"""Blur kernels of the second-order degradation, a whole batch at a time.

Seven families: isotropic and anisotropic Gaussian, generalized Gaussian and plateau kernels (Real-ESRGAN, arXiv
2107.10833, section 3.2), and the circular sinc filter. All kernels of a batch share one array; smaller ones are
surrounded by zeros. Kernels are made on the host in float64: they cost microseconds and are the same for every device.
"""

from __future__ import annotations

from functools import lru_cache

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

    # Opposite offsets have equal values: powers and exponentials, the costly part, are taken of one half only.
    half = side * side // 2 + 1
    y, x = (offsets.ravel()[:half] for offsets in _offsets(side))
    quadratic = xx[:, None] * x**2 + 2 * xy[:, None] * (x * y) + yy[:, None] * y**2
    power = np.maximum(quadratic, 0.0)
    shaped, plateau = np.flatnonzero(families >= 2), families >= 4
    power[shaped] **= beta[shaped, None]
    values = np.empty((len(families), side * side))
    with np.errstate(under="ignore", over="ignore"):
        values[~plateau, :half] = np.exp(-0.5 * power[~plateau])
        values[plateau, :half] = 1.0 / (1.0 + power[plateau])
    values[:, half:] = values[:, half - 2 :: -1]
    return _normalized(values.reshape(-1, side, side) * _support(sizes, side))


def sinc_kernels(sizes: Ints, cutoff: Floats, side: int) -> Floats:
    """Return circular low-pass filters, ``cutoff / (2 pi r) J1(cutoff r)``, normalized.

    Args:
        sizes: (N,) odd sides of the supports, at most ``side``.
        cutoff: (N,) cut-off frequencies in radians per pixel, in (0, pi].
        side: odd side of the returned arrays.

    Returns:
        (N, side, side); each kernel sums to 1, has negative lobes and is zero outside its size.
    """
    radii, places = _radii(side)
    frequency = cutoff[:, None]
    values = np.empty((len(sizes), len(radii)))
    values[:, 0] = cutoff**2 / (4 * np.pi)  # the limit at radius 0
    values[:, 1:] = frequency * j1(frequency * radii[1:]) / (2 * np.pi * radii[1:])
    return _normalized(values[:, places] * _support(sizes, side))


def pulses(count: int, side: int) -> Floats:
    """Return ``count`` kernels that change nothing: 1 in the centre of (side, side) zeros."""
    kernels = np.zeros((count, side, side))
    kernels[:, side // 2, side // 2] = 1.0
    return kernels


@lru_cache(maxsize=8)
def _offsets(side: int) -> tuple[Floats, Floats]:
    """Return y and x of every element, (side, side) each, from the centre."""
    axis = np.arange(side, dtype=np.float64) - side // 2
    x, y = np.meshgrid(axis, axis)
    return y, x


@lru_cache(maxsize=8)
def _radii(side: int) -> tuple[Floats, Ints]:
    """Return the different distances from the centre, ascending, and the index of each element's, (side, side)."""
    y, x = _offsets(side)
    radii, places = np.unique(np.hypot(x, y), return_inverse=True)
    return radii, places.reshape(side, side)


@lru_cache(maxsize=8)
def _supports(side: int) -> npt.NDArray[np.bool_]:
    """Return which elements lie within each reach from the centre, (side // 2 + 1, side, side)."""
    y, x = _offsets(side)
    reach: npt.NDArray[np.bool_] = np.maximum(abs(y), abs(x)) <= np.arange(side // 2 + 1)[:, None, None]
    return reach


def _support(sizes: Ints, side: int) -> npt.NDArray[np.bool_]:
    chosen: npt.NDArray[np.bool_] = _supports(side)[sizes // 2]
    return chosen


def _normalized(kernels: Floats) -> Floats:
    normalized: Floats = kernels / kernels.sum(axis=(1, 2), keepdims=True)
    return normalized
