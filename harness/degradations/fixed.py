"""The fixed degradations of the benchmarks: blur, downscale, noise and JPEG, each present or not.

The operations are those of the released script of Reflash Dropout (CVPR 2022, ``dataset/add_degradations.py``), bit for
bit; only the noise, which that script draws unseeded, comes from named streams. A second list has the noises that
denoisers are tested on. Images are (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image
from pydantic import Field

from harness.degradations.drawn import Drawn, degrade_as_drawn
from harness.degradations.fixed_noise import NoiseRecipe, add_noises
from harness.degradations.representatives import members, representative_sets
from harness.degradations.sweeps import STEPS
from harness.foundation.errors import HarnessError
from harness.foundation.files import content_hash
from harness.foundation.images import Pixels
from harness.foundation.project import import_function, with_own
from harness.foundation.rng import Part, numpy_stream
from harness.foundation.yamlfile import StrictModel, load_yaml, named_entries, validate

BLUR_KERNEL = 21  # pixels, the side of the released script's Gaussian


class Recipe(StrictModel):
    """One degradation: the parts are applied in the order of the fields.

    Attributes:
        blur: standard deviation in HR pixels of a 21 x 21 Gaussian, or none.
        downscale: ``pillow`` (antialiased bicubic), ``matlab`` (``imresize``, each pass rounded to 8 bit), or Pillow's
            antialiased ``bilinear``, ``lanczos`` or ``area`` (the mean of each square).
        noise: standard deviation of Gaussian noise in levels of 0..255, or none.
        noise_rounding: ``truncate`` as released (a bias of half a level), or ``nearest``.
        jpeg: quality of Pillow's JPEG with its defaults (4:2:0), or none.
        noises: noise of other kinds, or none.
        function: ``module:function`` of the user's own, or none: called before JPEG with the small image, uint8
            (h, w, 3), and a NumPy generator that is a fixed function of data set, image and degradation.
        drawn: a draw of a training degradation, in place of all other parts, or none.
    """

    blur: float | None = Field(default=None, gt=0)
    downscale: Literal["pillow", "matlab", "bilinear", "lanczos", "area"] = "pillow"
    noise: float | None = Field(default=None, gt=0)
    noise_rounding: Literal["truncate", "nearest"] = "truncate"
    jpeg: int | None = Field(default=None, ge=1, le=100)
    noises: NoiseRecipe | None = None
    function: str | None = Field(default=None, pattern=r"^[\w.]+:\w+$")
    drawn: Drawn | None = Field(default=None, exclude_if=lambda value: value is None)


VERSION = "rdsr-v1"
"""Names the pixels below: part of every noise seed and of the place of the lock files. Raised when pixels change."""

DEGRADATIONS: Mapping[str, Recipe] = MappingProxyType(
    {
        "clean": Recipe(),
        "blur": Recipe(blur=2.0),
        "noise": Recipe(noise=20.0),
        "jpeg": Recipe(jpeg=50),
        "blur_noise": Recipe(blur=2.0, noise=20.0),
        "blur_jpeg": Recipe(blur=2.0, jpeg=50),
        "noise_jpeg": Recipe(noise=20.0, jpeg=50),
        "blur_noise_jpeg": Recipe(blur=2.0, noise=20.0, jpeg=50),
        "noise40": Recipe(noise=40.0),
        "noise_rounded": Recipe(noise=20.0, noise_rounding="nearest"),
        "clean_matlab": Recipe(downscale="matlab"),
    }
)
"""Degradations of super-resolution by name: the eight of the papers first, then the optional ones."""

NOISES: Mapping[str, Recipe] = MappingProxyType(
    {
        name: Recipe(noises=NoiseRecipe.model_validate(parts))
        for name, parts in {
            "gaussian15": {"gaussian": 15.0},
            "gaussian25": {"gaussian": 25.0},
            "gaussian50": {"gaussian": 50.0},
            "correlated": {"correlated": 45.0},  # sigma 15 at each pixel, as in training: only the correlation is new
            "poisson": {"poisson": 2.0},  # as released
            "speckle": {"speckle": 0.024},  # as released
            "salt_pepper": {"salt_pepper": 0.002},  # as released
            "mixture": {"poisson": 1.0, "speckle": 0.012, "gaussian": 7.5, "salt_pepper": 0.002},
        }.items()
    }
)
"""Degradations of denoising by name, for scale 1: other strengths and other kinds than in training."""

RECIPES: Mapping[str, Recipe] = MappingProxyType({**DEGRADATIONS, **NOISES})
"""Every degradation by name."""

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}

SCALE = 4
"""The downscaling factor of the papers, and of the lock files."""

STANDARD = tuple(DEGRADATIONS)[:8]
"""The eight degradations of the papers."""


SWEPT: Mapping[str, Recipe] = MappingProxyType(
    {name: Recipe.model_validate(dict(step.parts)) for name, step in STEPS.items()}
)
"""The degradations of sweeps by name; experiments name the sweeps instead."""


def recipes() -> dict[str, Recipe]:
    """Return all degradations by name: the harness's, those of the project's catalogue, and the representatives."""
    known = with_own({**RECIPES, **SWEPT}, "degradations.yaml", lambda path: _own_recipes(path.resolve()))
    for name, found in representative_sets().items():
        drawn = members(name, found)
        if name in known or known.keys() & drawn:
            raise HarnessError(f"configs/representatives/{name}.yaml: {name!r}: a degradation is called so; rename it")
        known |= {member: Recipe(drawn=one) for member, one in drawn.items()}
    return {name: recipe for name, recipe in known.items() if name not in SWEPT}


@lru_cache(maxsize=4)
def _own_recipes(path: Path) -> dict[str, Recipe]:
    sections = named_entries(load_yaml(path), "section", str(path))
    entries = named_entries(sections.get("benchmark"), "degradation", f"{path}: benchmark")
    return {name: validate(entry, Recipe, str(path), f"benchmark.{name}") for name, entry in entries.items()}


def select(names: Iterable[str]) -> dict[str, Recipe]:
    """Return the recipes of ``names``, in that order.

    Raises:
        HarnessError: a name is unknown.
    """
    names, known = list(names), recipes()
    for name in names:
        if name not in known and name not in SWEPT:
            raise HarnessError(f"degradations: {name!r}: unknown; allowed: {', '.join(known)}")
    every = {**SWEPT, **known}
    return {name: every[name] for name in names}


def own_meanings(names: Iterable[str]) -> dict[str, str]:
    """Return a hash of the recipe of each of ``names`` that the project defines, not the harness.

    What the harness calls ``blur`` is fixed by :data:`VERSION`; what a project calls so may change under its name.
    """
    known = recipes()
    own = [name for name in names if name in known and name not in RECIPES]
    return {name: content_hash(known[name].model_dump(mode="json")) for name in own}


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Blur with OpenCV's 21 x 21 Gaussian on 8-bit values; ``sigma`` in pixels, borders reflected without the edge."""
    import cv2  # here, so that naming degradations stays cheap for the workflow

    return np.asarray(cv2.GaussianBlur(pixels, (BLUR_KERNEL, BLUR_KERNEL), sigma), np.uint8)


