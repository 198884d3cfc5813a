"""Dropout (RDSR): drop channels at the input of the last convolution.

Kong et al., "Reflash Dropout in Image Super-Resolution", CVPR 2022, arXiv 2112.12089. One ``Dropout2d`` of rate q,
rescaled by 1 / (1 - q), before the last convolution: q = 0.7 for SRResNet, 0.5 for RRDB. The other places, the
element-wise kind and the other rates are the alternatives that its release carries.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from harness.foundation.errors import HarnessError
from harness.foundation.yamlfile import StrictModel
from harness.regularizers.base import DrawsSource, Regularizer
from harness.regularizers.search import Search

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.networks.taps import Taps

_BLOCK = re.compile(r"block_([1-9]\d*)")


class DropoutOptions(StrictModel):
    """Options of dropout.

    Attributes:
        rate: probability q that a channel or an element is dropped; 0 would be the baseline.
        kind: drop whole ``channel``s or single ``element``s.
        positions: ``last`` (input of the last convolution), ``first`` (output of the first), ``block_<n>`` (output of
            block n, from 1), ``blocks`` (output of every block), ``all`` (first, blocks and last).
    """

    rate: Annotated[float, Search(0.05, 0.95)] = Field(default=0.7, gt=0, lt=1)
    kind: Literal["channel", "element"] = "channel"
    positions: tuple[str, ...] = Field(default=("last",), min_length=1)

    @field_validator("positions")
    @classmethod
    def _check_positions(cls, positions: tuple[str, ...]) -> tuple[str, ...]:
        for position in positions:
            if position not in ("last", "first", "blocks", "all") and not _BLOCK.fullmatch(position):
                raise ValueError(f"{position!r}: unknown; allowed: last, first, block_<n> with n from 1, blocks, all")
        return positions


class Dropout(Regularizer):
    """``D_q(f)`` at the chosen positions."""

    Options = DropoutOptions
    graph_safe = True
    options: DropoutOptions

    @property
    def roles(self) -> frozenset[str]:
        """``first``, ``last`` and ``block_outputs``, as the positions name them."""
        wanted = set(self.options.positions)
        found = {role for role in ("first", "last") if wanted & {role, "all"}}
        return frozenset(found | ({"block_outputs"} if wanted - {"first", "last"} else set()))

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Put a hook at each position.

        Raises:
            HarnessError: the network has no such block, or no taps for the position.
        """
        from harness.regularizers._noise import ChannelNoise, ElementNoise

        sites = self._sites(taps)
        channels = {role: taps.channels(role) for role, _ in sites}
        self._draws = draws
        self._noise: ChannelNoise | ElementNoise
        if self.options.kind == "channel":
            self._noise = ChannelNoise("dropout", [channels[role][tap] for role, tap in sites], self.options.rate)
        else:
            self._noise = ElementNoise("dropout", self.options.rate)
        for site, (role, tap) in enumerate(sites):
            self._handles.append(taps.apply(role, self._multiplier(site), only={tap}))
        self._count = len(sites)

    def set_progress(self, fraction: Fraction) -> None:
        """Draw the masks of the coming step."""
        from harness.regularizers._noise import ChannelNoise

        if isinstance(self._noise, ChannelNoise):
            self._noise.draw(self._draws(), [0.0] * self._count)
        else:
            self._noise.draw(self._draws())

    def _multiplier(self, site: int) -> Callable[[int, Tensor], Tensor]:
        def multiply(_: int, features: Tensor) -> Tensor:
            return features * self._noise.factor(site, features)

        return multiply

    def _sites(self, taps: Taps) -> list[tuple[str, int]]:
        """Return the (role, tap) of each site in the order of the network, none twice."""
        wanted = self.options.positions
        count = len(taps.points("block_outputs")) if set(wanted) - {"first", "last"} else 0
        chosen = set(range(count)) if {"blocks", "all"} & set(wanted) else set()
        for position in wanted:
            if match := _BLOCK.fullmatch(position):
                if int(match[1]) > count:
                    raise HarnessError(f"regularizer dropout: positions: {position!r}: the network has {count} blocks")
                chosen.add(int(match[1]) - 1)
        first = [("first", 0)] * bool({"first", "all"} & set(wanted))
        last = [("last", 0)] * bool({"last", "all"} & set(wanted))
        return [*first, *(("block_outputs", block) for block in sorted(chosen)), *last]
