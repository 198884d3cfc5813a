"""Which GPUs there are, and leases of them: two runs never share a device by accident.

Snakemake counts GPUs but assigns none. A training process locks each of its devices before it imports torch; the kernel
frees the locks when the process ends, however it ends. A device is locked under its UUID, whatever it was called in
the shell that started the run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.foundation.errors import HarnessError
from harness.foundation.lease_locks import lease_folder, take

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_ORDER = "CUDA_DEVICE_ORDER"
_PATIENCE = 20.0  # seconds for nvidia-smi: a driver that hangs lets it hang as well
_GPU = re.compile(r"^GPU (\d+): (.*?)(?: \(UUID: (\S+)\))?$")
_DEVICE = re.compile(r"\d+$|GPU-|MIG-")
_PART = re.compile(r"^\s+MIG .*\(UUID: (MIG-\S+)\)$")


@dataclass(frozen=True)
class Gpu:
    """A GPU as nvidia-smi lists it.

    Attributes:
        index: its number, in the order of the bus.
        name: such as ``NVIDIA H200``.
        uuid: its UUID, "" where it has none.
        parts: UUIDs of the MIG instances that it is divided into.
    """

    index: int
    name: str
    uuid: str
    parts: tuple[str, ...] = ()

    @property
    def devices(self) -> tuple[str, ...]:
        """What CUDA can be given of it, by the names that mean the same in every process: its instances, or itself."""
        return self.parts or (self.uuid or str(self.index),)


@dataclass(frozen=True)
class Visible:
    """The devices that this process may use.

    Attributes:
        names: as CUDA takes them, UUIDs where they are known.
        problem: why these are fewer than somebody may have meant, "" if they are not.
        certain: whether the names are those of the machine's devices, as far as anything tells.
    """

    names: tuple[str, ...]
    problem: str = ""
    certain: bool = True


def visible_gpus() -> list[str]:
    """Return the GPUs this process may use, as CUDA takes their names: see :func:`visible`."""
    return list(visible().names)


def visible() -> Visible:
    """Return what CUDA would see, by UUID where nvidia-smi answers: ``CUDA_VISIBLE_DEVICES`` if set, else everything.

    As in CUDA, the first entry that names no device ends the list, and a device that is named twice empties it. Numbers
    mean what they mean to nvidia-smi (the order of the bus); a GPU that is divided is its first MIG instance.
    """
    chosen = os.environ.get(_VISIBLE)
    if chosen is not None and not _DEVICE.match(chosen.partition(",")[0].strip()):
        return Visible((), f"{_VISIBLE}={chosen} hides all")
    gpus, problem = list_gpus()
    if chosen is None:
        return Visible(tuple(device for gpu in gpus for device in gpu.devices), problem, not problem)
    entries = [entry.strip() for entry in chosen.split(",")]
    found: list[str] = []
    for entry in entries:
        if (device := _device(entry, gpus)) is None:
            return Visible(tuple(found), f"{_VISIBLE}={chosen}: {entry!r} is no GPU here" if entry != "-1" else "")
        if device in found:
            return Visible((), f"{_VISIBLE}={chosen}: names a GPU twice, and CUDA then sees none; name it once")
        found.append(device)
    return Visible(tuple(found), problem, not problem)


def _device(entry: str, gpus: tuple[Gpu, ...]) -> str | None:
    """Return the device that an entry of the list means; without nvidia-smi, what looks like one stands for itself."""
    if not _DEVICE.match(entry):
        return None
    if entry.isdecimal():
        known = [gpu.devices[0] for gpu in gpus if gpu.index == int(entry)]
        return known[0] if known else (None if gpus else str(int(entry)))
    known = [gpu.devices[0] for gpu in gpus if gpu.uuid.startswith(entry)]  # CUDA takes the beginning of a UUID
    known += [part for gpu in gpus for part in gpu.parts if part.startswith(entry)]
    if entry.startswith("MIG-GPU-") and not known:
        return entry  # the older name of an instance, which nvidia-smi does not list
    return known[0] if len(known) == 1 else (None if gpus else entry)


def list_gpus() -> tuple[tuple[Gpu, ...], str]:
    """Return this machine's GPUs, visible to CUDA or not, and what is wrong with nvidia-smi, "" if nothing is."""
    text, problem = _nvidia_list()
    gpus: list[Gpu] = []
    for line in text.splitlines():
        if match := _GPU.match(line):
            uuid = match[3] if (match[3] or "").startswith("GPU-") else ""
            gpus.append(Gpu(int(match[1]), match[2], uuid))
        elif gpus and (part := _PART.match(line)):
            last = gpus[-1]
            gpus[-1] = Gpu(last.index, last.name, last.uuid, (*last.parts, part[1]))
    return tuple(gpus), problem


