"""Models from outside as configuration: which file, which network, which of its weights. Imports no torch.

An experiment names them under ``external:``, the command line by options; :mod:`harness.evaluation.external` runs them.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from harness.foundation.errors import HarnessError
from harness.foundation.files import content_hash, file_sha256
from harness.foundation.places import expanded
from harness.foundation.yamlfile import StrictModel
from harness.spec import NetworkEntry, NetworkSpec, PassesSpec

SPANDREL = "spandrel"
"""In place of a network's name: let spandrel recognize the architecture by the weights."""

REGULARIZER = "external"
"""What metric rows say in the column ``regularizer``."""

_IMPORT_PATH = re.compile(r"[\w.]+:\w+")


class ExternalEntry(StrictModel):
    """A model from outside, as written.

    Attributes:
        weights: the file: ``.safetensors``, or a PyTorch checkpoint, which is read as tensors only.
        network: a name in ``configs/networks.yaml``, an import path ``module:Class``, or ``spandrel``.
        arguments: keyword arguments of the class, with an import path only.
        key: which set of weights, where a file holds several, such as BasicSR's ``params`` and ``params_ema``; a
            dotted way where they lie deeper.
        sha256: of the file; another file is then refused.
        python_path: the folder that an import path begins in, put first on Python's search path for this model alone.
    """

    weights: str = Field(min_length=1)
    network: str
    arguments: dict[str, Any] = {}
    key: str | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    python_path: str | None = Field(default=None, min_length=1)


@dataclass(frozen=True)
class ExternalModel:
    """A model from outside, resolved. Build it with :func:`resolve_external`.

    Attributes:
        name: what tables call it.
        entry: as written.
        weights: where the file lies.
        network: the network's name in the catalogue, "" if it has none.
        spec: how to build the network; None leaves that to spandrel.
    """

    name: str
    entry: ExternalEntry
    weights: Path
    network: str
    spec: NetworkSpec | None

    @cached_property
    def identifier(self) -> str:
        """``external.<name>.<8 digits of a hash of the description>``: the folder of its metrics."""
        network = None if self.spec is None else self.spec.model_dump(mode="json", include={"path", "arguments"})
        unsaid = {"python_path"} if self.entry.python_path is None else set()  # rows made before it could be said stay
        entry = self.entry.model_dump(mode="json", exclude=unsaid)
        return f"external.{self.name}.{content_hash([entry, network])[:8]}"

    @property
    def python_path(self) -> Path | None:
        """The folder that the network is imported from; relative ones begin at the working directory."""
        return None if self.entry.python_path is None else expanded(self.entry.python_path, "python_path")

    @property
    def passes(self) -> PassesSpec | None:
        """The ``test_time`` of the catalogue's network."""
        return self.spec.test_time if isinstance(self.spec, NetworkEntry) else None

    def describe(self) -> str:
        """Return network, file, key and SHA-256 in words, for reports."""
        network = self.entry.network + (f" {self.entry.arguments}" if self.entry.arguments else "")
        network += f" from {self.entry.python_path}" if self.entry.python_path else ""
        key = [f"key {self.entry.key}"] if self.entry.key else []
        digest = f"SHA-256 {file_sha256(self.weights)}" if self.weights.is_file() else "not there now"
        return ", ".join([network, self.entry.weights, *key, digest])

    def problem(self) -> str | None:
        """Say in one line why the model cannot be loaded, as far as that is known without torch, or return None."""
        reason = self._problem_of_file()
        if reason is None and self.spec is None and importlib.util.find_spec(SPANDREL) is None:
            reason = "network 'spandrel': not installed; run `pip install spandrel`, or name the network"
        return None if reason is None else f"external {self.name}: {reason}"

    def _problem_of_file(self) -> str | None:
        if self.weights.is_dir():
            return f"weights {self.weights}: a folder; name the file in it"
        if not self.weights.is_file():
            return f"weights {self.weights}: no such weight file; put it there or correct the path"
        wanted = self.entry.sha256
        if wanted is not None and (found := file_sha256(self.weights)) != wanted:
            return (
                f"weights {self.weights}: SHA-256 is {found}, not {wanted}: "
                "another or a damaged file; fetch it again or correct sha256"
            )
        if self.python_path is not None and not self.python_path.is_dir():
            return f"python_path {self.python_path}: no such folder; name the one that the network is imported from"
        return None


def resolve_external(name: str, entry: ExternalEntry, networks: Mapping[str, NetworkSpec], root: Path) -> ExternalModel:
    """Find out which network a model from outside has, and where its file lies.

    Args:
        name: what tables call the model.
        entry: its description.
        networks: the catalogue of networks.
        root: what a relative path of weights begins at.

    Raises:
        HarnessError: the network is unknown, or arguments are given that nothing takes. The file may be missing still:
            :meth:`ExternalModel.problem` tells.
    """
    weights, network = root / expanded(entry.weights, "weights"), entry.network
    if entry.python_path is not None and not _IMPORT_PATH.fullmatch(network):
        raise HarnessError(f"python_path: goes with an import path module:Class, not with network {network!r}")
    if network == SPANDREL:
        if entry.arguments:
            raise HarnessError("arguments: spandrel finds them in the weights; leave them out")
        return ExternalModel(name, entry, weights, "", None)
    if network in networks:
        if entry.arguments:
            raise HarnessError(f"arguments: the catalogue has those of {network!r}; name an import path to give others")
        return ExternalModel(name, entry, weights, network, networks[network])
    if not _IMPORT_PATH.fullmatch(network):
        known = ", ".join([*networks, SPANDREL])
        raise HarnessError(f"network {network!r}: unknown; allowed: {known}, or an import path module:Class")
    return ExternalModel(name, entry, weights, "", NetworkSpec(path=network, arguments=entry.arguments))
