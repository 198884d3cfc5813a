"""Try models from outside before the first job, each in a process of its own.

What is imported is other people's code: it may end its process, or take a name that the next model's code needs. This
module, run, imports PyTorch once and then forks for each model.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from harness.evaluation.external_entry import ExternalEntry, ExternalModel
from harness.foundation.errors import HarnessError
from harness.foundation.project import ROOT
from harness.spec import NetworkSpec

_PATIENCE = 300.0  # seconds for one model


def probe(models: Sequence[ExternalModel], scale: int) -> list[str | None]:
    """Say in one line for each model why it cannot be measured, or None. Nothing is computed, no GPU is touched.

    Args:
        models: from :func:`harness.evaluation.external_entry.resolve_external`.
        scale: what they must enlarge by.
    """
    known = {model.name: model.problem() for model in models}
    there = [model for model in models if known[model.name] is None]
    if there:
        known |= _tried(there, scale)
    return list(known.values())


def _tried(models: Sequence[ExternalModel], scale: int) -> dict[str, str | None]:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    said = json.dumps({"scale": scale, "models": [_as_json(model) for model in models]})
    command = [sys.executable, "-m", __name__]
    done = subprocess.run(
        command, input=said, capture_output=True, text=True, errors="replace", check=False, env=environment
    )
    try:
        answers: dict[str, str | None] = json.loads(done.stdout)
    except json.JSONDecodeError:
        reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        return {model.name: f"external {model.name}: could not be tried ({reason})" for model in models}
    return answers


def _as_json(model: ExternalModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "entry": model.entry.model_dump(mode="json"),
        "weights": str(model.weights),
        "network": model.network,
        "spec": model.spec and model.spec.model_dump(mode="json", include=set(NetworkSpec.model_fields)),
    }


def _from_json(said: dict[str, Any]) -> ExternalModel:
    spec = NetworkSpec.model_validate_json(json.dumps(said["spec"])) if said["spec"] else None
    entry = ExternalEntry.model_validate_json(json.dumps(said["entry"]))
    return ExternalModel(said["name"], entry, Path(said["weights"]), said["network"], spec)


def _try(model: ExternalModel, scale: int, output: int, answer: Connection) -> None:
    """Send what is wrong with a model, or None; whatever other people's modules print goes to ``output``."""
    from harness.evaluation.external import try_external

    for stream in (1, 2):
        os.dup2(output, stream)
    try:
        try_external(model, scale)
        answer.send(None)
    except HarnessError as error:
        answer.send(str(error))


def _answer(model: ExternalModel, scale: int) -> str | None:
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    with tempfile.TemporaryFile() as output:
        process = fork.Process(target=_try, args=(model, scale, output.fileno(), sender))
        process.start()
        sender.close()
        try:
            if not receiver.poll(_PATIENCE):
                return f"external {model.name}: building it takes longer than {_PATIENCE:.0f} s; see what it imports"
            problem: str | None = receiver.recv()
            return problem
        except EOFError:
            process.join()
            output.seek(0)
            last = (output.read().decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1][:200]
            return f"external {model.name}: building it ended the process with status {process.exitcode} ({last})"
        finally:
            process.kill()
            process.join()


def main() -> None:
    """Read descriptions from standard input; print name to problem, or ``null``, as JSON."""
    said = json.load(sys.stdin)
    import harness.evaluation.external
    import harness.foundation.compat  # noqa: F401  # both once, for all the forks

    models = [_from_json(model) for model in said["models"]]
    if any(model.spec is not None and model.spec.path.startswith("basicsr.archs.") for model in models):
        import basicsr.archs  # noqa: F401  # seconds, likewise
    answers = {model.name: _answer(model, said["scale"]) for model in models}
    print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
