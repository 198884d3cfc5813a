"""The numbers of the training degradations, checked once and written nowhere else.

Defaults of the second-order degradation are those of Real-ESRGAN's released training configuration (Wang et al., ICCVW
2021, arXiv 2107.10833), which all three dropout papers use. This module imports no torch, so experiments can be parsed
without it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Probability = Annotated[float, Field(ge=0, le=1)]
ResizeMode = Literal["area", "bilinear", "bicubic"]

_TOLERANCE = 1e-6  # of a sum of probabilities: decimal fractions do not add up to 1 exactly


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Mix(_Frozen):
    """Probabilities of alternatives, one per field; they sum to 1."""

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        total = sum(self.model_dump().values())
        if abs(total - 1.0) > _TOLERANCE:
            fields = ", ".join(type(self).model_fields)
            raise ValueError(f"the probabilities of {fields} sum to {total:g} and must sum to 1")
        return self


class KernelMix(_Mix):
    """Probabilities of the six blur-kernel families (they sum to 1)."""

    iso: Probability = 0.45
    aniso: Probability = 0.25
    generalized_iso: Probability = 0.12
    generalized_aniso: Probability = 0.03
    plateau_iso: Probability = 0.12
    plateau_aniso: Probability = 0.03


class ResizeMix(_Mix):
    """Probabilities that a resize enlarges, shrinks or keeps the size (they sum to 1)."""

    up: Probability
    down: Probability
    keep: Probability


def _check_range(
    name: str,
    bounds: tuple[float, float],
    *,
    above: float | None = None,
    least: float = 0.0,
    most: float = float("inf"),
) -> None:
    low, high = bounds
    if not low <= high:
        raise ValueError(f"{name}: {low}..{high} is no range; write the smaller number first")
    if low < least or high > most or (above is not None and low <= above):
        limit = f"above {above:g}" if above is not None else f"at least {least:g}"
        limit += f" and at most {most:g}" if most != float("inf") else ""
        raise ValueError(f"{name}: {low}..{high} must be {limit}")


def _check_kernel_sizes(name: str, sizes: tuple[int, int]) -> None:
    low, high = sizes
    if not 3 <= low <= high or low % 2 == 0 or high % 2 == 0:
        raise ValueError(f"{name}: {low}..{high} must be two odd numbers, 3 or more, the smaller first")


class StageSpec(_Frozen):
    """One stage: blur, resize, noise, JPEG. The defaults are those of the first stage.

    Attributes:
        blur_probability: probability that an image is blurred at all.
        kernel_sizes: smallest and largest side of the blur kernel in pixels; odd sides between are equally likely.
        sinc_probability: probability that the kernel is a sinc (ringing) filter; else it comes from ``kernels``.
        kernels: probabilities of the other kernel families.
        sigma: range of the standard deviations, pixels.
        beta_generalized: range of the shape of generalized Gaussians; half of the draws fall below 1, half above.
        beta_plateau: the same for plateau-shaped kernels.
        resize: probabilities of enlarging, shrinking and keeping.
        resize_range: smallest and largest factor; the second stage's factors are relative to the final size.
        resize_modes: interpolations, equally likely.
        gaussian_probability: probability of Gaussian noise; else the noise is Poisson.
        gaussian_sigma: range of the Gaussian's standard deviation, in levels of 255.
        poisson_scale: range of the factor that multiplies the Poisson noise.
        gray_probability: probability that the three channels share their noise.
        jpeg_quality: range of the quality, a real number between 1 and 99.
    """

    blur_probability: Probability = 1.0
    kernel_sizes: tuple[int, int] = (7, 21)
    sinc_probability: Probability = 0.1
    kernels: KernelMix = KernelMix()
    sigma: tuple[float, float] = (0.2, 3.0)
    beta_generalized: tuple[float, float] = (0.5, 4.0)
    beta_plateau: tuple[float, float] = (1.0, 2.0)
    resize: ResizeMix = ResizeMix(up=0.2, down=0.7, keep=0.1)
    resize_range: tuple[float, float] = (0.15, 1.5)
    resize_modes: tuple[ResizeMode, ...] = ("area", "bilinear", "bicubic")
    gaussian_probability: Probability = 0.5
    gaussian_sigma: tuple[float, float] = (1.0, 30.0)
    poisson_scale: tuple[float, float] = (0.05, 3.0)
    gray_probability: Probability = 0.4
    jpeg_quality: tuple[float, float] = (30.0, 95.0)

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> Self:
        _check_kernel_sizes("kernel_sizes", self.kernel_sizes)
        _check_range("sigma", self.sigma, above=0.0)
        _check_range("beta_generalized", self.beta_generalized, above=0.0)
        _check_range("beta_plateau", self.beta_plateau, above=0.0)
        for name, (low, high) in (("beta_generalized", self.beta_generalized), ("beta_plateau", self.beta_plateau)):
            if not low <= 1.0 <= high:
                raise ValueError(f"{name}: {low}..{high} must contain 1; half of the draws fall on either side of it")
        _check_range("resize_range", self.resize_range, above=0.0)
        if not self.resize_range[0] <= 1.0 <= self.resize_range[1]:
            raise ValueError(f"resize_range: {self.resize_range} must contain 1, the factor of an image that is kept")
        if not self.resize_modes:
            raise ValueError("resize_modes: name at least one of area, bilinear, bicubic")
        _check_range("gaussian_sigma", self.gaussian_sigma)
        _check_range("poisson_scale", self.poisson_scale)
        _check_range("jpeg_quality", self.jpeg_quality, least=1.0, most=99.0)
        return self


class SecondStageSpec(StageSpec):
    """The same stage with the second stage's defaults."""

    blur_probability: Probability = 0.8
    sigma: tuple[float, float] = (0.2, 1.5)
    resize: ResizeMix = ResizeMix(up=0.3, down=0.4, keep=0.3)
    resize_range: tuple[float, float] = (0.3, 1.2)
    gaussian_sigma: tuple[float, float] = (1.0, 25.0)
    poisson_scale: tuple[float, float] = (0.05, 2.5)


