"""The plain network of a run: the regularizer is gone, only weights are left, trained or as they were drawn."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from harness.evaluation.passes import Passes
from harness.evaluation.references import UNTRAINED_SEED, ReferenceMethod
from harness.evaluation.upscalers import NetworkUpscaler, ReferenceUpscaler, Upscaler
from harness.foundation.sums import check
from harness.networks.build import build_network
from harness.networks.weights import check_run, load_into, load_weights
from harness.spec import NetworkSpec, RunSpec


def load_network(spec: RunSpec, weights: Path, threads: int = 1, channels_last: bool = False) -> nn.Module:
    """Build the network of a run on the CPU and load its weights.

    Args:
        spec: the run.
        weights: its ``weights.safetensors``.
        threads: CPU threads of torch, fixed because sums depend on how work is split.
        channels_last: memory layout of the convolutions; moves a result by rounding of float32 at most.

    Raises:
        HarnessError: the file is missing, broken, not what was written, of another network or of another run.
    """
    check(weights)
    torch.set_num_threads(threads)
    network = build_network(spec.network, spec.seed)
    load_into(network, load_weights(weights), weights)
    check_run(weights, spec.hash)
    return _laid_out(network, channels_last)


def untrained_network(spec: NetworkSpec, threads: int = 1, channels_last: bool = False) -> nn.Module:
    """Build a network on the CPU with the weights that training with seed 0 starts from."""
    torch.set_num_threads(threads)
    return _laid_out(build_network(spec, UNTRAINED_SEED), channels_last)


def control_upscaler(control: ReferenceMethod, scale: int, passes: Passes | None = None) -> Upscaler:
    """Return a reference ready to run, on the CPU; ``passes`` is for a network that draws random numbers."""
    if control.spec is None:
        return ReferenceUpscaler(control.name, scale)
    return NetworkUpscaler(untrained_network(control.spec), scale, "cpu", passes)


def _laid_out(network: nn.Module, channels_last: bool) -> nn.Module:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return network.to(memory_format=layout).eval()
