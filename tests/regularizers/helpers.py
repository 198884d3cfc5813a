"""A small network with a regularizer attached, stepped by hand."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
import torch
from _pytest.mark.structures import ParameterSet
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

ZOO: dict[str, dict[str, Any]] = {
    "input_mask": {"at": "first", "fill": 0},
    "mixup": {},
    "cutmix": {"mixup": True},
    "cutblur": {"paste": "downscaled"},
    "cutout": {"rate": 0.05},
    "moa": {},
    "sam": {"adaptive": True, "rho": 0.5},
    "stochastic_depth": {"rate": 0.5},
    "frequency_mask": {"mask": "random"},
    "empirical_centroid": {},
    "feature_noise": {"role": "block_outputs"},
    "decorrelation": {},
    "degradation_weighted": {"sharpness": -2.0},
}
"""Methods of the zoo, each with options that do more than the defaults."""

OF_EACH_HOOK = ("cutmix", "sam", "frequency_mask", "degradation_weighted")
"""One for each hook of the step: these are tested each time, the others thoroughly."""


def zoo(*names: str) -> list[ParameterSet]:
    """Return the methods of the zoo as parameters of a test: those that are named, and the rest as thorough."""
    return [pytest.param(name, marks=() if name in names else pytest.mark.thorough) for name in ZOO]


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
