"""Names of weights: what wrappers, published checkpoints and counters of operations make of them, undone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

PREFIXES = ("module.", "_orig_mod.", "model.", "net_g.", "generator.")
"""What data-parallel training, torch.compile, trainers and GANs put before every name of a network."""

_COUNTERS = ("total_ops", "total_params")  # which thop leaves in a network
_COMPILED = "_orig_mod."
_NUMBERED_BODY = re.compile(r"body(\d+)\.0\.(.+)")
_DEEPEST = 4


@dataclass(frozen=True)
class Fitted:
    """Weights under the names that a network has, as far as they can be told.

    Attributes:
        weights: by name; with names that the network does not have, if they do not fit.
        prefix: what was taken away from the beginning of names.
        left_out: names in the file that do not begin with ``prefix``, and counters.
    """

    weights: dict[str, Tensor]
    prefix: str
    left_out: tuple[str, ...]


def fit(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[Fitted]:
    """Return the ways to read ``weights`` under which all names of a network are found; else the nearest one.

    Args:
        weights: as in a file.
        expected: the network's ``state_dict()``.
    """
    counters = [name for name in weights if name not in expected and name.rpartition(".")[2] in _COUNTERS]
    rest = {name: tensor for name, tensor in weights.items() if name not in counters}
    readings = [
        Fitted(_spelled(found, expected), prefix, (*counters, *(n for n in rest if not n.startswith(prefix))))
        for prefix, found in _stripped(rest, "", _DEEPEST)
    ]
    fitting = [reading for reading in readings if expected.keys() <= reading.weights.keys()]
    shortest = [one for one in fitting if not any(one.prefix.startswith(f.prefix) for f in fitting if f is not one)]
    if shortest:
        return shortest
    return [min(readings, key=lambda reading: len(expected.keys() - reading.weights.keys()))]


def rivals(fitted: Fitted, expected: Mapping[str, Tensor]) -> list[str]:
    """Return the other first parts of names, such as ``net_g_ema``, below which the network is whole, too."""
    groups: dict[str, set[str]] = {}
    for name in fitted.left_out:
        first, _, rest = name.partition(".")
        groups.setdefault(first, set()).add(rest)
    return [first for first, names in groups.items() if expected.keys() <= names]


def published_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return ``weights`` under BasicSR's names.

    The checkpoints published with the three papers name the residual blocks ``body1.0.conv1`` to
    ``body16.0.conv2``, where BasicSR's ``MSRResNet`` says ``body.0.conv1`` to ``body.15.conv2``; and data-parallel
    training puts ``module.`` before every name.
    """
    prefix = "module." if all(name.startswith("module.") for name in weights) else ""
    return {_published(name.removeprefix(prefix)): tensor for name, tensor in weights.items()}


def _published(name: str) -> str:
    match = _NUMBERED_BODY.fullmatch(name)
    return f"body.{int(match[1]) - 1}.{match[2]}" if match else name


def _stripped(weights: dict[str, Tensor], prefix: str, deepest: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield prefix and the weights below it, nearest first: none, each that any name has, and each of these again."""
    yield prefix, weights
    for begin in PREFIXES if deepest else ():
        if found := {n.removeprefix(begin): tensor for n, tensor in weights.items() if n.startswith(begin)}:
            yield from _stripped(found, prefix + begin, deepest - 1)


def _spelled(weights: dict[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give every name the spelling that the network knows, if there is one and no two names become one."""
    renamed = {}
    for name, tensor in weights.items():
        inner = name.replace(_COMPILED, "")  # torch.compile of a part of the network
        spellings = (name, inner, _published(name), _published(inner))
        renamed[next((spelling for spelling in spellings if spelling in expected), spellings[2])] = tensor
    return renamed if len(renamed) == len(weights) else weights
