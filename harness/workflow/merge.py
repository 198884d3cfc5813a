"""Results of several machines in one folder: finished runs, their metrics and analyses and, if asked for, states.

Nothing whole is ever overwritten, and nothing damaged is ever copied. Equal files are fine, a run whose weights or
history differ is a conflict and is left alone with all its rows; a file here that is not what was written gives way to
one that is. Sums and Snakemake's records of the copied files come along, so that it knows them as its own: it repeats
nothing, and later repeats what changed code or data ask for. A merge that was interrupted goes on when called again.
"""

from __future__ import annotations

import filecmp
import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.files import copy_file
from harness.foundation.sums import adopt_sum, altered, copy_sealed, has_sum
from harness.networks.weights import read_metadata
from harness.reporting.rows.analyses import read_rows
from harness.reporting.rows.metric_rows import load
from harness.reporting.rows.run_records import read_document, read_history
from harness.spec import RunSpec
from harness.training.state import problem_of

WEIGHTS, HISTORY, RECORD = "weights.safetensors", "history.csv", "run.json"

_METADATA = Path(".snakemake/metadata")

_PARTS = (layout.RUNS, layout.METRICS, layout.SELECTION, layout.ANALYSIS, layout.STATE)


@dataclass
class Merge:
    """What merging found and, unless it was a rehearsal, did.

    Attributes:
        copied: files that are new, relative to the results folder.
        replaced: those of them that lay here damaged.
        equal: how many runs and files of rows were there already.
        unfinished: runs that other folders have not finished, one line each.
        problems: conflicts and broken runs, one line each; nothing of them was copied.
    """

    copied: list[Path] = field(default_factory=list)
    replaced: list[Path] = field(default_factory=list)
    equal: int = 0
    unfinished: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def merge(folders: Sequence[Path], into: Path, with_state: bool = False, dry_run: bool = False) -> Merge:
    """Copy what other results folders have and ``into`` lacks.

    Args:
        folders: results folders, or checkouts that hold one.
        into: the results folder to complete.
        with_state: copy the states of runs that are finished nowhere.
        dry_run: only say what would be done.

    Raises:
        HarnessError: a folder holds no results, or the disk is full.
    """
    found = Merge()
    target = _Target(into)
    for folder in [_results(folder, into) for folder in folders]:
        for source, name in _files(folder, target, with_state, found):
            target.planned[name] = source
    for name, source in target.planned.items():
        if not dry_run:
            copy_sealed(source, into / name)
            _copy_metadata(source, into / name, name)
        found.copied.append(name)
    for name, source in () if dry_run else target.same.items():
        adopt_sum(source, into / name)
        _copy_metadata(source, into / name, name)
    found.replaced += [name for name in target.planned if name in target.damaged]
    return found


@dataclass
class _Target:
    """What is known of the folder to complete.

    Attributes:
        folder: the results folder.
        planned: file to copy, relative to it, to its source.
        same: file that is there with the bytes of another folder's, to that one: an interrupted merge may owe it its
            sum or Snakemake's record.
        damaged: files there that are not what was written.
    """

    folder: Path
    planned: dict[Path, Path] = field(default_factory=dict)
    same: dict[Path, Path] = field(default_factory=dict)
    damaged: set[Path] = field(default_factory=set)

    def present(self, name: Path) -> Path | None:
        """Return the whole file that ``name`` stands for already: here, or in a folder looked at before."""
        path = self.folder / name
        if path.is_file() and name not in self.damaged:
            if _unsound(path) is None:
                return path
            self.damaged.add(name)
        return self.planned.get(name)


def _results(folder: Path, into: Path) -> Path:
    """Return the results folder that ``folder`` is or holds."""
    for candidate in (folder / layout.RESULTS, folder):
        if any((candidate / part.name).is_dir() for part in _PARTS):
            if candidate.resolve() == into.resolve():
                raise HarnessError(f"merge: {folder}: that is the folder to merge into; name other ones")
            return candidate
    raise HarnessError(f"merge: {folder}: no results there; name a folder with runs/ and metrics/ in it")


def _files(folder: Path, target: _Target, with_state: bool, found: Merge) -> Iterator[tuple[Path, Path]]:
    """Yield (source, name below the results folder) of everything to copy from one folder, inputs before outputs."""
    refused: set[str] = set()
    for run in _folders(folder / layout.RUNS.name):
        if not (run / WEIGHTS).is_file():
            found.unfinished.append(f"{run}: not finished there")
            refused.add(run.name)
            continue
        name = Path(layout.RUNS.name) / run.name
        # Before the weights: what Snakemake knows of as finished has what it kept.
        kept = [str(path.relative_to(run)) for path in layout.all_kept(run)]
        there = {file: target.present(name / file) for file in (*kept, HISTORY, RECORD, WEIGHTS)}
        if problem := _problem(run) or _conflict(run, there, target.folder / name):
            found.problems.append(problem)
            refused.add(run.name)
            continue
        lacking = [file for file, known in there.items() if known is None]
        found.equal += not lacking
        target.same |= {name / file: run / file for file, known in there.items() if known and _equal(run / file, known)}
        yield from ((run / file, name / file) for file in lacking)
    for place, suffix in ((layout.METRICS, "parquet"), (layout.SELECTION, "parquet"), (layout.ANALYSIS, "csv")):
        for path in sorted(folder.glob(f"{place.name}/*/[!.]*.{suffix}")):
            if path.parent.name not in refused:
                yield from _rows(path, path.relative_to(folder), target, found)
    if with_state:
        yield from _states(folder, target, found)


