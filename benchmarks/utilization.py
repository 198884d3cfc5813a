"""How busy the GPU is, sampled with nvidia-smi while something runs."""

from __future__ import annotations

import shutil
import subprocess
from statistics import mean
from types import TracebackType

_QUERY = ["--query-gpu=utilization.gpu,power.draw", "--format=csv,noheader,nounits", "--loop-ms=200"]


class Sampler:
    """Samples a GPU five times a second; without nvidia-smi it measures nothing.

    Args:
        gpu: its UUID, because nvidia-smi does not heed CUDA_VISIBLE_DEVICES; None measures nothing.
    """

    def __init__(self, gpu: str | None) -> None:
        program = shutil.which("nvidia-smi") if gpu else None
        self._command = [program, f"--id={gpu}", *_QUERY] if program else None
        self._lines: list[str] = []

    def __enter__(self) -> Sampler:
        self._process = (
            subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            if self._command
            else None
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            self._process.terminate()
            self._lines = self._process.communicate()[0].splitlines()

    def result(self) -> dict[str, float]:
        """Return the means of ``gpu_utilization`` (0 to 1: share of time with a kernel running) and ``watts``."""
        return parse(self._lines)


def parse(lines: list[str]) -> dict[str, float]:
    """Read nvidia-smi's lines, such as ``97, 512.30``; what it does not know is left out."""
    columns: dict[str, list[float]] = {"gpu_utilization": [], "watts": []}
    for line in lines:
        for (name, values), cell in zip(columns.items(), line.split(","), strict=False):
            try:
                values.append(float(cell) / (100 if name == "gpu_utilization" else 1))
            except ValueError:
                continue
    return {name: mean(values) for name, values in columns.items() if values}
