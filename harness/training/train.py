"""One run from its spec to its weights. Read :func:`train`, then :func:`learn`, from top to bottom."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from harness.datasets.patches import Pack
from harness.foundation.errors import HarnessError
from harness.foundation.files import exclusive, file_sha256
from harness.foundation.provenance import code_digest
from harness.foundation.sums import seal_json
from harness.networks.teacher import Teacher, load_teacher
from harness.networks.weights import save_weights
from harness.regularizers import teacher_of
from harness.spec import RunSpec
from harness.training import precision
from harness.training.allocator import keep_freed_memory
from harness.training.batches import BatchSource, heldout_batches
from harness.training.code import deciding_files
from harness.training.distributed import World, joined
from harness.training.history import Row, write_history
from harness.training.interrupts import Interrupts
from harness.training.kept_weights import NOTHING, Keeping, KeptWeights
from harness.training.memory import Memory
from harness.training.prefetch import ahead
from harness.training.progress import Progress
from harness.training.record import run_record
from harness.training.state import StateFolder
from harness.training.step import Learner
from harness.training.watch import Diverged, check_finite, explain_device_errors


@dataclass(frozen=True)
class Job:
    """What a run needs beside its spec; none of it changes a result.

    Attributes:
        label: the run's name, for messages.
        output: folder of ``weights.safetensors``, ``history.csv`` and ``run.json``.
        state: folder of the resumable state, named by the spec hash.
        data: pack of the training images.
        heldout: pack of the held-out images.
        teacher: weights of the run that the spec names as the teacher, if it names one.
        batches: folder of degraded images that runs share; None makes all of them anew.
        keeping: which weights to keep on the way, beside the last.
        save_every: iterations between saved states.
        save_seconds: most seconds between saved states.
    """

    label: str
    output: Path
    state: Path
    data: Path
    heldout: Path
    teacher: Path | None = None
    batches: Path | None = None
    keeping: Keeping = NOTHING
    save_every: int = 5000
    save_seconds: float = 600.0


def train(spec: RunSpec, job: Job) -> None:
    """Train one run, going on from its state if there is one, and write its outputs.

    Enter with a leased device. With ``training.processes`` above 1, every process that torchrun started calls this.

    Args:
        spec: the run.
        job: its folders.

    Raises:
        HarnessError: data that does not fit, a loss that is not finite, no memory, a lost GPU, a full disk.
        SystemExit: stopped by SIGTERM or SIGINT, after the state was saved.
    """
    training = spec.training
    settle(training.threads, training.precision)
    precision.warn(training.precision, training.device, job.label)
    with explain_device_errors(job.label), joined(training.processes, training.device) as (world, device):
        learner = Learner(spec, device, world, _teacher(spec, job, device))
        views = learner.regularizer.views
        rows = world.share(training.batch_size // views)
        source = BatchSource(Pack.open(job.data), spec, views, device, rows, learner.regularizer, job.batches)
        code = code_digest(deciding_files(spec.regularizer.regularizer, spec.network.path))
        taught_by = file_sha256(job.teacher) if job.teacher else None
        memory = Memory(StateFolder(job.state), learner, source, code, taught_by)
        if world.writes:
            with exclusive(job.state / "lock", f"{job.label}: waiting for another process that trains this run"):
                diverged = outcome(learner, source, memory, job, world)
                write_history(job.output / "history.csv", memory.history)
                seal_json(job.output / "run.json", run_record(spec, memory, device, diverged))
                save_weights(
                    job.output / "weights.safetensors", learner.weights(), {"spec_hash": spec.hash}, sealed=True
                )
        else:
            outcome(learner, source, memory, job, world)


def outcome(learner: Learner, source: BatchSource, memory: Memory, job: Job, world: World) -> int | None:
    """Train to the end and return None; of a trial that diverges the iteration at which it did, which is its result.

    Raises:
        Diverged: another run diverges: nothing of it may pass for a result.
    """
    try:
        learn(learner, source, memory, job, world)
    except Diverged as error:
        if not learner.spec.is_trial:
            raise
        if world.writes:
            print(f"{job.label}: a trial whose loss is not finite at iteration {error.iteration}: it is never chosen")
        return error.iteration
    final = memory.history[-1]
    measured = final.heldout_l1 is None or math.isfinite(final.heldout_l1)
    return None if measured or not learner.spec.is_trial else final.iteration


def learn(learner: Learner, source: BatchSource, memory: Memory, job: Job, world: World) -> None:
    """Take the run from where its memory ends to its last iteration."""
    training = learner.spec.training
    heldout = heldout_batches(Pack.open(job.heldout), learner.spec, learner.device)
    done = memory.restore(world)
    kept = KeptWeights(job.output, job.label, job.keeping)
    if world.writes:
        kept.begin(done)
    if done == 0:
        memory.history.append(Row(0, None, None, None, None, learner.heldout_l1(heldout)))
    with (
        ahead(source, learner.device, training.iterations) as batches,
        Interrupts() as interrupts,
        Progress(job.label, done, training, world.writes, job.state) as progress,
    ):
        last_saved = time.monotonic()
        for iteration in range(done + 1, training.iterations + 1):
            learner.step(iteration, batches.batch(iteration))
            last = iteration == training.iterations

            measured = last or iteration % training.heldout_every == 0
            if measured or iteration % training.log_every == 0:
                check_finite(learner, job.label)
                progress.log(memory.log(iteration, learner.heldout_l1(heldout) if measured else None))
            if world.writes and kept.due(iteration):
                check_finite(learner, job.label)
                kept.keep(iteration, learner)
            progress.advance()

            stopped = not last and interrupts.agreed(world, iteration)
            overdue = time.monotonic() - last_saved > job.save_seconds
            if world.writes and (last or stopped or overdue or iteration % job.save_every == 0):
                check_finite(learner, job.label)
                memory.save(iteration, finished=last)
                last_saved = time.monotonic()
            if stopped:
                world.barrier()
                raise SystemExit(progress.stopped(iteration, interrupts.signal))


def _teacher(spec: RunSpec, job: Job, device: str) -> Teacher | None:
    named = teacher_of(spec.regularizer)
    if named is None:
        return None
    if job.teacher is None:
        raise HarnessError(f"{job.label}: {spec.regularizer.regularizer} needs the weights of the run {named[1]}")
    return load_teacher(spec.network, job.teacher, named[1], device)


def settle(threads: int, asked: precision.Precision = "fp32") -> None:
    """Fix what torch may choose by itself, so that the same spec gives the same bytes on the same machine.

    Convolutions may use TF32 where the spec says ``tf32``; matrix products never, because the degradation has some.
    """
    keep_freed_memory()
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = asked == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = False
