"""Regularizers that break one promise each: what conformance must catch by name."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from harness.regularizers import Regularizer, mean_over_processes, process_count


class OnFeatures(Regularizer):
    """Hooks at the last convolution, and nothing else."""

    uses_features = True
    roles = frozenset({"last"})

    def attach(self, network: Any, taps: Any, draws: Any) -> None:
        """Put in :meth:`act`."""
        self._draws = draws
        self._handles.append(taps.apply("last", self.act_on))

    def act_on(self, index: int, features: Any) -> Any:
        """Return what replaces them."""
        return features


class Right(OnFeatures):
    """Breaks no promise: a penalty on statistics of the whole batch, in any number of processes."""

    def penalty(self, features: Any) -> Any:
        return mean_over_processes(features.float().mean(0)).square().mean() * 0.01


class SummedRight(OnFeatures):
    """A sum over images that knows how many processes share them."""

    def penalty(self, features: Any) -> Any:
        return features.float().square().mean((1, 2, 3)).sum() * process_count()


class Summed(OnFeatures):
    """A sum over images."""

    def penalty(self, features: Any) -> Any:
        return features.float().square().mean((1, 2, 3)).sum()


class OfItsOwnShare(OnFeatures):
    """A statistic of the batch of which each process knows its share."""

    def penalty(self, features: Any) -> Any:
        return features.float().mean(0).square().mean()


class AFloat(OnFeatures):
    """A penalty that is a number of Python."""

    def penalty(self, features: Any) -> Any:
        return features.float().square().mean().item()


class Detached(OnFeatures):
    """A penalty that nothing learns from."""

    def penalty(self, features: Any) -> Any:
        return features.detach().float().square().mean()


class PerImage(OnFeatures):
    """A penalty with a number for each image."""

    def penalty(self, features: Any) -> Any:
        return features.float().square().mean((1, 2, 3))


class Hidden(OnFeatures):
    """Learns a factor and does not say so."""

    def attach(self, network: Any, taps: Any, draws: Any) -> None:
        import torch

        self._scale = torch.nn.Parameter(torch.full((1,), 1.5))
        super().attach(network, taps, draws)

    def act_on(self, index: int, features: Any) -> Any:
        return features * self._scale


class Idle(Hidden):
    """Yields a parameter that takes no part."""

    def act_on(self, index: int, features: Any) -> Any:
        return features * 1.5

    def parameters(self) -> Iterator[Any]:
        yield self._scale


class Counting(OnFeatures):
    """Acts after 50 steps."""

    def attach(self, network: Any, taps: Any, draws: Any) -> None:
        self._steps = 0
        super().attach(network, taps, draws)

    def set_progress(self, fraction: Fraction) -> None:
        self._steps += 1

    def act_on(self, index: int, features: Any) -> Any:
        return features * 2 if self._steps > 50 else features * 1.5


class CountingLong(Counting):
    """Counts to a number that no trial reaches."""

    def act_on(self, index: int, features: Any) -> Any:
        return features * 2 if self._steps > 5000 else features * 1.5


class Misspelt(OnFeatures):
    """Has a penalty of another name."""

    def penalti(self, features: Any) -> Any:
        return features.square().mean()


class NoProperty(Right):
    """Forgot ``@property``."""

    def views(self) -> int:
        return 1


class Flipped(OnFeatures):
    """Mixes each image with its mirror place in the batch."""

    def act_on(self, index: int, features: Any) -> Any:
        return 0.9 * features + 0.1 * features.flip(0)


class Rolled(OnFeatures):
    """Mixes each image with the one before."""

    def act_on(self, index: int, features: Any) -> Any:
        return 0.9 * features + 0.1 * features.roll(1, 0)


class Normalized(OnFeatures):
    """Divides by a mean over the batch."""

    def act_on(self, index: int, features: Any) -> Any:
        return features / features.abs().mean((0, 2, 3), keepdim=True)


class Nothing(OnFeatures):
    """Does nothing."""


class OfOne(OnFeatures):
    """Compares images, and is 0 for a batch of one."""

    def penalty(self, features: Any) -> Any:
        pooled = features.float().mean((2, 3))
        return (pooled - mean_over_processes(pooled.mean(0))).square().mean()


class OtherRole(OnFeatures):
    """Acts where it did not say."""

    def attach(self, network: Any, taps: Any, draws: Any) -> None:
        self._handles.append(taps.apply("first", lambda index, features: features * 1.5))


class Raising(OnFeatures):
    """Raises in each step."""

    def penalty(self, features: Any) -> Any:
        raise ValueError("no such thing")


class HostRead(OnFeatures):
    """Says that it can be captured, and reads a number on the host."""

    graph_safe = True

    def act_on(self, index: int, features: Any) -> Any:
        return features * (1 + features.detach().mean().item())


class Deciding(OnFeatures):
    """Decides in Python what the values are."""

    def act_on(self, index: int, features: Any) -> Any:
        return features * 1.5 if features.detach().mean() > 0 else features * 2


class AtTestTime(OnFeatures):
    """Acts in evaluation too: a hook of its own knows no mode."""

    def attach(self, network: Any, taps: Any, draws: Any) -> None:
        last = network.get_submodule("conv_last")
        self._handles.append(last.register_forward_pre_hook(lambda module, inputs: (inputs[0] * 1.5,)))
