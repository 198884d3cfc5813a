"""Sizes of weights, counted: networks are built once, with random weights, and thrown away."""

from __future__ import annotations

from collections.abc import Iterable

from harness.experiment import Run
from harness.workflow.forecast.rates import network_of


def counted_weight_bytes(runs: Iterable[Run]) -> dict[str, int]:
    """Return network, as :func:`harness.workflow.forecast.rates.network_of` names it, to the bytes of its weights.

    Raises:
        HarnessError: a network cannot be built.
    """
    from harness.networks.build import build_network

    found: dict[str, int] = {}
    for run in runs:
        key = network_of(run.spec)
        if key not in found:
            tensors = build_network(run.spec.network, 0).state_dict().values()
            found[key] = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return found
