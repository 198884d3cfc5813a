"""The experiment: one YAML file, checked and resolved to the list of runs that it spans. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from harness.datasets import resolve
from harness.evaluation import metrics as metric_registry
from harness.evaluation.external_entry import ExternalEntry, ExternalModel, resolve_external
from harness.evaluation.weight_files import weights_folder
from harness.experiment.catalogues import Catalogues, VariantEntry
from harness.experiment.defaults import completed
from harness.experiment.run_names import Stems
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.yamlfile import StrictModel, load_model, validate
from harness.regularizers import least_iterations, resolve_options, teacher_of, views
from harness.spec import EvaluationSpec, RegularizerSpec, RunSpec, SetSpec, TrainingSpec

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""What labels may look like: they become parts of file names, separated by dots."""


class EvaluationEntry(StrictModel):
    """The ``evaluation:`` section: which sets and metrics, synthetic benchmarks and real photographs apart."""

    datasets: tuple[str, ...] = Field(min_length=1)
    degradations: tuple[str, ...] = Field(min_length=1)
    metrics: tuple[str, ...] = Field(min_length=1)
    real_paired: tuple[str, ...] = ()
    real_unpaired: tuple[str, ...] = ()
    unpaired_metrics: tuple[str, ...] = ()


class ExperimentFile(StrictModel):
    """An experiment as written. ``training`` is checked apart, because its degradation names a catalogue entry."""

    description: str
    scale: int = Field(gt=0)
    networks: tuple[str, ...] = Field(min_length=1)
    variants: tuple[str, ...] = Field(min_length=1)
    references: tuple[Literal["bicubic", "bicubic_matlab", "input"], ...] = ("bicubic",)
    external: dict[str, ExternalEntry] = {}
    baseline: str = "baseline"
    seeds: tuple[int, ...] = Field(min_length=1)
    training: dict[str, Any]
    evaluation: EvaluationEntry
    data_root: str = "data"
    weights_root: str = "weights"
    runs_per_gpu: int = Field(default=1, gt=0)


@dataclass(frozen=True)
class Run:
    """One training of an experiment, with the labels that tables use for it.

    Attributes:
        network, variant, seed: the labels.
        spec: the training.
        stem: what stands for the variant in the folder's name; see :mod:`harness.experiment.run_names`.
    """

    network: str
    variant: str
    seed: int
    spec: RunSpec
    stem: str

    @cached_property
    def name(self) -> str:
        """``<network>.<stem>.s<seed>.<first 8 digits of the spec hash>``: its folder below ``results/runs``."""
        return f"{self.network}.{self.stem}.s{self.seed}.{self.spec.hash[:8]}"

    @property
    def label(self) -> str:
        """``<network>.<variant>.s<seed>``, for people."""
        return f"{self.network}.{self.variant}.s{self.seed}"

    @property
    def regularizer(self) -> str:
        """The regularizer's name, without its options."""
        return self.spec.regularizer.regularizer


