"""Models from outside: weight files that were not trained here, as rows beside those that were.

A model is a weight file and a network: a catalogue name, an import path (``module:Class`` with arguments), or
``spandrel``, which recognizes most published super-resolution architectures by their weights, where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
from pydantic import Field
from torch import nn

from harness.errors import HarnessError
from harness.evaluation.evaluate import Method, evaluate_checkpoint
from harness.files import content_hash, file_sha256
from harness.networks.build import build_network
from harness.networks.sizes import forward_padded, probe_image
from harness.networks.weights import load_into, load_weights
from harness.spec import NetworkSpec, SetSpec
from harness.yamlfile import StrictModel

SPANDREL = "spandrel"


class ExternalModel(StrictModel):
    """A model from outside, under a name of its own.

    Attributes:
        name: what tables call it, as ``external:<name>``.
        weights: the file: ``.safetensors``, or a PyTorch checkpoint, which is read as tensors only.
        network: a name in ``configs/networks.yaml``, an import path ``module:Class``, or ``spandrel``.
        arguments: keyword arguments of the class, with an import path only.
        choice: which of the sets of weights that BasicSR saves side by side.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*$")
    weights: str
    network: str
    arguments: dict[str, Any] = {}
    choice: Literal["params", "params_ema"] | None = None

    @property
    def label(self) -> str:
        """The method's name in tables."""
        return f"external:{self.name}"

    def identity(self) -> str:
        """Return a SHA-256 over the description and the bytes of the weight file: it names the model's results.

        Raises:
            HarnessError: the weight file is missing.
        """
        path = Path(self.weights)
        if not path.is_file():
            raise HarnessError(f"external {self.name}: weights {path}: no such file; put it there or correct the path")
        return content_hash({"model": self.model_dump(mode="json", exclude={"weights"}), "sha256": file_sha256(path)})


def load_external(model: ExternalModel, networks: Mapping[str, NetworkSpec], scale: int) -> nn.Module:
    """Build the network of ``model`` on the CPU and load its weights.

    Args:
        model: the description.
        networks: the catalogue of networks.
        scale: what the network must enlarge by.

    Raises:
        HarnessError: the file is missing, damaged, wants to run code or belongs to another architecture, the network
            is unknown, or it enlarges by another factor.
    """
    try:
        network = _by_spandrel(model) if model.network == SPANDREL else _by_name(model, networks)
    except HarnessError as error:
        raise HarnessError(f"external {model.name}: {error}") from error
    _check_scale(network, scale, model)
    return network


def evaluate_external(
    model: ExternalModel,
    networks: Mapping[str, NetworkSpec],
    sets: Sequence[SetSpec],
    benchmarks: Path,
    scale: int,
    device: torch.device | str = "cpu",
    weights_root: str | Path | None = None,
) -> pd.DataFrame:
    """Evaluate a model from outside; rows, arguments and errors as in :func:`harness.evaluation.evaluate_checkpoint`.

    The rows carry the catalogue name of the network, or none, the variant ``external:<name>`` and no seed.
    """
    network = load_external(model, networks, scale)
    method = Method(model.network if model.network in networks else "", model.label, "external")
    return evaluate_checkpoint(network, method, sets, benchmarks, scale, device, weights_root)


def _by_name(model: ExternalModel, networks: Mapping[str, NetworkSpec]) -> nn.Module:
    if model.network in networks:
        if model.arguments:
            raise HarnessError(
                f"arguments: the catalogue has those of {model.network!r}; name an import path to give others"
            )
        spec = networks[model.network]
    elif ":" in model.network:
        spec = NetworkSpec(path=model.network, arguments=model.arguments)
    else:
        known = ", ".join([*networks, SPANDREL])
        raise HarnessError(f"network {model.network!r}: unknown; allowed: {known}, or an import path module:Class")
    weights = load_weights(model.weights, model.choice)
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
    try:
        import spandrel
    except ImportError as error:
        raise HarnessError("network 'spandrel': not installed; run `pip install spandrel`") from error
    path = Path(model.weights)
    if not path.is_file():
        raise HarnessError(f"{path}: no such weight file; put it there or correct the path")
    if model.arguments or model.choice:
        raise HarnessError("arguments, choice: spandrel finds them in the file; leave them out")
    try:
        descriptor = spandrel.ModelLoader(device="cpu").load_from_file(path)
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise HarnessError(f"{path}: spandrel cannot load it ({type(error).__name__}: {reason})") from error
    if not isinstance(descriptor, spandrel.ImageModelDescriptor) or descriptor.input_channels != 3:
        raise HarnessError(f"{path}: a {descriptor.architecture.name} model that does not map one RGB image to another")
    return _Described(descriptor.model, descriptor)


def _check_scale(network: nn.Module, scale: int, model: ExternalModel) -> None:
    image = probe_image(network)
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            result = forward_padded(network, image, scale)
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise HarnessError(
            f"external {model.name}: the network does not map an RGB image to another ({reason})"
        ) from error
    finally:
        network.train(training)
    height, width = image.shape[-2:]
    if tuple(result.shape) != (1, 3, height * scale, width * scale):
        raise HarnessError(
            f"external {model.name}: maps 3x{height}x{width} to {'x'.join(map(str, result.shape[1:]))}, "
            f"but the scale is {scale}: set its arguments (upscale, scale) or the experiment's scale"
        )
