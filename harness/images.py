"""Images as arrays: (H, W, 3) uint8 RGB, read and written without surprises."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from harness.errors import HarnessError
from harness.files import write_bytes

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
    write_bytes(path, encode_png(pixels))


def encode_png(pixels: Pixels, text: Mapping[str, str] | None = None, compress: bool = True) -> bytes:
    """Return (H, W, 3) uint8 RGB as the bytes of a PNG file, several times faster than Pillow's encoder.

    Compressed, each row is the difference to the row above, in run lengths and Huffman codes only: files are about a
    tenth larger than usual. Stored, they are twice that, and writing and reading cost next to nothing.

    Args:
        pixels: the image.
        text: keyword to value, kept as ``tEXt`` chunks; ASCII without line ends.
        compress: whether to compress.
    """
    height, width = pixels.shape[:2]
    flat = np.ascontiguousarray(pixels).reshape(height, width * 3)
    rows = np.empty((height, 1 + width * 3), np.uint8)
    rows[:, 0] = 2 if compress else 0  # the row's filter: up, or none
    rows[:, 1:] = flat
    if compress:
        rows[1:, 1:] -= flat[:-1]
    level = 1 if compress else 0
    compressor = zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    chunks += [(b"tEXt", f"{key}\0{value}".encode("ascii")) for key, value in (text or {}).items()]
    chunks += [(b"IDAT", compressor.compress(rows) + compressor.flush()), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, content) for kind, content in chunks)


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def pixel_sha256(pixels: Pixels) -> str:
    """Return the SHA-256 of an image's pixels: uint32-LE width, uint32-LE height, then the RGB bytes row by row."""
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(struct.pack("<II", width, height))
    digest.update(np.ascontiguousarray(pixels))
    return digest.hexdigest()


def crop_to_multiple(pixels: Pixels, scale: int) -> Pixels:
    """Cut off the right and bottom rest so that height and width are multiples of ``scale`` ("modcrop")."""
    height, width = pixels.shape[:2]
    return pixels[: height - height % scale, : width - width % scale]