class Experiment:
    """A checked experiment. Build it with :func:`load_experiment`."""

    def __init__(self, path: Path, file: ExperimentFile, catalogues: Catalogues) -> None:
        self.path = path
        self.file = file
        self.name = path.stem
        self.catalogues = catalogues
        self.stems = Stems(catalogues)
        self._teachers: dict[tuple[str, str], list[Run] | None] = {}
        self._check_names()
        self.training = self._training(file.training, str(path))
        self.runs = tuple(
            run
            for network in file.networks
            for variant in file.variants
            for run in self.span(network, variant, catalogues.variant(variant))
        )
        self._by_name = {run.name: run for run in self.runs}
        self.externals = tuple(self._external(name, entry) for name, entry in file.external.items())
        self._by_hash = {run.spec.hash: run for run in self.runs}

    def run(self, name: str) -> Run:
        """Return the run called ``name``; its label, ``network.variant.s0``, will do.

        Raises:
            HarnessError: no such run; the message lists some that exist.
        """
        if name in self._by_name:
            return self._by_name[name]
        for run in self.runs:
            if name in (run.label, f"{run.label}.{run.spec.hash[:8]}"):
                return run
        some = ", ".join(run.name for run in self.runs[:4])
        raise HarnessError(f"{self.path}: no run {name!r}; there are {len(self.runs)}, such as {some}")

    def external(self, name: str) -> ExternalModel:
        """Return the model from outside called ``name``; its identifier will do.

        Raises:
            HarnessError: there is none; the message lists those that exist.
        """
        for model in self.externals:
            if name in (model.name, model.identifier):
                return model
        known = ", ".join(model.name for model in self.externals) or "none"
        raise HarnessError(f"{self.path}: external: no {name!r}; there are: {known}")

    def span(self, network: str, variant: str, entry: VariantEntry, source: str | None = None) -> list[Run]:
        """Return the runs of a variant on a network, one per seed.

        Args:
            network: name in the catalogue.
            variant: its label.
            entry: what it is.
            source: the place that says so, for errors; by default the catalogue of variants.

        Raises:
            HarnessError: its options, its training or the network do not go together.
        """
        spec = self._spec(network, entry, source or f"{self.catalogues.variants_file}: {variant}")
        self._check_budget(source or f"variant {variant!r}", spec)
        stem = self.stems.of(network, spec.regularizer, spec.network.initialization)
        seeded = [spec.model_copy(update={"seed": seed}) for seed in self.file.seeds]
        taught = self._taught(network, seeded, source or str(self.path))
        return [Run(network, variant, one.seed, one, stem) for one in taught]

    def teacher(self, run: Run) -> Run | None:
        """Return the run whose weights ``run`` learns from, or None."""
        named = teacher_of(run.spec.regularizer)
        return None if named is None else self._by_hash[named[1]]

    def teacher_weights(self, run: Run) -> Path | None:
        """Return the weights that ``run`` learns from, or None."""
        teacher = self.teacher(run)
        return None if teacher is None else layout.run(teacher.name) / "weights.safetensors"

    @cached_property
    def evaluation(self) -> EvaluationSpec:
        """What is measured of every checkpoint and reference."""
        entry = self.file.evaluation
        sets = [SetSpec(dataset=d, degradations=entry.degradations, metrics=entry.metrics) for d in entry.datasets]
        sets += [SetSpec(dataset=d, degradations=("real",), metrics=entry.metrics) for d in entry.real_paired]
        sets += [
            SetSpec(dataset=d, degradations=("real",), metrics=entry.unpaired_metrics) for d in entry.real_unpaired
        ]
        return EvaluationSpec(sets=tuple(sets), scale=self.file.scale, benchmark=self.catalogues.benchmark_version)

    @cached_property
    def metric_files(self) -> tuple[Path, ...]:
        """The metrics file of every reference, model from outside and run."""
        return tuple(dict.fromkeys(path for path, _ in self.labelled_metrics))

    @property
    def labelled_metrics(self) -> list[tuple[Path, str]]:
        """The files of :attr:`metric_files`, with the method's name in this experiment."""
        names: list[tuple[str, str]] = [(name, name) for name in self.file.references]
        names += [(model.identifier, model.name) for model in self.externals]
        names += [(run.name, run.variant) for run in self.runs]
        return [(layout.metrics(name, self.evaluation.hash), method) for name, method in names]

    @property
    def data_root(self) -> Path:
        """Where data sets lie: the experiment's ``data_root``, or ``HARNESS_DATA`` if that is set."""
        return resolve.data_root(self.file.data_root)

    def kind(self, dataset: str) -> str:
        """Return the kind of a dataset: ``benchmark``, ``embedded``, ``real_paired``, ..."""
        return self.catalogues.datasets[dataset].kind

    @property
    def needs_gpu(self) -> bool:
        """Whether training is asked to run on CUDA devices."""
        return self.training.device == "cuda"

    def _check_names(self) -> None:
        file, known = self.file, self.catalogues
        entry = file.evaluation
        self._known("networks", file.networks, known.networks)
        self._known("variants", file.variants, known.variant_names)
        self._known("evaluation.datasets", entry.datasets, known.names_of_kind("embedded", "benchmark"))
        self._known("evaluation.degradations", entry.degradations, known.degradations)
        self._known("evaluation.metrics", entry.metrics, metric_registry.names(reference=True))
        self._known("evaluation.real_paired", entry.real_paired, known.names_of_kind("real_paired"))
        self._known("evaluation.real_unpaired", entry.real_unpaired, known.names_of_kind("real_unpaired"))
        self._known("evaluation.unpaired_metrics", entry.unpaired_metrics, metric_registry.names(reference=False))
        if entry.real_unpaired and not entry.unpaired_metrics:
            self._fail(
                "evaluation.unpaired_metrics", "an empty list, but real_unpaired names datasets; give at least one"
            )
        if "input" in file.references and file.scale != 1:
            self._fail("references", f"'input': is the degraded image itself and needs scale 1, not {file.scale}")
        for name in (self.name, *file.networks, *file.variants, *file.external):
            if not NAME.fullmatch(name):
                self._fail("name", f"{name!r}: use letters, digits, _ and - only")
        for seed in file.seeds:
            if seed < 0 or file.seeds.count(seed) > 1:
                self._fail(
                    "seeds", f"{seed}: " + ("must not be negative" if seed < 0 else "a duplicate run: given twice")
                )
        methods = [*file.references, *file.external, *file.variants]
        for name in methods:
            if methods.count(name) > 1:
                self._fail("methods", f"{name!r}: the name of two of references, external and variants; rename one")
        if file.baseline not in file.variants:
            self._fail("baseline", f"{file.baseline!r}: must be one of the variants: {', '.join(file.variants)}")

    def _known(self, field: str, names: Sequence[str], allowed: Iterable[str]) -> None:
        choices = sorted(allowed)
        for name in names:
            if name not in choices:
                self._fail(field, f"{name!r}: unknown; allowed: {', '.join(choices)}")
            if list(names).count(name) > 1:
                self._fail(field, f"{name!r}: a duplicate run: given twice")

    def _external(self, name: str, entry: ExternalEntry) -> ExternalModel:
        try:
            return resolve_external(name, entry, self.catalogues.networks, weights_folder(self.file.weights_root))
        except HarnessError as error:
            raise HarnessError(f"{self.path}: external.{name}: {error}") from error

    def _training(self, raw: dict[str, Any], source: str) -> TrainingSpec:
        """Check training settings whose degradation is a name, or resolved already."""
        name, choices = raw.get("degradation"), self.catalogues.training_degradations
        if isinstance(name, str) and name in choices:
            raw = {**raw, "degradation": choices[name].model_dump(mode="json")}
        elif not isinstance(name, dict) or source == str(self.path):
            known = ", ".join(sorted(choices))
            raise HarnessError(f"{source}: training.degradation: {name!r}: unknown; allowed: {known}")
        spec = validate(raw, TrainingSpec, source, "training")
        datasets = self.catalogues.names_of_kind("embedded", "training", "folder")
        for field in ("data", "heldout"):
            self._known(f"training.{field}", (getattr(spec, field),), datasets)
        if spec.data == spec.heldout:
            self._fail("training.heldout", f"{spec.heldout!r}: must not be the training data")
        return spec

    def _spec(self, network_name: str, entry: VariantEntry, source: str) -> RunSpec:
        listed = self.catalogues.networks[network_name]
        network = listed.network.model_copy(update={"initialization": entry.initialization or listed.initialization})
        try:
            options = resolve_options(entry.regularizer, entry.options_for(network_name))
        except HarnessError as error:
            raise HarnessError(f"{source}: {error}") from error
        regularizer = RegularizerSpec(regularizer=entry.regularizer, options=options)
        training = self.training
        if entry.training:
            training = self._training(training.model_dump(mode="json") | entry.training, source)
        if entry.duration != 1:
            training = training.model_copy(update={"iterations": max(1, round(training.iterations * entry.duration))})
        given = {*self.file.training, *entry.training}
        training = completed(training, given, listed, entry.regularizer, str(self.path))
        content = {
            "network": network,
            "regularizer": regularizer,
            "training": training,
            "scale": self.file.scale,
            "seed": 0,
        }
        return validate(
            {k: v.model_dump(mode="json") if hasattr(v, "model_dump") else v for k, v in content.items()},
            RunSpec,
            str(self.path),
        )

    def _taught(self, network: str, specs: list[RunSpec], source: str) -> list[RunSpec]:
        """Put the spec hash of the teacher's run, of the same network and seed, in place of the teacher's name."""
        named = teacher_of(specs[0].regularizer)
        if named is None:
            return specs
        option, teacher = named
        if teacher not in self.file.variants:
            names = ", ".join(self.file.variants)
            raise HarnessError(f"{source}: {option}: {teacher!r}: must be one of the experiment's variants: {names}")
        key = (network, teacher)
        if key not in self._teachers:
            self._teachers[key] = None
            self._teachers[key] = self.span(network, teacher, self.catalogues.variant(teacher))
        runs = self._teachers[key]
        if runs is None:
            raise HarnessError(f"{source}: {option}: {teacher!r}: learns from itself, directly or through others")
        return [_with_option(spec, option, run.spec.hash) for spec, run in zip(specs, runs, strict=True)]

    def _check_budget(self, who: str, spec: RunSpec) -> None:
        regularizer, training = spec.regularizer, spec.training
        least = least_iterations(regularizer.regularizer, regularizer.options)
        if training.iterations < least:
            self._fail(
                "training.iterations",
                f"{training.iterations}: {who} anneals in steps and needs at least {least}",
            )
        seen = views(regularizer.regularizer, regularizer.options)
        if training.batch_size % (seen * training.processes):
            self._fail(
                "training.batch_size",
                f"{training.batch_size}: must be a multiple of {seen * training.processes}: {who} has {seen} views",
            )

    def _fail(self, field: str, problem: str) -> None:
        raise HarnessError(f"{self.path}: {field}: {problem}")


def _with_option(spec: RunSpec, option: str, value: str) -> RunSpec:
    options = {**spec.regularizer.options, option: value}
    return spec.model_copy(update={"regularizer": spec.regularizer.model_copy(update={"options": options})})


def load_experiment(path: str | Path, catalogues: Catalogues | None = None) -> Experiment:
    """Read, check and resolve an experiment file.

    Args:
        path: the YAML file; its stem is the experiment's name.
        catalogues: the catalogues its names refer to; by default those in ``configs/``.

    Raises:
        HarnessError: one line per mistake, with file, field, value and the allowed choices.
    """
    path = Path(path)
    return Experiment(path, load_model(path, ExperimentFile), catalogues or Catalogues.load())
