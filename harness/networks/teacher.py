"""A trained network that another one learns from: it sees the same images, and no gradient reaches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from harness.foundation.errors import HarnessError
from harness.foundation.rng import Draws
from harness.foundation.sums import check
from harness.networks.build import build_network
from harness.networks.chance import use_draws
from harness.networks.taps import Taps
from harness.networks.weights import check_run, load_into, load_weights
from harness.spec import NetworkSpec


class Teacher:
    """Shows what a trained network makes of the images of each step.

    Args:
        network: on its final device; it is put into ``eval()`` and its gradients are switched off.
        taps: role to taps, as in ``NetworkSpec.taps``.
    """

    def __init__(self, network: nn.Module, taps: Mapping[str, Sequence[str]]) -> None:
        self._network = network.eval().requires_grad_(False)
        self._features = Taps(network, taps).capture("features", always=True) if "features" in taps else None
        self._output: Tensor | None = None

    def use_draws(self, draws: Draws) -> None:
        """Give a network that draws the random numbers of the step: others than the student's, which is view 0."""
        use_draws(self._network, replace(draws, view=draws.view + 1))

    def look(self, images: Tensor) -> None:
        """Run the network on the images of the step, (N, 3, h, w) in [0, 1]."""
        with torch.no_grad():
            self._output = self._network(images)

    @property
    def output(self) -> Tensor:
        """What the network makes of the images, (N, 3, h scale, w scale)."""
        if self._output is None:
            raise RuntimeError("the teacher has not seen the images of this step")
        return self._output

    @property
    def features(self) -> Tensor:
        """The tensor at the role ``features``: (N, C, H, W), or (N, L, C)."""
        if self._features is None:
            raise HarnessError("taps: no role 'features' here; add it to the network's entry in networks.yaml")
        return self._features.tensor


def load_teacher(spec: NetworkSpec, weights: Path, spec_hash: str, device: str) -> Teacher:
    """Return the network that a run has trained.

    Args:
        spec: of the student's network, which the teacher shares.
        weights: ``weights.safetensors`` of the teacher's run.
        spec_hash: of the teacher's run, as the student's spec names it.
        device: where to run it.

    Raises:
        HarnessError: the file is missing, broken, not what was written, of another network or of another run.
    """
    check(weights)
    network = build_network(spec, 0)
    load_into(network, load_weights(weights), weights)
    check_run(weights, spec_hash)
    return Teacher(network.to(device), spec.taps)
