"""Weight files: safetensors written atomically; published checkpoints read without running their code."""

from __future__ import annotations

import json
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from harness.foundation.errors import HarnessError
from harness.foundation.files import atomic_path, canonical_json
from harness.foundation.layout import remedy
from harness.foundation.sums import sealed_path

_METADATA = "harness"
_SHOWN = 4
_NUMBERED_BODY = re.compile(r"body(\d+)\.0\.(.+)")


def save_weights(
    path: str | Path, state_dict: Mapping[str, Tensor], metadata: Mapping[str, Any], sealed: bool = False
) -> None:
    """Write weights as safetensors: whole, or not at all.

    Equal weights and metadata give equal bytes.

    Args:
        path: the file; its folder is made.
        state_dict: name to tensor, on any device.
        metadata: what JSON can hold, such as the spec of the run; :func:`read_metadata` gives it back.
        sealed: whether to write its sum beside it, as for every result.
    """
    tensors = {name: state_dict[name].detach().cpu().contiguous().clone() for name in sorted(state_dict)}
    # One entry only: safetensors writes several in an order that differs from process to process.
    header = {_METADATA: canonical_json(dict(metadata))}
    with (sealed_path if sealed else atomic_path)(path) as temporary:
        safetensors.torch.save_file(tensors, temporary, header)


def load_weights(path: str | Path, key: str | None = None) -> dict[str, Tensor]:
    """Read weights onto the CPU, under the names that the file gives them.

    Args:
        path: safetensors, or a PyTorch checkpoint (``.pth``, ``.pt``, ``.ckpt``) as released with the papers.
            The latter is read with ``weights_only``: a file that wants to run code is refused.
        key: which set of weights, if a checkpoint holds several, such as BasicSR's ``params`` and ``params_ema``.

    Raises:
        HarnessError: the file is missing, truncated, corrupt, wants to run code, holds several sets without a ``key``
            given, or no such set.
    """
    path = Path(path)
    if not path.is_file():
        raise HarnessError(f"{path}: no such weight file; train it or put it there")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_checkpoint(path)
    return _chosen(content, key, path)


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


def check_run(path: str | Path, spec_hash: str) -> None:
    """Raise an error if weights are not those of the run with this spec hash.

    Raises:
        HarnessError: they are of another run, or do not say of which; the message names both.
    """
    found = read_metadata(path).get("spec_hash")
    if found != spec_hash:
        raise HarnessError(f"{path}: weights of the run {found}, but {spec_hash} is asked for; {remedy(Path(path))}")


def load_into(network: nn.Module, weights: Mapping[str, Tensor], source: str | Path) -> None:
    """Put ``weights`` into ``network``, which must have exactly these names and shapes.

    Args:
        network: changed in place.
        weights: from :func:`load_weights`; names as published with the papers will do (:func:`published_names`).
        source: the file, named in errors.

    Raises:
        HarnessError: names or shapes differ; the message shows the first few.
    """
    expected = network.state_dict()
    plain = _without_prefix(weights)
    spellings = zip(weights, plain, published_names(plain), strict=True)
    named = (next((name for name in names if name in expected), names[1]) for names in spellings)
    renamed = dict(zip(named, weights.values(), strict=True))
    weights = renamed if len(renamed) == len(weights) else weights
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
    renamed = {}
    for name, tensor in _without_prefix(weights).items():
        match = _NUMBERED_BODY.fullmatch(name)
        renamed[f"body.{int(match[1]) - 1}.{match[2]}" if match else name] = tensor
    return renamed


def _without_prefix(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = "module." if all(name.startswith("module.") for name in weights) else ""
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items()}


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


def _chosen(content: Any, key: str | None, path: Path) -> dict[str, Tensor]:
    if not isinstance(content, dict):
        raise HarnessError(f"{path}: holds a {type(content).__name__}, not weights by name")
    sets = [str(name) for name, value in content.items() if _are_weights(value)]
    if _are_weights(content):
        if key is not None:
            raise HarnessError(f"{path}: holds one set of weights, without a key; leave out key {key!r}")
        return dict(content)
    if not sets:
        raise HarnessError(f"{path}: holds no weights by name; its entries: {_some([str(name) for name in content])}")
    if key is None and len(sets) > 1:
        known = "params (raw) or params_ema (averaged)" if set(sets) == {"params", "params_ema"} else " or ".join(sets)
        raise HarnessError(f"{path}: holds {len(sets)} sets of weights; choose by key: {known}")
    if key is not None and key not in sets:
        raise HarnessError(f"{path}: holds no {key!r}; it holds: {', '.join(sets)}")
    return dict(content[key or sets[0]])


def _are_weights(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(tensor, Tensor) for tensor in value.values())


def _corrupt(path: Path, error: Exception) -> HarnessError:
    reason = " ".join(str(error).split())[:120]
    size = path.stat().st_size
    return HarnessError(f"{path}: truncated or corrupt ({size} bytes; {reason}); delete it and make or fetch it again")


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
