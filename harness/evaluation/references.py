"""The control rows of a comparison: what no training has touched. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from harness.foundation.errors import HarnessError
from harness.foundation.files import content_hash
from harness.spec import NetworkSpec

ReferenceName = Literal["bicubic", "bicubic_matlab", "bilinear", "input", "untrained"]
"""What an experiment may name under ``references``; :mod:`harness.evaluation.upscalers` says what each does."""

UNTRAINED = "untrained"
"""The network itself at its initial weights: a row for each network, where the others are one row for all."""

UNTRAINED_SEED = 0
"""The seed of these weights, whatever seeds an experiment trains with."""


@dataclass(frozen=True)
class ReferenceMethod:
    """One reference, ready to be measured.

    Attributes:
        name: what tables call it.
        network: name of the network in the catalogue, "" for a reference that has none.
        spec: the network.
    """

    name: str
    network: str = ""
    spec: NetworkSpec | None = field(default=None, hash=False)  # holds dictionaries, which have no hash

    @property
    def call(self) -> str:
        """Its name on the command line: ``bicubic``, ``untrained.<network>``."""
        return f"{self.name}.{self.network}" if self.network else self.name

    @property
    def identifier(self) -> str:
        """The folder of its metrics; a network's ends in 8 digits of a hash of its description, which may change."""
        if self.spec is None:
            return self.name
        return f"{self.call}.{content_hash([self.spec.showing(None).model_dump(mode='json'), UNTRAINED_SEED])[:8]}"


def resolve_references(names: Sequence[str], networks: Mapping[str, NetworkSpec]) -> tuple[ReferenceMethod, ...]:
    """Return the references that ``names`` stand for; ``untrained`` is one for each of the networks, in their order."""
    found: list[ReferenceMethod] = []
    for name in names:
        owned = [ReferenceMethod(name, network, spec) for network, spec in networks.items()]
        found += owned if name == UNTRAINED else [ReferenceMethod(name)]
    return tuple(found)


def find_reference(name: str, networks: Mapping[str, NetworkSpec]) -> ReferenceMethod:
    """Return the reference called ``name`` on a command line; its identifier will do.

    Args:
        name: ``bicubic``, ``untrained.<network>``.
        networks: those of the experiment.

    Raises:
        HarnessError: there is none; the message lists those that exist.
    """
    known = resolve_references(get_args(ReferenceName), networks)
    for method in known:
        if name in (method.call, method.identifier):
            return method
    raise HarnessError(f"reference {name!r} is unknown; choose from: {', '.join(method.call for method in known)}")
