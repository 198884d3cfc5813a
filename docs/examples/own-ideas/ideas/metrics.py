"""How well edges are kept."""

from __future__ import annotations

import numpy as np


def gradient_error(output: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean absolute difference of the gradients of two uint8 images (h, w, 3), in levels of 255."""
    difference = output.astype(np.float64) - truth
    return float(np.mean([np.abs(np.diff(difference, axis=axis)).mean() for axis in (0, 1)]))
