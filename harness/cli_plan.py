"""The commands that look before anything runs: doctor and plan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (doctor, plan):
        app.command()(command)


def doctor(
    experiment: Annotated[Path | None, typer.Argument(help="Also check what this experiment needs.")] = None,
    deep: Annotated[bool, typer.Option(help="Also compare the pixels of all data with their manifests.")] = False,
) -> None:
    """Examine Python, packages, GPUs, disk, data, weights, permissions and Slurm; status 1 if something is wrong."""
    from harness.doctor.examine import examine
    from harness.doctor.findings import table

    findings = list(examine(experiment, deep))
    print("\n".join(table(findings)))
    problems = sum(finding.level == "problem" for finding in findings)
    warnings = sum(finding.level == "warning" for finding in findings)
    print(f"{problems} problems, {warnings} warnings")
    if problems:
        raise SystemExit(1)


def plan(
    experiment: Annotated[Path, typer.Argument(help="Experiment file, such as configs/experiments/demo.yaml.")],
    measure: Annotated[bool, typer.Option(help="Time a few real steps where no speed is known.")] = False,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to time each kind of run.")] = 10.0,
) -> None:
    """Print what an experiment will do before anything starts: runs, jobs, downloads, hours and disk."""
    from harness.devices import lease
    from harness.experiment import load_experiment
    from harness.planning import rates
    from harness.planning.jobs import dry_run
    from harness.planning.plan import plan as write_plan

    loaded = load_experiment(experiment)
    known, now = rates.measured(), dict[str, rates.Rate]()
    if measure:
        unknown = [run for run in loaded.runs if rates.work_of(run.spec) not in known.rates]
        os.environ["OMP_NUM_THREADS"] = str(loaded.training.threads)
        with lease(1 if unknown and loaded.needs_gpu else 0, loaded.file.runs_per_gpu):
            from harness.planning.measure import measure as time_steps

            now = time_steps(unknown, seconds)
    print("\n".join(write_plan(loaded, dry_run(experiment), known, now)))
