"""Weight files: safetensors written atomically; published checkpoints read without running their code."""

from __future__ import annotations

import json
import logging
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
from harness.networks.checkpoints import choose, corrupt, read_file, some
from harness.networks.names import Fitted, fit, rivals

logger = logging.getLogger(__name__)

_METADATA = "harness"


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
        # Not save_file, which writes a temporary file of its own: a kill would leave it under a name that nobody knows.
        temporary.write_bytes(safetensors.torch.save(tensors, header))


def load_weights(path: str | Path, key: str | None = None) -> dict[str, Tensor]:
    """Read weights onto the CPU, under the names that the file gives them.

    Args:
        path: safetensors, or a PyTorch checkpoint (``.pth``, ``.pt``, ``.ckpt``) as released with the papers,
            told apart by their content. The latter is read with ``weights_only``: a file that wants to run code is
            refused.
        key: which set of weights, if a checkpoint holds several, such as BasicSR's ``params`` and ``params_ema``; a
            dotted way where dictionaries lie in each other, such as ``model.state_dict``.

    Returns:
        Dense tensors with values, neither quantized nor sparse.

    Raises:
        HarnessError: the file is missing, truncated, corrupt, another kind of file, wants to run code, holds several
            sets without a ``key`` given, no such set, or tensors that no network can take.
    """
    path = Path(path)
    if not path.is_file():
        raise HarnessError(f"{path}: no such weight file; train it or put it there")
    weights = choose(read_file(path), key, path)
    for name, tensor in weights.items():
        if problem := _unusable(tensor):
            raise HarnessError(f"{path}: {name}: {problem}")
    return weights


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
        raise corrupt(path, error) from error
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
    """Put ``weights`` into ``network``, which must have exactly these names, shapes and kinds of numbers.

    Args:
        network: changed in place.
        weights: from :func:`load_weights`; names as published with the papers and prefixes of wrappers will do
            (:mod:`harness.networks.names`). What is left out is told.
        source: the file, named in errors.

    Raises:
        HarnessError: names, shapes or kinds differ; the message shows the first few.
    """
    network.load_state_dict(fitted(network, weights, source))


def fitted(network: nn.Module, weights: Mapping[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    """Return ``weights`` as ``network`` can load them; arguments and errors as in :func:`load_into`.

    The network may be on the meta device: only names, shapes and kinds are compared.
    """
    expected = network.state_dict()
    readings = fit(weights, expected)
    found = readings[0]
    _check_choice(readings, rivals(found, expected), source)
    missing = [name for name in expected if name not in found.weights]
    surplus = [name for name in found.weights if name not in expected]
    differing = [
        f"{name} {tuple(found.weights[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in found.weights and found.weights[name].shape != tensor.shape
    ]
    problems = [
        f"{label} {some(names)}"
        for label, names in (("lacks", missing), ("has unknown", surplus), ("has", differing))
        if names
    ]
    if problems:
        raise HarnessError(f"{source}: not weights of this {type(network).__name__}: {'; '.join(problems)}")
    check_kinds(expected, found.weights, source)
    if found.left_out:
        logger.warning("note: %s: left out, as no weights of this network: %s", source, some(list(found.left_out)))
    return found.weights


def check_kinds(expected: Mapping[str, Tensor], weights: Mapping[str, Tensor], source: str | Path) -> None:
    """Refuse integers where a network has floating point numbers, and the other way round unless they are whole.

    Args:
        expected: the network's ``state_dict()``.
        weights: under the network's names; others are not looked at.
        source: the file, named in errors.

    Raises:
        HarnessError: PyTorch would convert such numbers without a word; one line names the first.
    """
    for name, tensor in weights.items():
        wanted = expected.get(name, tensor)
        if wanted.is_floating_point() == tensor.is_floating_point() and wanted.is_complex() == tensor.is_complex():
            continue
        if tensor.is_floating_point() and tensor.equal(tensor.to(wanted.dtype).to(tensor.dtype)):
            continue  # a counter that went through an average
        kinds = [str(dtype).removeprefix("torch.") for dtype in (tensor.dtype, wanted.dtype)]
        raise HarnessError(
            f"{source}: {name} holds {kinds[0]} where the network has {kinds[1]}: quantized or other weights; "
            "get those in floating point"
        )


def _check_choice(readings: list[Fitted], others: list[str], source: str | Path) -> None:
    beginnings = [reading.prefix.rstrip(".") for reading in readings]
    names = list(dict.fromkeys([*beginnings, *others]))
    if len(names) > 1:
        raise HarnessError(
            f"{source}: holds this network's names {len(names)} times; choose by key: {' or '.join(names)}"
        )


def _unusable(tensor: Tensor) -> str | None:
    if tensor.is_meta:
        return "on the meta device, without values; save the weights after they were loaded"
    if tensor.is_quantized or (tensor.is_floating_point() and tensor.dtype.itemsize < 2):
        return f"quantized ({str(tensor.dtype).removeprefix('torch.')}); get the weights in floating point"
    if tensor.layout != torch.strided:
        return "a sparse tensor; save tensor.to_dense()"
    return None
