"""Write a bundle: the rows, records and histories of an experiment in one zip file with a manifest and a card.

Equal results make equal bytes: members are sorted and carry no time.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import yaml

from harness.experiment import Experiment
from harness.experiment.analyses import Analyses
from harness.experiment.extends import load_extended
from harness.experiment.stages import stage_file
from harness.experiment.tuning import Tuning
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.files import atomic_path
from harness.foundation.provenance import git_commit
from harness.foundation.sums import check
from harness.foundation.writable import check_file
from harness.workflow.sharing import manifest
from harness.workflow.sharing.card import card
from harness.workflow.sharing.manifest import Manifest, Member

_EPOCH = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20  # bytes


def publish(experiment: Experiment, out: Path, *, weights: bool = False) -> str:
    """Write a bundle of an experiment's results and return its signature.

    Args:
        experiment: all of whose runs are measured, and whose rows are aggregated. Where it tunes, its trials and its
            choice are bundled too; where seeds are added until it is decided, how far it has come.
        out: the zip file to write.
        weights: add the weights of every run, as safetensors.

    Raises:
        HarnessError: a result is missing or was altered, or the file cannot be written.
    """
    if out.suffix != ".zip":
        raise HarnessError(f"publish: --out {out}: a bundle is a zip file; write {out.with_suffix('.zip')}")
    check_file(out)
    files = _files(experiment, weights)
    texts = {
        manifest.CARD: card(experiment, layout.experiment_metrics(experiment.name)).encode(),
        f"{manifest.EXPERIMENT}/{experiment.name}.yaml": _written_out(experiment).encode(),
    }
    members = {name: Member(sha256=manifest.signature(text), size=len(text)) for name, text in texts.items()}
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted({*files, *texts}):
            if name in texts:
                archive.writestr(_entry(name), texts[name])
            else:
                members[name] = _add(archive, name, files[name])
        listed = Manifest(
            experiment=experiment.name,
            evaluation=experiment.evaluation.hash,
            systematic=tuple(layout.evaluation_stem(one.key) for one in experiment.systematic),
            commit=git_commit(),
            members=members,
        )
        encoded = listed.encoded()
        manifest.read_manifest(encoded, str(out))  # what nobody could import is not published
        archive.writestr(_entry(manifest.NAME), encoded)
    return manifest.signature(encoded)


def _files(experiment: Experiment, weights: bool) -> dict[str, Path]:
    """Return the files to bundle by their paths in the bundle."""
    found = [layout.experiment_metrics(experiment.name), *experiment.metric_files]
    kinds = ("run.json", "history.csv", *(("weights.safetensors",) if weights else ()))
    found += [layout.run(run.name) / kind for run in experiment.runs for kind in kinds]
    found += _analyses(experiment)
    if experiment.tuning is not None:
        found += _tuned(experiment, experiment.tuning, kinds)
    stage = [] if experiment.stage is None else [stage_file(experiment.name)]
    lacking = [path for path in (*found, *stage) if not path.is_file()]
    if lacking:
        more = f", and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise HarnessError(f"publish: {lacking[0]}: missing{more}; {_remedy(lacking[0], stage)}")
    for path in found:
        check(path)
    tables = layout.report(experiment.name) / "tables"
    main = [path for path in sorted(tables.glob("main.*")) if path.is_file()]
    bundled = {path.as_posix(): path for path in (*found, *stage)}
    return bundled | {f"{manifest.TABLES}/{path.name}": path for path in main}


def _remedy(path: Path, stage: list[Path]) -> str:
    return layout.remedy(layout.experiment_metrics(path.parent.name) if path in stage else path)


def _tuned(experiment: Experiment, tuning: Tuning, kinds: tuple[str, ...]) -> list[Path]:
    """Return the files of an experiment's tuning: records of all trials, the choice, and the runs that followed.

    Trials have no weights here: nothing is measured of them but the held-out loss, which their records hold.
    """
    chosen = tuning.chosen()
    if chosen is None:
        raise HarnessError(f"publish: {tuning.file}: nothing is chosen yet; {layout.remedy(tuning.file)}")
    trials = dict.fromkeys(layout.run(trial.run.name) for trial in tuning.trials)
    found = [tuning.file, layout.tuning_metrics(experiment.name)]
    found += [folder / kind for folder in trials for kind in ("run.json", "history.csv")]
    for run in tuning.final_runs(chosen):
        found += [layout.run(run.name) / kind for kind in kinds]
        found.append(layout.metrics(run.name, experiment.evaluation.hash))
    return found


def _analyses(experiment: Experiment) -> list[Path]:
    """Return the files of all analyses; none where none was made."""
    every = [one.rows for one in Analyses(experiment).all] if experiment.file.analysis else []
    return every if any(path.is_file() for path in every) else []


def _written_out(experiment: Experiment) -> str:
    """Return the experiment's file with what it extends filled in."""
    content, _ = load_extended(experiment.path)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o100644 << 16  # a plain file
    return entry


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> Member:
    """Bundle a file and return what was bundled: another process may put a new one there at any time."""
    digest, size = hashlib.sha256(), 0
    entry = _entry(name)
    entry.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(entry, "w") as target:
        while chunk := source.read(_CHUNK):
            target.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    return Member(sha256=digest.hexdigest(), size=size)
