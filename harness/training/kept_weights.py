"""Weights kept on the way: those that evaluation would use, every so many iterations, in the folder of the run.

``keep_every`` is no part of a run's spec: keeping reads the weights and changes nothing. A file is written before the
state of its iteration, so a run that was killed anywhere keeps the same files with the same bytes as one that was not.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from harness.foundation import layout
from harness.foundation.sums import sum_path
from harness.networks.weights import save_weights
from harness.training.step import Learner


@dataclass(frozen=True)
class Keeping:
    """Which weights a run keeps on its way.

    Attributes:
        every: iterations between them; None keeps none.
        raw: whether to keep the weights without averaging, too.
    """

    every: int | None = None
    raw: bool = False


NOTHING = Keeping()


class KeptWeights:
    """Writes what a run keeps on its way.

    Args:
        folder: of the run.
        label: the run's name, for messages.
        keeping: what to keep.
    """

    def __init__(self, folder: Path, label: str, keeping: Keeping) -> None:
        self._folder, self._label, self._keeping = folder, label, keeping

    def begin(self, done: int) -> None:
        """Drop what an earlier training of the run kept, or say what is lacking of the iterations that are done.

        Files that a kill left half written go in both cases; the caller holds the run's lock, so nobody writes them.
        """
        half_written = [*self._folder.glob("kept/.*.*"), *self._folder.glob(".weights.*.safetensors")]
        for path in half_written:
            path.unlink()
        if done == 0:
            for path in layout.all_kept(self._folder):
                sum_path(path).unlink(missing_ok=True)
                path.unlink()
            return
        wanted = self._files(done)
        lacking = [path for path in wanted if not path.is_file()]
        if lacking:
            counts = (
                f"{len(lacking)} of the {len(wanted)} files of weights to be kept up to iteration {done} are not there"
            )
            why = f"first {lacking[0].name}: it trained without keep_every, or with another one"
            print(f"warning: {self._label}: {counts}, {why}; {layout.again(self._label)}", file=sys.stderr)

    def due(self, iteration: int) -> bool:
        """Whether the weights after a 1-based iteration are kept."""
        return self._keeping.every is not None and iteration % self._keeping.every == 0

    def keep(self, iteration: int, learner: Learner) -> None:
        """Write the weights after an iteration.

        Raises:
            HarnessError: the disk is full.
        """
        for raw in (False, True) if self._keeping.raw else (False,):
            weights = dict(learner.network.state_dict()) if raw else learner.weights()
            metadata = {"spec_hash": learner.spec.hash, "iteration": iteration}
            save_weights(layout.kept(self._folder, iteration, raw), weights, metadata, sealed=True)

    def _files(self, done: int) -> list[Path]:
        every = self._keeping.every or done + 1
        kinds = (False, True) if self._keeping.raw else (False,)
        return [layout.kept(self._folder, i, raw) for i in range(every, done + 1, every) for raw in kinds]
