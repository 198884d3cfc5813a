"""Baseline: no regularizer, the network as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.regularizers.base import DrawsSource, Regularizer

if TYPE_CHECKING:
    from torch import nn

    from harness.networks.taps import Taps


class Baseline(Regularizer):
    """Leaves everything as it is."""

    graph_safe = True
    roles = frozenset()

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Do nothing."""
