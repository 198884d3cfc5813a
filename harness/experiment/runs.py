"""The runs of an experiment: from a variant on a network to the complete description of each training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.datasets.sub_images import SIDE
from harness.degradations.spec import GaussianNoiseSpec
from harness.experiment.catalogues import Catalogues, VariantEntry
from harness.experiment.defaults import completed
from harness.experiment.file import ExperimentFile
from harness.experiment.names import check_known, mistake
from harness.experiment.run_names import Stems
from harness.foundation.errors import HarnessError
from harness.foundation.yamlfile import validate
from harness.regularizers import (
    least_ground_truths,
    least_iterations,
    resolve_options,
    roles,
    teacher_of,
    uses_degradation,
    views,
    without_unused_teacher,
)
from harness.spec import RELEASED_UPCONV, RegularizerSpec, RunSpec, TrainingSpec


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


class Spanner:
    """Resolves what an experiment names to runs.

    Attributes:
        training: the experiment's settings, resolved; variants and studies may differ from them.
        stems: the names of run folders.
    """

    def __init__(self, path: Path, file: ExperimentFile, catalogues: Catalogues, stems: Stems | None = None) -> None:
        self._path = path
        self._file = file
        self._catalogues = catalogues
        self._teachers: dict[tuple[str, str], list[Run] | None] = {}
        self.stems = stems or Stems(catalogues)
        self.training = self._training(file.training, str(path))

    @property
    def teachers(self) -> list[Run]:
        """The runs that any of the runs spanned so far learns from."""
        return [run for runs in self._teachers.values() for run in runs or ()]

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
        spec = self._spec(network, entry, source or f"{self._catalogues.variants_file}: {variant}")
        self._check_budget(source or f"variant {variant!r}", spec)
        stem = self.stems.of(network, spec.regularizer, spec.network.initialization)
        seeded = [spec.model_copy(update={"seed": seed}) for seed in self._file.seeds]
        taught = self._taught(network, seeded, source or str(self._path))
        return [Run(network, variant, one.seed, one, stem) for one in taught]

    def _training(self, raw: dict[str, Any], source: str) -> TrainingSpec:
        """Check training settings whose degradation is a name, or resolved already."""
        name, choices = raw.get("degradation"), self._catalogues.training_degradations
        if isinstance(name, str) and name in choices:
            raw = {**raw, "degradation": choices[name].model_dump(mode="json")}
        elif name is None:
            raise self._incomplete(raw, source)
        elif not isinstance(name, dict) or source == str(self._path):
            known = ", ".join(sorted(choices))
            raise HarnessError(f"{source}: training.degradation: {name!r}: unknown; allowed: {known}")
        spec = validate(raw, TrainingSpec, source, "training")
        datasets = self._catalogues.names_of_kind("embedded", "training", "folder")
        for field in ("data", "heldout"):
            check_known(self._path, f"training.{field}", (getattr(spec, field),), datasets)
        if spec.data == spec.heldout:
            raise mistake(self._path, "training.heldout", f"{spec.heldout!r}: must not be the training data")
        return spec

    def _incomplete(self, raw: dict[str, Any], source: str) -> HarnessError:
        """Return the error that tells of settings without a degradation, and of whatever else is wrong with them."""
        known = ", ".join(sorted(self._catalogues.training_degradations))
        missing = f"{source}: training.degradation: is missing"
        try:
            validate({k: v for k, v in raw.items() if k != "degradation"}, TrainingSpec, source, "training")
        except HarnessError as error:
            own = f"{source}: training.degradation:"
            others = [line for line in str(error).splitlines() if not line.startswith(own)]
            return HarnessError("\n".join([f"{missing}; name one of: {known}", *others]))
        return HarnessError(f"{missing}; name one of: {known}")

    def _spec(self, network_name: str, entry: VariantEntry, source: str) -> RunSpec:
        listed = self._catalogues.networks[network_name]
        network = listed.network.model_copy(update={"initialization": entry.initialization or listed.initialization})
        try:
            options = resolve_options(entry.regularizer, entry.options_for(network_name))
        except HarnessError as error:
            raise HarnessError(f"{source}: {error}") from error
        regularizer = without_unused_teacher(RegularizerSpec(regularizer=entry.regularizer, options=options))
        acts_at = roles(regularizer)
        if lacking := sorted((acts_at or frozenset()) - set(network.taps)):
            known = ", ".join(network.taps) or "none"
            problem = f"taps.{lacking[0]}: required by {source}, but not given; there are: {known}"
            raise HarnessError(
                f"{self._catalogues.variants_file.with_name('networks.yaml')}: {network_name}: {problem}"
            )
        if network.initialization in RELEASED_UPCONV and network.upconv is None:
            problem = f"upconv: required by initialization {network.initialization!r} of {source}, but not given"
            raise HarnessError(
                f"{self._catalogues.variants_file.with_name('networks.yaml')}: {network_name}: {problem}; name its "
                "first upsampling convolution, or leave the variant out"
            )
        training = self.training
        if entry.training:
            training = self._training(training.model_dump(mode="json") | entry.training, source)
        if entry.duration != 1:
            training = training.model_copy(update={"iterations": max(1, round(training.iterations * entry.duration))})
        given = {*self._file.training, *entry.training}
        training = completed(training, given, listed, entry.regularizer, str(self._path))
        content = {
            "network": network.showing(acts_at),
            "regularizer": regularizer,
            "training": training,
            "scale": self._file.scale,
            "seed": 0,
        }
        return validate(
            {k: v.model_dump(mode="json") if hasattr(v, "model_dump") else v for k, v in content.items()},
            RunSpec,
            str(self._path),
        )

    def _taught(self, network: str, specs: list[RunSpec], source: str) -> list[RunSpec]:
        """Put the spec hash of the teacher's run, of the same network and seed, in place of the teacher's name."""
        named = teacher_of(specs[0].regularizer)
        if named is None:
            return specs
        option, teacher = named
        if teacher not in self._file.variants:
            names = ", ".join(self._file.variants)
            raise HarnessError(f"{source}: {option}: {teacher!r}: must be one of the experiment's variants: {names}")
        key = (network, teacher)
        if key not in self._teachers:
            self._teachers[key] = None
            self._teachers[key] = self.span(network, teacher, self._catalogues.variant(teacher))
        runs = self._teachers[key]
        if runs is None:
            raise HarnessError(f"{source}: {option}: {teacher!r}: learns from itself, directly or through others")
        return [_with_option(spec, option, run.spec.hash) for spec, run in zip(specs, runs, strict=True)]

    def _check_budget(self, who: str, spec: RunSpec) -> None:
        regularizer, training = spec.regularizer, spec.training
        least = least_iterations(regularizer.regularizer, regularizer.options)
        if training.iterations < least:
            problem = f"{training.iterations}: {who} anneals in steps and needs at least {least}"
            raise mistake(self._path, "training.iterations", problem)
        if training.crops == "sub_images" and training.crop > SIDE:
            problem = f"{training.crop}: must be at most {SIDE}, because {who} crops sub-images of that size"
            raise mistake(self._path, "training.crop", problem)
        seen = views(regularizer.regularizer, regularizer.options)
        if training.batch_size % (seen * training.processes):
            problem = f"must be a multiple of {seen * training.processes}: {who} has {seen} views"
            raise mistake(self._path, "training.batch_size", f"{training.batch_size}: {problem}")
        if training.pool and uses_degradation(regularizer.regularizer):
            problem = f"{who} asks how each image was degraded, which a pool does not keep; leave pool out"
            raise mistake(self._path, "training.pool", f"{training.pool}: {problem}")
        degradation = training.degradation
        alike = isinstance(degradation, GaussianNoiseSpec) and degradation.fixed
        if alike and uses_degradation(regularizer.regularizer):
            problem = f"{who} tells images apart by their degradation, but all are degraded alike; give a range"
            raise mistake(self._path, "training.degradation", problem)
        fewest = least_ground_truths(regularizer.regularizer, regularizer.options)
        if training.batch_size // seen < fewest:
            problem = f"{who} does nothing to fewer than {fewest} ground truths; make it at least {fewest * seen}"
            raise mistake(self._path, "training.batch_size", f"{training.batch_size}: {problem}")


def _with_option(spec: RunSpec, option: str, value: str) -> RunSpec:
    options = {**spec.regularizer.options, option: value}
    return spec.model_copy(update={"regularizer": spec.regularizer.model_copy(update={"options": options})})
