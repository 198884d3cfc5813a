"""Degradations: how a photograph becomes a low-resolution input.

``spec`` holds the numbers of the training degradations and imports no torch; ``online`` applies them to batches;
``fixed`` makes the degraded benchmarks.

A degradation of one's own, ``(image, generator) -> image``, needs nothing of the harness but, if it likes, what is
here: :data:`Pixels`, uint8 (H, W, 3) RGB, and :class:`HarnessError` for what its user can mend.
"""

from __future__ import annotations

from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels

__all__ = ["HarnessError", "Pixels"]
