"""Options of performance that an experiment leaves out, taken from its network's entry. Imports no torch."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from harness.foundation.errors import HarnessError
from harness.foundation.yamlfile import validate
from harness.regularizers import compile_safe, graph_safe
from harness.spec import NetworkEntry, TrainingSpec

_QUICKER = {"cuda_graph": "CUDA graph", "compile": "compilation"}


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
        HarnessError: a CUDA graph or compilation was asked for, but the regularizer can have none.
    """
    refused = _refused(regularizer)
    for name, reason in refused.items():
        if getattr(training, name):
            reason = f"the regularizer {regularizer!r} {reason}"
            raise HarnessError(f"{source}: training.{name}: True: {reason}; use {name}: false")
    listed = network.defaults(training.device, training.precision)
    defaults = {name: value for name, value in listed.items() if name not in given and name not in refused}
    if training.processes > 1:
        defaults.pop("cuda_graph", None)
    if training.pool:
        defaults.pop("prefetch", None)
    return validate(training.model_dump(mode="json") | defaults, TrainingSpec, source, "training")


def _refused(regularizer: str) -> dict[str, str]:
    """Return the options that a regularizer cannot have, each with the reason."""
    reasons = {}
    if not graph_safe(regularizer):
        reasons["cuda_graph"] = "does not say graph_safe"
    if not compile_safe(regularizer):
        reasons["compile"] = "says that it is not compile_safe"
    return reasons


def foregone(training: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    """Return what made the baseline's training quicker and is missing in another, such as ``CUDA graph``, or "".

    The times of the two then differ by more than the ideas do.

    Args:
        training, baseline: the fields of a ``TrainingSpec``, as in the spec of a run.
    """
    lacking = [name for name in _QUICKER if baseline.get(name) and not training.get(name)]
    return " and ".join(_QUICKER[name] for name in lacking)
