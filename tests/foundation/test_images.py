"""Reading whatever a user may have, and writing PNG files that any program reads."""

from __future__ import annotations

import contextlib
import hashlib
import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.foundation.errors import HarnessError
from harness.foundation.images import crop_to_multiple, encode_png, image_size, pixel_sha256, read_rgb, write_png
from harness.foundation.rng import numpy_stream
from tests.handmade import png


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return numpy_stream("images", height, width).integers(0, 256, (height, width, channels), np.uint8)


@given(height=st.integers(1, 20), width=st.integers(1, 20), compress=st.booleans())
def test_png_files_hold_the_pixels_and_the_text(height: int, width: int, compress: bool) -> None:
    pixels = noise(height, width)
    with Image.open(io.BytesIO(encode_png(pixels, {"stamp": "abc", "k": ""}, compress))) as image:
        image.load()
        assert image.mode == "RGB"
        assert image.text == {"stamp": "abc", "k": ""}
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_png_files_are_read_by_opencv_too(tmp_path: Path) -> None:
    import cv2

    pixels = noise(13, 17)
    for compress in (True, False):
        (tmp_path / "x.png").write_bytes(encode_png(pixels, {"a": "b"}, compress))
        np.testing.assert_array_equal(cv2.imread(str(tmp_path / "x.png"))[..., ::-1], pixels)


def test_png_bytes_are_fixed_and_compression_helps(tmp_path: Path) -> None:
    smooth = np.tile(np.arange(64, dtype=np.uint8)[:, None, None], (1, 64, 3))
    assert encode_png(smooth) == encode_png(smooth.copy())
    assert encode_png(np.asfortranarray(smooth)) == encode_png(smooth)
    assert len(encode_png(smooth)) < len(encode_png(smooth, compress=False)) / 10
    write_png(tmp_path / "deep" / "x.png", smooth)
    np.testing.assert_array_equal(read_rgb(tmp_path / "deep" / "x.png"), smooth)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["x.png"]


def test_pixel_hash_is_the_documented_one() -> None:
    pixels = noise(3, 5)
    expected = hashlib.sha256(struct.pack("<II", 5, 3) + pixels.tobytes()).hexdigest()
    assert pixel_sha256(pixels) == expected
    assert pixel_sha256(np.asfortranarray(pixels)) == expected
    assert pixel_sha256(noise(6, 10)[::2, ::2]) != expected
    assert pixel_sha256(pixels.transpose(1, 0, 2)) != expected


@given(height=st.integers(0, 30), width=st.integers(0, 30), scale=st.integers(1, 8))
def test_cropping_keeps_the_upper_left(height: int, width: int, scale: int) -> None:
    pixels = noise(height, width)
    cropped = crop_to_multiple(pixels, scale)
    assert cropped.shape[0] % scale == 0
    assert cropped.shape[1] % scale == 0
    assert height - cropped.shape[0] < scale
    assert width - cropped.shape[1] < scale
    np.testing.assert_array_equal(cropped, pixels[: cropped.shape[0], : cropped.shape[1]])


def _palette(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels).quantize(16)


def _palette_with_transparency(pixels: np.ndarray) -> Image.Image:
    image = _palette(pixels)
    image.info["transparency"] = 3
    return image


LEGITIMATE: dict[str, tuple[str, Callable[[np.ndarray], Image.Image]]] = {
    "gray": ("png", lambda p: Image.fromarray(p[..., 0])),
    "gray with alpha": ("png", lambda p: Image.fromarray(p[..., :2], "LA")),
    "one bit": ("png", lambda p: Image.fromarray(p[..., 0] > 127)),
    "alpha": ("png", lambda p: Image.fromarray(np.concatenate([p, p[..., :1]], -1))),
    "palette": ("png", _palette),
    "palette with transparency": ("png", _palette_with_transparency),
    "bmp": ("bmp", Image.fromarray),
    "tiff": ("tif", Image.fromarray),
    "webp": ("webp", Image.fromarray),
    "gray jpeg": ("jpg", lambda p: Image.fromarray(p[..., 0])),
}


@pytest.mark.parametrize("kind", LEGITIMATE)
def test_legitimate_files_become_rgb(kind: str, tmp_path: Path) -> None:
    suffix, make = LEGITIMATE[kind]
    path = tmp_path / f"x.{suffix}"
    make(noise(9, 11)).save(path)
    pixels = read_rgb(path)
    assert pixels.shape == (9, 11, 3)
    assert pixels.dtype == np.uint8
    assert image_size(path) == (11, 9)
    with Image.open(path) as image:
        np.testing.assert_array_equal(pixels, np.asarray(image.convert("RGB")))


