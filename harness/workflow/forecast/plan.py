"""The plan of an experiment as lines of text: runs, jobs, downloads, hours and disk."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.datasets.catalogue import find_entry
from harness.degradations.sweeps import STEPS
from harness.experiment import Experiment, Run
from harness.experiment.analyses import Analyses
from harness.experiment.defaults import foregone
from harness.experiment.kept_weights import lacking_line
from harness.experiment.selection import Selection
from harness.foundation import layout
from harness.foundation.devices import gpu_names
from harness.foundation.files import existing
from harness.foundation.provenance import cpu_instructions, cpu_wants_channels_last
from harness.spec import EvaluationSpec
from harness.workflow.forecast.disk import Space, spaces
from harness.workflow.forecast.downloads import download_lines, lacking, shown_bytes
from harness.workflow.forecast.jobs import Jobs
from harness.workflow.forecast.outlook import Times, analyses_left, analysis_seconds, evaluation_seconds
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
        "analysis": _analysis(experiment),
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
    if note := lacking_line(experiment):
        yield note


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
    found = lacking(experiment, Needs.everything(experiment).datasets)
    yield from list(download_lines(experiment, found)) or ["none: all data and weights are here"]


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
    imitated = asked == "bf16" and found in ("AVX-512", "AVX2", "none")
    wanted = cpu_wants_channels_last("fp32" if imitated or asked != "bf16" else "bf16")
    given = {run.spec.training.channels_last for run in experiment.runs}
    layouts = {wanted if one == "auto" else one for one in given}
    last, mixed = True in layouts, len(layouts) > 1
    layout_name = "layouts by network" if mixed else "channels_last" if last else "contiguous"
    if imitated:
        return f"this CPU: {found}, no bf16 instructions: computed in fp32, {layout_name}"
    return f"this CPU: {found}: {asked}, {layout_name}, {experiment.training.threads} thread(s) a run"


def _kept(state: Progress) -> int:
    """Return the iterations that need not be repeated: a finished run that is trained again starts afresh."""
    return 0 if state.finished else state.done


def _evaluation(experiment: Experiment) -> Iterator[str]:
    parts = experiment.evaluation.sets
    names = dict.fromkeys(name for part in parts for name in part.metrics)
    checkpoints = len(experiment.runs) * (2 if experiment.tuning else 1)
    others = f"{len(experiment.references)} references"
    others += f" and {len(experiment.externals)} models from outside" if experiment.externals else ""
    strengths = sum(_size(part.dataset) * sum(name in STEPS for name in part.degradations) for part in parts)
    of_sweeps = f", {strengths:,} of them of sweeps" if strengths else ""
    images = f"{_images(experiment.evaluation):,} images each{of_sweeps}"
    yield f"{checkpoints} checkpoints and {others}, {images} ({', '.join(names)})"
    for one in experiment.systematic:
        yield (
            f"{one.name}: {len(one.part.degradations)} degradations, {_images(one.evaluation):,} images more of each "
            f"({', '.join(one.part.metrics)})"
        )
    todo = [path for path in experiment.metric_files if not path.is_file()]
    yield _time_left(todo, evaluation_seconds(experiment))
    if experiment.file.selection is not None:
        yield _selection(Selection(experiment))
    yield "figures, tables and the report come on top; how long they take is not recorded"


def _analysis(experiment: Experiment) -> Iterator[str]:
    if experiment.file.analysis is None:
        return
    analyses = Analyses(experiment)
    entry = analyses.entry
    images = min(entry.images or sys.maxsize, _size(entry.dataset)) * len(entry.degradations)
    yield f"{len(analyses.all)} checkpoints, {images:,} images each ({', '.join(entry.analyses)})"
    yield _time_left([one.rows for one in analyses_left(experiment)], analysis_seconds(experiment))


def _size(dataset: str) -> int:
    return find_entry(dataset).images or 0


def _time_left(todo: Sequence[Path], times: Times) -> str:
    """Say how long the files of rows that are left take, by what was recorded."""
    if not todo:
        return "none left"
    if not times.known:
        return f"{len(todo)} left; how long one takes is known once the first is done"
    hours = sum(map(times.of, todo)) / 3600
    return f"{len(todo)} left: {_number(hours)} hours one after the other, as those took that are done here"


def _selection(selection: Selection) -> str:
    todo = sum(not one.rows.is_file() for one in selection.all)
    images = f"{_images(selection.evaluation):,} images each ({selection.metric})"
    return f"selection on {selection.entry.on}: {len(selection.all)} checkpoints kept on the way, {images}; {todo} left"


def _images(spec: EvaluationSpec) -> int:
    return sum(_size(part.dataset) * len(part.degradations) for part in spec.sets)


def _disk(needed: list[Space]) -> Iterator[str]:
    for space in needed:
        unknown = f"unknown for {', '.join(space.unknown)}" if space.unknown else ""
        size = shown_bytes(space.size) if space.size else "" if unknown else "nothing"
        yield f"{space.what}: {', and '.join(filter(None, [size, unknown]))}"
    free = shutil.disk_usage(existing(layout.RESULTS)).free
    least = "at least " if any(space.unknown for space in needed) else ""
    yield f"together {least}{shown_bytes(sum(space.size for space in needed))} to be written; {shown_bytes(free)} free"


def _number(hours: float) -> str:
    return f"{hours:,.1f}" if hours >= 10 else f"{hours:.2g}"
