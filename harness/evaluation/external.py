"""Models from outside at work: weight files that were not trained here, as rows beside those that were.

A model is a weight file and a network: a catalogue name, an import path (``module:Class`` with arguments), or
``spandrel``, which recognizes most published super-resolution architectures by their weights, where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import nn

import harness.foundation.compat  # noqa: F401
from harness.evaluation import python_path
from harness.evaluation.evaluate import Method, evaluate_checkpoint
from harness.evaluation.external_entry import REGULARIZER, ExternalModel
from harness.foundation.device_errors import device_problem
from harness.foundation.errors import HarnessError
from harness.networks.build import build_network
from harness.networks.sizes import forward_padded, probe_image
from harness.networks.weights import check_kinds, fitted, load_into, load_weights
from harness.spec import NetworkSpec, SetSpec


def load_external(model: ExternalModel, scale: int, threads: int = 1) -> nn.Module:
    """Build the network of ``model`` on the CPU and load its weights.

    Args:
        model: the description.
        scale: what the network must enlarge by.
        threads: CPU threads of torch, fixed because sums depend on how work is split.

    Raises:
        HarnessError: the file is missing, another one than stated, damaged, wants to run code or belongs to another
            architecture, the network cannot be built, or it enlarges by another factor.
    """
    if problem := model.problem():
        raise HarnessError(problem)
    torch.set_num_threads(threads)
    python_path.select(model.python_path)
    try:
        network = _by_spandrel(model) if model.spec is None else _by_spec(model, model.spec)
        _check_scale(network, scale)
    except HarnessError as error:
        raise HarnessError(f"external {model.name}: {error}") from error
    return network.eval()


def try_external(model: ExternalModel, scale: int) -> None:
    """Do what :func:`load_external` does as far as that needs no values: build, compare names and shapes, ask the size.

    The network lies on the meta device where it can be built and called there, else on the CPU; spandrel needs values.

    Raises:
        HarnessError: as in :func:`load_external`.
    """
    if model.spec is None:
        load_external(model, scale)
        return
    torch.set_num_threads(1)
    python_path.select(model.python_path)
    try:
        weights = load_weights(model.weights, model.entry.key)
        try:
            _try_on("meta", model, model.spec, weights, scale)
        except (HarnessError, NotImplementedError):
            _try_on("cpu", model, model.spec, weights, scale)
    except HarnessError as error:
        raise HarnessError(f"external {model.name}: {error}") from error


def _try_on(device: str, model: ExternalModel, spec: NetworkSpec, weights: dict[str, torch.Tensor], scale: int) -> None:
    with torch.device(device):
        network = build_network(spec, seed=0)
        fitted(network, weights, model.weights)
        _check_scale(network, scale)


def evaluate_external(
    model: ExternalModel,
    sets: Sequence[SetSpec],
    benchmarks: Path,
    scale: int,
    device: torch.device | str = "cpu",
    weights_root: str | Path | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Evaluate a model from outside; rows, arguments and errors as in :func:`harness.evaluation.evaluate_checkpoint`.

    The rows carry the catalogue name of the network, or none, the model's name as variant and no seed.
    """
    network = load_external(model, scale, threads)
    method = Method(model.network, model.name, REGULARIZER)
    return evaluate_checkpoint(network, method, sets, benchmarks, scale, device, weights_root, passes=model.passes)


def _by_spec(model: ExternalModel, spec: NetworkSpec) -> nn.Module:
    weights = load_weights(model.weights, model.entry.key)
    network = build_network(spec, seed=0)
    load_into(network, weights, model.weights)
    return network


class _Described(nn.Module):
    """A model that spandrel loaded, called through spandrel, which knows the image sizes that it accepts."""

    def __init__(self, model: nn.Module, call: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.model = model
        self._call = call

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Upscale (1, 3, h, w) float32 on [0, 1]."""
        return self._call(images)


def _by_spandrel(model: ExternalModel) -> nn.Module:
    import spandrel

    weights = load_weights(model.weights, model.entry.key)  # here, because spandrel's own reader chooses by itself
    try:
        descriptor = spandrel.ModelLoader(device="cpu").load_from_state_dict(spandrel.canonicalize_state_dict(weights))
    except Exception as error:
        text, kind = " ".join(str(error).split())[:200], type(error).__name__
        reason = f"{kind}: {text}" if text else kind
        if kind == "UnsupportedModelError":
            reason = "it knows no architecture with such weights"
        raise HarnessError(f"{model.weights}: spandrel cannot load it ({reason}); name the network instead") from error
    if not isinstance(descriptor, spandrel.ImageModelDescriptor) or descriptor.input_channels != 3:
        name = descriptor.architecture.name
        raise HarnessError(f"{model.weights}: a {name} model that does not map one RGB image to another")
    check_kinds(descriptor.model.state_dict(), weights, model.weights)
    return _Described(descriptor.model, descriptor)


def _check_scale(network: nn.Module, scale: int) -> None:
    image = probe_image(network)
    network.eval()
    try:
        with torch.inference_mode():
            result = forward_padded(network, image, scale)
    except Exception as error:  # a network of others raises anything
        if device_problem(error):
            raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise HarnessError(f"the network does not map an RGB image to another ({reason})") from error
    height, width = image.shape[-2:]
    if not isinstance(result, torch.Tensor):
        raise HarnessError(f"the network returns a {type(result).__name__}, not an image")
    if tuple(result.shape) != (1, 3, height * scale, width * scale):
        raise HarnessError(
            f"the network maps 3x{height}x{width} to {'x'.join(map(str, result.shape[1:]))}, "
            f"but the scale is {scale}: set its arguments (upscale, scale), or the scale"
        )
