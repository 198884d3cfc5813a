"""Networks that draw random numbers in each forward pass, at test time as in training.

What acts at test time is part of the network: it decides what the weights mean, and a regularizer, which is gone by
then, cannot be it. Such a network has a method ``use_draws``; its forward pass is a function of its input, its weights
and the numbers that it was given last.
"""

from __future__ import annotations

import hashlib
from typing import Protocol, runtime_checkable

from torch import nn

from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels
from harness.foundation.rng import Draws, derive_key
from harness.spec import PassesSpec


@runtime_checkable
class RandomNetwork(Protocol):
    """A network that draws."""

    def use_draws(self, draws: Draws) -> None:
        """Take the random numbers of the coming forward passes; several passes on one input give the same.

        In training mode numbers go into the tensors of the step before, where those fit: a captured step reads them
        there.

        Args:
            draws: with one row for each image of the coming batch.
        """


def use_draws(network: nn.Module, draws: Draws) -> None:
    """Give a network its random numbers; one that draws none is left alone."""
    if isinstance(network, RandomNetwork):
        network.use_draws(draws)


def draws_of_pass(pixels: Pixels, seed: int, number: int, device: str) -> Draws:
    """Return the random numbers of one pass over one image at test time.

    They are a function of what the image shows, not of its name or place: whoever runs the network on these pixels, in
    whichever order, gets this output, and all methods of a comparison see the same numbers.

    Args:
        pixels: the network's input, uint8 (h, w, 3).
        seed: of the test time.
        number: of the pass, from 0.
        device: where bulk numbers are made.
    """
    shown = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    return Draws(derive_key("test time", seed, shown), number, 0, range(1), device)


def check_passes(network: nn.Module | type[nn.Module], passes: PassesSpec | None, where: str) -> None:
    """Compare what a network does with what its entry says of it.

    Args:
        network: it, or its class.
        passes: the ``test_time`` of its entry in ``configs/networks.yaml``.
        where: what names the network in errors.

    Raises:
        HarnessError: it draws at test time and nothing is said of it, or the other way round.
    """
    kind = network if isinstance(network, type) else type(network)
    draws = hasattr(kind, "use_draws")
    if draws and passes is None:
        raise HarnessError(
            f"{where}: {kind.__name__} draws random numbers at test time too; "
            "add test_time: {passes: 8, seeds: [0, 1, 2]} to its entry in networks.yaml, and name that"
        )
    if passes is not None and not draws:
        raise HarnessError(f"{where}: test_time: every pass of {kind.__name__} gives the same output; leave it out")
