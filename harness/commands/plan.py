"""The commands that look before anything runs: check, doctor and plan."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from harness.commands.arguments import ExperimentFile, OptionalExperimentFile


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (check, doctor, plan):
        app.command()(command)


def check(experiment: ExperimentFile) -> None:
    """Check an experiment and list what is missing to run all of it."""
    from harness.datasets.resolve import left_out
    from harness.experiment import load_experiment
    from harness.foundation.errors import HarnessError
    from harness.workflow import preflight

    loaded = load_experiment(experiment)
    needs = preflight.Needs.everything(loaded)
    problems = preflight.problems(loaded, needs, None)
    print(f"{experiment}: {len(loaded.runs)} runs, {len(loaded.evaluation.sets)} datasets")
    if not problems:
        print("".join(f"{note}\n" for name in needs.datasets if (note := left_out(name, loaded.data_root))), end="")
    if problems:
        raise HarnessError("\n".join(["before this can run:", *(f"  - {line}" for line in problems)]))


def doctor(
    experiment: OptionalExperimentFile = None,
    deep: Annotated[bool, typer.Option(help="Also compare the pixels of all data with their manifests.")] = False,
) -> None:
    """Examine Python, packages, GPUs, disk, data, weights, permissions and Slurm; status 1 if something is wrong."""
    from harness.workflow.doctor.examine import examine
    from harness.workflow.doctor.findings import table

    findings = list(examine(experiment, deep))
    print("\n".join(table(findings)))
    problems = sum(finding.level == "problem" for finding in findings)
    warnings = sum(finding.level == "warning" for finding in findings)
    print(f"{problems} problems, {warnings} warnings")
    if problems:
        raise SystemExit(1)


def plan(
    experiment: ExperimentFile,
    measure: Annotated[bool, typer.Option(help="Time a few real steps where no speed is known.")] = False,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to time each kind of run.")] = 10.0,
) -> None:
    """Print what an experiment will do before anything starts: runs, jobs, downloads, hours and disk."""
    from harness.experiment import load_experiment
    from harness.foundation.devices import lease
    from harness.workflow.forecast import rates
    from harness.workflow.forecast.jobs import dry_run
    from harness.workflow.forecast.plan import plan as write_plan

    loaded = load_experiment(experiment)
    known, now = rates.measured(), dict[str, rates.Rate]()
    if measure:
        unknown = [run for run in loaded.runs if rates.work_of(run.spec) not in known.rates]
        os.environ["OMP_NUM_THREADS"] = str(loaded.training.threads)
        with lease(1 if unknown and loaded.needs_gpu else 0, loaded.file.runs_per_gpu):
            from harness.workflow.forecast.measure import measure as time_steps

            now = time_steps(unknown, seconds)
    print("\n".join(write_plan(loaded, dry_run(experiment), known, now)))
