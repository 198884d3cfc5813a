"""The experiment: one YAML file, checked and resolved to the list of runs that it spans. Imports no torch."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from harness.datasets import resolve
from harness.degradations.fixed import own_meanings
from harness.evaluation.external_entry import ExternalEntry, ExternalModel, resolve_external
from harness.evaluation.references import ReferenceMethod, find_reference, resolve_references
from harness.evaluation.weight_files import weights_folder
from harness.experiment.catalogues import Catalogues, VariantEntry
from harness.experiment.extends import load_extended
from harness.experiment.file import ExperimentFile
from harness.experiment.left_out import left_out_names, without
from harness.experiment.names import check_kept, check_names
from harness.experiment.runs import Run, Spanner
from harness.experiment.stages import SeedsEntry, Stage, read_stage
from harness.experiment.systematic import SystematicSet, systematic_sets
from harness.experiment.tuning import Tuning
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.names import check_name
from harness.foundation.places import expanded
from harness.foundation.provenance import cpu_wants_channels_last
from harness.foundation.yamlfile import validate
from harness.regularizers import teacher_of
from harness.spec import EvaluationSpec, PassesSpec, SetSpec


class Experiment:
    """A checked experiment. Build it with :func:`load_experiment`.

    Attributes:
        path, file, name: where it is written, what is written there, and what it is called.
        catalogues: what its names refer to.
        training: its training settings, resolved; variants may differ from them.
        stems: the names of run folders.
        runs: the trainings that its tables compare.
        externals: the models from outside that stand beside them.
        references: the control rows.
        systematic: sets of many degradations, which have rows and files of their own.
        stage: where it stands if it adds seeds until it is decided, else None.
        tuning: the trials by which options are chosen, None without any.
        left_out: data sets that the file lists and that somebody asked to do without.
    """

    def __init__(
        self,
        path: Path,
        file: ExperimentFile,
        catalogues: Catalogues,
        stage: Stage | None = None,
        left_out: tuple[str, ...] = (),
    ) -> None:
        check_names(path, file, catalogues)
        for field, place in (("data_root", file.data_root), ("weights_root", file.weights_root)):
            expanded(place, f"{path}: {field}")
        self.path = path
        self.file = file
        self.name = path.stem
        self.stage = stage
        self.left_out = left_out
        self.catalogues = catalogues
        self._spanner = Spanner(path, file, catalogues)
        self.training = self._spanner.training
        self.stems = self._spanner.stems
        self.runs = tuple(
            run
            for network in file.networks
            for variant in file.variants
            for run in self.span(network, variant, catalogues.variant(variant))
        )
        check_kept(path, file, (run.spec.training for run in self.runs))
        self.externals = tuple(self._external(name, entry) for name, entry in file.external.items())
        self._networks = {name: catalogues.networks[name].network for name in file.networks}
        self.references = resolve_references(file.references, self._networks)
        self.systematic = systematic_sets(path, file, catalogues, self._test_time)
        self._by_name = {run.name: run for run in self.runs}
        self._by_hash = {run.spec.hash: run for run in self.runs}
        self.tuning = Tuning(path, file, catalogues, self.stems) if file.tuning else None

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

    def reference(self, name: str) -> ReferenceMethod:
        """Return the reference called ``name``, also one that the experiment does not list.

        Raises:
            HarnessError: there is none; the message lists those that exist.
        """
        try:
            return find_reference(name, self._networks)
        except HarnessError as error:
            raise HarnessError(f"{self.path}: {error}") from error

    def span(self, network: str, variant: str, entry: VariantEntry, source: str | None = None) -> list[Run]:
        """Return the runs of a variant on a network, one per seed: :meth:`harness.experiment.runs.Spanner.span`."""
        return self._spanner.span(network, variant, entry, source)

    def teacher(self, run: Run) -> Run | None:
        """Return the run whose weights ``run`` learns from, or None."""
        named = teacher_of(run.spec.regularizer)
        if named is None:
            return None
        known = self._by_hash.get(named[1]) or (self.tuning and self.tuning.teacher(named[1]))
        assert known, f"{run.name}: its teacher {named[1]} is no run of {self.path}"
        return known

    def teacher_weights(self, run: Run) -> Path | None:
        """Return the weights that ``run`` learns from, or None."""
        teacher = self.teacher(run)
        return None if teacher is None else layout.run(teacher.name) / "weights.safetensors"

    @cached_property
    def evaluation(self) -> EvaluationSpec:
        """What is measured of every checkpoint and reference."""
        entry = self.file.evaluation
        given = entry.all_degradations
        sets = [SetSpec(dataset=d, degradations=given, metrics=entry.metrics) for d in entry.datasets]
        sets += [SetSpec(dataset=d, degradations=("real",), metrics=entry.metrics) for d in entry.real_paired]
        sets += [
            SetSpec(dataset=d, degradations=("real",), metrics=entry.unpaired_metrics) for d in entry.real_unpaired
        ]
        return EvaluationSpec(
            sets=tuple(sets),
            scale=self.file.scale,
            benchmark=self.catalogues.benchmark_version,
            test_time=self._test_time,
            recipes=own_meanings(given),
        )

    @property
    def _test_time(self) -> dict[str, PassesSpec]:
        """The networks that draw random numbers at test time."""
        listed = self.catalogues.networks
        return {name: passes for name in self.file.networks if (passes := listed[name].test_time)}

    @property
    def evaluations(self) -> tuple[EvaluationSpec, ...]:
        """The experiment's evaluation, then those on its systematic sets."""
        return (self.evaluation, *(one.evaluation for one in self.systematic))

    @property
    def all_sets(self) -> tuple[SetSpec, ...]:
        """Everything that methods are measured on: the sets of the evaluation, then the systematic ones."""
        return tuple(part for spec in self.evaluations for part in spec.sets)

    def degradations_of(self, dataset: str) -> tuple[str, ...]:
        """Return all degradations of a data set that anything is measured on, each once."""
        parts = (part.degradations for part in self.all_sets if part.dataset == dataset)
        return tuple(dict.fromkeys(name for names in parts for name in names))

    def systematic_set(self, name: str) -> SystematicSet:
        """Return the set of ``evaluation.systematic`` called ``name``.

        Raises:
            HarnessError: there is none; the message lists those that exist.
        """
        for one in self.systematic:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.systematic) or "none"
        raise HarnessError(f"{self.path}: evaluation.systematic: no {name!r}; there are: {known}")

    @cached_property
    def metric_files(self) -> tuple[Path, ...]:
        """The metrics files of every reference, model from outside and run: one for each evaluation."""
        return tuple(dict.fromkeys(path for path, _ in self.labelled_metrics))

    @property
    def labelled_metrics(self) -> list[tuple[Path, str]]:
        """The files of :attr:`metric_files`, with the method's name in this experiment."""
        names = [(method.identifier, method.name) for method in self.references]
        names += [(model.identifier, model.name) for model in self.externals]
        names += [(run.name, run.variant) for run in self.runs]
        keys = (self.evaluation.hash, *(one.key for one in self.systematic))
        return [(layout.metrics(name, key), method) for key in keys for name, method in names]

    @property
    def data_root(self) -> Path:
        """Where data sets lie: the experiment's ``data_root``, or ``HARNESS_DATA`` if that is set."""
        return resolve.data_root(self.file.data_root)

    def kind(self, dataset: str) -> str:
        """Return the kind of a dataset: ``benchmark``, ``embedded``, ``real_paired``, ..."""
        return self.catalogues.datasets[dataset].kind

    def evaluates_channels_last(self, network: str) -> bool:
        """Return whether a network is evaluated in channels_last: on a CPU, where its entry says so of float32."""
        listed = self.catalogues.networks[network].defaults("cpu", "fp32").get("channels_last", False)
        return self.training.device == "cpu" and (cpu_wants_channels_last("fp32") if listed == "auto" else listed)

    @property
    def needs_gpu(self) -> bool:
        """Whether training is asked to run on CUDA devices."""
        return self.training.device == "cuda"

    def _external(self, name: str, entry: ExternalEntry) -> ExternalModel:
        try:
            model = resolve_external(name, entry, self.catalogues.networks, weights_folder(self.file.weights_root))
            if model.passes and model.network not in self.file.networks:
                raise HarnessError(f"network {model.network!r}: draws at test time; name it under networks too")
            return model
        except HarnessError as error:
            raise HarnessError(f"{self.path}: external.{name}: {error}") from error


