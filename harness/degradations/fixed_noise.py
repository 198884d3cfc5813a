"""Noise of many kinds for testing denoisers: what a network that was trained on white Gaussian noise has not seen.

The kinds are those that Masked Image Training (Chen et al., CVPR 2023) tests; strengths that its release states are
marked where they are used. All parts of one mixture act on [0, 1] in float64; the result is clipped and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from harness.foundation.images import Pixels
from harness.foundation.rng import Part, numpy_stream
from harness.foundation.yamlfile import StrictModel

Values = npt.NDArray[np.float64]
Strength = Annotated[float | None, Field(gt=0)]


class NoiseRecipe(StrictModel):
    """Parts that are present have a strength. They act in the order of the fields, as light, optics and sensor do.

    Attributes:
        poisson: factor of the Poisson noise, whose counts have as many levels as the image (BasicSR's definition).
        speckle: variance of a factor that is uniform around 1 (MATLAB's ``imnoise``).
        gaussian: standard deviation of white Gaussian noise in levels of 255.
        correlated: the same of white Gaussian noise that a 3 x 3 average then smooths: a third of it remains.
        salt_pepper: share of values (each channel on its own) that become 0 or 1, with equal probability.
    """

    poisson: Strength = None
    speckle: Strength = None
    gaussian: Strength = None
    correlated: Strength = None
    salt_pepper: Annotated[float | None, Field(gt=0, le=1)] = None


def add_noises(pixels: Pixels, recipe: NoiseRecipe, *key: Part) -> Pixels:
    """Return the image with every part of the recipe; each part's numbers are a fixed function of (key, its name).

    Args:
        pixels: (H, W, 3) uint8.
        recipe: the parts.
        key: what seeds the noise.
    """
    values = pixels.astype(np.float64) / 255
    for name, function in _PARTS.items():
        strength = getattr(recipe, name)
        if strength is not None:
            values = function(values, strength, numpy_stream(*key, name))
    return np.rint(values.clip(0, 1) * 255).astype(np.uint8)


def _poisson(values: Values, strength: float, stream: np.random.Generator) -> Values:
    levels = np.rint(values.clip(0, 1) * 255) / 255
    count = 2.0 ** np.ceil(np.log2(len(np.unique(levels))))
    return values + strength * (stream.poisson(levels * count) / count - levels)


def _speckle(values: Values, variance: float, stream: np.random.Generator) -> Values:
    reach = np.sqrt(3 * variance)
    return values * (1 + stream.uniform(-reach, reach, values.shape))


def _gaussian(values: Values, sigma: float, stream: np.random.Generator) -> Values:
    return values + sigma / 255 * stream.standard_normal(values.shape)


def _correlated(values: Values, sigma: float, stream: np.random.Generator) -> Values:
    height, width, channels = values.shape
    white = stream.standard_normal((height + 2, width + 2, channels))
    rows = white[:-2] + white[1:-1] + white[2:]
    return values + sigma / 255 * (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9


def _salt_pepper(values: Values, share: float, stream: np.random.Generator) -> Values:
    chance = stream.random(values.shape)
    return np.where(chance < share / 2, 0.0, np.where(chance < share, 1.0, values))


_PARTS: dict[str, Callable[[Values, float, np.random.Generator], Values]] = {
    "poisson": _poisson,
    "speckle": _speckle,
    "gaussian": _gaussian,
    "correlated": _correlated,
    "salt_pepper": _salt_pepper,
}
