"""Adaptive Dropout: blend dropout into every block, and anneal it away block by block.

Xu et al., "Adaptive Dropout: Unleashing Dropout across Layers for Generalizable Image Super-Resolution", CVPR 2025,
arXiv 2506.12738. At each site ``f <- k f + (1 - k) D(f)``; k is ``initial_weight``, then 1, one site after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from harness.foundation.rng import numpy_stream
from harness.foundation.yamlfile import StrictModel
from harness.regularizers.base import DrawsSource, Regularizer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.networks.taps import Taps

Order = Literal["first_first", "last_first", "all_at_once", "random", "none"]

_ROLES = {"all": ("blocks", "last"), "blocks": ("blocks",), "last": ("last",)}


class AdaptiveDropoutOptions(StrictModel):
    """Options of adaptive dropout.

    Attributes:
        initial_weight: k of every site before it is annealed. The released source says 0.3; the compiled file and the
            file of analyses beside it say 0.7.
        rate: of D; 0 would be the baseline, as would an initial weight of 1.
        interval: part of the training between one site's annealing and the next one's, as released.
        span: part of the training after which all sites are annealed, whatever their number; in place of ``interval``.
            The released 4% per site are 68% on SRResNet with its 17 sites, but 12% on a network with three, which then
            trains without dropout for nearly all of its time. ``configs/regularizers.yaml`` sets it by network.
        order: which site goes first. ``all_at_once``: all when the last one would; ``none``: no annealing; ``random``:
            an order drawn from the run's seed.
        sites: in the ``blocks``, at the ``last`` convolution, or at ``all`` of these.
        gate: ``learned`` lets a small network choose k per image and channel, until the site is annealed. This is an
            unused path of the release, which has it without annealing: combine it with ``order: none``.
    """

    initial_weight: float = Field(default=0.3, ge=0, lt=1)
    rate: float = Field(default=0.5, gt=0, lt=1)
    interval: float = Field(default=0.04, gt=0, le=1)
    span: float | None = Field(default=None, gt=0, le=1, exclude_if=lambda value: value is None)
    order: Order = "first_first"
    sites: Literal["all", "blocks", "last"] = "all"
    gate: Literal["none", "learned"] = "none"


class AdaptiveDropout(Regularizer):
    """Blended channel dropout at every site, annealed."""

    Options = AdaptiveDropoutOptions
    graph_safe = True
    options: AdaptiveDropoutOptions

    @property
    def least_iterations(self) -> int:
        """So many that each site's annealing falls into an iteration of its own, and none into the first.

        A site whose turn comes with the first iteration is never dropped; alone, it would be the baseline. With a span,
        as many as the default interval asks for: the sites are not known here.
        """
        return 1 if self.options.order == "none" else math.floor(1 / _exact(self.options.interval)) + 1

    @property
    def roles(self) -> frozenset[str]:
        """``blocks`` and ``last``, as ``sites`` says."""
        return frozenset(_ROLES[self.options.sites])

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Put a hook at each site, and a gate if it is learned."""
        from harness.regularizers._noise import ChannelNoise

        roles = _ROLES[self.options.sites]
        channels = [count for role in roles for count in taps.channels(role)]
        self._draws = draws
        self._turns = annealing(self.options, len(channels), draws().seed)
        self._noise = ChannelNoise("adaptive_dropout", channels, self.options.rate)
        self._gates = self._make_gates(network, channels)
        first = 0
        for role in roles:
            self._handles.append(taps.apply(role, self._blend(first)))
            first += len(taps.points(role))

    def set_progress(self, fraction: Fraction) -> None:
        """Draw the factors of the coming step; a site is annealed if its turn has come at ``fraction``."""
        weight = 0.0 if self._gates else self.options.initial_weight
        weights = [1.0 if turn is not None and fraction >= turn else weight for turn in self._turns]
        self._noise.draw(self._draws(), weights)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters of the gates, first site first."""
        for gate in self._gates:
            yield from gate.parameters()

    def _blend(self, first: int) -> Callable[[int, Tensor], Tensor]:
        def blend(index: int, features: Tensor) -> Tensor:
            factor = self._noise.factor(first + index, features)
            if self._gates:
                # k + (1 - k) m, so written that m = 1 gives exactly 1.
                factor = 1 + (1 - self._gates[first + index](features)) * (factor - 1)
            return features * factor

        return blend

    def _make_gates(self, network: nn.Module, channels: Sequence[int]) -> list[nn.Module]:
        if self.options.gate == "none":
            return []
        from harness.regularizers._gate import Gate

        device = next(network.parameters()).device
        seed = self._draws().seed
        return [Gate(count, seed, site).to(device) for site, count in enumerate(channels)]


def annealing(options: AdaptiveDropoutOptions, sites: int, seed: int = 0) -> list[Fraction | None]:
    """Return at which part of the training each site's weight becomes 1; None where it never does.

    As in the release, the site whose turn is n-th switches at iteration n * interval * iterations, exactly. With a
    span, the interval is its share for each site.

    Args:
        options: interval or span, and order.
        sites: number of sites, in the order of the network.
        seed: of the run, for the order ``random``.
    """
    step = _exact(options.interval) if options.span is None else _exact(options.span) / sites
    if options.order == "none":
        return [None] * sites
    if options.order == "all_at_once":
        return [step * sites] * sites
    turns = range(1, sites + 1)
    if options.order == "last_first":
        turns = range(sites, 0, -1)
    if options.order == "random":
        return [step * (int(n) + 1) for n in numpy_stream(seed, "adaptive_dropout/order").permutation(sites)]
    return [step * n for n in turns]


def _exact(number: float) -> Fraction:
    """Return the decimal number that was written: 0.04 is 1/25, not the nearest binary fraction."""
    return Fraction(repr(number))
