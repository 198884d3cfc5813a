"""A regularizer in a training loop of one's own: attached for a while, asked for gradients, and gone afterwards.

    from harness.regularizers.library import Batch, Regularized

    with Regularized(network, "dropout", taps="srresnet", batch_size=16, iterations=500_000) as regularized:
        for iteration, (lr, target) in enumerate(loader, 1):
            regularized.gradients(iteration, Batch(lr, target))
            optimizer.step()

Each step is the harness's own, see :class:`harness.regularizers.attached.Attached`: the same batches, the same seed and
the same optimizer give the same weights. ``docs/library.md`` has whole loops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from fractions import Fraction
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from harness.foundation.errors import HarnessError
from harness.foundation.project import ROOT, with_own
from harness.foundation.rng import Draws
from harness.foundation.yamlfile import load_mapping, validate
from harness.networks.teacher import Teacher
from harness.regularizers import load_regularizer
from harness.regularizers.attached import Attached
from harness.regularizers.base import Regularizer, needed_roles, process_count, teacher_option
from harness.regularizers.batch import Batch
from harness.spec import NetworkEntry, NetworkSpec

__all__ = ["Batch", "HarnessError", "Regularized"]

_CATALOGUE = "networks.yaml"


class Regularized:
    """A network with a regularizer attached to it, in one process; a context that detaches it, whatever happens.

    Args:
        network: any ``torch.nn.Module`` on its final device, in training mode; its bare self, where it is wrapped.
        regularizer: a name, such as ``dropout``; an import path ``package.module:Class``; or a class.
        options: of the regularizer; those not given keep their defaults.
        taps: where it may act: role to taps, such as ``{"last": ["conv_last:input"]}``, or the name of a network in
            ``configs/networks.yaml`` whose modules have the same names.
        batch_size: images of a batch, all views together.
        iterations: of the whole training: annealing is a function of iteration / iterations.
        seed: of all random numbers.
        teacher: the trained network that the regularizer learns from, where its options name one; it is copied.
        precision: the context in which the network runs and the data term is computed, such as autocast.

    Attributes:
        regularizer: what is attached.
        views: degraded views of each ground truth that a batch holds, one after the other.
        parameters: what the optimizer is to change: the network's parameters, then the regularizer's own.

    Raises:
        HarnessError: an unknown regularizer, option, network or tap; a network that has a regularizer already.
    """

    def __init__(
        self,
        network: nn.Module,
        regularizer: str | type[Regularizer],
        options: Mapping[str, Any] | None = None,
        *,
        taps: str | Mapping[str, Sequence[str]],
        batch_size: int,
        iterations: int,
        seed: int = 0,
        teacher: nn.Module | None = None,
        precision: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        found = load_regularizer(regularizer) if isinstance(regularizer, str) else regularizer
        self._name = regularizer if isinstance(regularizer, str) else regularizer.__name__
        self._network, self._iterations, self._seed = network, iterations, seed
        self._device = str(next(network.parameters()).device)
        self.regularizer = found(validate(dict(options or {}), found.Options, f"regularizer {self._name}", "options"))
        self.views = self.regularizer.views
        self._check_sizes(batch_size)
        self._rows = range(batch_size)
        self._draws = self._of(0)
        shown = _network_spec(network, taps).showing(needed_roles(self.regularizer)).taps
        self._attached = Attached(
            network,
            shown,
            self.regularizer,
            lambda: self._draws,
            self._teacher(teacher, shown),
            precision=precision,
        )
        self.parameters = self._attached.parameters

    def __enter__(self) -> Regularized:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.detach()

    def detach(self) -> None:
        """Take all hooks out of the network: it computes what it computed before. May be called again."""
        self._attached.detach()

    def clean(self, iteration: int, images: Tensor) -> Tensor:
        """Return the clean images that are degraded in place of ``images`` for the batch of an iteration.

        Args:
            iteration: 1-based.
            images: (batch_size / views, 3, H, W) float32 in [0, 1].
        """
        draws = Draws(self._seed, iteration, 0, range(len(self._rows) // self.views), self._device)
        return self.regularizer.clean(images, draws)

    def gradients(self, iteration: int, batch: Batch) -> Tensor:
        """Leave the gradients of a step in :attr:`parameters`, in place of those that are there.

        Args:
            iteration: 1-based; not the number of the batch in an epoch.
            batch: inputs and targets of the step, ``batch_size`` of each.

        Returns:
            (loss, data term, penalty), detached.

        Raises:
            HarnessError: the batch or the iteration is not what was announced, or the network is not in ``train()``.
        """
        self._check_step(iteration, batch)
        self._draws = self._of(iteration)
        self._attached.use_draws(self._draws)
        self.regularizer.set_progress(Fraction(iteration, self._iterations))
        return self._attached.gradients(batch)

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a resumed training needs beside network and optimizer; empty for most regularizers."""
        learned = {f"learned.{place}": one.detach() for place, one in enumerate(self.regularizer.parameters())}
        return learned | {f"state.{name}": tensor for name, tensor in self.regularizer.state().items()}

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what :meth:`state_dict` returned.

        Raises:
            HarnessError: it is of another regularizer.
        """
        own = self.state_dict()
        if own.keys() != tensors.keys():
            wanted, given = (", ".join(sorted(names)) or "nothing" for names in (own, tensors))
            raise HarnessError(f"regularizer {self._name}: its state is {wanted}, but {given} is given")
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(tensors[name])

    def _of(self, iteration: int) -> Draws:
        return Draws(self._seed, iteration, 0, self._rows, self._device)

    def _teacher(self, network: nn.Module | None, taps: Mapping[str, Sequence[str]]) -> Teacher | None:
        needed = teacher_option(type(self.regularizer).Options) is not None and self.regularizer.uses_teacher
        if needed and network is None:
            raise HarnessError(f"regularizer {self._name}: it learns from a trained network; give one as teacher=")
        return Teacher(deepcopy(network), taps) if needed and network is not None else None

    def _check_sizes(self, batch_size: int) -> None:
        least = max(1, self.regularizer.least_ground_truths) * self.views
        if process_count() > 1:
            raise HarnessError(
                f"regularizer {self._name}: Regularized works in one process; several share a batch in training"
            )
        if batch_size < least or batch_size % self.views:
            multiple = f"a multiple of {self.views} views, and " if self.views > 1 else ""
            raise HarnessError(
                f"regularizer {self._name}: batch_size {batch_size}: must be {multiple}at least {least}, or the "
                "regularizer does nothing"
            )
        if self._iterations < self.regularizer.least_iterations:
            least = self.regularizer.least_iterations
            raise HarnessError(f"regularizer {self._name}: iterations {self._iterations}: must be at least {least}")

    def _check_step(self, iteration: int, batch: Batch) -> None:
        if not 1 <= iteration <= self._iterations:
            raise HarnessError(
                f"regularizer {self._name}: iteration {iteration}: must be from 1 to {self._iterations}, the iterations"
            )
        size = len(self._rows)
        if len(batch.lr) != size or len(batch.target) != size:
            raise HarnessError(
                f"regularizer {self._name}: {len(batch.lr)} inputs and {len(batch.target)} targets, but batch_size is "
                f"{size}; use drop_last=True in the loader"
            )
        if self.regularizer.uses_degradation and not batch.degradation:
            raise HarnessError(
                f"regularizer {self._name}: it asks what each image underwent: give Batch(lr, target, degradation)"
            )
        if not self._network.training:
            raise HarnessError(f"regularizer {self._name}: the network is in eval(), where nothing acts; call train()")


def _network_spec(network: nn.Module, taps: str | Mapping[str, Sequence[str]]) -> NetworkSpec:
    """Return the entry of the catalogue whose taps are named, or one for these taps of the network."""
    if not isinstance(taps, str):
        named = {role: tuple(listed) for role, listed in taps.items()}
        return NetworkSpec(path=f"{type(network).__module__}:{type(network).__name__}", taps=named)
    networks = with_own(
        load_mapping(ROOT / "configs" / _CATALOGUE, NetworkEntry, "network"),
        _CATALOGUE,
        lambda path: load_mapping(path, NetworkEntry, "network"),
    )
    if taps not in networks:
        known = ", ".join(sorted(networks))
        raise HarnessError(f"configs/{_CATALOGUE}: {taps!r}: no such network; there are: {known}; or give taps by role")
    return networks[taps].network
