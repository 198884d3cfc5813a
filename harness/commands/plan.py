"""The commands that look before anything runs: check, doctor and plan."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from harness.commands.arguments import ExperimentFile, OptionalExperimentFile, Without, experiment_path


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (check, doctor, plan):
        app.command()(command)


def check(experiment: ExperimentFile, without: Without = None) -> None:
    """Check an experiment and list what is missing to run all of it."""
    from harness.datasets.resolve import left_out
    from harness.experiment import load_experiment
    from harness.experiment.analyses import Analyses
    from harness.experiment.kept_weights import lacking_line
    from harness.workflow import preflight

    loaded = load_experiment(experiment)
    needs = preflight.Needs.everything(loaded)
    counts = {"runs": len(loaded.runs), "datasets": len({part.dataset for part in loaded.all_sets})}
    counts |= {"sweeps": len(loaded.file.evaluation.sweeps), "models from outside": len(loaded.externals)}
    counts |= {"trials": len(loaded.tuning.trials) if loaded.tuning else 0}
    counts |= {"analyses": len(Analyses(loaded).all) if loaded.file.analysis else 0}
    print(f"{experiment}: {', '.join(f'{count} {kind}' for kind, count in counts.items() if count)}")
    if note := lacking_line(loaded):
        print(f"note: {note}")
    preflight.check(loaded, needs, None)
    print("".join(f"{note}\n" for name in needs.datasets if (note := left_out(name, loaded.data_root))), end="")


def doctor(
    experiment: OptionalExperimentFile = None,
    deep: Annotated[bool, typer.Option(help="Also compare the pixels of all data with their manifests.")] = False,
    without: Without = None,
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
    power: Annotated[bool, typer.Option(help="Instead: which true differences it could find, and what would.")] = False,
    sigma: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="With --power: how far differences vary with seed, image and both, in units of the metric."),
    ] = None,
    pilot: Annotated[
        Path | None,
        typer.Option(parser=experiment_path, help="With --power: an experiment whose metrics tell that, file or name."),
    ] = None,
    without: Without = None,
) -> None:
    """Print what an experiment will do before anything starts: runs, jobs, downloads, hours and disk."""
    from harness.experiment import load_experiment
    from harness.foundation.devices import lease
    from harness.foundation.errors import HarnessError
    from harness.workflow.forecast import rates
    from harness.workflow.forecast.jobs import dry_run
    from harness.workflow.forecast.plan import plan as write_plan

    loaded = load_experiment(experiment, next_stage=not power)
    if (sigma is not None or pilot is not None) and not power:
        raise HarnessError("--sigma and --pilot say what --power is to be computed from; add --power")
    if power:
        from harness.workflow.forecast.power import power_lines

        print("\n".join(power_lines(loaded, sigma, load_experiment(pilot) if pilot is not None else None)))
        return
    known, now = rates.measured(), dict[str, rates.Rate]()
    unseen = [run for run in loaded.runs if rates.network_of(run.spec) not in known.weight_bytes]
    if unseen:
        from harness.workflow.forecast.count import counted_weight_bytes

        known = replace(known, weight_bytes={**known.weight_bytes, **counted_weight_bytes(unseen)})
    if measure:
        unknown = [run for run in loaded.runs if rates.work_of(run.spec) not in known.rates]
        os.environ["OMP_NUM_THREADS"] = str(loaded.training.threads)
        with lease(1 if unknown and loaded.needs_gpu else 0, loaded.file.runs_per_gpu):
            from harness.workflow.forecast.measure import measure as time_steps

            now = time_steps(unknown, seconds)
    print("\n".join(write_plan(loaded, dry_run(experiment), known, now)))
