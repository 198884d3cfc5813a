"""Images as arrays: (H, W, 3) uint8 RGB, read and written without surprises."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from harness.errors import HarnessError
from harness.files import atomic_path

Pixels = npt.NDArray[np.uint8]
"""An image: shape (H, W, 3), dtype uint8, RGB, values 0..255."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
"""File name endings that are taken for images, lower case."""


def read_rgb(path: str | Path) -> Pixels:
    """Read an image file as (H, W, 3) uint8 RGB.

    Gray and palette images are expanded to RGB and an alpha channel is dropped, as Pillow's ``convert("RGB")`` does.

    Raises:
        HarnessError: the file is missing, is no image, is truncated, or has more than 8 bits per channel.
    """
    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise HarnessError(
                    f"{path}: mode {image.mode} has more than 8 bits per channel; convert it to 8-bit RGB"
                )
            return np.asarray(image.convert("RGB"))
    except FileNotFoundError as error:
        raise HarnessError(f"{path}: no such image file") from error
    except UnidentifiedImageError as error:
        raise HarnessError(f"{path}: not an image that Pillow can read; replace the file") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise HarnessError(f"{path}: corrupt or unreadable image ({error}); replace the file") from error


def write_png(path: str | Path, pixels: Pixels) -> None:
    """Write (H, W, 3) uint8 RGB to a PNG file, atomically."""
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG", compress_level=3)


def pixel_sha256(pixels: Pixels) -> str:
    """Return the SHA-256 of an image's pixels: uint32-LE width, uint32-LE height, then the RGB bytes row by row."""
    height, width = pixels.shape[:2]
    return hashlib.sha256(struct.pack("<II", width, height) + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def crop_to_multiple(pixels: Pixels, scale: int) -> Pixels:
    """Cut off the right and bottom rest so that height and width are multiples of ``scale`` ("modcrop")."""
    height, width = pixels.shape[:2]
    return pixels[: height - height % scale, : width - width % scale]
