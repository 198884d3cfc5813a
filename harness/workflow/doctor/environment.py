"""The environment: Python, the packages against their pins, whether they import, and the GPUs that torch sees."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from harness.experiment import Experiment
from harness.foundation.devices import visible
from harness.foundation.errors import HarnessError
from harness.foundation.project import ROOT
from harness.workflow.doctor.findings import Finding

_INSTALL = "run `make install`"
_PATIENCE = 300.0  # seconds for all imports: the first on a cold network disk take minutes


def python(wanted: str, found: str = platform.python_version()) -> Finding:
    """Compare the version of Python with ``wanted``, such as ``>=3.11,<3.13``."""
    if Version(found) in SpecifierSet(wanted):
        return Finding("ok", "python", f"{found}, within {wanted}")
    return Finding("problem", "python", f"{found} is not within {wanted}; make an environment with a Python that is")


def packages(root: Path = ROOT) -> list[Finding]:
    """Compare Python and all installed packages with ``pyproject.toml`` and ``requirements.lock`` below ``root``.

    Raises:
        HarnessError: one of these files is missing.
    """
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        lock = (root / "requirements.lock").read_text(encoding="utf-8")
    except OSError as error:
        raise HarnessError(f"{error.filename}: cannot be read ({error.strerror}); run from a whole checkout") from error
    direct = [Requirement(text) for text in project["dependencies"]]
    pins = dict(line.split("==") for line in lock.splitlines() if "==" in line and not line.startswith("#"))
    wrong = [finding for requirement in direct if (finding := _direct(requirement, pins))]
    ranges = {canonicalize_name(requirement.name) for requirement in direct}
    others = [text for name, pin in pins.items() if name not in ranges and (text := _other(name, pin))]
    found = [python(project["requires-python"]), *wrong]
    if others:
        shown = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
        text = f"{len(others)} indirect ones differ from requirements.lock: {shown}; {_INSTALL} for the tested versions"
        found.append(Finding("warning", "packages", text))
    if not wrong and not others:
        found.append(Finding("ok", "packages", f"{len(direct)} direct and all indirect ones as in requirements.lock"))
    return found


def installed(name: str) -> Version | None:
    """Return the version of an installed package without its local label (``+cpu``), or None."""
    try:
        return Version(Version(importlib.metadata.version(name)).public)
    except importlib.metadata.PackageNotFoundError:
        return None


def _direct(requirement: Requirement, pins: dict[str, str]) -> Finding | None:
    name = requirement.name
    found, pin = installed(name), pins.get(canonicalize_name(name))
    if found is None:
        return Finding("problem", "packages", f"{name} is not installed; {_INSTALL}")
    if found not in requirement.specifier:
        return Finding("problem", "packages", f"{name} {found} is not within {requirement.specifier}; {_INSTALL}")
    if pin and found != Version(pin):
        text = f"{name} {found} is allowed, but {pin} of requirements.lock is what was tested; {_INSTALL} for that"
        return Finding("warning", "packages", text)
    return None


def _other(name: str, pin: str) -> str | None:
    found = installed(name)
    return f"{name} {found} instead of {pin}" if found is not None and found != Version(pin) else None


@dataclass(frozen=True)
class Probe:
    """What the probe saw: module to what its import said (None: fine), and torch's view of the GPUs, if it has any."""

    imports: dict[str, str | None]
    cuda: dict[str, Any] | None


def probe() -> Probe:
    """Import what the harness stands on, in a process of its own."""
    command = [sys.executable, "-m", "harness.workflow.doctor.probe"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_PATIENCE)
        output, end = done.stdout, f"ended its process with status {done.returncode}"
    except subprocess.TimeoutExpired as error:
        output = (error.stdout or b"").decode() if isinstance(error.stdout, bytes) else ""
        end = f"took longer than {_PATIENCE:.0f} s"
    imports: dict[str, str | None] = {}
    cuda = None
    for line in output.splitlines():
        step = json.loads(line) if line.startswith("{") else {}
        if "module" in step:
            imports[step["module"]] = end if step.get("begin") else step["error"]
        cuda = step.get("cuda", cuda)
    return Probe(imports, cuda)


def imports(seen: Probe) -> list[Finding]:
    """Say which packages cannot be imported."""
    broken = {name: error for name, error in seen.imports.items() if error is not None}
    if broken:
        return [Finding("problem", "imports", f"{name}: {error}; {_cure(name)}") for name, error in broken.items()]
    if not seen.imports:
        return [Finding("problem", "imports", f"the probe said nothing; {_INSTALL}")]
    return [Finding("ok", "imports", f"{', '.join(seen.imports)} can be imported")]


def _cure(name: str) -> str:
    if name == "cv2":
        headless = "pip install --force-reinstall --no-deps -c requirements.lock opencv-python-headless"
        return f"run `{headless}`: the other builds of OpenCV need libGL"
    return _INSTALL


def gpus(seen: Probe, experiment: Experiment | None) -> Iterator[Finding]:
    """Compare the GPUs that torch can use with those of the machine and with what the experiment asks for."""
    if seen.cuda is None:
        yield Finding("problem", "gpus", "torch could not be asked; see imports")
        return
    needed = experiment.training.processes if experiment is not None and experiment.needs_gpu else 0
    names, visible_here = list(seen.cuda["gpus"]), visible()
    there = visible_here.names
    if visible_here.problem and not visible_here.certain:
        yield Finding("problem" if needed else "warning", "gpus", f"{visible_here.problem}; mend the driver")
    lacking: Finding | None = None
    if there and not names:
        build = seen.cuda["build"]
        why = (
            "torch is a CPU build" if build is None else f"torch is built for CUDA {build}, which the driver cannot run"
        )
        text = f"{len(there)} here, but {why}; install a torch that fits (https://pytorch.org/get-started/locally)"
        lacking = Finding("problem" if needed else "warning", "gpus", text)
    elif len(names) < needed:
        text = f"{len(names)} can be used, {needed} are needed by {experiment.path if experiment else ''}; "
        lacking = Finding("problem", "gpus", f"{text}check nvidia-smi and CUDA_VISIBLE_DEVICES, or use device: cpu")
    if lacking:
        yield lacking
        return
    counted = [f"{names.count(name)} x {name}" for name in dict.fromkeys(names)]
    yield Finding("ok", "gpus", ", ".join(counted) or "none, and none is needed to train on the CPU")
    if experiment is not None and needed and experiment.training.precision == "bf16" and not seen.cuda["bf16"]:
        text = f"{experiment.path}: training.precision: bf16, which these GPUs do not have; use fp32"
        yield Finding("warning", "gpus", text)
