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
from harness.rng import Draws

Flags = npt.NDArray[np.bool_]
Uniforms = Mapping[str, Floats]

# Places in the vectors of uniform numbers. Append only: moving a name changes all training data.
_KERNEL = ("size", "sinc", "cutoff", "family", "sigma_x", "sigma_y", "rotation", "beta_side", "beta")
_STAGE = (*_KERNEL, "blur", "gaussian", "strength", "gray", "quality")
_FINAL = ("size", "sinc", "cutoff", "order")
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
    """

    blur: Blur
    factor: float
    mode: str
    gaussian: Flags
    strength: Floats
    gray: Flags
    quality: Floats


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

    Resize factors and modes come from streams of the batch, everything else from streams of the row; with
    ``kinds_per: batch`` the kinds come from a stream of the batch, too.
    """
    first = _uniforms(draws, "degradation/first", _STAGE)
    second = _uniforms(draws, "degradation/second", _STAGE)
    final = _uniforms(draws, "degradation/final", _FINAL)
    if spec.kinds_per == "batch":
        shared = _batch_uniforms(draws, "degradation/kinds", _KINDS)
        count = len(draws.rows)
        for stage, suffix in ((first, "1"), (second, "2")):
            stage |= {name: np.full(count, shared[name + suffix]) for name in ("blur", "gaussian")}
        final["order"] = np.full(count, shared["order"])
    batch = _batch_uniforms(draws, "degradation/resize", _BATCH)
    resizes = [
        (_resize_factor(stage, batch[f"direction{number}"], batch[f"factor{number}"]), batch[f"mode{number}"])
        for number, stage in ((1, spec.first), (2, spec.second))
    ]
    return Parameters(
        first=_stage(spec.first, first, *resizes[0]),
        second=_stage(spec.second, second, *resizes[1]),
        sinc=_final_sinc(spec, final),
        mode=_choose(spec.second.resize_modes, batch["mode3"]),
        sinc_first=final["order"] < spec.final_sinc_first_probability,
    )


def _stage(spec: StageSpec, draws: Uniforms, factor: float, mode: float) -> Stage:
    gaussian = draws["gaussian"] < spec.gaussian_probability
    sigma, scale = (_between(draws["strength"], bounds) for bounds in (spec.gaussian_sigma, spec.poisson_scale))
    return Stage(
        blur=_blur(spec, draws),
        factor=factor,
        mode=_choose(spec.resize_modes, mode),
        gaussian=gaussian,
        strength=np.where(gaussian, sigma, scale),
        gray=draws["gray"] < spec.gray_probability,
        quality=_between(draws["quality"], spec.jpeg_quality),
    )


def _blur(spec: StageSpec, draws: Uniforms) -> Blur:
    side = spec.kernel_sizes[1]
    sizes = _odd_sizes(draws["size"], spec.kernel_sizes)
    edges = np.cumsum([getattr(spec.kernels, family) for family in FAMILIES])
    families = np.minimum(np.searchsorted(edges, draws["family"], side="right"), len(FAMILIES) - 1)
    low, high = np.where(families >= 4, _row(spec.beta_plateau), _row(spec.beta_generalized))
    beta = np.where(draws["beta_side"] < 0.5, _between(draws["beta"], (low, 1.0)), _between(draws["beta"], (1.0, high)))
    bells = bivariate_kernels(
        families=families,
        sizes=sizes,
        sigma_x=_between(draws["sigma_x"], spec.sigma),
        sigma_y=_between(draws["sigma_y"], spec.sigma),
        rotation=_between(draws["rotation"], (-np.pi, np.pi)),
        beta=beta,
        side=side,
    )
    lowest = np.where(sizes < _SMALL_SINC, _LOW_CUTOFF, _LARGE_CUTOFF)
    sincs = sinc_kernels(sizes, _between(draws["cutoff"], (lowest, np.pi)), side)
    kernels = np.where((draws["sinc"] < spec.sinc_probability)[:, None, None], sincs, bells)
    return _with_pulses(kernels, sizes, draws["blur"] < spec.blur_probability)


def _final_sinc(spec: SecondOrderSpec, draws: Uniforms) -> Blur:
    sizes = _odd_sizes(draws["size"], spec.final_sinc_sizes)
    kernels = sinc_kernels(sizes, _between(draws["cutoff"], (_LOW_CUTOFF, np.pi)), spec.final_sinc_sizes[1])
    return _with_pulses(kernels, sizes, draws["sinc"] < spec.final_sinc_probability)


def _with_pulses(kernels: Floats, sizes: Ints, filtered: Flags) -> Blur:
    kernels = np.where(filtered[:, None, None], kernels, pulses(1, kernels.shape[-1]))
    return Blur(kernels.astype(np.float32), np.where(filtered, sizes, 1))


def _resize_factor(spec: StageSpec, direction: float, position: float) -> float:
    if direction < spec.resize.up:
        return 1.0 + position * (spec.resize_range[1] - 1.0)
    if direction < spec.resize.up + spec.resize.down:
        return spec.resize_range[0] + position * (1.0 - spec.resize_range[0])
    return 1.0


def _uniforms(draws: Draws, stream: str, names: tuple[str, ...]) -> dict[str, Floats]:
    numbers = np.stack([draws.row(stream, row).random(len(names)) for row in draws.rows])
    return dict(zip(names, numbers.T, strict=True))


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
