"""The machine: free disk, write permission, shared memory, open files, Slurm, and a workflow that was killed."""

from __future__ import annotations

import getpass
import importlib.util
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.experiment import Experiment
from harness.foundation import layout
from harness.foundation.files import existing
from harness.workflow.doctor.findings import Finding

_LITTLE_DISK = 10e9  # bytes
_LITTLE_SHARED = 512 << 20  # bytes that NCCL's processes on one machine want at least
_FEW_FILES = 1024
_HOME = "run `export HOME=FOLDER` with a folder that can be written first"


def writable(folders: dict[Path, bool]) -> Iterator[Finding]:
    """Try to write into each folder, or into the nearest that exists above it; nothing stays.

    Args:
        folders: folder to whether the harness cannot do without writing there.
    """
    fine = []
    for folder, needed in folders.items():
        place = existing(folder)
        try:
            with tempfile.TemporaryFile(dir=place):
                fine.append(f"{folder}/")
        except OSError as error:
            text = f"{folder}: {place} cannot be written ({error.strerror}); change its permissions or work elsewhere"
            yield Finding("problem" if needed else "warning", "writing", text)
    if fine:
        yield Finding("ok", "writing", f"{', '.join(fine)} can be written")


def home() -> Finding:
    """Look at what Snakemake and others ask of a home: a place for caches and a name of the user."""
    try:
        place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        Path.home()
    except RuntimeError:
        return Finding("problem", "home", f"no home folder is known, and Snakemake needs one; {_HOME}")
    try:
        with tempfile.TemporaryFile(dir=existing(place)):
            pass
    except OSError as error:
        text = f"{place}: cannot be written ({error.strerror}), and Snakemake keeps its cache there; {_HOME}"
        return Finding("problem", "home", text)
    try:
        getpass.getuser()
    except (KeyError, OSError):
        text = f"user {os.getuid()} has no name, and Snakemake asks for it; run `export LOGNAME=user` first"
        return Finding("problem", "home", text)
    return Finding("ok", "home", f"caches can be written to {place}")


def disk(needed: int | None) -> Finding:
    """Compare the free space below ``results/`` with what an experiment will write, in bytes, if that is known."""
    place = existing(layout.RESULTS)
    free = shutil.disk_usage(place).free
    text = f"{free / 1e9:.1f} GB free for {layout.RESULTS}/"
    if needed is not None and free < needed:
        text = f"{text}, but {needed / 1e9:.1f} GB will be written; free some, or work on a larger disk"
        return Finding("problem", "disk", text)
    if needed is not None:
        return Finding("ok", "disk", f"{text}; at least {needed / 1e9:.1f} GB will be written")
    if free < _LITTLE_DISK:
        return Finding("warning", "disk", f"{text}; an experiment on DIV2K writes more than that")
    return Finding("ok", "disk", text)


def limits(experiment: Experiment | None) -> Iterator[Finding]:
    """Look at shared memory, where several processes train one run, and at the limit of open files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files < _FEW_FILES:
        yield Finding("warning", "open files", f"the limit is {files}; raise it with `ulimit -n {_FEW_FILES}`")
    shared = Path("/dev/shm")
    if experiment is None or experiment.training.processes == 1 or not shared.is_dir():
        return
    size = shutil.disk_usage(shared).free
    if size < _LITTLE_SHARED:
        text = f"{size >> 20} MiB free in {shared}; training.processes: {experiment.training.processes} needs more"
        yield Finding("warning", "shared memory", f"{text}; in a container, start it with --shm-size=2g")
    else:
        yield Finding("ok", "shared memory", f"{size >> 20} MiB free in {shared}")


def slurm() -> Finding:
    """Say whether jobs can be handed to Slurm."""
    if shutil.which("sbatch") is None:
        return Finding("ok", "slurm", "not here, and only needed with --executor slurm")
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        advice = "pip install -c requirements.lock snakemake-executor-plugin-slurm"
        return Finding("warning", "slurm", f"sbatch is here, but Snakemake's plugin is not; run `{advice}`")
    try:
        answer = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return Finding("warning", "slurm", "sinfo gives no answer within 10 s; ask who runs the cluster")
    if answer.returncode:
        return Finding("warning", "slurm", f"sinfo fails ({answer.stderr.strip()[:120]}); ask who runs the cluster")
    return Finding("ok", "slurm", "sbatch, Snakemake's plugin and the controller are here")


def lock() -> Iterator[Finding]:
    """Warn of the lock that a killed workflow leaves in the working directory."""
    locks = Path(".snakemake") / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        text = f"{os.getcwd()} is locked; if no snakemake runs here any more, run `snakemake --unlock`"
        yield Finding("warning", "workflow", text)
