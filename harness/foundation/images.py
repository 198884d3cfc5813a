"""Images as arrays: (H, W, 3) uint8 RGB, read and written without surprises."""

from __future__ import annotations

import hashlib
import logging
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from harness.foundation.errors import HarnessError
from harness.foundation.files import write_bytes

Pixels = npt.NDArray[np.uint8]
"""An image: shape (H, W, 3), dtype uint8, RGB, values 0..255."""

MOST_PIXELS = 178_956_970
"""Larger images are refused: as RGB they take half a GiB. It is where Pillow's own limit raises; that one also prints a
warning from half of it on, and is therefore switched off."""

Image.MAX_IMAGE_PIXELS = None

_SCALE_TO_RGB = "scale its values to 0..255 and save it as 8-bit RGB"

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
"""File name endings that are taken for images, lower case."""

OTHER_SUFFIXES = (
    *(".arw", ".avif", ".cr2", ".cr3", ".dng", ".gif", ".heic", ".heif", ".hif", ".j2k", ".jfif", ".jp2", ".jpe"),
    *(".jxl", ".mpo", ".nef", ".orf", ".pgm", ".ppm", ".psd", ".raf", ".rw2", ".svg", ".tga", ".xcf"),
)
"""File name endings of images that are not read, lower case: what is left out is told by them."""

_ORIENTATION = 0x0112  # the EXIF tag

logger = logging.getLogger(__name__)


def read_rgb(path: str | Path) -> Pixels:
    """Read an image file as (H, W, 3) uint8 RGB.

    Gray and palette images are expanded to RGB and an alpha channel is dropped, as Pillow's ``convert("RGB")`` does.
    The format is taken from the content, whatever the name ends in. An orientation tag is ignored. Where that changes
    what one sees, a warning says so, once per file.

    Raises:
        HarnessError: the file is missing, empty, no image, truncated, of several pages, larger than
            :data:`MOST_PIXELS`, or its values are not 8-bit gray or RGB.
    """
    with _opened(path) as image:
        pixels = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
        for note in _ignored(image):
            _say(Path(path).absolute(), f"{path}: {note}")
        return pixels


def _ignored(image: Image.Image) -> Iterator[str]:
    """Yield what an image, already decoded, has and is read without."""
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        yield "has transparent pixels; alpha is dropped and their colours are taken as they are"
    if image.getexif().get(_ORIENTATION, 1) not in (0, 1):
        yield "its EXIF tag turns it, which is ignored: rows are taken as they lie in the file; save it turned"


@lru_cache(maxsize=100_000)
def _say(path: Path, note: str) -> None:
    """Warn, once per file: an image is read several times."""
    logger.warning("%s", note)


def image_size(path: str | Path) -> tuple[int, int]:
    """Return (width, height) in pixels from an image's header; errors are those of :func:`read_rgb`."""
    with _opened(path) as image:
        return image.size


@contextmanager
def _opened(path: str | Path) -> Iterator[Image.Image]:
    """Open an image whose values are 8-bit gray or RGB; whatever Pillow raises then becomes one clear line."""
    try:
        with Image.open(path) as image:
            _check_values(path, image)
            yield image
    except HarnessError:
        raise
    except FileNotFoundError as error:
        raise HarnessError(f"{path}: no such image file") from error
    except UnidentifiedImageError as error:
        raise HarnessError(f"{path}: {_unidentified(Path(path))}") from error
    except MemoryError as error:
        raise HarnessError(f"{path}: does not fit into memory; cut it into smaller images") from error
    except Exception as error:  # on corrupt files Pillow's plugins raise almost anything
        raise HarnessError(f"{path}: corrupt or unreadable image ({error}); replace the file") from error


def _unidentified(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        return "an empty file; replace the file"
    if head in (b"II*\0", b"MM\0*"):
        return f"a TIFF of a kind that Pillow cannot read, such as floating point RGB; {_SCALE_TO_RGB}"
    return "not an image that Pillow can read; replace the file"


def _check_values(path: str | Path, image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        size = f"{image.width}x{image.height} pixels, more than {MOST_PIXELS:,}"
        raise HarnessError(f"{path}: too large ({size}); cut it into smaller images")
    raw = " ".join(str(tile[3]) for tile in getattr(image, "tile", ()))  # Pillow reads 16-bit RGB as 8-bit silently
    if image.mode.startswith("F"):
        raise HarnessError(f"{path}: holds floating point numbers (mode {image.mode}); {_SCALE_TO_RGB}")
    if image.mode.startswith("I") or ";16" in raw:
        raise HarnessError(f"{path}: has more than 8 bits per channel (mode {image.mode}); convert it to 8-bit RGB")
    if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX"):
        raise HarnessError(f"{path}: is {image.mode}, which has no one way to RGB; convert it to 8-bit RGB")
    pictures = getattr(image, "n_frames", 1)
    if pictures > 1 and image.format != "MPO":  # the further pictures of an MPO are previews and depth maps
        raise HarnessError(f"{path}: holds {pictures} pictures; save the one you mean on its own")


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
    compressor = zlib.compressobj(1 if compress else 0, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    parts = [b"\x89PNG\r\n\x1a\n", *_png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    for key, value in (text or {}).items():
        parts += _png_chunk(b"tEXt", f"{key}\0{value}".encode("ascii"))
    parts += _png_chunk(b"IDAT", compressor.compress(rows), compressor.flush())
    parts += _png_chunk(b"IEND")
    return b"".join(parts)


def _png_chunk(kind: bytes, *parts: bytes) -> list[bytes]:
    checksum = zlib.crc32(kind)
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return [struct.pack(">I", sum(map(len, parts))), kind, *parts, struct.pack(">I", checksum)]


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
