"""How far the distribution of features moves between degradations: SRGA's formula on own patches, and cosines.

SRGA (lyh-18/SRGA) is defined on its authors' patch sets, which cannot be had. The index here is computed by its
formula on patches of the experiment's own benchmarks, so its values compare with each other, not with published ones.
As in the release, PCA is fitted separately on each set of patches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import gammaln
from torch import Tensor

from harness.foundation.errors import HarnessError

Array = npt.NDArray[np.float64]

COMPONENTS = 300
_OUTLIER = 5.0  # standard deviations
_SHAPES = np.arange(0.2, 10.0, 0.001)
_RATIOS = np.exp(gammaln(1 / _SHAPES) + gammaln(3 / _SHAPES) - 2 * gammaln(2 / _SHAPES))


@dataclass(frozen=True)
class GeneralizedGaussian:
    """Density proportional to exp(-(|x| / scale)^shape); shape 2 is Gaussian, 1 Laplacian."""

    shape: float
    sigma: float

    @property
    def scale(self) -> float:
        """The scale that gives the standard deviation ``sigma``."""
        return float(self.sigma * np.exp((gammaln(1 / self.shape) - gammaln(3 / self.shape)) / 2))


def fit(values: Array) -> GeneralizedGaussian:
    """Fit a generalized Gaussian by moments, as SRGA does: shapes are searched on 0.2, 0.201, ..., 10.

    Raises:
        HarnessError: the values are all equal or not finite.
    """
    sigma = float(np.sqrt(np.mean(values**2)))
    absolute = float(np.mean(np.abs(values - values.mean())))
    if not np.isfinite(sigma) or not absolute > 0:
        raise HarnessError("analysis: features are constant or not finite: no distribution can be fitted")
    return GeneralizedGaussian(float(_SHAPES[np.argmin(np.abs(sigma**2 / absolute**2 - _RATIOS))]), sigma)


def divergence(reference: GeneralizedGaussian, other: GeneralizedGaussian) -> float:
    """Return KL(reference || other), in closed form."""
    b1, b2, a1, a2 = reference.shape, other.shape, reference.scale, other.scale
    first = np.log(b1 * a2 / (b2 * a1)) + gammaln(1 / b2) - gammaln(1 / b1)
    second = np.exp(b2 * np.log(a1 / a2) + gammaln((b2 + 1) / b1) - gammaln(1 / b1))
    return max(0.0, float(first + second - 1 / b1))


def distribution(patches: Array) -> GeneralizedGaussian:
    """Fit the features of patches (n, d): 300 principal components or as many as there are, outliers left out.

    Raises:
        HarnessError: as :func:`fit`.
    """
    values = _components(patches).ravel()
    inliers = np.abs(values - values.mean()) < _OUTLIER * values.std()
    return fit(values[inliers] if inliers.any() else values)  # none where all are equal: fit refuses those


def _components(patches: Array) -> Array:
    """Return the principal components of patches (n, d), up to their signs, which the fit does not see.

    From the products of patches with each other where these are fewer than values, as a rule.
    """
    centred = patches - patches.mean(0)
    count = min(COMPONENTS, *patches.shape)
    if len(patches) > centred.shape[1]:
        return centred @ np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :count]
    strengths, directions = np.linalg.eigh(centred @ centred.T)
    return directions[:, ::-1][:, :count] * np.sqrt(np.maximum(strengths[::-1][:count], 0.0))


def own_patch_index(reference: GeneralizedGaussian, other: GeneralizedGaussian) -> float:
    """Return log10(KL + 1e-5) + 5: 0 for the reference itself; higher is a greater shift."""
    return float(np.log10(divergence(reference, other) + 1e-5) + 5)


def similarity(clean: Tensor, degraded: Tensor) -> float:
    """Return the cosine between the features of an image and of its degraded version; NaN if either is all zero."""
    first, second = clean.double().flatten(), degraded.double().flatten()
    size = torch.linalg.vector_norm(first) * torch.linalg.vector_norm(second)
    return float(first @ second / size) if size > 0 else float("nan")
