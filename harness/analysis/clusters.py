"""Whether features of one image under several degradations cluster by degradation (DDR, arXiv 2108.00406).

No code of that paper was released. Here: features are standardized, reduced to 50 components, and judged there by the
Calinski-Harabasz index and the silhouette of scikit-learn. Higher: the network tells degradations apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import calinski_harabasz_score, silhouette_samples

from harness.foundation.errors import HarnessError
from harness.foundation.rng import numpy_stream

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

COMPONENTS = 50
_RESAMPLES = 500


@dataclass(frozen=True)
class Clusters:
    """How well features cluster.

    Attributes:
        calinski_harabasz: the index.
        interval: its 95% percentile interval over images: all versions of an image are drawn together, in the
            components that all images gave.
        silhouettes: of each image, the mean over its features; their mean is the silhouette of the whole, where all
            images have equally many. Drawn images would lie on their own copies at distance 0, so intervals are those
            of the mean of these.
    """

    calinski_harabasz: float
    interval: tuple[float, float]
    silhouettes: dict[str, float]


def reduced(features: Array) -> Array:
    """Return features (n, d), standardized, in their first 50 principal components or as many as there are.

    A feature that is constant becomes 0.
    """
    deviation = features.std(0)
    standard = (features - features.mean(0)) / np.where(deviation > 0, deviation, 1.0)
    return PCA(min(COMPONENTS, *standard.shape), svd_solver="full").fit_transform(standard)


def cluster_indices(features: Array, degradations: Sequence[str], images: Sequence[str]) -> Clusters:
    """Judge how features cluster by degradation.

    Args:
        features: (n, d).
        degradations, images: of each of the n features.

    Raises:
        HarnessError: there are fewer than two degradations or images.
    """
    labels, names = np.asarray(degradations), np.asarray(images)
    known = list(dict.fromkeys(images))
    if len(set(degradations)) < 2 or len(known) < 2:
        raise HarnessError("analysis: clusters: needs two degradations and two images at least")
    points = reduced(features)
    silhouettes = silhouette_samples(points, labels)
    rows = {name: np.flatnonzero(names == name) for name in known}
    generator = numpy_stream("analysis/clusters", len(points))
    times = generator.multinomial(len(known), np.full(len(known), 1 / len(known)), size=_RESAMPLES)
    low, high = np.nanquantile(_resampled(points, labels, [rows[name] for name in known], times), [0.025, 0.975])
    return Clusters(
        float(calinski_harabasz_score(points, labels)),
        (float(low), float(high)),
        {name: float(silhouettes[rows[name]].mean()) for name in known},
    )


def _resampled(points: Array, labels: npt.NDArray[np.str_], rows: list[npt.NDArray[np.intp]], times: Ints) -> Array:
    """Return the Calinski-Harabasz index of resamples that hold image i ``times[:, i]`` times, from sums of each image.

    NaN where a resample lacks a degradation, or its features do not differ within them.
    """
    kinds = sorted(set(labels))
    counts = np.array([[np.sum(labels[own] == kind) for kind in kinds] for own in rows], dtype=float)
    sums = np.array([[points[own][labels[own] == kind].sum(0) for kind in kinds] for own in rows])
    squares = np.array([np.sum(points[own] ** 2) for own in rows])
    number, total = times @ counts, np.einsum("ri,ikd->rkd", times, sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        explained = np.sum(np.sum(total**2, 2) / number, 1)
        size = number.sum(1)
        between = explained - np.sum(total.sum(1) ** 2, 1) / size
        within = times @ squares - explained
        index = between * (size - len(kinds)) / (within * (len(kinds) - 1))
    return np.where(np.isfinite(index), index, np.nan)


def picture(features: Array) -> Array:
    """Return a t-SNE embedding (n, 2) of features (n, d), for the eye alone; the seed is fixed."""
    perplexity = min(30.0, (len(features) - 1) / 3)
    return np.asarray(TSNE(2, perplexity=perplexity, init="pca", random_state=0).fit_transform(reduced(features)))