def bicubic_downscale(pixels: Pixels, scale: int) -> Pixels:
    """Shrink (H, W, 3) to (H // scale, W // scale, 3) with Pillow's antialiased bicubic."""
    height, width = pixels.shape[:2]
    size = (width // scale, height // scale)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def bicubic_upscale(pixels: Pixels, scale: int) -> Pixels:
    """Enlarge (H, W, 3) to (H scale, W scale, 3) with Pillow's bicubic: the control row of every table."""
    height, width = pixels.shape[:2]
    size = (width * scale, height * scale)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def gaussian_noise(shape: tuple[int, ...], *key: Part) -> npt.NDArray[np.float64]:
    """Return standard normal numbers of ``shape``, float64, a fixed function of ``key``."""
    return numpy_stream(*key).standard_normal(shape)


def add_noise(pixels: Pixels, noise: npt.NDArray[np.float64], sigma: float, rounding: str = "truncate") -> Pixels:
    """Add ``sigma / 255 * noise`` to the image on [0, 1], clip, and return to 8 bit.

    The types are those of the released script: the image float32, the sum float64, the clipped sum float32 again.

    Args:
        pixels: (H, W, 3) uint8.
        noise: standard normal numbers of the same shape.
        sigma: in levels of 0..255.
        rounding: ``truncate`` or ``nearest``.
    """
    clean = pixels.astype(np.float32) / np.float32(255.0)
    noisy = np.clip(clean + noise * (sigma / 255.0), 0.0, 1.0).astype(np.float32) * np.float32(255.0)
    return (np.rint(noisy) if rounding == "nearest" else noisy).astype(np.uint8)


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Compress and decompress with Pillow's JPEG defaults (4:2:0) at ``quality`` (1..100)."""
    with io.BytesIO() as stream:
        Image.fromarray(pixels).save(stream, format="JPEG", quality=quality)
        with Image.open(stream) as image:
            return np.asarray(image.convert("RGB"))


def matlab_resize(pixels: Pixels, numerator: int, denominator: int = 1) -> Pixels:
    """Resize by ``numerator / denominator`` as MATLAB's ``imresize`` does: bicubic, antialiased when shrinking.

    Rows (the vertical direction) first, rounded and clipped to 8 bit, then columns. For factors that are powers of two
    all weights are multiples of 2**-13, so float64 sums are exact and no platform rounds differently.
    """
    rows = _resize_rows(pixels, numerator, denominator)
    columns = _resize_rows(rows.transpose(1, 0, 2), numerator, denominator)
    return np.ascontiguousarray(columns.transpose(1, 0, 2))


def degrade_all(hr: Pixels, recipes: Mapping[str, Recipe], scale: int, *key: Part) -> dict[str, Pixels]:
    """Return every degraded version of one image; the blurred and the downscaled image are made once each.

    Args:
        hr: (H, W, 3) uint8, H and W multiples of ``scale``.
        recipes: name to recipe.
        scale: downscaling factor.
        key: what seeds the noise besides the degradation's name: benchmark version, dataset, image name.

    Returns:
        name to (H / scale, W / scale, 3) uint8.

    Raises:
        HarnessError: the size is no multiple of the scale.
    """
    if hr.shape[0] % scale or hr.shape[1] % scale or not hr.size:
        name = "/".join(str(part) for part in key)
        raise HarnessError(f"{name}: size {hr.shape[1]} x {hr.shape[0]} is no positive multiple of the scale {scale}")
    blurred: dict[float | None, Pixels] = {None: hr}
    small: dict[tuple[float | None, str], Pixels] = {}
    results = {}
    for name, recipe in recipes.items():
        if recipe.drawn is not None:
            results[name] = degrade_as_drawn(hr, recipe.drawn, scale, *key, name)
            continue
        place = (recipe.blur, recipe.downscale)
        if place not in small:
            if recipe.blur is not None and recipe.blur not in blurred:
                blurred[recipe.blur] = blur(hr, recipe.blur)
            small[place] = _downscale(blurred[recipe.blur], recipe.downscale, scale)
        pixels = small[place]
        if recipe.noise is not None:
            noise = gaussian_noise(pixels.shape, *key, name)
            pixels = add_noise(pixels, noise, recipe.noise, recipe.noise_rounding)
        if recipe.noises is not None:
            pixels = add_noises(pixels, recipe.noises, *key, name)
        if recipe.function is not None:
            pixels = _by_function(recipe.function, pixels, numpy_stream(*key, name, "function"), name)
        results[name] = pixels if recipe.jpeg is None else jpeg(pixels, recipe.jpeg)
    return results


def _by_function(path: str, pixels: Pixels, generator: np.random.Generator, name: str) -> Pixels:
    result = np.asarray(import_function(path, f"degradation {name}")(pixels.copy(), generator))
    if result.shape != pixels.shape or result.dtype != np.uint8:
        got = f"{result.dtype} {result.shape}"
        raise HarnessError(f"degradation {name}: {path}: must return uint8 {pixels.shape}, not {got}")
    return result


@cache
def library_versions() -> Mapping[str, str]:
    """Return the versions of the libraries whose arithmetic the pixels depend on."""
    import cv2

    return {"Pillow": PIL.__version__, "OpenCV": cv2.__version__, "NumPy": np.__version__}


def _downscale(pixels: Pixels, method: str, scale: int) -> Pixels:
    if method == "matlab":
        return matlab_resize(pixels, 1, scale)
    if method == "pillow":
        return bicubic_downscale(pixels, scale)
    size = (pixels.shape[1] // scale, pixels.shape[0] // scale)
    return np.asarray(Image.fromarray(pixels).resize(size, _FILTERS[method]))


def _resize_rows(pixels: Pixels, numerator: int, denominator: int) -> Pixels:
    """Resize (H, W, 3) in the vertical direction, and round halves up as MATLAB's ``uint8`` does."""
    matrix = _matlab_weights(pixels.shape[0], numerator, denominator)
    values = matrix @ pixels.reshape(pixels.shape[0], -1).astype(np.float64)
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8).reshape(-1, *pixels.shape[1:])


@lru_cache(maxsize=64)
def _matlab_weights(length: int, numerator: int, denominator: int) -> npt.NDArray[np.float64]:
    """Return the (output length, length) matrix of one pass; borders are mirrored with the edge repeated."""
    scale = numerator / denominator
    stretch = min(scale, 1.0)
    out_length = -(-length * numerator // denominator)
    centres = (np.arange(out_length) + 0.5) / scale - 0.5
    taps = int(np.ceil(4 / stretch)) + 2
    positions = np.floor(centres - 2 / stretch)[:, None] + np.arange(taps)[None, :]
    weights = _cubic((centres[:, None] - positions) * stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = np.mod(positions.astype(np.int64), 2 * length)
    mirrored = np.where(mirrored < length, mirrored, 2 * length - 1 - mirrored)
    matrix = np.zeros((out_length, length))
    np.add.at(matrix, (np.arange(out_length)[:, None], mirrored), weights)
    return matrix


def _cubic(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the cubic convolution kernel with a = -0.5 (Keys 1981)."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))
