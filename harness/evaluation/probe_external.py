"""Try models from outside before the first job, each in a process of its own, which runs this module.

What is imported is other people's code: it may end its process, or take a name that the next model's code needs.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.evaluation.external_entry import ExternalEntry, ExternalModel
from harness.foundation.errors import HarnessError
from harness.foundation.project import ROOT
from harness.spec import NetworkSpec

_PATIENCE = 300.0  # seconds
_AT_ONCE = 2  # each takes some 500 MB and a core


def probe(models: Sequence[ExternalModel], scale: int) -> list[str | None]:
    """Say in one line for each model why it cannot be measured, or None. Nothing is computed, no GPU is touched.

    Args:
        models: from :func:`harness.evaluation.external_entry.resolve_external`.
        scale: what they must enlarge by.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda model: model.problem() or _tried(model, scale), models))


def _tried(model: ExternalModel, scale: int) -> str | None:
    said = {
        "name": model.name,
        "entry": model.entry.model_dump(mode="json"),
        "weights": str(model.weights),
        "network": model.network,
        "spec": None if model.spec is None else model.spec.model_dump(mode="json"),
        "scale": scale,
    }
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [sys.executable, "-m", __name__]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(said),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_PATIENCE,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return f"external {model.name}: trying to build it took longer than {_PATIENCE:.0f} s; look at what it imports"
    answers = done.stdout.splitlines()
    if done.returncode or not answers:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:200]
        return f"external {model.name}: building it ended the process with status {done.returncode} ({last})"
    problem: str | None = json.loads(answers[-1])
    return problem


def main() -> None:
    """Read a description from standard input, try it, and print what is wrong with it as JSON, or ``null``."""
    said = json.load(sys.stdin)
    spec = None if said["spec"] is None else NetworkSpec.model_validate_json(json.dumps(said["spec"]))
    entry = ExternalEntry.model_validate_json(json.dumps(said["entry"]))
    model = ExternalModel(said["name"], entry, Path(said["weights"]), said["network"], spec)
    problem = None
    with contextlib.redirect_stdout(sys.stderr):  # whatever modules of others print
        from harness.evaluation.external import try_external

        try:
            try_external(model, said["scale"])
        except HarnessError as error:
            problem = str(error)
    print(json.dumps(problem), flush=True)


if __name__ == "__main__":
    main()