def load_experiment(path: str | Path, catalogues: Catalogues | None = None, *, next_stage: bool = False) -> Experiment:
    """Read, check and resolve an experiment file.

    Args:
        path: the YAML file; its stem is the experiment's name. It may extend another one.
        catalogues: the catalogues its names refer to; by default those in ``configs/``.
        next_stage: if it adds seeds until it is decided, with those that come next instead of the present ones.

    Raises:
        HarnessError: one line per mistake, with file, field, value and the allowed choices.
    """
    path = Path(path)
    (data, source), stage = load_extended(path), None
    left_out = left_out_names()
    data = without(data, left_out, source)
    if isinstance(data, dict) and isinstance(data.get("seeds"), dict):
        check_name(path.stem, "experiment", f"{path}: name")
        stage = read_stage(path.stem, validate(data["seeds"], SeedsEntry, source, "seeds"))
        stage = stage.following if next_stage else stage
        data = {**data, "seeds": list(stage.seeds)}
        if data.get("tuning") is not None:  # of which comparison would it be decided: of defaults, or of choices?
            problem = "cannot stand beside seeds that are added until it is decided; list them"
            raise HarnessError(f"{path}: tuning: {problem}")
    file = validate(data, ExperimentFile, source)
    try:
        return Experiment(path, file, catalogues or Catalogues.load(), stage, left_out)
    except HarnessError as error:  # what is wrong may stand in either file
        raise HarnessError(str(error).replace(f"{path}: ", f"{source}: ")) from error
