"""Clusters, the index on own patches, and cosines: against scikit-learn, SciPy and simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import gennorm
from sklearn.metrics import calinski_harabasz_score, silhouette_score

from harness.analysis.clusters import cluster_indices, picture, reduced
from harness.analysis.shift import GeneralizedGaussian, distribution, divergence, fit, own_patch_index, similarity
from harness.foundation.errors import HarnessError
from harness.foundation.rng import numpy_stream


def features(gap: float) -> tuple[np.ndarray, list[str], list[str]]:
    generator = numpy_stream("test", 1)
    content = generator.normal(size=(12, 60))
    kinds, images = ["clean", "blur", "noise"], [f"i{n}" for n in range(12)]
    rows = [content + gap * k + 0.1 * generator.normal(size=(12, 60)) for k in range(3)]
    return np.concatenate(rows), [kind for kind in kinds for _ in images], images * 3


def test_indices_are_those_of_scikit_learn() -> None:
    data, labels, images = features(0.7)
    data[:, 4] = 3.0  # a constant feature
    found, points = cluster_indices(data, labels, images), reduced(data)
    assert found.calinski_harabasz == pytest.approx(calinski_harabasz_score(points, labels))
    assert np.mean(list(found.silhouettes.values())) == pytest.approx(silhouette_score(points, labels))
    assert found.interval[0] < found.interval[1]
    standard = np.delete(data, 4, 1)
    standard = (standard - standard.mean(0)) / standard.std(0)
    left, strengths, _ = np.linalg.svd(standard, full_matrices=False)
    assert np.abs(points[:, :3]) == pytest.approx(np.abs(left[:, :3] * strengths[:3]))


def test_clusters_that_lie_apart_have_higher_indices() -> None:
    near, far = (cluster_indices(*features(gap)) for gap in (0.1, 2.0))
    assert far.calinski_harabasz > 10 * near.calinski_harabasz
    assert np.mean(list(far.silhouettes.values())) > np.mean(list(near.silhouettes.values())) + 0.2


def test_one_degradation_or_one_image_is_refused() -> None:
    data, labels, images = features(1.0)
    for rows in (slice(0, 12), slice(0, 36, 12)):
        with pytest.raises(HarnessError, match="two degradations and two images"):
            cluster_indices(data[rows], labels[rows], images[rows])


def test_the_picture_is_the_same_every_time() -> None:
    data, _, _ = features(2.0)
    first = picture(data)
    assert first.shape == (36, 2)
    assert np.array_equal(first, picture(data))


@pytest.mark.parametrize("shape", [0.6, 1.0, 2.0, 4.0])
def test_the_fit_recovers_the_shape(shape: float) -> None:
    values = gennorm.rvs(shape, scale=3.0, size=200_000, random_state=numpy_stream("test", 2))
    found = fit(values)
    assert found.shape == pytest.approx(shape, rel=0.03)
    assert found.scale == pytest.approx(3.0, rel=0.04)


def test_the_divergence_is_the_integral() -> None:
    one, two = GeneralizedGaussian(1.3, 1.0), GeneralizedGaussian(2.4, 1.7)
    p, q = (gennorm(g.shape, scale=g.scale) for g in (one, two))
    integral = 2 * quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), 0, 40)[0]
    assert divergence(one, two) == pytest.approx(integral, rel=1e-5)
    assert own_patch_index(one, two) == pytest.approx(math.log10(integral + 1e-5) + 5, abs=1e-4)
    assert own_patch_index(one, one) == 0.0


def test_outliers_and_components() -> None:
    generator = numpy_stream("test", 3)
    patches = generator.normal(size=(5000, 30))
    clean = distribution(patches)
    patches[0, 0] = 200.0
    assert distribution(patches).sigma == pytest.approx(clean.sigma, rel=0.05)
    assert clean.shape == pytest.approx(2.0, abs=0.1)
    with pytest.raises(HarnessError, match="constant or not finite"):
        distribution(np.ones((10, 4)))


def test_similarity_is_a_cosine() -> None:
    assert similarity(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0])) == pytest.approx(math.sqrt(0.5))
    assert math.isnan(similarity(torch.zeros(2), torch.ones(2)))
