"""What the Snakefile asks of an experiment: file lists, patterns and the check before the first job. No torch."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from harness.datasets.catalogue import find_entry
from harness.degradations.fixed import own_meanings, select
from harness.evaluation.metrics import registry
from harness.evaluation.retries import attempts
from harness.experiment import Experiment, load_experiment
from harness.experiment.ablations import Ablation, ablation_names, find_run, load_ablation
from harness.experiment.kept_weights import lacking_line
from harness.experiment.left_out import WITHOUT
from harness.experiment.stages import read_stage, write_stage
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.files import content_hash, file_sha256
from harness.foundation.names import NAME
from harness.foundation.own_code import source_files
from harness.foundation.project import ROOT, own_file
from harness.foundation.provenance import code_digest, stage_modules
from harness.reporting.files import figure_files, table_files
from harness.spec import TrainingSpec
from harness.training.code import deciding_files
from harness.workflow import console, job_resources, preflight
from harness.workflow.analyses import AnalysisPlan
from harness.workflow.forecast.outlook import Outlook
from harness.workflow.selection import SelectionPlan
from harness.workflow.systematic import SystematicPlan
from harness.workflow.tuning import TuningPlan

DEFAULT = "configs/experiments/paper.yaml"

_DECIDING = {"kind", "folder", "pattern", "low", "files", "crop"}  # fields of a catalogue entry


def experiment_file(configfiles: Sequence[str | Path], single: Mapping[str, Any]) -> str:
    """Return the one experiment file that was asked for, relative to the working directory if it lies below.

    Args:
        configfiles: what ``--configfile`` named; nothing stands for the paper's experiment.
        single: what ``--config`` set: data sets to leave out with ``without``, nothing else.

    Raises:
        HarnessError: several files, or other values on the command line: they would hide in no file.
    """
    if len(configfiles) > 1:
        names = ", ".join(_relative(configfiles))
        raise HarnessError(f"--configfile: {names}: give one experiment file, they are not merged")
    single = dict(single)
    if without := single.pop("without", None):
        os.environ[WITHOUT] = without if isinstance(without, str) else ",".join(map(str, without))
    if single:
        given, base = ", ".join(f"{key}={value}" for key, value in single.items()), Path([*configfiles, DEFAULT][0])
        how = f"write it into a file that says `extends: {base.stem}` and the changed field, and give that with"
        raise HarnessError(f"--config: {given}: {how} --configfile; only without=DATASET can be given here")
    if configfiles:
        name = _relative(configfiles)[0]
        return str(Path.cwd() / name) if name.startswith("-") else name  # no option of the commands it is given to
    return DEFAULT if Path(DEFAULT).is_file() else str(ROOT / DEFAULT)


@contextmanager
def reporting_to(exception: type[Exception]) -> Iterator[None]:
    """Turn the harness's errors into Snakemake's ``exception``, which it then prints without a traceback."""
    try:
        yield
    except HarnessError as error:
        # Snakemake prints every frame outside of itself that it finds on an exception.
        hidden = property(lambda self: None, lambda self, frames: None)
        without_frames = type(exception.__name__, (exception,), {"__traceback__": hidden})
        raise without_frames(str(error)) from None


class Plan:
    """The files that an experiment spans, and which code makes them.

    Args:
        path: the experiment's file.
        first: whether this is the process that was called, not one that it started for a job; it decides which seeds
            there are.
    """

    def __init__(self, path: str | Path, *, first: bool = False) -> None:
        self._experiment: Experiment = load_experiment(path, next_stage=first)
        self.path = Path(path)  # as text, Snakemake would repeat what another experiment has run already
        self.name = self._experiment.name
        self.scale = self._experiment.file.scale
        self.training: TrainingSpec = self._experiment.training
        self.evaluation = self._experiment.evaluation.hash[:8]
        self.degradations = self._experiment.file.evaluation.all_degradations
        self.variant_pattern = self._experiment.stems.pattern
        self.tuning = TuningPlan(self._experiment)
        self.analyses = AnalysisPlan(self._experiment)
        self.selection = SelectionPlan(self._experiment)
        self.systematic = SystematicPlan(self._experiment)
        self._studies: dict[str, Ablation] = {}
        self._attempts = cache(attempts)
        self.ablations = ablation_names()  # their files are read only when a target asks for one
        self.names = NAME.pattern
        if first:
            console.settle(self.name, Outlook(self._experiment).line)
        for model in self._experiment.externals:
            if re.search(r"\{\s*\w", str(model.weights)):
                problem = f"weights {model.weights}: Snakemake takes what stands in braces for a wildcard; rename it"
                raise HarnessError(f"{path}: external.{model.name}: {problem}")

    @property
    def shell_prefix(self) -> str:
        """What every job's command begins with. It replaces Snakemake's own prefix, which makes failures count.

        Jobs run the Python and the code that plan them, whatever is activated and wherever they run. Signals sent to a
        job's whole process group must not end the log before the job has said its last words.
        """
        python, root = shlex.quote(str(Path(sys.executable).parent)), shlex.quote(str(ROOT))
        paths = f"export PATH={python}:$PATH PYTHONPATH={root}${{PYTHONPATH:+:$PYTHONPATH}}"
        tee = "tee() { trap '' HUP INT TERM; command tee \"$@\"; }"
        names = shlex.quote(",".join(self._experiment.left_out))
        without = f"export {WITHOUT}={names}; " if names != "''" else ""
        prefix = f"set -euo pipefail; {paths}; {without}{tee}; "
        return prefix.replace("{", "{{").replace("}", "}}")  # for Snakemake, which formats it

    def code(self, stage: str) -> str:
        """Return a digest of the source files that decide the results of a stage.

        As a parameter of a rule it repeats the stage when their contents change. As inputs, fifty files for each of
        thousands of jobs, they would make planning slow and Snakemake's messages unreadable.
        """
        return _stage_code(stage) + (code_digest(own) if (own := self._own_code(stage)) else "")

    def _own_code(self, stage: str) -> list[Path]:
        """Return the files of the user's own functions that a stage calls, besides the harness's."""
        names = {name for part in self._experiment.all_sets for name in part.metrics}
        metrics = [metric.function for name, metric in registry().items() if name in names and metric.function]
        degrade = [recipe.function for recipe in select(self.degradations).values() if recipe.function]
        return source_files({"benchmark": degrade, "evaluate": metrics}.get(stage, []))

    @property
    def environment(self) -> str:
        """The harness's conda environment, as a whole path: rules of a project inherit it into files of their own."""
        return str(ROOT / "environment.yml")

    @property
    def rule_files(self) -> list[str]:
        """The rules of regularizers: the harness's, and the project's."""
        folders = [ROOT / "workflow" / "regularizers", *filter(None, [own_file("workflow/regularizers")])]
        return [str(path.resolve()) for folder in folders for path in sorted(folder.glob("*.smk"))]

    def training_code(self, network: str, variant: str) -> str:
        """Return a digest of the source files that decide the results of training one variant on one network."""
        path = self._experiment.catalogues.networks[network].path
        return _training_code(self._experiment.stems.regularizer(variant), path)

    def external_code(self, external: str) -> str:
        """Return a digest of the source files that decide the metrics of one model from outside."""
        spec = self._experiment.external(external).spec
        own = source_files([spec.path]) if spec else []
        return self.code("evaluate") + (code_digest(own) if own else "")

    def source(self, dataset: str) -> str:
        """Return a digest of what decides which images a dataset has: its catalogue entry and its manifest."""
        entry = find_entry(dataset)
        manifest = file_sha256(entry.manifest_path) if entry.manifest_path else None
        return content_hash([entry.model_dump(mode="json", include=_DECIDING), manifest])

    @property
    def packs(self) -> dict[str, str]:
        """The images of every training, as inputs of a rule by their names."""
        names = {"data": self.training.data, "heldout": self.training.heldout}
        return {role: str(layout.pack(name) / "index.json") for role, name in names.items()}

    def teacher(self, wildcards: Any) -> list[str]:
        """Return the weights that a run learns from, an input of its rule: they are made first, and once for all."""
        run = f"{wildcards.network}.{wildcards.variant}.s{wildcards.seed}.{wildcards.hash}"
        weights = self._experiment.teacher_weights(find_run(self._experiment, run))
        return [] if weights is None else [str(weights)]

    @property
    def gpus(self) -> int:
        """GPUs of one training job."""
        return self.training.processes if self._experiment.needs_gpu else 0

    @property
    def training_minutes(self) -> int:
        """Minutes that the first attempt of a training job asks for."""
        return job_resources.training_minutes(self.training)

    @property
    def training_megabytes(self) -> int:
        """Host memory that the first attempt of a training job asks for."""
        return job_resources.training_megabytes(self.training)

    @property
    def other_variants_pattern(self) -> str:
        """A pattern of the variants whose regularizer has no rule of its own."""
        return self._experiment.stems.others(Path(path).stem for path in self.rule_files)

    @property
    def references_pattern(self) -> str:
        """A pattern of the references; one that never matches if there are none."""
        return "|".join(re.escape(method.identifier) for method in self._experiment.references) or "(?!)"

    def datasets_pattern(self, *kinds: str) -> str:
        """Return a pattern of the evaluated datasets of some kinds; one that never matches if there are none."""
        names = [s.dataset for s in self._experiment.evaluation.sets if self._experiment.kind(s.dataset) in kinds]
        return "|".join(map(re.escape, names)) or "(?!)"

    @cached_property
    def manifests(self) -> list[str]:
        """The manifests of every evaluated set."""
        sets = [(part, [] if part.degradations == ("real",) else ["hr"]) for part in self._experiment.all_sets]
        names = [(part.dataset, name) for part, hr in sets for name in (*hr, *part.degradations)]
        return [str(layout.manifest(self.scale, *one)) for one in dict.fromkeys(names)]

    def index(self, dataset: str) -> str:
        """The file that stands for all manifests of a degraded dataset."""
        return str(layout.benchmark_index(self.scale, dataset, self.degradations, own_meanings(self.degradations)))

    @cached_property
    def sets(self) -> list[str]:
        """One file per evaluated dataset. An input costs planning time in each of thousands of jobs."""
        real = ("real",)
        return [
            str(layout.manifest(self.scale, part.dataset, "real"))
            if part.degradations == real
            else self.index(part.dataset)
            for part in self._experiment.evaluation.sets
        ]

    @cached_property
    def weights(self) -> list[str]:
        """The weights of every run."""
        return [str(layout.run(run.name) / "weights.safetensors") for run in self._experiment.runs]

    @cached_property
    def external_weights(self) -> list[str]:
        """The weight files of the models from outside that are there; the preflight tells of the others."""
        return [str(model.weights) for model in self._experiment.externals if model.weights.is_file()]

    def weights_of(self, external: str) -> list[str]:
        """Return the weight file of one model from outside, or nothing if it is not there."""
        path = self._experiment.external(external).weights
        return [str(path)] if path.is_file() else []

    @cached_property
    def records(self) -> list[str]:
        """The history and record of every run."""
        names = ("history.csv", "run.json")
        return [str(layout.run(run.name) / name) for run in self._experiment.runs for name in names]

    @cached_property
    def metrics(self) -> list[str]:
        """The metrics of every reference, model from outside and run."""
        return [str(path) for path in self._experiment.metric_files]

    def attempt(self, method: str, systematic: str = "") -> int:
        """Return the number of a method's coming evaluation, or of that on one set: it grows once bad images change.

        As a parameter of a rule it repeats the evaluation then, and only then.
        """
        return self._attempts(self.systematic.key(systematic) or self._experiment.evaluation.hash).get(method, 0)

    def tables(self, *suffixes: str) -> list[str]:
        """Return the tables of the experiment in some formats."""
        return _relative(path for path in table_files(self._experiment) if path.suffix in suffixes)

    def figures(self, *suffixes: str) -> list[str]:
        """Return the figures of the experiment in some formats."""
        return _relative(path for path in figure_files(self._experiment) if path.suffix in suffixes)

    def section_reports(self, *suffixes: str) -> list[str]:
        """Return the tables and figures of tuning, analyses and selection in some formats."""
        return [path for part in (self.tuning, self.analyses, self.selection) for path in part.reports(*suffixes)]

    def ablation_inputs(self, study: str) -> list[str]:
        """Return the metrics, histories and records of a study's runs."""
        runs = self._ablation(study).runs
        metrics = [layout.metrics(run.name, self._experiment.evaluation.hash) for run in runs]
        records = [layout.run(run.name) / name for run in runs for name in ("history.csv", "run.json")]
        return [str(path) for path in dict.fromkeys([*metrics, *records])]

    def ablation_digest(self, study: str) -> str:
        """Return a digest of what a study's file says."""
        return content_hash(self._ablation(study).file.model_dump(mode="json"))

    @property
    def ablations_there(self) -> str:
        """A digest of the studies that have results: the report shows them, and is written again when they change."""
        paths = [layout.ablation_metrics(self.name, study) for study in self.ablations]
        figures = [layout.ablation(self.name, study) / "figure.png" for study in self.ablations]
        return content_hash([[str(path), file_sha256(path)] for path in [*paths, *figures] if path.is_file()])

    def _ablation(self, study: str) -> Ablation:
        if study not in self._studies:
            self._studies[study] = load_ablation(self._experiment, study)
        return self._studies[study]

    def preflight(self, jobs: Iterable[Any], limits: Mapping[str, Any], elsewhere: bool = False) -> None:
        """Stop before the first job if anything is missing that the coming jobs need.

        Args:
            jobs: Snakemake's jobs that will run.
            limits: Snakemake's global resource limits.
            elsewhere: whether jobs run on other machines, whose GPUs cannot be counted here.

        Raises:
            HarnessError: one list of all that is missing and what to do for each.
        """
        needs = preflight.Needs.of((job.rule.name, dict(job.wildcards_dict)) for job in jobs)
        preflight.check(self._experiment, needs, limits.get("gpu"), elsewhere)
        if note := lacking_line(self._experiment):
            print(f"note: {note}", file=sys.stderr)

    def begin_stage(self) -> None:
        """Keep which seeds there are now, for the jobs."""
        if self._experiment.stage is not None:
            write_stage(self.name, self._experiment.stage)

    def say_outlook(self) -> None:
        """Print what a person should know at the end: whether more seeds are to come."""
        stage = self._experiment.stage
        if stage is not None:
            print(f"{self.name}: {read_stage(self.name, stage.entry).outlook()}")


@cache
def _stage_code(stage: str) -> str:
    return code_digest(stage_modules(stage))


@cache
def _training_code(regularizer: str, network: str) -> str:
    return code_digest(deciding_files(regularizer, network))


def _relative(paths: Iterable[str | Path]) -> list[str]:
    here = Path.cwd()
    return [str(p.relative_to(here) if p.is_relative_to(here) else p) for p in map(Path, paths)]
