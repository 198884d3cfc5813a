"""A regularizer on a small network, stepped by hand: what the conformance checks compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor, nn

from harness.foundation.project import ROOT
from harness.foundation.rng import Draws, torch_stream
from harness.foundation.yamlfile import StrictModel, load_mapping
from harness.networks.build import build_network
from harness.networks.sizes import input_multiple
from harness.networks.taps import Taps
from harness.networks.teacher import Teacher
from harness.regularizers.base import Regularizer, teacher_option
from harness.spec import NetworkEntry, NetworkSpec

ITERATIONS = 100
"""Of the pretended training."""

GROUND_TRUTHS = 4
"""Of the pretended batch."""

SEED = 5
"""Of the pretended run."""

_CATALOGUE = ROOT / "configs" / "networks.yaml"
_LEAST_SIDE = 8  # pixels
_RATE = 1e-3


@dataclass(frozen=True)
class Case:
    """A regularizer with options on a network."""

    regularizer: type[Regularizer]
    options: StrictModel
    network: NetworkSpec


@dataclass(frozen=True)
class Step:
    """What one forward and backward pass gave."""

    output: Tensor
    loss: Tensor
    gradients: list[Tensor | None]


class Trial:
    """A fresh network with the regularizer attached."""

    def __init__(self, case: Case, rows: Sequence[int] | None = None) -> None:
        self.network = build_network(case.network, SEED)
        self.regularizer = case.regularizer(case.options)
        self.views = self.regularizer.views
        self.rows = list(range(self.views * GROUND_TRUTHS)) if rows is None else list(rows)
        self.draws = Draws(SEED, 1, 0, self.rows)
        self.taps = Taps(self.network, case.network.taps)
        self.teacher = None
        if teacher_option(case.regularizer.Options):
            self.teacher = Teacher(build_network(case.network, SEED + 1), case.network.taps)
            self.regularizer.learn_from(self.teacher)
        self.regularizer.attach(self.network, self.taps, lambda: self.draws)
        self.features = self.taps.capture("features") if self.regularizer.uses_features else None
        self._images = self.images()

    def step(self, iteration: int, precision: torch.dtype = torch.float32, network: nn.Module | None = None) -> Step:
        """Run iteration ``iteration`` (1-based) without changing weights; ``network`` may be a compiled one."""
        self.prepare(iteration)
        return self.compute(precision, network)

    def prepare(self, iteration: int) -> None:
        """Draw the random numbers of an iteration and set its annealing: all that :meth:`compute` may depend on."""
        self.draws = Draws(SEED, iteration, 0, self.rows)
        self.regularizer.set_progress(Fraction(iteration, ITERATIONS))

    def compute(self, precision: torch.dtype = torch.float32, network: nn.Module | None = None) -> Step:
        """Run forward and backward pass of the iteration that was prepared."""
        images = self._images
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            output = (self.network if network is None else network)(images)
            if self.teacher is not None:
                self.teacher.look(images)
        penalty = self.regularizer.penalty(self.features.tensor if self.features else None)
        loss = output.float().square().mean()
        if penalty is not None:
            loss = loss + penalty
        parameters = [*self.network.parameters(), *self.regularizer.parameters()]
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        return Step(output.detach(), loss.detach(), list(gradients))

    def learn(self, iteration: int) -> None:
        """Run iteration ``iteration`` and descend along its gradients."""
        parameters = [*self.network.parameters(), *self.regularizer.parameters()]
        gradients = self.step(iteration).gradients
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    parameter.sub_(_RATE * gradient)

    def resume(self, other: Trial) -> None:
        """Take over what a saved state holds of ``other``: the weights of the network and the regularizer's own."""
        self.network.load_state_dict(other.network.state_dict())
        with torch.no_grad():
            for own, saved in zip(self.regularizer.parameters(), other.regularizer.parameters(), strict=True):
                own.copy_(saved)

    def images(self) -> Tensor:
        """Return one random image for each row, (rows, 3, H, W) in [0, 1]."""
        side = max(_LEAST_SIDE, input_multiple(self.network))
        return torch.stack([torch.rand(3, side, side, generator=torch_stream("conformance", r)) for r in self.rows])

    def end(self) -> None:
        """Take out the regularizer and the capture of its features."""
        self.regularizer.detach()
        if self.features:
            self.features.remove()


def small_networks() -> dict[str, NetworkSpec]:
    """Return a small one of each kind of network in ``configs/networks.yaml``, by name."""
    networks = load_mapping(_CATALOGUE, NetworkEntry, "network")
    return {name: entry.network for name, entry in networks.items() if name.endswith("_small") and "_x1" not in name}
