"""The layers that are looked at: the first convolution, every block, and the input of the last convolution, by taps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from harness.foundation.errors import HarnessError
from harness.networks.sizes import input_multiple
from harness.networks.taps import Taps

ROLE = "layers"
"""The role of all of them."""

LAST = "last"


@dataclass(frozen=True)
class Layers:
    """The layers of one network.

    Attributes:
        taps: with the roles :data:`ROLE` and ``last``.
        names: of the taps of :data:`ROLE`, in the order of the forward pass: ``first``, ``block1``, ..., ``last``.
    """

    taps: Taps
    names: tuple[str, ...]


def layers_of(
    network: nn.Module, taps: Mapping[str, Sequence[str]], blocks: Sequence[int] | None, where: str
) -> Layers:
    """Find the layers of a network by the roles ``first``, ``block_outputs`` and ``last`` of its entry.

    Args:
        network: any.
        taps: role to taps, as in ``NetworkSpec.taps``; ``first`` and ``block_outputs`` may be missing.
        blocks: which blocks, from 1; None for all.
        where: begins the messages.

    Raises:
        HarnessError: the network has no role ``last``, or no such block.
    """
    if LAST not in taps:
        raise HarnessError(f"{where}: its entry has no taps {LAST!r}; name the input of its last convolution there")
    every = Taps(network, taps)
    count = len(every.points("block_outputs")) if "block_outputs" in taps else 0
    wrong = [number for number in blocks or () if not 1 <= number <= count]
    if wrong:
        raise HarnessError(f"{where}: analysis.blocks: {wrong[0]}: there are blocks 1 to {count}; name some, or all")
    chosen = list(range(1, count + 1)) if blocks is None else sorted(set(blocks))
    listed = [("first", str(point)) for point in (every.points("first") if "first" in taps else ())][:1]
    points = every.points("block_outputs") if count else ()
    listed += [(f"block{number}", str(points[number - 1])) for number in chosen]
    listed += [(LAST, str(point)) for point in every.points(LAST)][:1]
    own = {ROLE: [point for _, point in listed], LAST: [listed[-1][1]]}
    return Layers(Taps(network, own), tuple(name for name, _ in listed))


def as_map(features: Tensor, network: nn.Module, height: int, width: int) -> Tensor:
    """Return features (N, C, H, W) as they are, and tokens (N, L, C) as a map (N, C, h, w).

    Args:
        features: of one layer.
        network: whose input is extended to a multiple of :func:`harness.networks.sizes.input_multiple`.
        height, width: of the image before that; tokens are one per pixel of what the network saw, or else one row.
    """
    if features.dim() == 4:
        return features
    multiple = input_multiple(network)
    rows, columns = height + -height % multiple, width + -width % multiple
    tokens = features.transpose(1, 2)
    return tokens.unflatten(2, (rows, columns)) if tokens.shape[2] == rows * columns else tokens.unsqueeze(2)


def pooled(features: Tensor, cells: int) -> Tensor:
    """Return the means of a map (1, C, H, W) over ``cells`` x ``cells`` parts of equal size: (parts, C)."""
    side = min(cells, *features.shape[-2:])
    return F.adaptive_avg_pool2d(features, side)[0].flatten(1).T
