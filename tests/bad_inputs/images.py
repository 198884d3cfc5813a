"""Image files as cameras, browsers and other programs leave them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from harness.datasets.patches import Pack
from harness.foundation.images import encode_png
from harness.foundation.rng import numpy_stream
from tests.bad_inputs.case import Case, Make, both, written
from tests.handmade import png

FOLDER = "data/train/photographs"
PACK = "pack mine.yaml photographs"
SCALE = "scale its values to 0..255 and save it as 8-bit RGB"
BITS = "has more than 8 bits per channel (mode {}); convert it to 8-bit RGB"


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    """Random pixels (height, width, channels) uint8."""
    return numpy_stream("bad inputs", height, width).integers(0, 256, (height, width, channels), np.uint8)


GOOD = encode_png(noise(32, 32))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of an image file as Pillow writes it."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _float_tiff() -> bytes:
    """An RGB TIFF of 32-bit floating point numbers, as OpenCV writes it."""
    import cv2

    done, content = cv2.imencode(".tif", np.zeros((4, 4, 3), np.float32))
    assert done
    return bytes(content)


JPEG = saved(Image.fromarray(noise(64, 64)), "JPEG")


def with_good(name: str, content: bytes) -> Make:
    """Put a good photograph and another file into the training folder."""
    return both(written(f"{FOLDER}/good.png", GOOD), written(f"{FOLDER}/{name}", content))


def bad(id: str, given: str, name: str, content: bytes, answer: str) -> Case:
    """A file that packing refuses."""
    return Case(f"image-{id}", given, PACK, f"{FOLDER}/{name}: {answer}", with_good(name, content))


def read(id: str, given: str, name: str, content: bytes, answer: str = "read as RGB") -> Case:
    """A file that packing takes: the pack holds ``x`` beside ``good``, with the pixels that Pillow converts to RGB."""

    def call(folder: Path) -> None:
        from harness.datasets.patches import pack

        pack("photographs", "data", Path("pack"), jobs=1)
        images = Pack.open("pack")
        place = [image.name for image in images.info.images].index("x")
        with Image.open(folder / FOLDER / name) as image:
            np.testing.assert_array_equal(images.image(place), np.asarray(image.convert("RGB")))
        print(answer)

    return Case(f"image-{id}", given, PACK, answer, with_good(name, content), status=0, call=call)


def _directory(folder: Path) -> None:
    (folder / FOLDER / "x.png").mkdir(parents=True)


def _link(folder: Path) -> None:
    (folder / FOLDER).mkdir(parents=True)
    (folder / FOLDER / "x.png").symlink_to("nowhere.png")


def _latin1(folder: Path) -> None:
    (folder / FOLDER).mkdir(parents=True)
    Path(str(folder / FOLDER / "caf") + "\udce9.png").write_bytes(GOOD)


def _rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    return saved(Image.fromarray(noise(32, 64)), "JPEG", exif=exif)


def _two(kind: str) -> bytes:
    pages = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    return saved(pages[0], kind, save_all=True, append_images=pages[1:])


CORRUPT = "corrupt or unreadable image (...); replace the file"
CASES = [
    bad("empty", "zero bytes", "x.png", b"", "an empty file; replace the file"),
    bad(
        "web-page",
        "a web page saved as an image",
        "x.png",
        b"<html>404 Not Found</html>",
        "not an image that Pillow can read; replace the file",
    ),
    bad("truncated-png", "PNG cut in half", "x.png", GOOD[: len(GOOD) // 2], CORRUPT),
    bad("truncated-jpeg", "JPEG cut in half", "x.jpg", JPEG[: len(JPEG) // 2], CORRUPT),
    bad(
        "flipped-byte", "PNG with one wrong byte", "x.png", GOOD[:200] + bytes([GOOD[200] ^ 255]) + GOOD[201:], CORRUPT
    ),
    bad("gray-16", "16-bit gray PNG", "x.png", saved(Image.new("I;16", (4, 4)), "PNG"), BITS.format("I;16")),
    bad("rgb-16", "16-bit RGB PNG", "x.png", png(2, 2, 16, 2, (b"\0" + bytes(12)) * 2), BITS.format("RGB")),
    bad("rgba-16", "16-bit RGBA PNG", "x.png", png(2, 2, 16, 6, (b"\0" + bytes(16)) * 2), BITS.format("RGBA")),
    bad(
        "float",
        "gray TIFF of floating point numbers",
        "x.tif",
        saved(Image.new("F", (4, 4)), "TIFF"),
        f"holds floating point numbers (mode F); {SCALE}",
    ),
    bad(
        "float-rgb",
        "RGB TIFF of floating point numbers",
        "x.tif",
        _float_tiff(),
        f"a TIFF of a kind that Pillow cannot read, such as floating point RGB; {SCALE}",
    ),
    bad(
        "cmyk",
        "CMYK JPEG",
        "x.jpg",
        saved(Image.new("CMYK", (4, 4)), "JPEG"),
        "is CMYK, which has no one way to RGB; convert it to 8-bit RGB",
    ),
    bad(
        "lab",
        "CIELAB TIFF",
        "x.tif",
        saved(Image.new("LAB", (4, 4)), "TIFF"),
        "is LAB, which has no one way to RGB; convert it to 8-bit RGB",
    ),
    bad("pages", "TIFF of two pages", "x.tif", _two("TIFF"), "holds 2 pictures; save the one you mean on its own"),
    bad("animation", "animated PNG", "x.png", _two("PNG"), "holds 2 pictures; save the one you mean on its own"),
    bad(
        "bomb",
        "3.6 gigapixels in 200 bytes",
        "x.png",
        png(60000, 60000, 8, 2, bytes(100)),
        "too large (...); cut it into smaller images",
    ),
    bad("short", "header of 100 x 100 pixels, data of none", "x.png", png(100, 100, 8, 2, b"\0"), CORRUPT),
    Case(
        "image-same-name",
        "x.bmp and x.png",
        PACK,
        f"photographs: {FOLDER}/x.png: the image name 'x' is taken by x.bmp already; remove one of them",
        both(written(f"{FOLDER}/x.bmp", GOOD), written(f"{FOLDER}/x.png", GOOD)),
    ),
    Case(
        "image-same-name-case",
        "X.jpg and x.png: the same name where letters have no case",
        PACK,
        f"photographs: {FOLDER}/x.png: the image name 'x' is taken by X.jpg already; remove one of them",
        both(written(f"{FOLDER}/X.jpg", JPEG), written(f"{FOLDER}/x.png", GOOD)),
    ),
    Case(
        "image-directory",
        "only a folder called x.png",
        PACK,
        f"photographs: no images in {FOLDER}; put photographs there",
        _directory,
    ),
    Case(
        "image-dead-link",
        "a link to a file that is gone",
        PACK,
        f"photographs: {FOLDER}/x.png: a link to a file that is not there; restore the file or remove the link",
        _link,
    ),
    Case(
        "image-name-latin1",
        "file name that is not UTF-8",
        PACK,
        rf"photographs: {FOLDER}/caf\udce9.png: the name is not UTF-8; rename the file",
        _latin1,
    ),
    Case(
        "image-name-tab",
        "file name with a tab or a line end",
        PACK,
        rf"photographs: {FOLDER}/a\tb.png: the name holds a tab or a line end; rename the file",
        written(f"{FOLDER}/a\tb.png", GOOD),
    ),
    Case(
        "image-gif",
        "only formats that are not read (GIF)",
        PACK,
        f"photographs: no images in {FOLDER}; there are 1 file (.gif): save them as PNG or JPEG",
        written(f"{FOLDER}/x.gif", b"GIF89a"),
    ),
    read("rgba", "RGBA PNG", "x.png", saved(Image.fromarray(noise(8, 8, 4)), "PNG"), "read as RGB; alpha is dropped"),
    read("palette", "palette PNG", "x.png", saved(Image.fromarray(noise(8, 8)).quantize(16), "PNG")),
    read("gray", "gray PNG", "x.png", saved(Image.fromarray(noise(8, 8)[..., 0]), "PNG")),
    read("gray-alpha", "gray PNG with alpha", "x.png", saved(Image.fromarray(noise(8, 8)[..., :2], "LA"), "PNG")),
    read("one-bit", "1-bit PNG", "x.png", saved(Image.fromarray(noise(8, 8)[..., 0] > 127), "PNG")),
    read("gray-jpeg", "gray JPEG", "x.jpg", saved(Image.fromarray(noise(8, 8)[..., 0]), "JPEG")),
    read("wrong-extension", "PNG content in x.jpg", "x.jpg", GOOD, "read by its content"),
    read("upper-case", "extension in capitals", "x.PNG", GOOD),
    read("exif", "JPEG with an EXIF rotation", "x.jpg", _rotated(), "read as its pixels lie; the tag is ignored"),
    read("one-pixel", "a single pixel", "x.png", encode_png(noise(1, 1)), "read; crops continue it by reflection"),
]
