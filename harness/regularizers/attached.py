"""A network with its regularizer, and what one step does up to its gradients: one code for training and for checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from harness.foundation.errors import HarnessError
from harness.foundation.rng import Draws
from harness.networks.chance import use_draws
from harness.networks.taps import Taps
from harness.networks.teacher import Teacher
from harness.regularizers.base import DrawsSource, Regularizer
from harness.regularizers.batch import Batch

_taken: WeakKeyDictionary[object, str] = WeakKeyDictionary()
"""Networks and regularizers that are attached to each other, with the name of the regularizer's class."""


@dataclass(frozen=True)
class Passed:
    """What a forward pass gave, with its graph.

    Attributes:
        output: of the network, (V * B, 3, patch, patch), in its precision.
        data: what :meth:`Regularizer.loss` returned.
        penalty: what :meth:`Regularizer.penalty` returned.
    """

    output: Tensor
    data: Tensor
    penalty: Tensor | None

    @property
    def loss(self) -> Tensor:
        """What the step descends along."""
        return self.data if self.penalty is None else self.data + self.penalty


class Attached:
    """A network with a regularizer attached to it.

    Args:
        network: on its final device, in training mode.
        taps: role to taps, as in ``NetworkSpec.taps``: those that the regularizer may see.
        regularizer: attached to nothing yet.
        draws: the random numbers of the current step.
        teacher: the network that the regularizer learns from, if it learns from one.
        run: what computes the output of the network from its input, such as a compiled network; by default itself.
        precision: the context in which the network runs and the data term is computed.
        average: replaces gradients and a tensor beside them by their means over all processes, in place.

    Raises:
        HarnessError: one of the two is attached already, or a tap or an option does not fit the network, which is then
            left as it was.
    """

    def __init__(
        self,
        network: nn.Module,
        taps: Mapping[str, Sequence[str]],
        regularizer: Regularizer,
        draws: DrawsSource,
        teacher: Teacher | None = None,
        *,
        run: Callable[[Tensor], Tensor] | None = None,
        precision: Callable[[], AbstractContextManager[Any]] = nullcontext,
        average: Callable[[Sequence[nn.Parameter], Tensor], None] | None = None,
    ) -> None:
        self.network, self.regularizer, self.teacher = network, regularizer, teacher
        self._run, self._precision, self._average = run or network, precision, average
        _refuse_twice(network, regularizer)
        if teacher is not None:
            regularizer.learn_from(teacher)
        self.taps = Taps(network, taps)
        try:
            regularizer.attach(network, self.taps, draws)
            self._features = self.taps.capture("features") if regularizer.uses_features else None
        except BaseException:
            Regularizer.detach(regularizer)
            raise
        _taken[network] = _taken[regularizer] = type(regularizer).__name__
        self.parameters = [*network.parameters(), *regularizer.parameters()]
        """What learns: the network's parameters, then the regularizer's own."""
        self.has_penalty = False
        """Whether the latest step had a penalty."""

    def use_draws(self, draws: Draws) -> None:
        """Give networks that draw, this one and the teacher, the random numbers of the coming step."""
        use_draws(self.network, draws)
        if self.teacher is not None:
            self.teacher.use_draws(draws)

    def gradients(self, batch: Batch) -> Tensor:
        """Leave the gradients of a step in the parameters.

        Returns:
            (loss, data term, penalty), of all processes like the gradients.
        """
        changed = self.regularizer.batch(batch)
        return self.regularizer.gradients(lambda: self.backward(changed))

    def backward(self, batch: Batch) -> Tensor:
        """Run a forward and a backward pass on what :meth:`Regularizer.batch` returned; see :meth:`gradients`."""
        passed = self.forward(batch)
        self.has_penalty = passed.penalty is not None
        for parameter in self.parameters:
            parameter.grad = None
        loss = passed.loss
        loss.backward()
        self.forget()
        penalty = torch.zeros_like(passed.data) if passed.penalty is None else passed.penalty
        parts = torch.stack([loss, passed.data, penalty]).detach()
        if self._average is not None:
            self._average(self.parameters, parts)
        return parts

    def forward(self, batch: Batch) -> Passed:
        """Run a forward pass on what :meth:`Regularizer.batch` returned."""
        with self._precision():
            output = self._run(batch.lr)
            data = self.regularizer.loss(output, batch)
            if self.teacher is not None and self.regularizer.shows_teacher:
                self.teacher.look(batch.lr)
        return Passed(output, data, self.regularizer.penalty(self._features.tensor if self._features else None))

    def forget(self) -> None:
        """Let go of the features, so that their memory is free during the optimizer's step."""
        if self._features is not None:
            self._features.clear()

    def detach(self) -> None:
        """Take out the regularizer and the capture of its features."""
        self.regularizer.detach()
        if self._features is not None:
            self._features.remove()
        for one in (self.network, self.regularizer):
            _taken.pop(one, None)


def _refuse_twice(network: nn.Module, regularizer: Regularizer) -> None:
    name = type(regularizer).__name__
    if network in _taken:
        raise HarnessError(
            f"regularizer {name}: the network has {_taken[network]} attached already; detach that first, or write one "
            "regularizer that does both"
        )
    if regularizer in _taken:
        raise HarnessError(f"regularizer {name}: it is attached to a network already; make another for this one")
