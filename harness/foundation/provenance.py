"""Where a number came from: versions, commit, hardware, and the code that made it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]

_COMMON = ("foundation/rng.py", "foundation/images.py", "foundation/files.py")
_ONLY_BENCHMARKS = ("drawn", "fixed", "fixed_noise", "representatives", "sweeps")
_DEGRADING = tuple(
    f"degradations/{path.name}"
    for path in sorted((PACKAGE / "degradations").glob("*.py"))
    if path.stem not in _ONLY_BENCHMARKS
)
"""How training images are degraded."""

_STAGES = {
    "pack": tuple(f"datasets/{name}.py" for name in ("catalogue", "pack_files", "patches", "resolve")),
    "benchmark": (
        *(f"datasets/{name}.py" for name in ("benchmark", "catalogue", "manifests", "resolve", "stamped")),
        "degradations/*.py",
    ),
    "degrade": (
        "foundation/kernels.py",
        "foundation/philox*.py",
        "foundation/quantiles.py",
        "datasets/patches.py",
        "datasets/sub_images.py",
        *_DEGRADING,
        "training/batches.py",
        "training/kept.py",
    ),
    "train": (
        "foundation/compat.py",
        "foundation/kernels.py",
        "foundation/philox*.py",
        "foundation/quantiles.py",
        "spec.py",
        "datasets/patches.py",
        "datasets/sub_images.py",
        "datasets/pack_files.py",
        *_DEGRADING,
        "networks/*.py",
        "training/*.py",
        "regularizers/attached.py",
        "regularizers/base.py",
        "regularizers/batch.py",
        "regularizers/_*.py",
    ),
    "evaluate": ("foundation/compat.py", "evaluation/*.py", "networks/*.py", "degradations/fixed.py"),
    "analyse": (
        "foundation/compat.py",
        "analysis/*.py",
        *(f"evaluation/{name}.py" for name in ("fidelity", "sets", "trained", "upscalers")),
        "networks/*.py",
    ),
    "choose": tuple(f"reporting/{name}.py" for name in ("rows/run_records", "rows/trials", "statistics/trials")),
    "report": ("reporting/**/*.py", "reporting/templates/*"),
}
_GIT = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
LIBRARIES = (
    "torch",
    "torchvision",
    "basicsr",
    "numpy",
    "pillow",
    "opencv-python-headless",
    "pyiqa",
    "snakemake",
    "pandas",
)
"""Packages that can change a number: ``run.json`` records their versions."""


def stage_modules(stage: str) -> list[Path]:
    """Return the source files that decide the results of a stage, such as ``train``.

    Rules have a digest of them as a parameter, so a changed metric repeats evaluation and what follows, no training.

    Args:
        stage: ``pack``, ``benchmark``, ``degrade`` (of training images), ``train``, ``evaluate``, ``analyse``,
            ``choose`` or ``report``.
    """
    found = {path for pattern in (*_COMMON, *_STAGES[stage]) for path in PACKAGE.glob(pattern)}
    return sorted(path for path in found if path.is_file())  # Python puts folders of compiled files beside sources


def code_digest(modules: list[Path]) -> str:
    """Return the SHA-256 over the contents of source files, in hexadecimal."""
    digest = hashlib.sha256()
    for path in modules:
        content = path.read_bytes()
        digest.update(f"{path.name}:{len(content)}:".encode() + content)
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that can change a number."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


@cache
def git_commit() -> str:
    """Return the commit of the checkout, with ``-dirty`` when it was changed, or ``unknown`` outside of git."""
    return commit_of(PACKAGE.parent)


def commit_of(folder: Path) -> str:
    """Return the commit of the repository that begins in ``folder``, never of one that it lies in or that is set."""
    environment = {name: value for name, value in os.environ.items() if name not in _GIT}
    environment["GIT_CEILING_DIRECTORIES"] = str(folder.resolve().parent)
    try:
        command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except OSError:
        return "unknown"
    return answer.stdout.strip() or "unknown"


def cpu_instructions() -> str:
    """Return the widest instructions for matrices that this x86 CPU has: AMX, AVX-512 BF16, AVX-512, AVX2, or "none".

    Read from ``/proc/cpuinfo``; "unknown" where there is none, as on macOS.
    """
    flags = _cpu_flags()
    known = {"amx_bf16": "AMX", "avx512_bf16": "AVX-512 BF16", "avx512f": "AVX-512", "avx2": "AVX2"}
    return next((name for flag, name in known.items() if flag in flags), "none" if flags else "unknown")


def cpu_wants_channels_last(arithmetic: str) -> bool:
    """Return whether this CPU trains networks of 64 channels faster in channels_last.

    Measured (``docs/performance.md``): in bf16 always, in fp32 with AVX-512 (an Intel Xeon with AMX, Zen 4 and Zen 5),
    not with AVX2 (Zen 3).

    Args:
        arithmetic: what the CPU really computes in, ``fp32`` or ``bf16``.
    """
    return arithmetic == "bf16" or "avx512f" in _cpu_flags()


def _cpu_flags() -> set[str]:
    info = Path("/proc/cpuinfo")
    return set(info.read_text().split()) if info.is_file() else set()


def cpu_name() -> str:
    """Return the processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
