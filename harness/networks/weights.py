"""Weight files: safetensors written atomically; published checkpoints read without running their code."""

from __future__ import annotations

import json
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from harness.errors import HarnessError
from harness.files import atomic_path, canonical_json

Choice = Literal["params", "params_ema"]

_METADATA = "harness"
_SHOWN = 4
_NUMBERED_BODY = re.compile(r"body(\d+)\.0\.(.+)")


def save_weights(path: str | Path, state_dict: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write weights as safetensors: whole, or not at all.

    Equal weights and metadata give equal bytes.

    Args:
        path: the file; its folder is made.
        state_dict: name to tensor, on any device.
        metadata: what JSON can hold, such as the spec of the run; :func:`read_metadata` gives it back.
    """
    tensors = {name: state_dict[name].detach().cpu().contiguous().clone() for name in sorted(state_dict)}
    # One entry only: safetensors writes several in an order that differs from process to process.
    header = {_METADATA: canonical_json(dict(metadata))}
    with atomic_path(path) as temporary:
        safetensors.torch.save_file(tensors, temporary, header)


def load_weights(path: str | Path, choice: Choice | None = None) -> dict[str, Tensor]:
    """Read weights onto the CPU, under the names of BasicSR's networks.

    Args:
        path: safetensors, or a PyTorch checkpoint (``.pth``, ``.pt``, ``.ckpt``) as released with the papers.
            The latter is read with ``weights_only``: a file that wants to run code is refused.
        choice: which of BasicSR's two sets of weights, if the file holds both.

    Raises:
        HarnessError: the file is missing, truncated, corrupt, wants to run code, or holds both sets and ``choice``
            is not given.
    """
    path = Path(path)
    if not path.is_file():
        raise HarnessError(f"{path}: no such weight file; train it or put it there")
    if path.suffix == ".safetensors":
        return published_names(_read_safetensors(path))
    return published_names(_chosen(_read_checkpoint(path), choice, path))


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Return what :func:`save_weights` was given as metadata; empty for files of other origin.

    Raises:
        HarnessError: the file is missing, truncated or corrupt.
    """
    path = Path(path)
    if not path.is_file():
        raise HarnessError(f"{path}: no such weight file; train it or put it there")
    try:
        with safetensors.safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(_METADATA, "{}")
    except safetensors.SafetensorError as error:
        raise _corrupt(path, error) from error
    return dict(json.loads(text))


def load_into(network: nn.Module, weights: Mapping[str, Tensor], source: str | Path) -> None:
    """Put ``weights`` into ``network``, which must have exactly these names and shapes.

    Args:
        network: changed in place.
        weights: from :func:`load_weights`.
        source: the file, named in errors.

    Raises:
        HarnessError: names or shapes differ; the message shows the first few.
    """
    expected = network.state_dict()
    missing = [name for name in expected if name not in weights]
    surplus = [name for name in weights if name not in expected]
    differing = [
        f"{name} {tuple(weights[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    problems = [
        f"{label} {_some(names)}"
        for label, names in (("lacks", missing), ("has unknown", surplus), ("has", differing))
        if names
    ]
    if problems:
        raise HarnessError(f"{source}: not weights of this {type(network).__name__}: {'; '.join(problems)}")
    network.load_state_dict(dict(weights))


def published_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return ``weights`` under BasicSR's names.

    The checkpoints published with the three papers name the residual blocks ``body1.0.conv1`` to
    ``body16.0.conv2``, where BasicSR's ``MSRResNet`` says ``body.0.conv1`` to ``body.15.conv2``; and data-parallel
    training puts ``module.`` before every name.
    """
    if weights and all(name.startswith("module.") for name in weights):
        weights = {name.removeprefix("module."): tensor for name, tensor in weights.items()}
    renamed = {}
    for name, tensor in weights.items():
        match = _NUMBERED_BODY.fullmatch(name)
        renamed[f"body.{int(match[1]) - 1}.{match[2]}" if match else name] = tensor
    return renamed


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return dict(safetensors.torch.load_file(path))
    except safetensors.SafetensorError as error:
        raise _corrupt(path, error) from error


def _read_checkpoint(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about pickle protocols that torch does not write
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # Torch's own message is not passed on: it advises to switch the protection off.
        problem = "wants to run code" if "GLOBAL" in str(error) else "is corrupt or holds more than weights"
        raise HarnessError(
            f"{path}: refused: this pickle {problem}; fetch it again, or convert it to safetensors where you trust it"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise _corrupt(path, error) from error


def _chosen(content: Any, choice: Choice | None, path: Path) -> dict[str, Tensor]:
    if not isinstance(content, dict):
        raise HarnessError(f"{path}: holds a {type(content).__name__}, not weights by name")
    sets = [name for name in ("params", "params_ema") if isinstance(content.get(name), dict)]
    if sets:
        if choice is None and len(sets) > 1:
            raise HarnessError(f"{path}: holds two sets of weights; choose params (raw) or params_ema (averaged)")
        if choice is not None and choice not in sets:
            raise HarnessError(f"{path}: holds no {choice!r}; it holds: {', '.join(sets)}")
        content = content[choice or sets[0]]
    if not content or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise HarnessError(f"{path}: holds no weights by name; its entries: {_some([str(key) for key in content])}")
    return dict(content)


def _corrupt(path: Path, error: Exception) -> HarnessError:
    reason = " ".join(str(error).split())[:120]
    size = path.stat().st_size
    return HarnessError(f"{path}: truncated or corrupt ({size} bytes; {reason}); delete it and make or fetch it again")


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
