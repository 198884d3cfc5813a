"""The jobs that Snakemake would run, as its own dry run tells them."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.foundation.project import ROOT

_COUNT = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)
_NO_REASON = ("Using workflow specific profile", 'File "')
_TRAINED = re.compile(r"-m harness train .*?--run (\S+)")


@dataclass(frozen=True)
class Jobs:
    """What a dry run said.

    Attributes:
        counts: rule to number of jobs, in the order of the workflow.
        trained: names of the runs that will be trained.
        problem: why there is no answer, in one line; empty if there is one.
    """

    counts: dict[str, int]
    trained: frozenset[str]
    problem: str = ""


def dry_run(experiment: Path) -> Jobs:
    """Ask Snakemake what it would do for an experiment, in this working directory."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile"]
    command += [str(experiment), "--directory", str(Path.cwd()), "--dry-run", "--printshellcmds", "--nocolor"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines()]
        told = [line for line in said if line and not line.startswith(_NO_REASON)]
        return Jobs({}, frozenset(), told[-1] if told else f"snakemake ended with status {done.returncode}")
    return parse(done.stdout + done.stderr)


def parse(text: str) -> Jobs:
    """Read the rules' counts and the trained runs off the output of a dry run; nothing to do gives no counts."""
    table = text.rpartition("\nJob stats:")[2] if "Job stats:" in text else ""
    counts = {rule: int(count) for rule, count in _COUNT.findall(table) if rule != "total"}
    return Jobs(counts, frozenset(_TRAINED.findall(text)))
