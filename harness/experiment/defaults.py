"""Options of performance that an experiment leaves out, taken from its network's entry. Imports no torch."""

from __future__ import annotations

from collections.abc import Container

from harness.foundation.errors import HarnessError
from harness.foundation.yamlfile import validate
from harness.regularizers import graph_safe
from harness.spec import NetworkEntry, TrainingSpec


def completed(
    training: TrainingSpec, given: Container[str], network: NetworkEntry, regularizer: str, source: str
) -> TrainingSpec:
    """Return the training with the network's defaults for its device; what cannot be had here is left out of these.

    Args:
        training: as written.
        given: options that are written and so stay.
        network: entry of the catalogue.
        regularizer: its name.
        source: the file, named in errors.

    Raises:
        HarnessError: a CUDA graph was asked for, but the regularizer cannot be captured.
    """
    safe = graph_safe(regularizer)
    if training.cuda_graph and not safe:
        reason = f"the regularizer {regularizer!r} does not say graph_safe"
        raise HarnessError(f"{source}: training.cuda_graph: True: {reason}; use cuda_graph: false")
    listed = network.defaults(training.device, training.precision)
    defaults = {name: value for name, value in listed.items() if name not in given}
    if not safe or training.processes > 1:
        defaults.pop("cuda_graph", None)
    if training.pool:
        defaults.pop("prefetch", None)
    return validate(training.model_dump(mode="json") | defaults, TrainingSpec, source, "training")
