"""Evaluation over many degradations against two lines: SEAL's acceptance rate and relative performance ratio.

Source: Zhang et al., "SEAL: A Framework for Systematic Evaluation of Real-World Super-Resolution", ICLR 2024, arXiv
2309.03020, equations 5 to 9. Its released script means to leave out degradations on which both lines are all but
equal, but compares the metric's name in capitals with one in small letters, and leaves out none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST = {"psnr": 0.1, "ssim": 0.01}
"""Least difference between the lines, dB and SSIM: the lines of other degradations are too close to compare with."""

_ROUNDING = 1e-9  # published values have three decimals: equal ones must stay equal in sums


@dataclass(frozen=True)
class Scores:
    """What the lines say of methods; every array has the shape that was given, less its last axis.

    Attributes:
        mean: quality over all degradations that were given.
        acceptance_rate: AR, the share of degradations on or above the acceptance line, 0 to 1.
        spread: RPR_I, the interquartile range of the relative performance ratio (linear quantiles).
        accepted: RPR_A, its mean over accepted degradations, 0 without any.
        unaccepted: RPR_U, its mean over the others, 0 without any.
    """

    mean: Floats
    acceptance_rate: Floats
    spread: Floats
    accepted: Floats
    unaccepted: Floats


def counted(acceptance: Floats, excellence: Floats, least: float) -> npt.NDArray[np.bool_]:
    """Return which degradations (D,) have lines that are ``least`` or more apart.

    Equality counts despite rounding: published lines have three decimals.
    """
    return np.asarray(excellence - acceptance >= least - _ROUNDING, np.bool_)


def acceptance_rate(quality: Floats, acceptance: Floats) -> Floats:
    """Return the share of degradations on which quality (..., D) is on or above the acceptance line (..., D)."""
    return np.asarray((quality >= acceptance - _ROUNDING).mean(-1), np.float64)


def relative_performance(quality: Floats, acceptance: Floats, excellence: Floats) -> Floats:
    """Return sigmoid((Q - A) / (E - A)): 0.5 on the acceptance line, 0.73 on the excellence line.

    Args:
        quality: (..., D), larger is better.
        acceptance, excellence: (..., D), the lines.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(1 / (1 + np.exp(-(quality - acceptance) / (excellence - acceptance))), np.float64)


def scores(
    quality: Floats, acceptance: Floats, excellence: Floats, kept: npt.NDArray[np.bool_] | None = None
) -> Scores:
    """Compare the mean quality per degradation with the lines.

    Args:
        quality: (..., D).
        acceptance, excellence: (..., D).
        kept: (D,) the degradations that are compared; None for all. The mean is over all in any case, as published.
    """
    chosen = np.ones(quality.shape[-1], bool) if kept is None else kept
    own, low, high = (values[..., chosen] for values in (quality, acceptance, excellence))
    ratio, good = relative_performance(own, low, high), own >= low - _ROUNDING
    quarters = np.quantile(ratio, (0.25, 0.75), axis=-1)
    return Scores(
        mean=quality.mean(-1),
        acceptance_rate=good.mean(-1),
        spread=quarters[1] - quarters[0],
        accepted=_mean_of(ratio, good),
        unaccepted=_mean_of(ratio, ~good),
    )


def _mean_of(values: Floats, chosen: npt.NDArray[np.bool_]) -> Floats:
    return np.asarray(np.where(chosen, values, 0).sum(-1) / np.maximum(chosen.sum(-1), 1), np.float64)
