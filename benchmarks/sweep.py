"""How long a large experiment takes to plan: ``python -m benchmarks.sweep [--runs 10000] [--experiment FILE]``.

Processor time, which other programs disturb less than the clock: of resolving the experiment, of a dry run of the whole
workflow, and of a dry run of one batch of a hundred.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from harness.experiment import load_experiment
from harness.foundation.yamlfile import load_yaml

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "configs" / "experiments" / "demo.yaml"
BATCHES = 100


def write_sweep(source: Path, target: Path, runs: int) -> int:
    """Write ``source`` with as many seeds as give at least ``runs`` runs; return how many runs it has."""
    content = load_yaml(source)
    arms = len(content["networks"]) * len(content["variants"])
    content["seeds"] = list(range(-(-runs // arms)))
    target.write_text(yaml.safe_dump(content, sort_keys=False))
    return arms * len(content["seeds"])


def resolve_seconds(path: Path) -> float:
    """Return the processor time of reading, checking and resolving an experiment."""
    began = time.process_time()
    load_experiment(path)
    return time.process_time() - began


def dry_run_seconds(path: Path, folder: Path, arguments: Sequence[str] = ()) -> float:
    """Return the processor time of a dry run in an empty ``folder``, start of Python included."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile", str(path)]
    command += ["--directory", str(folder), "--cores", "1", "--dry-run", *arguments, "--quiet", "all"]
    before = os.times()
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Print one line per measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--experiment", type=Path, default=DEMO, help="whose networks, variants and evaluation to use")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "sweep.yaml"
        runs = write_sweep(chosen.experiment, path, chosen.runs)
        print(f"{runs} runs of {chosen.experiment.name}, processor time")
        print(f"resolve         {resolve_seconds(path):6.1f} s")
        print(f"dry run         {dry_run_seconds(path, Path(name)):6.1f} s", flush=True)
        batch = ("aggregate", "--batch", f"aggregate=1/{BATCHES}")
        print(f"dry run, 1/{BATCHES}  {dry_run_seconds(path, Path(name), batch):6.1f} s")


if __name__ == "__main__":
    main()
