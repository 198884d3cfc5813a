"""The plan of an experiment as lines of text: runs, jobs, downloads, hours and disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.datasets.catalogue import find_entry
from harness.datasets.resolve import missing
from harness.evaluation.weight_files import WEIGHT_FILES, missing_weights
from harness.experiment import Experiment, Run
from harness.experiment.defaults import foregone
from harness.foundation import layout
from harness.foundation.devices import gpu_names
from harness.foundation.files import existing
from harness.foundation.provenance import cpu_instructions
from harness.workflow.forecast.disk import Space, spaces
from harness.workflow.forecast.jobs import Jobs
from harness.workflow.forecast.rates import Measured, Rate, work_of
from harness.workflow.forecast.trainings import Training, trainings
from harness.workflow.preflight import Needs

_SHOWN = 10  # started runs that are named


@dataclass(frozen=True)
class Progress:
    """How far a run is: iterations done, and whether its outputs are there."""

    done: int
    finished: bool


def progress_of(run: Run) -> Progress:
    """Look at a run's outputs and at its newest state."""
    if (layout.run(run.name) / "weights.safetensors").is_file():
        return Progress(run.spec.training.iterations, True)
    return Progress(next(iter(layout.generations(layout.state(run.spec.hash))), 0), False)


def plan(experiment: Experiment, jobs: Jobs, known: Measured, now: Mapping[str, Rate]) -> list[str]:
    """Return what an experiment will do, line by line.

    Args:
        experiment: the experiment.
        jobs: what Snakemake would run.
        known: speeds and sizes of finished runs.
        now: kind of work to the speed measured just now; it goes before ``known``.
    """
    asked = trainings(experiment)
    states = {one.run.name: progress_of(one.run) for one in asked if one.run}
    todo = [one for one in asked if one.run is None or one.name in jobs.trained or not states[one.name].finished]
    sections = {
        "runs": _runs(experiment, {run.name: states[run.name] for run in experiment.runs}, jobs),
        "tuning": _tuning(experiment, asked, states),
        "jobs": _jobs(jobs),
        "downloads": _downloads(experiment),
        "training": _training(experiment, todo, states, {**known.rates, **now}),
        "evaluation": _evaluation(experiment),
        "disk": _disk(spaces(experiment, [one.run or one.like for one in todo], known)),
        "warning": iter(known.unreadable),
    }
    lines = [f"{experiment.path}: {experiment.file.description}"]
    for title, content in sections.items():
        lines += [f"{title if first else '':<11} {line}" for first, line in _marked(content)]
    return lines


def _marked(lines: Iterator[str]) -> Iterator[tuple[bool, str]]:
    for index, line in enumerate(lines):
        yield index == 0, line


def _runs(experiment: Experiment, states: Mapping[str, Progress], jobs: Jobs) -> Iterator[str]:
    finished = sum(state.finished for state in states.values())
    started = {name: state.done for name, state in states.items() if state.done and not state.finished}
    labels = {"networks": "network", "variants": "variant", "seeds": "seed"}
    counts = {title: len({getattr(run, name) for run in experiment.runs}) for title, name in labels.items()}
    spanned = ", ".join(f"{title} {count}" for title, count in counts.items())
    fresh = len(states) - finished - len(started)
    yield f"{len(states)}: {spanned}; {finished} finished, {len(started)} started, {fresh} not started"
    for name in list(started)[:_SHOWN]:
        yield f"{name} goes on from iteration {started[name]:,} of {experiment.run(name).spec.training.iterations:,}"
    if len(started) > _SHOWN:
        yield f"and {len(started) - _SHOWN} more that go on where they were"
    again = [name for name, state in states.items() if state.finished and name in jobs.trained]
    if again:
        yield f"{len(again)} finished ones are trained again, because code or data changed: {', '.join(again[:3])}, ..."


def _tuning(experiment: Experiment, asked: list[Training], states: Mapping[str, Progress]) -> Iterator[str]:
    if experiment.tuning is None:
        return
    trials = {trial.run.name for trial in experiment.tuning.trials}
    ended = sum(states[name].finished for name in trials)
    entry = experiment.tuning.entry
    yield f"{len(trials)} trials, {entry.trials} of each variant and network; {ended} finished"
    final = sum(one.label.endswith("(tuned)") for one in asked)
    known = "chosen" if experiment.tuning.chosen() else "not chosen yet: their runs are no part of the jobs below"
    yield f"{final} runs with chosen options follow; {known}"


def _jobs(jobs: Jobs) -> Iterator[str]:
    if jobs.problem:
        yield f"unknown: {jobs.problem}"
    elif not jobs.counts:
        yield "none: everything is done"
    else:
        counts = {rule: count for rule, count in jobs.counts.items() if rule != "all"}
        yield f"{sum(counts.values())}: {', '.join(f'{rule} {count}' for rule, count in counts.items())}"


