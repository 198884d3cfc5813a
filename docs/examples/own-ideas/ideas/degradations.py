"""A sensor with dead pixels."""

from __future__ import annotations

import numpy as np


def dead_pixels(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Set one pixel in a hundred of a uint8 image (h, w, 3) to black."""
    pixels[generator.random(pixels.shape[:2]) < 0.01] = 0
    return pixels
