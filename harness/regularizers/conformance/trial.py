"""A regularizer on a small network, stepped by hand: what the conformance checks compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor, nn

from harness.foundation.rng import Draws
from harness.foundation.yamlfile import StrictModel
from harness.networks.taps import Taps
from harness.networks.teacher import Teacher
from harness.regularizers.base import Regularizer, teacher_option
from harness.regularizers.conformance.networks import trial_images, trial_network
from harness.spec import NetworkSpec

ITERATIONS = 100
"""Of the pretended training."""

MOMENTS = (1, ITERATIONS // 2, ITERATIONS)
"""Iterations at which an annealed regularizer is looked at."""

GROUND_TRUTHS = 4
"""Of the pretended batch."""

SEED = 5
"""Of the pretended run."""

_RATE = 1e-3


@dataclass(frozen=True)
class Case:
    """A regularizer with options on a network."""

    regularizer: type[Regularizer]
    options: StrictModel
    network: NetworkSpec

    @property
    def shown(self) -> NetworkSpec:
        """The network with the roles of taps that the regularizer says it needs, as in the spec of a run."""
        regularizer = self.regularizer(self.options)
        features = {"features"} if regularizer.uses_features else frozenset[str]()
        return self.network.showing(None if regularizer.roles is None else regularizer.roles | features)

    def rows(self, truths: Sequence[int]) -> list[int]:
        """Return the rows of all views of some ground truths, the views one after the other."""
        views = self.regularizer(self.options).views
        return [view * GROUND_TRUTHS + truth for view in range(views) for truth in truths]


@dataclass(frozen=True)
class Forward:
    """What a forward pass gave, with its graph: the penalty may be whatever the regularizer returned."""

    output: Tensor
    loss: Tensor
    penalty: Tensor | None

    @property
    def total(self) -> Tensor:
        """What the step descends along."""
        return self.loss if self.penalty is None else self.loss + self.penalty


@dataclass(frozen=True)
class Step:
    """What one forward and backward pass gave."""

    output: Tensor
    loss: Tensor
    gradients: list[Tensor | None]


class Trial:
    """A fresh network with the regularizer attached."""

    def __init__(self, case: Case, rows: Sequence[int] | None = None) -> None:
        self.network = trial_network(case.network, SEED)
        self.regularizer = case.regularizer(case.options)
        self.views = self.regularizer.views
        self.rows = list(range(self.views * GROUND_TRUTHS)) if rows is None else list(rows)
        self.draws = Draws(SEED, 1, 0, self.rows)
        shown = case.shown
        self.taps = Taps(self.network, shown.taps)
        self.teacher = None
        if teacher_option(case.regularizer.Options) and self.regularizer.uses_teacher:
            self.teacher = Teacher(trial_network(case.network, SEED + 1), shown.taps)
            self.regularizer.learn_from(self.teacher)
        self.regularizer.attach(self.network, self.taps, lambda: self.draws)
        self.features = self.taps.capture("features") if self.regularizer.uses_features else None
        self._images = self.images()

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What a run would learn: the network's parameters, then the regularizer's own."""
        return [*self.network.parameters(), *self.regularizer.parameters()]

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
        passed = self.forward(precision, network)
        gradients = torch.autograd.grad(passed.total, self.parameters, allow_unused=True)
        return Step(passed.output.detach(), passed.total.detach(), list(gradients))

    def forward(self, precision: torch.dtype = torch.float32, network: nn.Module | None = None) -> Forward:
        """Run the forward pass of the iteration that was prepared."""
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            output = (self.network if network is None else network)(self._images)
            if self.teacher is not None:
                self.teacher.look(self._images)
        penalty = self.regularizer.penalty(self.features.tensor if self.features else None)
        return Forward(output, output.float().square().mean(), penalty)

    def learn(self, iteration: int) -> None:
        """Run iteration ``iteration`` and descend along its gradients."""
        gradients = self.step(iteration).gradients
        steepest = max(float(gradient.abs().max()) for gradient in gradients if gradient is not None)
        with torch.no_grad():
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                if gradient is not None:
                    parameter.sub_(_RATE / max(1, steepest) * gradient)  # strong noise must not make the trial diverge

    def resume(self, other: Trial) -> None:
        """Take over what a saved state holds of ``other``: the weights of the network and the regularizer's own."""
        self.network.load_state_dict(other.network.state_dict())
        with torch.no_grad():
            for own, saved in zip(self.regularizer.parameters(), other.regularizer.parameters(), strict=True):
                own.copy_(saved)

    def images(self) -> Tensor:
        """Return one random image for each row, (rows, 3, H, W) in [0, 1]."""
        return trial_images(self.network, self.rows)

    def end(self) -> None:
        """Take out the regularizer and the capture of its features."""
        self.regularizer.detach()
        if self.features:
            self.features.remove()


def same(one: Step, other: Step) -> bool:
    """Whether two steps gave the same bytes."""
    pairs = zip([one.output, one.loss, *one.gradients], [other.output, other.loss, *other.gradients], strict=True)
    return all((a is None and b is None) or (a is not None and b is not None and torch.equal(a, b)) for a, b in pairs)