class SecondOrderSpec(_Frozen):
    """The whole degradation: two stages and a final sinc filter.

    Attributes:
        first: the first stage.
        second: the second stage; its JPEG is the last compression.
        final_sinc_probability: probability of a sinc filter at the final size, before or after the last JPEG.
        final_sinc_sizes: smallest and largest side of that filter in pixels, odd.
        final_sinc_first_probability: probability that resize and sinc come before the last JPEG.
        kinds_per: who shares the choices between kinds: Gaussian or Poisson noise, second blur or none, and the order
            of the last sinc and JPEG. ``image``: every image has its own (the default). ``batch``: one choice
            for the whole batch, as in BasicSR's code. Strengths, kernels and qualities are per image either way.
        gray_pattern: who shares the standard normal numbers of gray Gaussian noise, before they are multiplied by each
            image's strength. ``image``: every image has its own (the default). ``batch``: one pattern for all gray
            images of the batch, as in BasicSR's ``generate_gaussian_noise_pt``; each stage and each view has another.
            Left out of specs at its default, so that runs of before keep their names.
    """

    first: StageSpec = StageSpec()
    second: SecondStageSpec = SecondStageSpec()
    final_sinc_probability: Probability = 0.8
    final_sinc_sizes: tuple[int, int] = (7, 21)
    final_sinc_first_probability: Probability = 0.5
    kinds_per: Literal["image", "batch"] = "image"
    gray_pattern: Literal["image", "batch"] = Field(default="image", exclude_if=lambda value: bool(value == "image"))

    @model_validator(mode="after")
    def _sizes_are_odd(self) -> Self:
        _check_kernel_sizes("final_sinc_sizes", self.final_sinc_sizes)
        return self


class GaussianNoiseSpec(_Frozen):
    """White Gaussian noise and nothing else: training of denoisers, at scale 1.

    Attributes:
        noise: says that this is noise only.
        sigma: range of the standard deviations in levels of 255, uniform, one per image; equal ends fix it. The noisy
            image is clipped and rounded to 8-bit levels, as the images of the benchmarks are.
    """

    noise: Literal["gaussian"]
    sigma: tuple[float, float]

    @model_validator(mode="after")
    def _range_is_ordered(self) -> Self:
        _check_range("sigma", self.sigma)
        return self

    @property
    def fixed(self) -> bool:
        """Whether all images are degraded alike."""
        return self.sigma[0] == self.sigma[1]


TrainingDegradation = SecondOrderSpec | GaussianNoiseSpec
"""What a run may train on."""


def training_degradation(entry: Any) -> type[SecondOrderSpec] | type[GaussianNoiseSpec]:
    """Return which of the two an entry of the catalogue describes, so that its mistakes are told in its own terms."""
    return GaussianNoiseSpec if isinstance(entry, dict) and "noise" in entry else SecondOrderSpec