def gpu_names() -> list[str]:
    """Return the names of this machine's GPUs, such as ``NVIDIA H200``, visible to CUDA or not."""
    return [gpu.name for gpu in list_gpus()[0]]


def _nvidia_list() -> tuple[str, str]:
    """Return what ``nvidia-smi -L`` prints, and why it prints nothing; without it there are no NVIDIA GPUs."""
    if shutil.which("nvidia-smi") is None:
        return "", ""
    try:
        process = subprocess.Popen(["nvidia-smi", "-L"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError as error:
        return "", f"nvidia-smi cannot be run ({error.strerror})"
    try:
        text, _ = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        with suppress(subprocess.TimeoutExpired):  # one that hangs in the driver cannot even be killed
            process.wait(1)
        if process.stdout is not None:
            process.stdout.close()
        return "", f"nvidia-smi gives no answer within {_PATIENCE:g} s: the driver hangs"
    if process.returncode:
        said = " ".join(text.split())[:120] or f"status {process.returncode}"
        return "", f"nvidia-smi fails ({said})"
    return text, ""


def no_gpu_message(source: str) -> str:
    """Return the line that tells a user without a GPU what to do; ``source`` is the experiment's file."""
    problem = visible().problem
    return (
        f"{source}: training.device: 'cuda', but no CUDA GPU is visible{f' ({problem})' if problem else ''}; run on a "
        "machine with one, check nvidia-smi and CUDA_VISIBLE_DEVICES, or ask for weeks of CPU time with device: cpu"
    )


@contextmanager
def lease(count: int, runs_per_gpu: int = 1, folder: Path | None = None) -> Iterator[list[str]]:
    """Hold ``count`` GPUs, waiting until they are free, and hide the others from CUDA. Enter before importing torch.

    Args:
        count: devices to hold together, all or none; 0 leases nothing.
        runs_per_gpu: how many leases one device may carry.
        folder: where the lock files lie; by default :func:`harness.foundation.lease_locks.lease_folder`.

    Yields:
        The devices' names as CUDA takes them.

    Raises:
        HarnessError: there are fewer devices than ``count``, nvidia-smi does not tell which, or they cannot be locked.
    """
    if count == 0:
        yield []
        return
    seen = visible()
    gpus = list(seen.names)
    if len(gpus) < count or not seen.certain:
        reason = f" ({seen.problem})" if seen.problem else ""
        raise HarnessError(
            f"{count} GPUs are needed, but {len(gpus)} are visible{reason}; "
            "lower training.processes or check nvidia-smi"
        )
    if count > 1 and any(name.startswith("MIG-") for name in gpus):
        raise HarnessError(
            f"{count} GPUs are needed, but these are MIG instances, of which CUDA shows a process only one; "
            "set training.processes: 1"
        )
    with take(gpus, count, runs_per_gpu, folder or lease_folder()) as taken:
        wanted = {_VISIBLE: ",".join(taken), _ORDER: "PCI_BUS_ID"}
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)
        try:
            yield taken
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
