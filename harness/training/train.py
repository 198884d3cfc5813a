"""One run from its spec to its weights. Read :func:`train` from top to bottom."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from harness.datasets.patches import Pack
from harness.errors import HarnessError
from harness.files import explain_os_errors, write_json
from harness.networks.weights import save_weights
from harness.provenance import code_digest, regularizer_module, stage_modules
from harness.spec import RunSpec
from harness.training.batches import BatchSource, heldout_batch
from harness.training.history import Row, write_history
from harness.training.interrupts import Interrupts
from harness.training.memory import Memory
from harness.training.progress import Progress
from harness.training.record import run_record
from harness.training.state import StateFolder
from harness.training.step import Learner


@dataclass(frozen=True)
class Job:
    """What a run needs beside its spec; none of it changes a result.

    Attributes:
        label: the run's name, for messages.
        output: folder of ``weights.safetensors``, ``history.csv`` and ``run.json``.
        state: folder of the resumable state, named by the spec hash.
        data: pack of the training images.
        heldout: pack of the held-out images.
        save_every: iterations between saved states.
        save_seconds: most seconds between saved states.
    """

    label: str
    output: Path
    state: Path
    data: Path
    heldout: Path
    save_every: int = 5000
    save_seconds: float = 600.0


def train(spec: RunSpec, job: Job, device: str) -> None:
    """Train one run, going on from its state if there is one, and write its outputs.

    Args:
        spec: the run.
        job: its folders.
        device: ``cpu``, or ``cuda`` within a lease.

    Raises:
        HarnessError: data that does not fit, a loss that is not finite, no memory, a full disk.
        SystemExit: stopped by SIGTERM or SIGINT, after the state was saved.
    """
    training = spec.training
    settle(training.threads)
    pack = Pack.open(job.data)
    learner = Learner(spec, device)
    source = BatchSource(pack, spec, learner.regularizer.views, device)
    heldout = heldout_batch(Pack.open(job.heldout), spec, device)
    code = code_digest(stage_modules("train") + regularizer_module(spec.regularizer.regularizer))
    memory = Memory(StateFolder(job.state), learner, source, data=pack.info.sha256, code=code)

    with Interrupts() as interrupts, explain_os_errors(job.state):
        done = memory.restore()
        if done == 0:
            memory.history.append(Row(0, None, None, None, None, learner.heldout_l1(heldout)))
        with Progress(job.label, done, training.iterations, training.batch_size) as progress:
            last_saved = time.monotonic()
            for iteration in range(done + 1, training.iterations + 1):
                learner.step(iteration, source.batch(iteration))
                last = iteration == training.iterations

                if last or iteration % training.log_every == 0 or iteration % training.heldout_every == 0:
                    check_finite(learner, job.label)
                    measured = last or iteration % training.heldout_every == 0
                    row = memory.log(iteration, learner.heldout_l1(heldout) if measured else None)
                    progress.log(row)
                progress.advance()

                due = iteration % job.save_every == 0 or time.monotonic() - last_saved > job.save_seconds
                if due or interrupts.signal or last:
                    check_finite(learner, job.label)
                    memory.save(iteration, finished=last)
                    last_saved = time.monotonic()
                if interrupts.signal and not last:
                    print(
                        f"{job.label}: stopped at iteration {iteration}, state saved; run again to go on",
                        file=sys.stderr,
                    )
                    raise SystemExit(128 + interrupts.signal)

    write_history(job.output / "history.csv", memory.history)
    write_json(job.output / "run.json", run_record(spec, memory, device))
    save_weights(job.output / "weights.safetensors", learner.weights(), {"spec_hash": spec.hash})


def settle(threads: int) -> None:
    """Fix what torch may choose by itself, so that the same spec gives the same bytes on the same machine."""
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def check_finite(learner: Learner, label: str) -> None:
    """Raise HarnessError if the loss of any iteration so far was NaN or infinite."""
    first_bad = float(learner.first_bad)
    if first_bad != float("inf"):
        raise HarnessError(
            f"{label}: training.learning_rate: the loss is not finite at iteration {int(first_bad)}; the state before it is "
            "kept; lower the learning rate, or use precision: fp32, then run again"
        )
