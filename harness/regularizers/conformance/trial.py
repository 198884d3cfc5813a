"""A regularizer on a small network, stepped by hand: what the conformance checks compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from harness.foundation.errors import HarnessError
from harness.foundation.rng import Draws
from harness.foundation.yamlfile import StrictModel, validate
from harness.networks.chance import use_draws
from harness.networks.teacher import Teacher
from harness.regularizers import load_regularizer
from harness.regularizers.attached import Attached, Passed
from harness.regularizers.base import Regularizer, needed_roles, teacher_option
from harness.regularizers.conformance.batches import GROUND_TRUTHS, TrialBatches
from harness.regularizers.conformance.networks import small_networks, trial_images, trial_network
from harness.spec import NetworkSpec

ITERATIONS = 100
"""Of the pretended training."""

MOMENTS = (1, ITERATIONS // 2, ITERATIONS)
"""Iterations at which an annealed regularizer is looked at."""

SEED = 5
"""Of the pretended run."""

_RATE = 1e-3

Average = Callable[[Sequence[nn.Parameter], Tensor], None]
"""Replaces gradients and a tensor beside them by their means over all processes, in place."""


@dataclass(frozen=True)
class Case:
    """A regularizer with options on a network."""

    regularizer: type[Regularizer]
    options: StrictModel
    network: NetworkSpec

    @property
    def shown(self) -> NetworkSpec:
        """The network with the roles of taps that the regularizer says it needs, as in the spec of a run."""
        return self.network.showing(needed_roles(self.regularizer(self.options)))

    def rows(self, truths: Sequence[int]) -> list[int]:
        """Return the rows of all views of some ground truths, the views one after the other."""
        views = self.regularizer(self.options).views
        return [view * GROUND_TRUTHS + truth for view in range(views) for truth in truths]


@dataclass(frozen=True)
class Step:
    """What a step gave: the output of its first forward pass, its loss, and the gradients that it left."""

    output: Tensor
    loss: Tensor
    gradients: list[Tensor | None]


class Trial:
    """A fresh network with the regularizer attached; its steps are those of training, see :class:`Attached`."""

    def __init__(self, case: Case, rows: Sequence[int] | None = None, average: Average | None = None) -> None:
        self._case = case
        self.network = trial_network(case.network, SEED)
        self.regularizer = case.regularizer(case.options)
        self.views = self.regularizer.views
        self.rows = list(range(self.views * GROUND_TRUTHS)) if rows is None else list(rows)
        self.draws = Draws(SEED, 1, 0, self.rows)
        self._autocast, self._run, self._output = False, self.network, torch.empty(0)
        teacher = None
        if teacher_option(case.regularizer.Options) and self.regularizer.uses_teacher:
            teacher = Teacher(trial_network(case.network, SEED + 1), case.shown.taps)
        self.attached = Attached(
            self.network,
            case.shown.taps,
            self.regularizer,
            lambda: self.draws,
            teacher,
            run=self._pass,
            precision=lambda: torch.autocast("cpu", torch.bfloat16, enabled=self._autocast),
            average=average,
        )
        self.source = TrialBatches(case.network, self.network, self.regularizer, self.rows)
        self.batch = self.source.plain()
        """What the step is given: always the same tensors."""

    @classmethod
    def of(
        cls,
        regularizer: str | type[Regularizer],
        options: Mapping[str, Any] | None = None,
        network: str = "srresnet_small",
    ) -> Trial:
        """Return a trial of a regularizer, by name or as a class, with options, on one of the small networks.

        Raises:
            HarnessError: an unknown regularizer, option or network.
        """
        found = load_regularizer(regularizer) if isinstance(regularizer, str) else regularizer
        checked = validate(dict(options or {}), found.Options, f"regularizer {found.__name__}", "options")
        networks = small_networks()
        if network not in networks:
            raise HarnessError(f"trial: {network!r}: no small network; there are: {', '.join(networks)}")
        return cls(Case(found, checked, networks[network]))

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What a run would learn: the network's parameters, then the regularizer's own."""
        return self.attached.parameters

    def step(self, iteration: int, precision: torch.dtype = torch.float32, network: nn.Module | None = None) -> Step:
        """Run iteration ``iteration`` (1-based) without changing weights; ``network`` may be a compiled one."""
        self.prepare(iteration)
        return self.compute(precision, network)

    def prepare(self, iteration: int) -> None:
        """Draw the random numbers of an iteration, make its batch and set its annealing: all that follows from it."""
        self.draws = Draws(SEED, iteration, 0, self.rows)
        self.attached.use_draws(self.draws)
        self.regularizer.set_progress(Fraction(iteration, ITERATIONS))
        self.batch.lr.copy_(self.source.degraded(self.draws))

    def compute(self, precision: torch.dtype = torch.float32, network: nn.Module | None = None) -> Step:
        """Run the step of the iteration that was prepared."""
        self._autocast, self._run = precision == torch.bfloat16, self.network if network is None else network
        self._output = torch.empty(0)
        parts = self.attached.gradients(self.batch)
        return Step(self._output, parts[0], [parameter.grad for parameter in self.parameters])

    def forward(self) -> Passed:
        """Run the forward pass of the iteration that was prepared."""
        self._autocast, self._run = False, self.network
        return self.attached.forward(self.regularizer.batch(self.batch))

    def learn(self, iteration: int) -> None:
        """Run iteration ``iteration`` and descend along its gradients."""
        gradients = self.step(iteration).gradients
        steepest = max(float(gradient.abs().max()) for gradient in gradients if gradient is not None)
        with torch.no_grad():
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                if gradient is not None:
                    parameter.sub_(_RATE / max(1, steepest) * gradient)  # strong noise must not make the trial diverge

    def resume(self, other: Trial) -> None:
        """Take over what a saved state holds of ``other``: weights, what the regularizer learned, what it keeps."""
        self.network.load_state_dict(other.network.state_dict())
        with torch.no_grad():
            for own, saved in zip(self.regularizer.parameters(), other.regularizer.parameters(), strict=True):
                own.copy_(saved)
            kept = dict(other.regularizer.state())
            for name, tensor in self.regularizer.state().items():
                tensor.copy_(kept[name])

    def plain(self) -> nn.Module:
        """Return the network as it was before anything was attached, with the random numbers of the present step."""
        network = trial_network(self._case.network, SEED)
        use_draws(network, self.draws)
        return network

    def images(self) -> Tensor:
        """Return one random image for each row, (rows, 3, H, W) in [0, 1]."""
        return trial_images(self.network, self.rows)

    def _pass(self, lr: Tensor) -> Tensor:
        output: Tensor = self._run(lr)
        if not len(self._output):
            self._output = output.detach()
        return output


def same(one: Step, other: Step) -> bool:
    """Whether two steps gave the same bytes."""
    pairs = zip([one.output, one.loss, *one.gradients], [other.output, other.loss, *other.gradients], strict=True)
    return all((a is None and b is None) or (a is not None and b is not None and torch.equal(a, b)) for a, b in pairs)
