"""The command that tells what one name stands for: an experiment, a run, or an entry of a catalogue."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from harness.commands.arguments import complete_experiment, experiment_folders, experiment_path
from harness.experiment import Experiment, Run, load_experiment
from harness.foundation import layout
from harness.foundation.errors import HarnessError

_ALIKE = 0.75  # how similar a name must be to one that is known, to be what was meant
_RUN = re.compile(r"\.s\d+(\.[0-9a-f]+)?$")  # how the names of runs end, with or without their hash


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(show)


def _complete(incomplete: str) -> list[str]:
    """Return the names of experiments and entries that begin with what was typed."""
    names = {name for entries in _catalogues().values() for name in entries if name.startswith(incomplete)}
    return sorted(names.union(complete_experiment(incomplete)))


def show(
    name: Annotated[
        str,
        typer.Argument(
            autocompletion=_complete,
            help="An experiment, a run (its hash may be left out), or a network, variant, data set, degradation or"
            " metric.",
        ),
    ],
    experiment: Annotated[
        Path | None,
        typer.Option(
            parser=experiment_path,
            autocompletion=complete_experiment,
            help="The experiment of a run: a file, or a name in configs/experiments, all of which are searched"
            " without it.",
        ),
    ] = None,
) -> None:
    """Tell what a name stands for: what it resolves to, where its files lie, how far it is, how to make it again.

    A name of several things is told as each of them.
    """
    if experiment is not None:
        loaded = load_experiment(experiment)
        print("\n".join(_run(loaded, loaded.run(name))))
        return
    lines = [*_entries(name), *_experiment(name)]
    if not lines:
        lines = list(_runs(name))
    if not lines:
        raise HarnessError(f"show: {name!r}: {_unknown(name)}")
    print("\n".join(lines))


def _unknown(name: str) -> str:
    """Return what is wrong with a name that stands for nothing, with the name that was likely meant."""
    if Path(name).suffix in {".yaml", ".yml"}:
        return "no such file; `python -m harness list experiments` has those that are found by name"
    if _RUN.search(name):
        return (
            "no run of an experiment in configs/experiments; name the file of its experiment: `python -m harness show"
            " RUN --experiment FILE`"
        )
    spelt = {one.lower(): one for one in _complete("")}
    near = get_close_matches(name.lower(), spelt, n=1, cutoff=_ALIKE)
    meant = f"; did you mean {spelt[near[0]]!r}?" if near else "; `python -m harness list` has all names"
    return f"no experiment, run or entry of a catalogue{meant}"


def _catalogues() -> dict[str, Mapping[str, Any]]:
    """Return the entries of every catalogue by what they are."""
    from harness.datasets.catalogue import load_catalogue
    from harness.degradations.fixed import recipes
    from harness.evaluation.metrics import registry
    from harness.experiment.catalogues import Catalogues

    known = Catalogues.load()
    return {
        "network": known.networks,
        "variant": {name: known.variant(name) for name in known.variant_names},
        "data set": load_catalogue(),
        "degradation": recipes(),
        "training degradation": known.training_degradations,
        "metric": registry(),
    }


def _entries(name: str) -> Iterator[str]:
    for kind, entries in _catalogues().items():
        if name in entries:
            yield from _section(f"{kind} {name}", entries[name])


def _experiment(name: str) -> Iterator[str]:
    from harness.workflow.watch import plain, snapshot

    try:
        path = experiment_path(name)
    except HarnessError:
        return
    if not path.is_file():
        return
    loaded = load_experiment(path)
    yield from _section(f"experiment {loaded.name}, {path}", loaded.file)
    yield f"  results: {layout.experiment_metrics(loaded.name).parent}/   reports: {layout.report(loaded.name)}/"
    yield f"  make it: snakemake --cores all --configfile {shlex.quote(str(path))}"
    yield from plain(snapshot(loaded))


def _runs(name: str) -> Iterator[str]:
    for folder in experiment_folders():
        for path in sorted(folder.glob("*.yaml")):
            loaded = load_experiment(path)
            for run in loaded.runs:
                if name in (run.name, run.label):
                    yield from _run(loaded, run)


def _run(experiment: Experiment, run: Run) -> Iterator[str]:
    from harness.workflow.forecast.status import status_of

    metrics = layout.metrics(run.name, experiment.evaluation.hash)
    status = status_of(run, metrics)
    yield from _section(f"run {run.name} of {experiment.path}", run.spec)
    yield f"  state: {status.state}, iteration {status.iteration:,} of {run.spec.training.iterations:,}"
    for place in (layout.run(run.name), layout.state(run.spec.hash), metrics):
        yield f"  {place}{'' if place.exists() else '  (not there)'}"
    file = shlex.quote(str(experiment.path))
    yield f"  train it:    python -m harness train {file} --run {run.name}"
    yield f"  evaluate it: python -m harness evaluate {file} --run {run.name}"


def _section(title: str, entry: Any) -> Iterator[str]:
    """Yield a title and, below it, what an entry resolves to, as YAML."""
    yield title
    if hasattr(entry, "model_dump"):
        content = entry.model_dump(mode="json", exclude_none=True)
    elif is_dataclass(entry) and not isinstance(entry, type):
        content = {key: _plain(value) for key, value in asdict(entry).items() if value not in (None, "", ())}
    else:
        content = _plain(entry)
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
    yield from (f"  {line}" for line in text.splitlines())


def _plain(value: Any) -> Any:
    """Return a value as YAML can say it."""
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)