def _rows(path: Path, name: Path, target: _Target, found: Merge) -> Iterator[tuple[Path, Path]]:
    """Yield a file of metrics, selection or analyses that is whole there and lacking or damaged here."""
    if problem := _unsound(path):
        found.problems.append(f"{path}: {problem}; make it again there, or leave it out")
        return
    known = target.present(name)
    if known is None:
        # What could not be read there: Snakemake then measures these cells again here, where the images may be whole.
        note = Path(layout.FAILURES.name, *name.parts[-2:]).with_suffix(".json")
        root = path.parents[2]
        yield from [(root / note, note)] if (root / note).is_file() else []
        yield path, name
    elif _equal(path, known):
        found.equal += 1
        target.same[name] = path
    else:
        found.problems.append(f"{path}: other bytes than {known}; delete the one that is wrong")


def _states(folder: Path, target: _Target, found: Merge) -> Iterator[tuple[Path, Path]]:
    """Yield the generations of runs that have neither weights nor a state here."""
    into, planned = target.folder, target.planned
    finished = {path.parent.name.rpartition(".")[2] for path in (into / layout.RUNS.name).glob(f"*/{WEIGHTS}")}
    finished |= {path.parent.name.rpartition(".")[2] for path in planned if path.name == WEIGHTS}
    begun = {path.parent.name for path in planned if path.parts[0] == layout.STATE.name}
    for state in _folders(folder / layout.STATE.name):
        generations = sorted(state.glob("iteration-*.state"))
        if state.name[:8] in finished or not generations:
            continue
        if state.name in begun or any((into / layout.STATE.name / state.name).glob("iteration-*.state")):
            found.unfinished.append(f"{state}: begun here too; each keeps its own")
            continue
        problems = {path: problem_of(path) for path in generations}
        found.problems += [f"{path}: {problem}; delete it there" for path, problem in problems.items() if problem]
        yield from ((path, path.relative_to(folder)) for path, problem in problems.items() if problem is None)


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.glob("*") if path.is_dir())


def _problem(run: Path) -> str | None:
    """Return what is wrong with a run's folder in itself, in one line."""
    try:
        record = json.loads((run / RECORD).read_text())
        spec = RunSpec.model_validate_json(json.dumps(record["spec"]))
        written = read_metadata(run / WEIGHTS).get("spec_hash")
    except (HarnessError, OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        return f"{run}: not a whole run ({' '.join(str(error).split())[:120]}); leave it out or train it again"
    for what, value in ((RECORD, record.get("spec_hash")), (WEIGHTS, written), ("the folder's name", _hash_of(run))):
        if value is None or not spec.hash.startswith(value):
            return f"{run}: {what} says spec {value}, but the spec's hash is {spec.hash[:8]}; another version wrote it?"
    if not (run / HISTORY).is_file():
        return f"{run}: no {HISTORY}; leave it out or train it again"
    for path in (*layout.all_kept(run), *(run / file for file in (HISTORY, RECORD, WEIGHTS))):
        if problem := _unsound(path):
            return f"{path}: {problem}; leave it out or train it again"
    return None


def _unsound(path: Path) -> str | None:
    """Say in one line why a result is not what was written, or, where it has no sum, cannot be read; else None."""
    if has_sum(path):
        return altered(path)
    read: dict[str, Callable[[Path], object]] = {WEIGHTS: read_metadata, HISTORY: read_history, RECORD: read_document}
    kept = path.parent.name == layout.KEPT
    rows = load if path.suffix == ".parquet" else read_rows
    try:
        read.get(WEIGHTS if kept else path.name, rows)(path)
    except HarnessError as error:
        return str(error).removeprefix(f"{path}: ")
    owner = read_metadata(path).get("spec_hash") if kept or path.name == WEIGHTS else None
    own = _hash_of(path.parents[1] if kept else path.parent)
    return f"weights of the run {owner}" if owner and own and not owner.startswith(own) else None


def _hash_of(run: Path) -> str | None:
    """Return the spec hash at the end of a run's name, None where there is none."""
    digits = run.name.rpartition(".")[2]
    return digits if len(digits) == 8 else None


def _conflict(run: Path, there: dict[str, Path | None], here: Path) -> str | None:
    """Return how a whole run contradicts the one of the same name, in one line.

    Two trainings of the same spec agree in all but the record, which tells seconds and hardware.
    """
    for file in [file for file in there if file != RECORD]:
        if (known := there[file]) is not None and not _equal(run / file, known):
            return f"{run / file}: other bytes than {known}; delete the run that is wrong"
    record = there[RECORD]
    if record is not None and not _equal(run / RECORD, record) and not (here / WEIGHTS).exists() and not there[WEIGHTS]:
        return f"{record.parent}: not finished here, and {run} is; delete it or let it finish"
    return None


def _equal(one: Path, other: Path) -> bool:
    return filecmp.cmp(one, other, shallow=False)


def _copy_metadata(source: Path, target: Path, name: Path) -> None:
    """Copy Snakemake's record of a file, if there is one."""
    roots = [path.parents[len(name.parts)] for path in (source, target)]
    parts = _record(str(layout.RESULTS / name))
    old, new = (root.joinpath(_METADATA, *parts) for root in roots)
    if old.is_file() and not new.exists():
        copy_file(old, new)


def _record(path: str) -> list[str]:
    """Return where Snakemake keeps its record of a file, below its metadata folder (its persistence/file.py)."""
    longest = os.pathconf(".", "PC_NAME_MAX") or 255
    text = urlsafe_b64encode(path.encode()).decode()
    parts = [text[i : i + longest - 1] for i in range(0, len(text), longest - 1)]
    return [*("@" + part for part in parts[:-1]), parts[-1]]
