"""Two processes that share a batch, started for real: the mean of what they compute must be what one computes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from harness.regularizers.conformance import places
from harness.regularizers.conformance.batches import GROUND_TRUTHS
from harness.regularizers.conformance.trial import Case, Trial

ITERATION = 30
_PROCESSES = 2
_SECONDS = 900
_TOLERANCE = 1e-3  # relative to the largest value: sums of float32 in another order
_PARTS = ("loss", "penalty")
_WHOLE = "step"
_SUMMED = 0.02  # how near to a half the penalty of a half of the images is that of a sum over them


@dataclass(frozen=True)
class _Part:
    """One term of the loss and its gradients, none if it has none."""

    loss: Tensor
    gradients: list[Tensor]


def two_processes_equal_one(cases: Mapping[str, Case]) -> Iterator[tuple[str, str]]:
    """Compare loss and gradients of one batch in one process and shared by two, for each case by its name.

    Yields:
        Names of cases with their problems, one line each.
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
                yield name, f"in two processes: {known}"
                return
            yield from ((name, problem) for problem in _differences(case, torch.load(shared)))


def _differences(case: Case, shared: dict[str, list[Tensor]]) -> Iterator[str]:
    found = False
    for name, alone in _parts(Trial(case)).items():
        if name == _WHOLE and found:
            return  # for the same reason
        loss, *gradients = shared[name]
        whole = float(alone.loss)
        if abs(float(loss) - whole) > _TOLERANCE * abs(whole):
            found = True
            yield _other_loss(name, float(loss), whole)
        scale = max((float(tensor.abs().max()) for tensor in alone.gradients), default=0.0)
        pairs = zip(alone.gradients, gradients, strict=True)
        if any(float((one - two).abs().max()) > _TOLERANCE * scale for one, two in pairs):
            found = True
            yield (
                f"in two processes the mean of the gradients of the {name} differs; use mean_over_processes for "
                "statistics of the batch, global_batch for images of others"
            )


def _other_loss(name: str, shared: float, alone: float) -> str:
    if name == "penalty" and alone and abs(shared / alone * _PROCESSES - 1) < _SUMMED:
        return (
            "in two processes the penalty is half of what it is in one: it is a sum over images; take the mean, or "
            "multiply by process_count()"
        )
    return f"in two processes the mean of the {name} differs; the mean over processes must be that of the whole batch"


def _parts(trial: Trial) -> dict[str, _Part]:
    """Return loss and gradients of the data term and of the penalty apart, as the one would hide the other; then both.

    Of both, the step as training does it: what :meth:`Regularizer.gradients` leaves.
    """
    trial.prepare(ITERATION)
    passed = trial.forward()
    penalty = passed.loss - passed.data if passed.penalty is None else torch.as_tensor(passed.penalty)
    parts = {name: _part(loss, trial) for name, loss in zip(_PARTS, (passed.data, penalty), strict=True)}
    trial.attached.forget()
    step = trial.step(ITERATION)
    return {**parts, _WHOLE: _Part(step.loss, [gradient for gradient in step.gradients if gradient is not None])}


def _part(loss: Tensor, trial: Trial) -> _Part:
    if not loss.requires_grad:
        return _Part(loss.float(), [])
    gradients = torch.autograd.grad(loss, trial.parameters, allow_unused=True, retain_graph=True)
    return _Part(loss.detach().float(), [gradient for gradient in gradients if gradient is not None])


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
    cases: dict[str, Case] = pickle.loads((folder / "cases").read_bytes())
    case = next(iter(cases.values()))
    try:
        dist.init_process_group("gloo", init_method=f"file://{folder / 'store'}", rank=rank, world_size=_PROCESSES)
        for number, case in enumerate(cases.values()):
            means: dict[str, list[Tensor]] = {}
            for name, part in _parts(Trial(case, case.rows(own), _average)).items():
                means[name] = [part.loss.clone(), *part.gradients]
                for tensor in means[name]:
                    _mean(tensor)
            if rank == 0:
                torch.save(means, folder / f"{number}.pt")
        dist.destroy_process_group()
    except Exception as error:
        (folder / "problem").write_text(places.told(case.regularizer, error))
        raise SystemExit(1) from None


def _average(parameters: Sequence[nn.Parameter], parts: Tensor) -> None:
    for tensor in (*(parameter.grad for parameter in parameters if parameter.grad is not None), parts):
        _mean(tensor)


def _mean(tensor: Tensor) -> None:
    dist.all_reduce(tensor)
    tensor /= _PROCESSES


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
