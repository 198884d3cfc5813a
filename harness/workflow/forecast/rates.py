"""How fast runs train on this machine, read from the records of those that finished here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.foundation import layout
from harness.foundation.devices import gpu_names
from harness.foundation.errors import HarnessError
from harness.foundation.files import canonical_json
from harness.foundation.provenance import cpu_name
from harness.reporting.rows.run_records import read_document
from harness.spec import RunSpec

_SAME_SPEED = ("data", "heldout", "iterations", "learning_rate", "betas", "schedule", "ema", "weights")
"""Fields of the training that change what is learned, but not the work of one step."""


@dataclass(frozen=True)
class Rate:
    """A measured speed.

    Attributes:
        images_per_second: degraded images that a run trains on in a second, the mean over ``runs``.
        runs: how many finished runs it comes from; 0 if it was measured for this plan.
    """

    images_per_second: float
    runs: int


@dataclass(frozen=True)
class Measured:
    """What earlier runs tell.

    Attributes:
        rates: kind of work, as :func:`work` names it, to speed on this hardware.
        weight_bytes: network, as :func:`network_key` names it, to the size of its weights file.
        unreadable: one line for each record that cannot be used.
    """

    rates: Mapping[str, Rate]
    weight_bytes: Mapping[str, int]
    unreadable: tuple[str, ...] = ()


def work(spec: Mapping[str, Any]) -> str:
    """Return a name for the work of one step of a run: runs with the same name train equally fast on one machine.

    It holds the network, the regularizer with its options, the scale, and of the training what decides the work:
    batch, sizes, degradation, device, precision, memory format, compilation, threads and processes.
    """
    training = {key: value for key, value in spec["training"].items() if key not in _SAME_SPEED}
    return canonical_json({**{key: spec[key] for key in ("network", "regularizer", "scale")}, "training": training})


def work_of(spec: RunSpec) -> str:
    """Return the name of a run's work; see :func:`work`."""
    return work(spec.model_dump(mode="json"))


def network_key(spec: Mapping[str, Any]) -> str:
    """Return a name for the network of a run, whatever its taps are."""
    return canonical_json([spec["network"]["path"], spec["network"]["arguments"]])


def network_of(spec: RunSpec) -> str:
    """Return the name of a run's network; see :func:`network_key`."""
    return network_key(spec.model_dump(mode="json"))


def measured(folders: Iterable[Path] | None = None) -> Measured:
    """Read the records of finished runs, by default all of ``results/runs``; other hardware gives no rates."""
    speeds: dict[str, list[float]] = {}
    sizes: dict[str, int] = {}
    unreadable = []
    gpus = gpu_names()
    for folder in sorted(layout.RUNS.glob("*") if folders is None else folders):
        if not (folder / "run.json").is_file():
            continue
        try:
            record = read_document(folder / "run.json")
            if _is_here(record["hardware"], gpus):
                speeds.setdefault(work(record["spec"]), []).append(float(record["images_per_second"]))
            if (folder / "weights.safetensors").is_file():
                sizes[network_key(record["spec"])] = (folder / "weights.safetensors").stat().st_size
        except HarnessError as error:
            unreadable.append(str(error))
        except (KeyError, TypeError, ValueError) as error:
            path = folder / "run.json"
            unreadable.append(f"{path}: not a record of a run ({error}); {layout.remedy(path)}")
    rates = {key: Rate(sum(found) / len(found), len(found)) for key, found in speeds.items()}
    return Measured(rates, sizes, tuple(unreadable))


def _is_here(hardware: Mapping[str, Any], gpus: list[str]) -> bool:
    """Whether a record's hardware is this machine's: the GPU's name, or the processor's name and number of cores."""
    if hardware["device"] == "cuda":
        return hardware.get("gpu") in gpus
    return bool(hardware["cpu"] == cpu_name() and hardware["cores"] == os.cpu_count())
