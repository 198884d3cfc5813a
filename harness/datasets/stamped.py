"""PNG files that know what they were made from and which pixels they hold, so that finished work is recognized."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from harness.datasets.manifests import Row
from harness.foundation.files import explain_os_errors
from harness.foundation.images import Pixels, encode_png, pixel_sha256


def keep_finished(path: Path, stamp: str) -> Row | None:
    """Return the row of an image that was made with the same ``stamp`` and is undamaged, else None."""
    if not os.path.isfile(path):
        return None
    try:
        with Image.open(path) as image:
            found = dict(getattr(image, "text", {}))
            pixels = np.asarray(image)
    except (OSError, SyntaxError, ValueError, zlib.error):
        return None
    if found.get("stamp") != stamp or pixels.ndim != 3 or found.get("sha256") != pixel_sha256(pixels):
        return None
    return Row(path.stem, pixels.shape[1], pixels.shape[0], found["sha256"])


def write_stamped(path: Path, pixels: Pixels, stamp: str, row: Row) -> Row:
    """Write (H, W, 3) uint8 to ``path``, and return ``row``, which describes it.

    The file is written in place and not fsynced, at half the cost: one that a crash cuts short fails its own hash and
    is made again, and the manifest, written last and with care, is what says that a set is complete.

    Raises:
        HarnessError: the disk is full or the folder cannot be written.
    """
    content = encode_png(pixels, {"stamp": stamp, "sha256": row.sha256}, compress=False)
    with explain_os_errors(path):
        path.write_bytes(content)
    return row
