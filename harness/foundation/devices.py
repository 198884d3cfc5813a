"""GPU leases: two runs never share a device by accident, and a killed run frees its device by itself.

Snakemake counts GPUs but assigns none. A training process takes an exclusive ``flock`` on a file per device before
it imports torch; the kernel releases the lock when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from harness.foundation.errors import HarnessError

_POLL = 2.0  # seconds


def visible_gpus() -> list[str]:
    """Return the GPUs this process may use, as CUDA names them: ``CUDA_VISIBLE_DEVICES`` if set, else all of them."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        names = [name.strip() for name in chosen.split(",") if name.strip()]
        return names[: names.index("-1")] if "-1" in names else names
    return re.findall(r"^GPU (\d+):", _nvidia_list(), re.MULTILINE)


def gpu_names() -> list[str]:
    """Return the names of this machine's GPUs, such as ``NVIDIA H200``, visible to CUDA or not."""
    return re.findall(r"^GPU \d+: (.*) \(UUID", _nvidia_list(), re.MULTILINE)


def _nvidia_list() -> str:
    if shutil.which("nvidia-smi") is None:
        return ""
    return subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout


def no_gpu_message(source: str) -> str:
    """Return the line that tells a user without a GPU what to do; ``source`` is the experiment's file."""
    return (
        f"{source}: training.device: 'cuda', but no CUDA GPU is visible; run on a machine with one, check nvidia-smi "
        "and CUDA_VISIBLE_DEVICES, or ask for weeks of CPU time with device: cpu"
    )


def lease_folder() -> Path:
    """Return where the lock files of devices lie: one folder per user and machine, and below Slurm one per job.

    The machine is part of the name, because ``TMPDIR`` may be shared by all nodes. Slurm hands every device to one job,
    and where it also hides the others, each job calls its first device 0: these are not the same.
    """
    folder = Path(tempfile.gettempdir()) / f"blind-sr-gpu-leases-{os.getuid()}" / platform.node()
    job = os.environ.get("SLURM_JOB_ID")
    return folder / f"slurm-{job}" if job else folder


@contextmanager
def lease(count: int, runs_per_gpu: int = 1, folder: Path | None = None) -> Iterator[list[str]]:
    """Hold ``count`` GPUs, waiting until they are free, and hide the others from CUDA. Enter before importing torch.

    Args:
        count: devices to hold together, all or none; 0 leases nothing.
        runs_per_gpu: how many leases one device may carry.
        folder: where the lock files lie; by default :func:`lease_folder`.

    Yields:
        The devices' CUDA names.

    Raises:
        HarnessError: there are fewer devices than ``count``.
    """
    if count == 0:
        yield []
        return
    gpus = visible_gpus()
    if len(gpus) < count:
        raise HarnessError(
            f"{count} GPUs are needed, but {len(gpus)} are visible; lower training.processes or check nvidia-smi"
        )
    folder = folder or lease_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        taken = _take(gpus, count, runs_per_gpu, folder, held)
        before = os.environ.get("CUDA_VISIBLE_DEVICES")
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)
        try:
            yield taken
        finally:
            if before is None:
                del os.environ["CUDA_VISIBLE_DEVICES"]
            else:
                os.environ["CUDA_VISIBLE_DEVICES"] = before


def _take(gpus: list[str], count: int, slots: int, folder: Path, held: ExitStack) -> list[str]:
    """Lock ``count`` devices. One process looks at a time, so two that need several cannot block each other."""
    said = False
    while True:
        with open(folder / "gate.lock", "w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            locks = dict(_free(gpus, slots, folder))
            if len(locks) >= count:
                taken = list(locks)[:count]
                for gpu, lock in locks.items():
                    if gpu in taken:
                        os.set_inheritable(lock.fileno(), count > 1)  # a run in several processes keeps them all
                        held.enter_context(lock)
                    else:
                        lock.close()
                return taken
            for lock in locks.values():
                lock.close()
        if not said:
            print(f"waiting for {count} of {len(gpus)} GPUs to become free", flush=True)
            said = True
        time.sleep(_POLL)


def _free(gpus: list[str], slots: int, folder: Path) -> list[tuple[str, IO[str]]]:
    """Return the devices that have a free slot, each with its lock, the least used devices first."""
    found = []
    for order, gpu in enumerate(gpus):
        for slot in range(slots):
            path = folder / f"gpu-{re.sub(r'[^A-Za-z0-9-]', '_', gpu)}.{slot}.lock"
            lock = path.open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                continue
            found.append((slot, order, gpu, lock))
            break
    return [(gpu, lock) for _, _, gpu, lock in sorted(found, key=lambda entry: entry[:2])]
