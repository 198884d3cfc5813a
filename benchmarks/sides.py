"""Both sides of a comparison as processes of their own that take turns.

A setting of the C library or of torch on one side then cannot help or hurt the other, and a busy machine slows both.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from statistics import median
from types import TracebackType
from typing import Any, Literal

from harness.spec import RunSpec

Name = Literal["reference", "harness"]


@dataclass(frozen=True)
class Timing:
    """Seconds of one side.

    Attributes:
        wall: on the clock, the median.
        cpu: that its threads computed, the median.
        least_wall: on the clock, the least: of all figures the one that other programs disturb least.
        least_cpu: that its threads computed, the least.
    """

    wall: float
    cpu: float
    least_wall: float
    least_cpu: float

    @classmethod
    def of(cls, turns: Sequence[tuple[float, float]]) -> Timing:
        """Sum up turns, each (seconds on the clock, seconds of computing)."""
        wall, cpu = zip(*turns, strict=True)
        return cls(median(wall), median(cpu), min(wall), min(cpu))


class Sides:
    """The two processes, on a CPU.

    Args:
        threads: of each.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def __enter__(self) -> Sides:
        context = multiprocessing.get_context("spawn")
        self._processes: dict[Name, tuple[Any, Connection]] = {}
        names: tuple[Name, ...] = ("reference", "harness")
        for name in names:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(name, self._threads, theirs), daemon=True)
            process.start()
            self._processes[name] = (process, ours)
        return self

    def compare(self, spec: RunSpec, repetitions: int) -> dict[Name, Timing]:
        """Let both sides train on one batch by turns; the first turn warms up."""
        turns: dict[Name, list[tuple[float, float]]] = {"reference": [], "harness": []}
        for repetition in range(repetitions + 1):
            for name, (_, connection) in self._processes.items():
                connection.send(spec.model_dump_json())
                answer = connection.recv()
                if repetition:
                    turns[name].append(answer)
        return {name: Timing.of(t) for name, t in turns.items()}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process, connection in self._processes.values():
            connection.close()
            process.join(timeout=10)
            if process.is_alive():
                process.kill()


def _serve(name: Name, threads: int, connection: Connection) -> None:
    """Answer each spec with the time of one more step of it, until the other end closes."""
    import torch

    from benchmarks.network import basicsr_step, harness_step, random_batch
    from harness.training.train import settle

    if name == "harness":
        settle(threads)
    torch.set_num_threads(threads)
    steps: dict[str, Any] = {}
    while True:
        try:
            text = connection.recv()
        except EOFError:
            return
        if text not in steps:
            spec = RunSpec.model_validate_json(text)
            step = (harness_step if name == "harness" else basicsr_step)(spec, "cpu")
            steps = {text: (step, random_batch(spec, "cpu"))}
        step, batch = steps[text]
        wall, cpu = time.perf_counter(), time.process_time()
        step(batch)
        connection.send((time.perf_counter() - wall, time.process_time() - cpu))
