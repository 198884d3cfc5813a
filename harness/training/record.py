"""The record of a run: what was trained, where, with what, and how long it took."""

from __future__ import annotations

import os
import resource
from typing import Any

import torch

from harness.foundation.provenance import cpu_name, git_commit, versions
from harness.spec import RunSpec
from harness.training.memory import Memory
from harness.training.precision import arithmetic, in_channels_last


def run_record(spec: RunSpec, memory: Memory, device: str, diverged: int | None = None) -> dict[str, Any]:
    """Return the content of ``run.json``: spec, versions, commit, hardware, seconds, memory, energy.

    Args:
        spec: the run.
        memory: of it.
        device: where it trained.
        diverged: iteration at which the loss of a trial was not finite, if it was so; its record has no final loss.
    """
    heldout = [row.heldout_l1 for row in memory.history if row.heldout_l1 is not None]
    seconds = memory.seconds
    iterations = diverged or spec.training.iterations
    return {
        "spec": spec.model_dump(mode="json"),
        "spec_hash": spec.hash,
        "versions": versions(),
        "sessions": memory.sessions,
        "git_commit": git_commit(),
        "hardware": hardware(device),
        "arithmetic": arithmetic(spec.training.precision, device),
        "channels_last": in_channels_last(spec.training.channels_last, spec.training.precision, device),
        "seconds": round(seconds, 3),
        "seconds_credited": round(memory.seconds_credited, 3),
        "images_per_second": round(iterations * spec.training.batch_size / seconds, 3),
        "peak_memory_bytes": peak_memory(device),
        "energy_joules": None,
        "data_sha256": memory.data,
        "teacher_sha256": memory.teacher,
        "heldout_l1_initial": heldout[0],
        "heldout_l1_final": None if diverged else heldout[-1],
        **({"diverged": diverged} if diverged else {}),
    }


def hardware(device: str) -> dict[str, Any]:
    """Return the names of the processor and, if it trained there, of the GPU."""
    found: dict[str, Any] = {"cpu": cpu_name(), "cores": os.cpu_count(), "device": device.split(":")[0]}
    if device.startswith("cuda"):
        found["gpu"] = torch.cuda.get_device_name(device)
    return found


def peak_memory(device: str) -> int:
    """Return the most memory used, in bytes: of the GPU if it trained there, else of the process."""
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
