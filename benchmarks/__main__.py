"""Speed of this harness against BasicSR's own components doing the same work, in one run.

    python -m benchmarks [--device cpu|cuda] [--quick]

prints a table of medians and ratios and writes ``results/bench/<device>.json``; ``docs/performance.md`` explains both.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch

from benchmarks import on_cpu, on_cuda
from harness.foundation.files import write_json
from harness.foundation.provenance import cpu_name, git_commit, versions


def main(arguments: list[str] | None = None) -> None:
    """Measure one device and write its file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--quick", action="store_true", help="few repetitions: a first impression in a minute or two")
    parser.add_argument("--threads", type=int, default=min(os.cpu_count() or 1, 2), help="of both sides on a CPU")
    parser.add_argument("--workers", type=int, default=10, help="of BasicSR's data loader on a GPU")
    parser.add_argument("--output", type=Path, default=Path("results/bench"), help="folder of the JSON file")
    parser.add_argument("--small", action="store_true", help="toy sizes, which test the benchmark and measure nothing")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch sees no GPU here; use --device cpu")
    if options.device == "cpu":
        result = on_cpu.measure(options.threads, options.quick, options.small)
        lines = on_cpu.table(result)
    else:
        result = on_cuda.measure(options.workers, options.quick, options.small)
        lines = on_cuda.table(result)
    result["conditions"] |= {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "versions": versions(),
        "git_commit": git_commit(),
        "quick": options.quick,
        "small": options.small,
    }
    target = options.output / f"{options.device}.json"
    write_json(target, result)
    print("\n".join(lines))
    print(f"\nwritten to {target}")


if __name__ == "__main__":
    main()
