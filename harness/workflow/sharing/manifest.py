"""The list of what a bundle holds: a path, a size and a SHA-256 of each member. Its own SHA-256 is the signature."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.foundation.errors import HarnessError
from harness.foundation.names import RESERVED

NAME = "MANIFEST.json"
CARD = "README.md"
EXPERIMENT, TABLES, RESULTS = "experiment", "tables", "results"
"""First parts of the members' paths. What lies below ``results`` is imported, the others are for reading."""

STAGE = "seeds.json"
"""How far an experiment has come that adds seeds until it is decided; it has no sum beside it."""

LARGEST = 16 << 20  # bytes of the manifest itself

_STRICT = ConfigDict(extra="forbid", frozen=True)
_SHA256 = r"^[0-9a-f]{64}$"
_SYSTEMATIC = r"^[A-Za-z0-9][A-Za-z0-9_-]*\.[0-9a-f]{8}$"
_PART = re.compile(r"[A-Za-z0-9_][\w.+@=,-]*", re.ASCII)
_OF_AN_EXPERIMENT = (("metrics.parquet",), (STAGE,), ("tuning", "chosen.json"), ("tuning", "metrics.parquet"))
_OF_A_RUN = ("run.json", "history.csv", "weights.safetensors")
_ANALYSIS = re.compile(r"[0-9a-f]{8}\.[0-9]{9}\.csv", re.ASCII)


class Member(BaseModel):
    """One file of a bundle: its SHA-256 in hexadecimal and its size in bytes."""

    model_config = _STRICT

    sha256: str = Field(pattern=_SHA256)
    size: int = Field(ge=0)


class Manifest(BaseModel):
    """What a bundle holds.

    Attributes:
        format: of the bundle.
        experiment: name of the experiment.
        evaluation: hash of how it was evaluated; its first eight digits name the files of metrics.
        systematic: what further files of metrics are called, one for each set of many degradations.
        commit: of the harness that wrote the bundle.
        members: path in the bundle, with slashes, to what it is; all but the manifest.
    """

    model_config = _STRICT

    format: Literal[1] = 1
    experiment: str
    evaluation: str = Field(pattern=_SHA256)
    systematic: tuple[Annotated[str, Field(pattern=_SYSTEMATIC)], ...] = ()
    commit: str
    members: dict[str, Member]

    def encoded(self) -> bytes:
        """Return the bytes of the manifest in the bundle: the same for the same content."""
        left_out = set() if self.systematic else {"systematic"}  # a bundle without is what it always was
        return (json.dumps(self.model_dump(exclude=left_out), indent=1, sort_keys=True) + "\n").encode()


def signature(content: bytes) -> str:
    """Return the SHA-256 of a manifest's bytes, which fixes every byte of every member. It names no author."""
    return hashlib.sha256(content).hexdigest()


def read_manifest(content: bytes, source: str) -> Manifest:
    """Parse a manifest and check that each of its paths is one that a bundle may have.

    Raises:
        HarnessError: it is not a manifest, or names a path that leads elsewhere.
    """
    try:
        found = Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise HarnessError(f"{source}: {NAME}: {where}: {first['msg']}; ask for the bundle again") from error
    if not _PART.fullmatch(found.experiment):
        raise HarnessError(f"{source}: {NAME}: experiment: {found.experiment!r} is no name; this bundle is not trusted")
    for name in found.members:
        if not allowed(name, found):
            raise HarnessError(
                f"{source}: {NAME}: {name!r}: a bundle has no such file; this bundle is not trusted, nothing is read"
            )
    return found


def allowed(name: str, manifest: Manifest) -> bool:
    """Whether a member may have this path: no other place than those of an experiment's results."""
    parts = tuple(name.split("/"))
    if not all(_PART.fullmatch(part) for part in parts):
        return False
    match parts:
        case ("README.md",):
            return True
        case ("experiment", file):
            return file == f"{manifest.experiment}.yaml"
        case ("tables", *rest):
            return len(rest) == 1
        case ("results", "runs", _, file):
            return file in _OF_A_RUN
        case ("results", "metrics", _, file):
            return file in {f"{stem}.parquet" for stem in (manifest.evaluation[:8], *manifest.systematic)}
        case ("results", "analysis", _, file):
            return bool(_ANALYSIS.fullmatch(file))
        case ("results", owner, *rest):
            reserved = RESERVED["experiment"]
            return owner == manifest.experiment and owner not in reserved and tuple(rest) in _OF_AN_EXPERIMENT
    return False


def run_of(name: str) -> str | None:
    """Return the run whose ``run.json`` a member is, None for other members."""
    parts = PurePosixPath(name).parts
    return parts[2] if parts[:2] == (RESULTS, "runs") and parts[-1] == "run.json" else None
