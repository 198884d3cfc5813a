"""A small network with a regularizer attached, stepped by hand."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from harness.experiment.catalogues import CONFIGS
from harness.foundation.rng import Draws
from harness.foundation.yamlfile import load_mapping
from harness.networks.build import build_network
from harness.networks.taps import Taps
from harness.regularizers import build_regularizer
from harness.spec import NetworkEntry, RegularizerSpec

NETWORKS = load_mapping(CONFIGS / "networks.yaml", NetworkEntry, "network")
SMALL = ("srresnet_small", "rrdb_small", "swinir_small")
SEED = 7


class Attached:
    """A network of the catalogue with a regularizer."""

    def __init__(
        self, name: str, network: str = "srresnet_small", rows: Sequence[int] = range(4), **options: Any
    ) -> None:
        spec = NETWORKS[network]
        self.network = build_network(spec, SEED)
        self.taps = Taps(self.network, spec.taps)
        self.regularizer: Any = build_regularizer(RegularizerSpec(regularizer=name, options=options))
        self.rows = rows
        self.draws = Draws(SEED, 1, 0, rows)
        self.regularizer.attach(self.network, self.taps, lambda: self.draws)

    def at(self, iteration: int, total: int = 100) -> None:
        """Prepare iteration ``iteration`` (1-based) of ``total``."""
        self.draws = Draws(SEED, iteration, 0, self.rows)
        self.regularizer.set_progress(Fraction(iteration, total))

    def forward(self, images: Tensor) -> Tensor:
        """Run the network."""
        output: Tensor = self.network(images)
        return output

    def at_taps(self, role: str, images: Tensor) -> list[Tensor]:
        """Return what passes the taps of ``role``, after the regularizer."""
        kept = [torch.empty(0)] * len(self.taps.points(role))

        def keep(index: int, tensor: Tensor) -> None:
            kept[index] = tensor.clone()  # an activation may follow that works in place

        handles = self.taps.apply(role, keep)
        self.network(images)
        handles.remove()
        return kept


def images(count: int = 4, side: int = 8, seed: int = 0) -> Tensor:
    """Return random images (count, 3, side, side)."""
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))
