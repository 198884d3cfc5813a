"""A draw of a training degradation as a fixed degradation of a benchmark: the same parameters for every image."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from harness.degradations.spec import SecondOrderSpec
from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels
from harness.foundation.rng import Draws, Part, derive_key
from harness.foundation.yamlfile import StrictModel


class Drawn(StrictModel):
    """One draw.

    Attributes:
        spec: the ranges that it was drawn from.
        scale: downscaling factor that it was chosen for.
        seed: of the draws.
        draw: which of them, from 0.
    """

    spec: SecondOrderSpec
    scale: int = Field(ge=1)
    seed: int
    draw: int = Field(ge=0)


def degrade_as_drawn(hr: Pixels, drawn: Drawn, scale: int, *key: Part) -> Pixels:
    """Degrade one image. Parameters follow from the draw alone, the pixels of the noise from ``key``.

    Float32 arithmetic of torch: another CPU may round a pixel to the neighbouring level.

    Args:
        hr: (H, W, 3) uint8, H and W multiples of ``scale``.
        drawn: what it undergoes.
        scale: downscaling factor.
        key: data set, image and degradation.

    Returns:
        (H / scale, W / scale, 3) uint8.

    Raises:
        HarnessError: the draw is for another scale, or the image is too small for it.
    """
    import torch  # here, so that naming degradations stays cheap for the workflow

    from harness.degradations.parameters import draw_parameters
    from harness.degradations.second_order import Plan, degrade_by

    if scale != drawn.scale:
        name = "/".join(str(part) for part in key)
        raise HarnessError(f"{name}: these representatives are for scale {drawn.scale}, not {scale}; choose others")
    parameters = draw_parameters(drawn.spec, Draws(drawn.seed, drawn.draw, 0, (0,)))
    plan = Plan(parameters, Draws(derive_key(*key), 0, 0, (0,)))
    image = torch.from_numpy(np.ascontiguousarray(hr.transpose(2, 0, 1))[None].astype(np.float32)).div_(255)
    _, (lr,) = degrade_by([plan], image, scale, usm_target=False)
    return np.ascontiguousarray(lr[0].mul(255).round_().byte().numpy().transpose(1, 2, 0))
