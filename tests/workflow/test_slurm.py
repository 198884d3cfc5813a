"""The workflow on Slurm: a job that is requeued and one that is killed go on from their states to the same bytes.

Needs a running Slurm whose nodes see this machine's files; `tools/local_slurm.sh start FOLDER` makes one.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.workflow.conftest import DEMO, Checkout, environment

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

LONGEST = 1500  # seconds
COMPARED = ("reports/*/tables/*", "results/demo/*", "results/runs/*/*.csv", "results/runs/*/*.safetensors")


def command(*arguments: str) -> list[str]:
    """A call of Snakemake that hands its jobs to Slurm, two at once."""
    line = [sys.executable, "-m", "snakemake", *arguments, "--workflow-profile", "profiles/slurm", "--configfile", DEMO]
    line += ["--jobs", "2", "--latency-wait", "20", "--slurm-init-seconds-before-status-checks", "2"]
    line += ["--slurm-status-command", "squeue"]  # sacct would need accounting
    line += ["--default-resources", "slurm_account=none", "slurm_partition=main"]
    rules = ("pack", "benchmark", "train_baseline", "train_dropout", "evaluate_run", "evaluate_reference")
    rules += ("aggregate", "tables", "figures", "report")
    # The nodes are small; a GPU is asked for to see that Slurm assigns one, though the run trains on the CPU.
    asked = [f"{rule}:mem_mb=1500" for rule in rules] + [f"{rule}:runtime=20" for rule in rules]
    return [*line, "--set-resources", *asked, "train_baseline:gpu=1", "--set-threads", "pack=2", "benchmark=2"]


@contextmanager
def running(checkout: Checkout, log: Path) -> Iterator[subprocess.Popen[str]]:
    with log.open("w") as stream:
        process = subprocess.Popen(
            command(), cwd=checkout.root, env=environment(), text=True, stdout=stream, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=120)


def slurm_jobs() -> dict[str, str]:
    """Running jobs: their numbers by the rule and wildcards in their comments."""
    listing = subprocess.run(
        ["squeue", "-h", "-t", "running", "-o", "%i|%k"], capture_output=True, text=True, check=True
    )
    return {comment: number for number, _, comment in (line.partition("|") for line in listing.stdout.splitlines())}


def shown(job: str) -> str:
    return subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True, check=True).stdout


def training_process(checkout: Checkout, run: str) -> int | None:
    """The process id of a run that trains in a checkout."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().decode().split("\0")
            if line[1:4] == ["-m", "harness", "train"] and run in line and (folder / "cwd").resolve() == checkout.root:
                return int(folder.name)
        except OSError:
            continue
    return None


def stopped_midway(checkout: Checkout, process: subprocess.Popen[str]) -> Iterator[tuple[str, int]]:
    """Yield the run and process id of both trainings, each stopped once it tells of its first iterations."""
    waiting = {"baseline", "dropout"}
    began = time.monotonic()
    while waiting:
        assert process.poll() is None, f"ended before {waiting} trained"
        assert time.monotonic() - began < LONGEST, f"{waiting} never trained"
        for log in checkout.root.glob("results/logs/train/*.log"):
            variant = log.name.split(".")[1]
            found = training_process(checkout, log.stem) if variant in waiting else None
            if found is not None and "iteration 5/25" in log.read_text():
                os.kill(found, signal.SIGSTOP)
                waiting.remove(variant)
                yield log.stem, found
        time.sleep(0.1)


def test_jobs_that_are_requeued_or_killed_end_with_the_same_bytes(
    finished_once: Checkout, fresh: Checkout, tmp_path: Path
) -> None:
    log = tmp_path / "snakemake.log"
    with running(fresh, log) as process:
        for run, training in stopped_midway(fresh, process):
            if ".baseline." in run:
                baseline, (job,) = run, [number for text, number in slurm_jobs().items() if run.split(".")[-1] in text]
                before = shown(job)
                # What a preempting job does: SIGCONT and SIGTERM, and SIGKILL half a minute later.
                subprocess.run(["scontrol", "requeue", job], check=True)
            else:
                os.kill(training, signal.SIGKILL)  # what a node that runs out of memory does
            assert not (fresh.root / "results/runs" / run / "weights.safetensors").exists(), "too late"
        assert process.wait(timeout=LONGEST) == 0, log.read_text()
    assert "gres/gpu=1" in before or "gpu:1" in before, "Slurm was asked for a GPU"
    assert "Restarts=1" in shown(job)
    said = (fresh.root / f"results/logs/train/{baseline}.log").read_text()
    assert re.search(r"going on from iteration \d+", said), "the state was saved when the job was requeued"
    assert "Trying to restart" in log.read_text(), "Snakemake submits the killed job again"
    expected, found = finished_once.content(*COMPARED), fresh.content(*COMPARED)
    assert expected.keys() == found.keys()
    different = [path for path in expected if expected[path] != found[path]]
    assert [path for path in different if "cost." not in path] == []  # seconds differ from run to run
