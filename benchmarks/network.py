"""One optimizer step on a ready batch, of the harness and of BasicSR's own components."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import harness.foundation.compat  # noqa: F401
from harness.networks.build import import_network
from harness.networks.taps import Taps
from harness.regularizers import Batch
from harness.spec import RunSpec
from harness.training.step import Learner

Step = Callable[[Batch], Tensor | float]
"""A training step; returns the sum of its losses so far, where the implementation keeps it."""


def random_batch(spec: RunSpec, device: str) -> Batch:
    """Return a batch of the spec's sizes, of uniform noise: the time does not depend on the pixels."""
    generator = torch.Generator().manual_seed(0)
    count, side = spec.training.batch_size, spec.training.patch
    small = side // spec.scale
    lr = torch.rand(count, 3, small, small, generator=generator)
    return Batch(lr.to(device), torch.rand(count, 3, side, side, generator=generator).to(device))


def harness_step(spec: RunSpec, device: str) -> Step:
    """Return the harness's step; each call is the next iteration."""
    learner = Learner(spec, device)
    iteration = 0

    def step(batch: Batch) -> Tensor:
        nonlocal iteration
        iteration += 1
        learner.step(iteration, batch)
        return learner.sums[0]

    return step


def basicsr_step(spec: RunSpec, device: str) -> Step:
    """Return ``SRModel.optimize_parameters`` of BasicSR 1.4.2 with its network, loss, Adam and ``model_ema``.

    float32 and contiguous, because that model has no other; noise by ``F.dropout2d``, as the released networks do. Not
    more than that: for Simple-Align this is the step on as many images, but without the penalty.
    """
    from basicsr.losses.basic_loss import L1Loss  # here: the harness's own step is timed without it, too

    training = spec.training
    torch.manual_seed(0)
    network = import_network(spec.network.path)(**spec.network.arguments).to(device)
    average = import_network(spec.network.path)(**spec.network.arguments).to(device).eval()
    average.load_state_dict(network.state_dict())
    add_noise(network, spec)
    optimizer = torch.optim.Adam(network.parameters(), lr=training.learning_rate, betas=training.betas)
    criterion = L1Loss()
    total = 0.0

    def step(batch: Batch) -> float:
        nonlocal total
        optimizer.zero_grad()
        loss = criterion(network(batch.lr), batch.target)
        loss.backward()
        optimizer.step()
        total += loss.mean().item()  # reduce_loss_dict, in every iteration
        parameters, averages = dict(network.named_parameters()), dict(average.named_parameters())
        for name, values in averages.items():
            values.data.mul_(training.ema).add_(parameters[name].data, alpha=1 - training.ema)
        return total

    return step


def add_noise(network: nn.Module, spec: RunSpec) -> None:
    """Put the released regularizer's dropout into a network."""
    taps, options = Taps(network, spec.network.taps), spec.regularizer.options
    if spec.regularizer.regularizer == "dropout":
        taps.apply("last", lambda index, features: F.dropout2d(features, options["rate"]))
    if spec.regularizer.regularizer == "adaptive_dropout":
        weight = options["initial_weight"]

        def blend(index: int, features: Tensor) -> Tensor:
            return weight * features + (1 - weight) * F.dropout2d(features, options["rate"])

        taps.apply("blocks", blend)
        taps.apply("last", blend)


def imitated_bf16(spec: RunSpec, enabled: bool = True) -> Callable[[], float]:
    """Return forward and backward pass of one image under CPU autocast to bf16, or in float32 if not enabled.

    The pass returns its loss.
    """
    network = import_network(spec.network.path)(**spec.network.arguments)
    batch = random_batch(spec, "cpu")

    def step() -> float:
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            output = network(batch.lr[:1])
        loss = F.l1_loss(output.float(), batch.target[:1])
        loss.backward()
        return float(loss.detach())

    return step
