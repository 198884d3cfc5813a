"""Two processes that share a batch, started for real: the mean of what they compute must be what one computes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from harness.regularizers.conformance.trial import GROUND_TRUTHS, Case, Trial

ITERATION = 30
_PROCESSES = 2
_SECONDS = 900
_TOLERANCE = 1e-3  # relative to the largest value: sums of float32 in another order


def two_processes_equal_one(cases: Mapping[str, Case]) -> Iterator[str]:
    """Compare loss and gradients of one batch in one process and shared by two, for each case by its name.

    Yields:
        Problems, one line each.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cases").write_bytes(pickle.dumps(dict(cases)))
        # A fresh process forks the two: this one may have threads, and a main module that must not run again.
        command = [sys.executable, "-m", __name__, folder]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run(command, env=environment, capture_output=True, check=False)
        for number, (name, case) in enumerate(cases.items()):
            shared = Path(folder) / f"{number}.pt"
            if not shared.is_file():
                reason = Path(folder) / "problem"
                known = reason.read_text() if reason.is_file() else f"nothing comes within {_SECONDS} s"
                yield f"on {name}: in two processes: {known}"
                return
            yield from (f"on {name}: {problem}" for problem in _differences(case, torch.load(shared)))


def _differences(case: Case, shared: list[Tensor]) -> Iterator[str]:
    alone = _loss_and_gradients(Trial(case))
    scale = max((float(tensor.abs().max()) for tensor in alone[1:]), default=0.0)
    if not torch.allclose(alone[0], shared[0], rtol=_TOLERANCE):
        yield "in two processes the mean of the losses differs; penalties: the mean over processes must be the batch's"
    if any(float((one - two).abs().max()) > _TOLERANCE * scale for one, two in zip(alone[1:], shared[1:], strict=True)):
        yield "in two processes the mean of the gradients differs; use mean_over_processes for statistics of the batch"


def _loss_and_gradients(trial: Trial) -> list[Tensor]:
    step = trial.step(ITERATION)
    return [step.loss.float(), *(gradient for gradient in step.gradients if gradient is not None)]


def _main(folder: Path) -> None:
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_process, args=(rank, folder)) for rank in range(_PROCESSES)]
    for child in children:
        child.start()
    for child in children:
        child.join(_SECONDS)
        if child.exitcode is None:
            child.kill()


def _process(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    own = range(rank * GROUND_TRUTHS // _PROCESSES, (rank + 1) * GROUND_TRUTHS // _PROCESSES)
    try:
        cases: dict[str, Case] = pickle.loads((folder / "cases").read_bytes())
        dist.init_process_group("gloo", init_method=f"file://{folder / 'store'}", rank=rank, world_size=_PROCESSES)
        for number, case in enumerate(cases.values()):
            views = case.regularizer(case.options).views
            tensors = _loss_and_gradients(Trial(case, [v * GROUND_TRUTHS + row for v in range(views) for row in own]))
            for tensor in tensors:
                dist.all_reduce(tensor)
                tensor /= _PROCESSES
            if rank == 0:
                torch.save(tensors, folder / f"{number}.pt")
        dist.destroy_process_group()
    except Exception as error:
        (folder / "problem").write_text(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        raise SystemExit(1) from None


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
