"""Evaluation: checkpoints and references on degraded benchmarks, one tidy row per image and metric.

A metric of one's own, ``(output, ground truth) -> number``, needs nothing of the harness but, if it likes, what is
here: :data:`Pixels`, uint8 (H, W, 3) RGB, and :class:`HarnessError` for what its user can mend.
"""

from __future__ import annotations

from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels

__all__ = ["HarnessError", "Pixels"]
