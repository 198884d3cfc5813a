"""The resumable memory of a run: two generations on disk, each whole or recognizably broken.

A generation is one file: the SHA-256 of the rest, then safetensors bytes whose metadata carries everything that is
no tensor. It is written to a temporary name, fsynced and renamed, so a kill at any moment leaves the ones before it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from harness.foundation import layout
from harness.foundation.files import write_bytes

_DIGEST = hashlib.sha256().digest_size
_KEPT = 2


@dataclass(frozen=True)
class Snapshot:
    """What a run remembers after an iteration.

    Attributes:
        iteration: optimizer steps done.
        tensors: every tensor that training changes, by a unique name.
        notes: JSON content: history, sums since the last line, seconds spent, data hash.
    """

    iteration: int
    tensors: dict[str, torch.Tensor]
    notes: dict[str, Any]


class StateFolder:
    """The generations of one run, in ``results/state/<spec hash>/``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, snapshot: Snapshot) -> None:
        """Add a generation and drop all but the newest two, and what kills left half written.

        The caller holds the run's lock, so nobody else writes here.

        Raises:
            HarnessError: the disk is full; the generations before stay.
        """
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in snapshot.tensors.items()}
        notes = {"iteration": str(snapshot.iteration), "notes": json.dumps(snapshot.notes)}
        payload = save(tensors, metadata=notes)
        write_bytes(layout.generation(self.folder, snapshot.iteration), hashlib.sha256(payload).digest() + payload)
        for old in (*self._generations()[_KEPT:], *self.folder.glob(".iteration-*.state")):
            old.unlink(missing_ok=True)

    def newest(self) -> Snapshot | None:
        """Return the newest generation that is whole, or None. A broken one is deleted, with a warning."""
        for path in self._generations():
            content = path.read_bytes()
            payload = content[_DIGEST:]
            if hashlib.sha256(payload).digest() == content[:_DIGEST]:
                return _parse(payload)
            print(
                f"warning: {path}: truncated or corrupted; going on from the newest that is whole, if there is one",
                file=sys.stderr,
            )
            path.unlink()
        return None

    def clear(self) -> None:
        """Forget everything: the run is finished and its outputs are in place, or it must start afresh."""
        for path in self._generations():
            path.unlink(missing_ok=True)

    def _generations(self) -> list[Path]:
        return list(layout.generations(self.folder).values())


def problem_of(path: Path) -> str | None:
    """Say in one line why a saved state is of no use in its folder, which is named by the spec hash; None if it is."""
    content = path.read_bytes()
    if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
        return "truncated or corrupted"
    owner = _parse(content[_DIGEST:]).notes.get("spec")
    return None if owner in (None, path.parent.name) else f"a state of the run {owner[:8]}"


def _parse(payload: bytes) -> Snapshot:
    header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
    metadata = header["__metadata__"]
    return Snapshot(int(metadata["iteration"]), load(payload), json.loads(metadata["notes"]))
