"""The command line: every job of the workflow is one command that a person can paste.

Modules are imported inside the commands: most commands need no torch, and a GPU must be leased before torch looks.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from harness import cli_cluster, cli_data, cli_evaluate, cli_plan, cli_regularizers
from harness.errors import HarnessError

app = typer.Typer(
    name="harness",
    help="Benchmark and ablation harness for regularizers in blind image super-resolution.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

cli_data.register(app)
cli_plan.register(app)
cli_cluster.register(app)
cli_evaluate.register(app)
cli_regularizers.register(app)

ExperimentFile = Annotated[Path, typer.Argument(help="Experiment file, such as configs/experiments/demo.yaml.")]
Jobs = Annotated[int, typer.Option(min=1, help="Worker processes.")]


def main() -> None:
    """Run the command line; errors that a user can mend are told in their own lines, without a traceback."""
    logging.basicConfig(format="%(message)s")  # of libraries only warnings
    logging.getLogger("harness").setLevel(logging.INFO)
    try:
        app()
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


@app.command()
def check(experiment: ExperimentFile) -> None:
    """Check an experiment and list what is missing to run all of it."""
    from harness import preflight
    from harness.experiment import load_experiment

    loaded = load_experiment(experiment)
    problems = preflight.problems(loaded, preflight.Needs.everything(loaded), None)
    print(f"{experiment}: {len(loaded.runs)} runs, {len(loaded.evaluation.sets)} datasets")
    if problems:
        raise HarnessError("\n".join(["before this can run:", *(f"  - {line}" for line in problems)]))


@app.command()
def pack(experiment: ExperimentFile, dataset: str, jobs: Jobs = 1) -> None:
    """Decode the images of a training dataset once into one file."""
    from harness import layout
    from harness.datasets.patches import pack as write_pack
    from harness.experiment import load_experiment

    write_pack(dataset, load_experiment(experiment).data_root, layout.pack(dataset), jobs=jobs)


@app.command()
def benchmark(
    experiment: ExperimentFile,
    dataset: str,
    jobs: Jobs = 1,
    allow_mismatch: Annotated[bool, typer.Option(help="Report pixels that differ from the lock, and go on.")] = False,
) -> None:
    """Degrade a benchmark in every way that the experiment evaluates, and check the pixels against the lock files."""
    from harness import layout
    from harness.datasets.benchmark import generate
    from harness.experiment import load_experiment

    loaded = load_experiment(experiment)
    parts = {part.dataset: part for part in loaded.evaluation.sets}
    if dataset not in parts:
        raise HarnessError(
            f"{experiment}: evaluation.datasets: {dataset!r}: not evaluated here; there are: {', '.join(parts)}"
        )
    degradations = parts[dataset].degradations
    scale = loaded.file.scale
    for line in generate(
        dataset, degradations, layout.benchmarks(scale), loaded.data_root, jobs, scale, allow_mismatch
    ):
        print(line)


@app.command()
def train(
    experiment: ExperimentFile,
    run: Annotated[str, typer.Option(help="Name of the run; the hash at its end may be left out.")],
    save_every: Annotated[int, typer.Option(min=1, help="Iterations between saved states.")] = 5000,
    save_minutes: Annotated[float, typer.Option(min=0.0, help="Most minutes between saved states.")] = 10.0,
) -> None:
    """Train one run, or go on with it."""
    from harness import layout
    from harness.ablations import find_run
    from harness.devices import lease
    from harness.experiment import load_experiment

    loaded = load_experiment(experiment)
    chosen = find_run(loaded, run)
    training = chosen.spec.training
    os.environ["OMP_NUM_THREADS"] = str(training.threads)
    started = "LOCAL_RANK" in os.environ  # by torchrun, below a process that holds the lease
    with lease(training.processes if loaded.needs_gpu and not started else 0, loaded.file.runs_per_gpu):
        if training.processes > 1 and not started:
            from harness.launch import run_processes

            raise SystemExit(run_processes(training.processes, sys.argv[1:]))
        from harness.training.train import Job
        from harness.training.train import train as train_run

        job = Job(
            label=chosen.name,
            output=layout.run(chosen.name),
            state=layout.state(chosen.spec.hash),
            data=layout.pack(training.data),
            heldout=layout.pack(training.heldout),
            teacher=loaded.teacher_weights(chosen),
            save_every=save_every,
            save_seconds=60 * save_minutes,
        )
        train_run(chosen.spec, job)


Partial = Annotated[bool, typer.Option(help="Leave out runs that are not finished; their cells count as missing.")]


@app.command()
def aggregate(experiment: ExperimentFile, partial: Partial = False) -> None:
    """Merge the metrics of all runs and references of an experiment."""
    from harness.experiment import load_experiment
    from harness.reporting import build

    print(build.aggregate(load_experiment(experiment), partial=partial))


@app.command()
def tables(experiment: ExperimentFile) -> None:
    """Write the tables of an experiment from its metrics."""
    from harness.experiment import load_experiment
    from harness.reporting import build

    print(f"{len(build.tables(load_experiment(experiment)))} tables")


@app.command()
def figures(experiment: ExperimentFile) -> None:
    """Draw the figures of an experiment from its metrics, histories and weights."""
    from harness.experiment import load_experiment
    from harness.reporting import build

    print(f"{len(build.figures(load_experiment(experiment)))} figures")


@app.command()
def report(experiment: ExperimentFile) -> None:
    """Write the report of an experiment: one HTML page that needs nothing else."""
    from harness.experiment import load_experiment
    from harness.reporting import build

    print(build.report(load_experiment(experiment)))


@app.command()
def ablation(experiment: ExperimentFile, study: str, partial: Partial = False) -> None:
    """Write the table and the figure of an ablation study, a file in configs/ablations, on an experiment."""
    from harness.ablations import load_ablation
    from harness.experiment import load_experiment
    from harness.reporting import build

    for path in build.ablation(load_ablation(load_experiment(experiment), study), partial=partial):
        print(path)


@app.command()
def new_regularizer(name: str) -> None:
    """Write a working regularizer and its rule, to be filled with your idea."""
    from harness.scaffold import new_regularizer as write_files

    for path in write_files(name, Path(__file__).resolve().parents[1]):
        print(f"wrote {path}")
    print(f"next: name {name} among the variants of an experiment, then: make test")