def _downloads(experiment: Experiment) -> Iterator[str]:
    lines = []
    for name in Needs.everything(experiment).datasets:
        if (problem := missing(name, experiment.data_root)) is None:
            continue
        entry = find_entry(name)
        if not entry.sources:
            lines.append(f"none for {problem}")
            continue
        size = next((source.size for source in entry.sources if source.size), None)
        shown = f"{size / 1e9:.2f} GB" if size else "size unknown"
        lines.append(f"{name}: {entry.images} images, {shown}; run `python -m harness fetch {name}`")
    metrics = dict.fromkeys(name for part in experiment.evaluation.sets for name in part.metrics)
    for metric in metrics:
        for file in missing_weights(metric, experiment.file.weights_root):
            lines.append(f"{WEIGHT_FILES[file].url}, size unknown; run `python -m harness fetch-weights {metric}`")
    yield from lines or ["none: all data and weights are here"]


def _training(
    experiment: Experiment, todo: list[Training], states: Mapping[str, Progress], rates: Mapping[str, Rate]
) -> Iterator[str]:
    if not todo:
        yield "none: all runs are finished"
        return
    if not experiment.needs_gpu:
        yield _arithmetic(experiment)
    groups: dict[tuple[str, str], list[Training]] = {}
    for one in todo:
        groups.setdefault((one.network, one.label), []).append(one)
    width = max(len(f"{network} {variant}") for network, variant in groups)
    unit = "GPU-hours" if experiment.needs_gpu else "CPU-hours"
    total, unknown = 0.0, 0
    for (network, variant), runs in groups.items():
        training = runs[0].like.spec.training
        left = sum(one.iterations - (_kept(states[one.name]) if one.run else 0) for one in runs)
        images = left * training.batch_size
        head = (
            f"{f'{network} {variant}':<{width}}  {len(runs)} runs, {left:,} iterations x {training.batch_size} images"
        )
        rate = rates.get(work_of(runs[0].like.spec))
        if rate is None:
            unknown += len(runs)
            yield f"{head}: unknown: no run of {network} with {variant} on this hardware yet"
            continue
        hours = (
            images / rate.images_per_second / 3600 * (training.processes if experiment.needs_gpu else training.threads)
        )
        total += hours
        source = f"mean of {rate.runs} runs here" if rate.runs else "measured now"
        yield f"{head}: {_number(hours)} {unit} at {rate.images_per_second:.1f} images/s ({source})"
    yield from _slower(experiment, groups)
    rest = f", and {unknown} runs of unknown length" if unknown else ""
    yield f"together {_number(total)} {unit}{rest}" if total else f"together unknown ({unknown} runs)"
    if unknown and experiment.needs_gpu and not gpu_names():
        yield "there is no GPU here: ask on the machine that will train"
    elif unknown:
        yield f"measure what is unknown with `python -m harness plan --measure {experiment.path}`"
    if experiment.needs_gpu and experiment.file.runs_per_gpu > 1:
        yield f"counted as if each run had its GPU alone; {experiment.file.runs_per_gpu} will share one"


def _slower(experiment: Experiment, groups: Mapping[tuple[str, str], list[Training]]) -> Iterator[str]:
    """Name what trains without something that makes its baseline quicker."""
    of_baseline = {run.network: run for run in experiment.runs if run.variant == experiment.file.baseline}
    for (network, variant), runs in groups.items():
        if network in of_baseline:
            own, base = (run.spec.training.model_dump() for run in (runs[0].like, of_baseline[network]))
            if lacking := foregone(own, base):
                yield f"{network} {variant}: without the {lacking} that the baseline gets: slower for that alone"


def _arithmetic(experiment: Experiment) -> str:
    """Say what this machine's CPU makes of the precision and the layout of the runs."""
    asked, found = experiment.training.precision, cpu_instructions()
    layouts = {run.spec.training.channels_last for run in experiment.runs}
    last, mixed = True in layouts, len(layouts) > 1
    layout_name = "layouts by network" if mixed else "channels_last" if last else "contiguous"
    if asked == "bf16" and found in ("AVX-512", "AVX2", "none"):
        return f"this CPU: {found}, no bf16 instructions: computed in fp32, {layout_name}"
    return f"this CPU: {found}: {asked}, {layout_name}, {experiment.training.threads} thread(s) a run"


def _kept(state: Progress) -> int:
    """Return the iterations that need not be repeated: a finished run that is trained again starts afresh."""
    return 0 if state.finished else state.done


def _evaluation(experiment: Experiment) -> Iterator[str]:
    images = sum((find_entry(part.dataset).images or 0) * len(part.degradations) for part in experiment.evaluation.sets)
    names = dict.fromkeys(name for part in experiment.evaluation.sets for name in part.metrics)
    checkpoints = len(experiment.runs) * (2 if experiment.tuning else 1)
    yield (
        f"{checkpoints} checkpoints and {len(experiment.references)} references, {images:,} images each "
        f"({', '.join(names)}); how long that takes is not recorded"
    )


def _disk(needed: list[Space]) -> Iterator[str]:
    for space in needed:
        unknown = f", and unknown for {', '.join(space.unknown)}" if space.unknown else ""
        yield f"{space.what}: {_bytes(space.size)}{unknown}"
    free = shutil.disk_usage(existing(layout.RESULTS)).free
    least = "at least " if any(space.unknown for space in needed) else ""
    yield f"together {least}{_bytes(sum(space.size for space in needed))} to be written; {_bytes(free)} free"


def _bytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 100_000_000 else f"{size / 1e6:.2f} MB"


def _number(hours: float) -> str:
    return f"{hours:,.1f}" if hours >= 10 else f"{hours:.2g}"
