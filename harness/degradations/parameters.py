"""What one batch undergoes: every random choice of the second-order degradation except the noise of the pixels.

Each image reads a fixed vector of uniform numbers per stage, and every choice has its own place in it. So a parameter
depends on nothing but (seed, iteration, view, stage, row), and changing one range of the specification leaves all
other choices as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.degradations.kernels import FAMILIES, Floats, Ints, bivariate_kernels, pulses, sinc_kernels
from harness.degradations.spec import SecondOrderSpec, StageSpec
from harness.foundation.rng import Draws

Flags = npt.NDArray[np.bool_]
Uniforms = Mapping[str, Floats]

# Places in the vectors of uniform numbers. Append only: moving a name changes all training data.
_KERNEL = ("blur", "size", "sinc", "cutoff", "family", "sigma_x", "sigma_y", "rotation", "beta_side", "beta")
_STAGE = (*_KERNEL, "gaussian", "strength", "gray", "quality")
_IMAGE = (*(f"{name}1" for name in _STAGE), *(f"{name}2" for name in _STAGE), "size3", "blur3", "cutoff3", "order")
_BATCH = ("direction1", "factor1", "mode1", "direction2", "factor2", "mode2", "mode3")
_KINDS = ("blur1", "gaussian1", "blur2", "gaussian2", "order")

_SMALL_SINC = 13  # below this side, a first- or second-stage sinc cuts off at pi/3 or above, else at pi/5
_LOW_CUTOFF, _LARGE_CUTOFF = np.pi / 3, np.pi / 5


@dataclass(frozen=True)
class Blur:
    """Filters of N images.

    Attributes:
        kernels: (N, side, side) float32; a pulse where the image is not filtered.
        sizes: (N,) odd sides of the kernels' supports; 1 where the image is not filtered.
    """

    kernels: npt.NDArray[np.float32]
    sizes: Ints


@dataclass(frozen=True)
class Stage:
    """One stage of N images.

    Attributes:
        blur: the filters.
        factor: resize factor, shared by the batch.
        mode: interpolation, shared by the batch: area, bilinear or bicubic.
        gaussian: (N,) true where the noise is Gaussian, false where it is Poisson.
        strength: (N,) standard deviation in levels of 255, or factor of the Poisson noise.
        gray: (N,) true where the channels share their noise.
        quality: (N,) JPEG quality.
        one_gray_pattern: whether all gray images of the batch share their Gaussian noise, up to its strength.
    """

    blur: Blur
    factor: float
    mode: str
    gaussian: Flags
    strength: Floats
    gray: Flags
    quality: Floats
    one_gray_pattern: bool = False


@dataclass(frozen=True)
class Parameters:
    """Everything that N images undergo.

    Attributes:
        first: the first stage.
        second: the second stage; its factor is relative to the final size and its JPEG is the last.
        sinc: the final filters.
        mode: interpolation to the final size, shared by the batch.
        sinc_first: (N,) true where the final resize and sinc come before the last JPEG, false where they follow it.
    """

    first: Stage
    second: Stage
    sinc: Blur
    mode: str
    sinc_first: Flags

    def __len__(self) -> int:
        return len(self.sinc_first)

    def select(self, images: slice) -> Parameters:
        """Return the parameters of some of the images."""
        return Parameters(
            first=_select_stage(self.first, images),
            second=_select_stage(self.second, images),
            sinc=_select_blur(self.sinc, images),
            mode=self.mode,
            sinc_first=self.sinc_first[images],
        )


def draw_parameters(spec: SecondOrderSpec, draws: Draws) -> Parameters:
    """Draw what the images ``draws.rows`` undergo.

    Resize factors and modes come from a stream of the batch, everything else from streams of the rows; with
    ``kinds_per: batch`` the kinds come from a stream of the batch, too.
    """
    numbers = np.stack([draws.row("degradation", row).random(len(_IMAGE)) for row in draws.rows])
    own = dict(zip(_IMAGE, numbers.T, strict=True))
    batch = _batch_uniforms(draws, "degradation/resize", _BATCH)
    if spec.kinds_per == "batch":
        kinds = _batch_uniforms(draws, "degradation/kinds", _KINDS)
        own |= {name: np.full(len(numbers), kinds[name]) for name in _KINDS}

    requests = [_stage_kernels(spec.first, own, "1"), _stage_kernels(spec.second, own, "2"), _final_kernels(spec, own)]
    side = max(spec.first.kernel_sizes[1], spec.second.kernel_sizes[1], spec.final_sinc_sizes[1])
    blurs = _make_kernels(requests, side)
    return Parameters(
        first=_stage(spec.first, own, batch, "1", blurs[0], spec.gray_pattern == "batch"),
        second=_stage(spec.second, own, batch, "2", blurs[1], spec.gray_pattern == "batch"),
        sinc=blurs[2],
        mode=_choose(spec.second.resize_modes, batch["mode3"]),
        sinc_first=own["order"] < spec.final_sinc_first_probability,
    )


def _stage(
    spec: StageSpec, own: Uniforms, batch: Mapping[str, float], number: str, blur: Blur, one_gray_pattern: bool
) -> Stage:
    gaussian = own["gaussian" + number] < spec.gaussian_probability
    sigma, scale = (_between(own["strength" + number], bounds) for bounds in (spec.gaussian_sigma, spec.poisson_scale))
    return Stage(
        blur=blur,
        factor=_resize_factor(spec, batch["direction" + number], batch["factor" + number]),
        mode=_choose(spec.resize_modes, batch["mode" + number]),
        gaussian=gaussian,
        strength=np.where(gaussian, sigma, scale),
        gray=own["gray" + number] < spec.gray_probability,
        quality=_between(own["quality" + number], spec.jpeg_quality),
        one_gray_pattern=one_gray_pattern,
    )


@dataclass(frozen=True)
class _Kernels:
    """Kernels to be made: (N,) values each, 0 where they do not matter."""

    sizes: Ints  # 1 for a pulse
    sinc: Flags
    cutoff: Floats
    families: Ints
    sigma_x: Floats
    sigma_y: Floats
    rotation: Floats
    beta: Floats


def _stage_kernels(spec: StageSpec, own: Uniforms, number: str) -> _Kernels:
    sizes = _odd_sizes(own["size" + number], spec.kernel_sizes)
    lowest = np.where(sizes < _SMALL_SINC, _LOW_CUTOFF, _LARGE_CUTOFF)
    edges = np.cumsum([getattr(spec.kernels, family) for family in FAMILIES])
    families = np.minimum(np.searchsorted(edges, own["family" + number], side="right"), len(FAMILIES) - 1)
    low, high = np.where(families >= 4, _row(spec.beta_plateau), _row(spec.beta_generalized))
    below, above = (_between(own["beta" + number], bounds) for bounds in ((low, 1.0), (1.0, high)))
    return _Kernels(
        sizes=np.where(own["blur" + number] < spec.blur_probability, sizes, 1),
        sinc=own["sinc" + number] < spec.sinc_probability,
        cutoff=_between(own["cutoff" + number], (lowest, np.pi)),
        families=families,
        sigma_x=_between(own["sigma_x" + number], spec.sigma),
        sigma_y=_between(own["sigma_y" + number], spec.sigma),
        rotation=_between(own["rotation" + number], (-np.pi, np.pi)),
        beta=np.where(own["beta_side" + number] < 0.5, below, above),
    )


def _final_kernels(spec: SecondOrderSpec, own: Uniforms) -> _Kernels:
    sizes = _odd_sizes(own["size3"], spec.final_sinc_sizes)
    none = np.zeros(len(sizes))
    return _Kernels(
        sizes=np.where(own["blur3"] < spec.final_sinc_probability, sizes, 1),
        sinc=np.ones(len(sizes), bool),
        cutoff=_between(own["cutoff3"], (_LOW_CUTOFF, np.pi)),
        families=none.astype(np.int64),
        sigma_x=none,
        sigma_y=none,
        rotation=none,
        beta=none,
    )


def _make_kernels(requests: list[_Kernels], side: int) -> list[Blur]:
    """Make the kernels of all stages at once; NumPy's calls cost more than the few numbers."""
    joined = {name: np.concatenate([getattr(r, name) for r in requests]) for name in _Kernels.__dataclass_fields__}
    sizes = joined["sizes"]
    kernels = pulses(len(sizes), side)
    sinc, bell = (np.flatnonzero((joined["sinc"] == kind) & (sizes > 1)) for kind in (True, False))
    kernels[sinc] = sinc_kernels(sizes[sinc], joined["cutoff"][sinc], side)
    shapes = {name: joined[name][bell] for name in ("families", "sizes", "sigma_x", "sigma_y", "rotation", "beta")}
    kernels[bell] = bivariate_kernels(**shapes, side=side)
    parts = np.split(kernels.astype(np.float32), len(requests))
    return [Blur(part, request.sizes) for part, request in zip(parts, requests, strict=True)]