def test_lossless_files_keep_their_values(tmp_path: Path) -> None:
    pixels = noise(9, 11)
    for suffix in ("png", "bmp", "tif"):
        Image.fromarray(pixels).save(tmp_path / f"x.{suffix}")
        np.testing.assert_array_equal(read_rgb(tmp_path / f"x.{suffix}"), pixels)
    alpha = Image.fromarray(np.dstack([pixels, np.zeros((9, 11), np.uint8)]))
    alpha.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), pixels, "alpha is dropped, not blended")


def test_the_previews_of_a_phone_are_ignored(tmp_path: Path) -> None:
    photo, preview = Image.fromarray(noise(64, 64)), Image.fromarray(noise(16, 16))
    photo.save(tmp_path / "x.jpg", "MPO", save_all=True, append_images=[preview])
    assert read_rgb(tmp_path / "x.jpg").shape == (64, 64, 3)


def test_a_wrong_extension_does_no_harm(tmp_path: Path) -> None:
    pixels = noise(9, 11)
    (tmp_path / "x.jpg").write_bytes(encode_png(pixels))
    np.testing.assert_array_equal(read_rgb(tmp_path / "x.jpg"), pixels)


def _content(image: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


GOOD = encode_png(noise(32, 32))
JPEG = _content(Image.fromarray(noise(64, 64)), "JPEG")
BAD = {
    "empty.png": (b"", "an empty file; replace the file"),
    "text.png": (b"<html>404 Not Found</html>", "not an image that Pillow can read; replace the file"),
    "truncated.png": (GOOD[: len(GOOD) // 2], "corrupt or unreadable image"),
    "header.png": (GOOD[:30], "corrupt or unreadable image|not an image"),
    "flipped.png": (GOOD[:200] + bytes([GOOD[200] ^ 255]) + GOOD[201:], "corrupt or unreadable image"),
    "truncated.jpg": (JPEG[: len(JPEG) // 2], "corrupt or unreadable image"),
    "gray16.png": (_content(Image.fromarray(np.zeros((4, 4), np.uint16)), "PNG"), "more than 8 bits per channel"),
    "rgb16.png": (png(2, 2, 16, 2, (b"\0" + bytes(12)) * 2), "more than 8 bits per channel"),
    "rgba16.png": (png(2, 2, 16, 6, (b"\0" + bytes(16)) * 2), "more than 8 bits per channel"),
    "float.tif": (_content(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"), "holds floating point numbers"),
    "cmyk.jpg": (_content(Image.new("CMYK", (4, 4)), "JPEG"), "is CMYK, which has no one way to RGB"),
    "lab.tif": (_content(Image.new("LAB", (4, 4)), "TIFF"), "is LAB, which has no one way to RGB"),
    "pages.tif": (
        _content(Image.new("RGB", (4, 4)), "TIFF", save_all=True, append_images=[Image.new("RGB", (4, 4))]),
        "holds 2 pictures; save the one you mean on its own",
    ),
    "animated.png": (
        _content(Image.new("RGB", (4, 4)), "PNG", save_all=True, append_images=[Image.new("RGB", (4, 4), 9)]),
        "holds 2 pictures",
    ),
    "bomb.png": (png(60000, 60000, 8, 2, b"\0" * 100), r"too large .*; cut it into smaller images"),
    "large.png": (png(13378, 13377, 8, 2, b"\0" * 100), r"too large \(13378x13377 pixels, more than 178,956,970\)"),
}


def test_our_own_limit_decides_what_is_too_large(tmp_path: Path) -> None:
    """Pillow would print a warning of its own from half of it on; warnings are errors here."""
    path = tmp_path / "large.png"
    path.write_bytes(png(12000, 9000, 8, 2, b"\0" * 100))
    assert image_size(path) == (12000, 9000)
    path.write_bytes(png(13377, 13377, 8, 2, b"\0" * 100))
    assert image_size(path) == (13377, 13377)


@pytest.mark.parametrize("name", BAD)
def test_bad_files_give_one_line_that_names_them(name: str, tmp_path: Path) -> None:
    content, expected = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(HarnessError, match=expected) as caught:
        read_rgb(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_told(tmp_path: Path) -> None:
    for function in (read_rgb, image_size):
        with pytest.raises(HarnessError, match=r"x\.png: no such image file"):
            function(tmp_path / "x.png")
        with pytest.raises(HarnessError, match="corrupt or unreadable"):
            function(tmp_path)


@given(place=st.integers(0, 10**6), value=st.integers(0, 255), cut=st.integers(0, 10**6), jpeg=st.booleans())
def test_damaged_files_never_raise_anything_else(
    place: int, value: int, cut: int, jpeg: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(JPEG if jpeg else GOOD)
    content[place % len(content)] = value
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content[: 1 + cut % len(content)] if cut % 2 else content)
    with contextlib.suppress(HarnessError):
        pixels = read_rgb(path)
        assert pixels.ndim == 3
        assert pixels.dtype == np.uint8
