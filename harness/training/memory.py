"""What a run remembers: history, sums, time spent; saved and restored exactly."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import Any

from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.provenance import versions
from harness.training.batches import BatchSource
from harness.training.distributed import World
from harness.training.history import Row
from harness.training.schedule import learning_rate
from harness.training.state import Snapshot, StateFolder
from harness.training.step import Learner


class Memory:
    """Binds a run's moving parts to its state folder.

    Args:
        folder: where generations are kept.
        learner, source: what changes during training.
        code: SHA-256 of the code that trains; a finished state of other code is not taken for a result.
        teacher: SHA-256 of the weights that the regularizer learns from, if it learns from any.
    """

    def __init__(
        self, folder: StateFolder, learner: Learner, source: BatchSource, code: str, teacher: str | None = None
    ) -> None:
        self._folder, self._learner, self._source = folder, learner, source
        self.data, self._code, self.teacher = source.data, code, teacher
        self.history: list[Row] = []
        self.sessions: list[dict[str, Any]] = []
        self._seconds_before = self._credit_before = 0.0
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds of training so far, interruptions not counted, as if this run had made all of its batches itself."""
        return self._seconds_before + time.monotonic() - self._began + self._credit

    @property
    def seconds_credited(self) -> float:
        """Seconds among :attr:`seconds` that other arms took for batches which this run read."""
        return self._credit_before + self._credit

    @property
    def _credit(self) -> float:
        return self._source.kept.credit if self._source.kept else 0.0

    def restore(self, world: World) -> int:
        """Take the newest usable state, the same in every process; return the iterations done, 0 for a fresh start.

        Raises:
            HarnessError: the state is one of another run.
        """
        if world.writes:
            snapshot = self._folder.newest()
            world.barrier()
        else:  # once process 0 has dropped what is broken
            world.barrier()
            snapshot = self._folder.newest()
        if snapshot is not None:
            self._check_owner(snapshot)
        if snapshot is not None and self._fits(snapshot):
            notes = snapshot.notes
            self.history = [Row(**row) for row in notes["history"]]
            self.sessions, self._seconds_before = notes["sessions"], notes["seconds"]
            self._credit_before = notes.get("seconds_credited", 0.0)
            self._learner.restore(snapshot.tensors)
            if self._source.pool is not None:
                pool = {k.removeprefix("pool/"): v for k, v in snapshot.tensors.items() if k.startswith("pool/")}
                self._source.pool.restore(pool, self._learner.device)
        else:
            snapshot = None
            world.barrier()
            if world.writes:
                self._folder.clear()
        done = snapshot.iteration if snapshot else 0
        self.sessions.append({"from_iteration": done, "versions": versions(), "code": self._code})
        self._began = time.monotonic()
        return done

    def log(self, iteration: int, heldout_l1: float | None) -> Row:
        """Close the sums since the last line into a row of the history."""
        training = self._learner.spec.training
        since = iteration - self.history[-1].iteration
        loss, l1, penalty = (float(value) / since for value in self._learner.sums)
        self._learner.sums.zero_()
        rate = learning_rate(iteration, training.iterations, training.learning_rate, training.schedule)
        row = Row(iteration, loss, l1, penalty, rate, heldout_l1)
        self.history.append(row)
        return row

    def save(self, iteration: int, finished: bool) -> None:
        """Write a generation. A finished run keeps its weights only: outputs can be written again from them."""
        tensors = self._learner.result_tensors() if finished else self._learner.tensors()
        if self._source.pool is not None and not finished:
            tensors |= {f"pool/{k}": v for k, v in self._source.pool.tensors().items()}
        if self._learner.captured is not None:
            self.sessions[-1]["cuda_graph"] = self._learner.captured.state
        notes = {
            "history": [asdict(row) for row in self.history],
            "sessions": self.sessions,
            "seconds": self.seconds,
            "seconds_credited": self.seconds_credited,
            "spec": self._learner.spec.hash,
            "data": self.data,
            "code": self._code,
            "teacher": self.teacher,
            "finished": finished,
        }
        self._folder.write(Snapshot(iteration, tensors, notes))

    def _check_owner(self, snapshot: Snapshot) -> None:
        """Raise an error if a state was saved by another run: it was copied here."""
        owner, own, folder = snapshot.notes.get("spec"), self._learner.spec.hash, self._folder.folder
        if owner is None:
            print(f"warning: {folder}: an earlier version saved this state, without its run; going on", file=sys.stderr)
        elif owner != own:
            path = layout.generation(folder, snapshot.iteration)
            raise HarnessError(
                f"{path}: a state of the run {owner[:8]}, but {own[:8]} trains here; move it away, then run again"
            )

    def _fits(self, snapshot: Snapshot) -> bool:
        notes = snapshot.notes
        if notes["data"] != self.data:
            print("warning: the training images changed; starting afresh", file=sys.stderr)
            return False
        if notes.get("teacher") != self.teacher:
            print("warning: the teacher was trained anew; starting afresh", file=sys.stderr)
            return False
        if notes["code"] != self._code and notes["finished"]:
            return False
        if notes["code"] != self._code:
            print("warning: the training code changed since the state was saved; going on with it", file=sys.stderr)
        return True
