"""Regularizers that break one promise of a hook of the step each: what conformance must catch by name."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from harness.regularizers import Regularizer, mean_over_processes


class OfAnyRole(Regularizer):
    """Acts on what the step sees, at no tap."""

    roles = frozenset()


class OtherShape(OfAnyRole):
    """Trains on a part of each image."""

    def batch(self, batch: Any) -> Any:
        return replace(batch, lr=batch.lr[..., :-1])


class InPlace(OfAnyRole):
    """Changes the batch that it is given."""

    def batch(self, batch: Any) -> Any:
        batch.lr.mul_(0.5)
        return batch


class GlobalNoise(OfAnyRole):
    """Takes noise from torch's global generator."""

    def batch(self, batch: Any) -> Any:
        import torch

        return replace(batch, lr=batch.lr + 0.1 * torch.rand_like(batch.lr))


class Mixed(OfAnyRole):
    """Mixes images, and does not say so."""

    def batch(self, batch: Any) -> Any:
        return replace(batch, lr=0.9 * batch.lr + 0.1 * batch.lr.roll(1, 0))


class MixedShare(OfAnyRole):
    """Says that it mixes, but finds partners in its own process only."""

    mixes_rows = True
    least_ground_truths = 2

    def batch(self, batch: Any) -> Any:
        lr, target = (0.9 * images + 0.1 * images.roll(1, 0) for images in (batch.lr, batch.target))
        return replace(batch, lr=lr, target=target)


class ConstantPenalty(Regularizer):
    """A penalty that hangs on the features and is the same whatever they are."""

    uses_features = True
    roles = frozenset({"features"})

    def penalty(self, features: Any) -> Any:
        return 1.0 + 0.0 * features.float().mean()


class LossOfEach(OfAnyRole):
    """A loss with a number for each image."""

    def loss(self, output: Any, batch: Any) -> Any:
        return (output.float() - batch.target).abs().mean((1, 2, 3))


class LossNotANumber(OfAnyRole):
    """Divides by zero."""

    def loss(self, output: Any, batch: Any) -> Any:
        return (output.float() - batch.target).abs().mean() * (batch.target.sum() * 0 / 0)


class LossDetached(OfAnyRole):
    """A loss that nothing learns from."""

    def loss(self, output: Any, batch: Any) -> Any:
        return (output.detach().float() - batch.target).abs().mean()


class Never(OfAnyRole):
    """Makes gradients of its own."""

    def gradients(self, backward: Any) -> Any:
        import torch

        return torch.zeros(3)


class Twice(OfAnyRole):
    """Computes the same gradients twice."""

    def gradients(self, backward: Any) -> Any:
        backward()
        return backward()


class Astray(OfAnyRole):
    """Moves the weights, and does not move them back."""

    def attach(self, network: Any, taps: Any, draws: Any) -> None:
        self._network = network

    def gradients(self, backward: Any) -> Any:
        import torch

        parts = backward()
        with torch.no_grad():
            for weight in self._network.parameters():
                weight.add_(0.01 * weight.grad)
        backward()
        return parts


class WithoutParts(OfAnyRole):
    """Forgets to return what backward returned."""

    def gradients(self, backward: Any) -> Any:
        backward()


class Remembering(OfAnyRole):
    """Weighs the loss by a mean over steps, and says so."""

    def attach(self, network: Any, taps: Any, draws: Any) -> None:
        import torch

        self._mean = torch.ones(())

    def loss(self, output: Any, batch: Any) -> Any:
        error = (output.float() - batch.target).abs().mean()
        self._mean.mul_(0.9).add_(0.1 * mean_over_processes(error.detach()))
        return error / self._mean

    def state(self) -> Any:
        return {"mean": self._mean}


class Forgotten(Remembering):
    """Does not say so."""

    def state(self) -> Any:
        return {}


class Copied(Remembering):
    """Gives a copy, into which nothing can be restored."""

    def state(self) -> Any:
        return {"mean": self._mean.clone()}


class Late(Remembering):
    """Has no tensor to restore into before the first step."""

    def attach(self, network: Any, taps: Any, draws: Any) -> None:
        self._kept: dict[str, Any] = {}

    def loss(self, output: Any, batch: Any) -> Any:
        error = (output.float() - batch.target).abs().mean()
        self._kept.setdefault("mean", error.detach().clone())
        return error / self._kept["mean"]

    def state(self) -> Any:
        return self._kept


class CleanCut(OfAnyRole):
    """Cuts the clean images."""

    def clean(self, images: Any, draws: Any) -> Any:
        return images[..., :-1]


class CleanInPlace(OfAnyRole):
    """Darkens the targets too."""

    def clean(self, images: Any, draws: Any) -> Any:
        return images.mul_(0.5)


class CleanLate(OfAnyRole):
    """Needs the step that the batch is made for."""

    _share = 0.0

    def set_progress(self, fraction: Fraction) -> None:
        self._share = float(fraction)

    def clean(self, images: Any, draws: Any) -> Any:
        return images * (1 - 0.5 * self._share)


class CleanMixed(OfAnyRole):
    """Mixes clean images."""

    def clean(self, images: Any, draws: Any) -> Any:
        return 0.9 * images + 0.1 * images.roll(1, 0)


class CleanGlobalNoise(OfAnyRole):
    """Takes grain from torch's global generator."""

    def clean(self, images: Any, draws: Any) -> Any:
        import torch

        return images + 0.1 * torch.rand_like(images)