def _resize_factor(spec: StageSpec, direction: float, position: float) -> float:
    if direction < spec.resize.up:
        return 1.0 + position * (spec.resize_range[1] - 1.0)
    if direction < spec.resize.up + spec.resize.down:
        return spec.resize_range[0] + position * (1.0 - spec.resize_range[0])
    return 1.0


def _batch_uniforms(draws: Draws, stream: str, names: tuple[str, ...]) -> dict[str, float]:
    return dict(zip(names, draws.batch(stream).random(len(names)).tolist(), strict=True))


def _between(uniform: Floats, bounds: tuple[Floats | float, Floats | float]) -> Floats:
    low, high = bounds
    return low + uniform * (np.asarray(high) - low)


def _odd_sizes(uniform: Floats, bounds: tuple[int, int]) -> Ints:
    low, high = bounds
    return low + 2 * (uniform * ((high - low) // 2 + 1)).astype(np.int64)


def _choose(names: Iterable[str], uniform: float) -> str:
    choices = list(names)
    return choices[int(uniform * len(choices))]


def _row(bounds: tuple[float, float]) -> Floats:
    return np.array(bounds)[:, None]


def _select_stage(stage: Stage, images: slice) -> Stage:
    fields = ("gaussian", "strength", "gray", "quality")
    return replace(
        stage, blur=_select_blur(stage.blur, images), **{name: getattr(stage, name)[images] for name in fields}
    )


def _select_blur(blur: Blur, images: slice) -> Blur:
    return Blur(blur.kernels[images], blur.sizes[images])
