"""Systematic evaluation in an experiment: sets of many degradations, each with rows of its own. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.datasets.catalogue import PublishedLines
from harness.datasets.degraded import native_scale
from harness.degradations.fixed import own_meanings
from harness.degradations.representatives import members, representative_sets
from harness.evaluation import metrics as metric_registry
from harness.experiment.catalogues import Catalogues
from harness.experiment.file import ExperimentFile, SystematicEntry
from harness.experiment.names import check_known, mistake
from harness.foundation.names import check_name
from harness.spec import EvaluationSpec, PassesSpec, SetSpec

_FIELD = "evaluation.systematic"
_JUDGED = ("psnr", "ssim")  # the kinds of metrics that lines are for


@dataclass(frozen=True)
class SystematicSet:
    """Many degradations of one data set, and the lines that methods are compared with there.

    Attributes:
        name: what files and tables call it.
        evaluation: what is measured of every run and reference, apart from the experiment's own evaluation.
        acceptance, excellence: methods of the experiment that are lines where none are published; "" for none.
        published: the lines that are published of these images, if any.
    """

    name: str
    evaluation: EvaluationSpec = field(hash=False)  # it holds a dictionary
    acceptance: str = "bicubic"
    excellence: str = ""
    published: PublishedLines | None = None

    @property
    def part(self) -> SetSpec:
        """The data set with its degradations and metrics."""
        return self.evaluation.sets[0]

    @property
    def key(self) -> str:
        """What names its files of metrics: :func:`harness.foundation.layout.evaluation_stem`."""
        return f"{self.name}.{self.evaluation.hash}"


def systematic_sets(
    path: Path, file: ExperimentFile, known: Catalogues, test_time: Mapping[str, PassesSpec]
) -> tuple[SystematicSet, ...]:
    """Return the sets that an experiment asks for under ``evaluation.systematic``.

    Args:
        path: the experiment's file, for errors.
        file: what stands in it.
        known: what its names refer to.
        test_time: the networks that draw random numbers at test time.

    Raises:
        HarnessError: a name is unknown or does not go with another one; the message names file, field and value.
    """
    entries = file.evaluation.systematic
    allowed = known.names_of_kind("embedded", "benchmark", "degraded")
    methods = (*file.references, *file.external, *file.variants)
    found = []
    for entry in entries:
        check_known(path, f"{_FIELD}: dataset", (entry.dataset,), allowed)
        place = f"{_FIELD}: {entry.dataset}"
        degradations = _degradations(path, place, entry, file, known)
        _check_metrics(path, place, entry)
        lines = known.datasets[entry.dataset].lines
        if lines is None:
            check_known(path, f"{place}: acceptance", (entry.acceptance,), methods)
        if entry.excellence:
            check_known(path, f"{place}: excellence", (entry.excellence,), methods)
        check_name(entry.name, "data set", f"{path}: {place}")
        part = SetSpec(dataset=entry.dataset, degradations=degradations, metrics=entry.metrics)
        spec = EvaluationSpec(
            sets=(part,),
            scale=file.scale,
            benchmark=known.benchmark_version,
            test_time=dict(test_time),
            recipes=own_meanings(degradations) if entry.degradations else {},
        )
        found.append(SystematicSet(entry.name, spec, entry.acceptance, entry.excellence, lines))
    check_known(path, _FIELD, [one.name for one in found], [one.name for one in found])
    return tuple(found)


def _degradations(
    path: Path, place: str, entry: SystematicEntry, file: ExperimentFile, known: Catalogues
) -> tuple[str, ...]:
    listed = known.datasets[entry.dataset]
    if listed.versions:
        if entry.degradations:
            problem = f"{entry.degradations!r}: this data set comes in {len(listed.versions)} of its own; leave it out"
            raise mistake(path, f"{place}: degradations", problem)
        if (own := native_scale(listed)) not in (None, file.scale):
            raise mistake(path, place, f"comes degraded for scale {own}, not {file.scale}; leave it out")
        return listed.versions
    sets = representative_sets()
    if not entry.degradations:
        known_sets = ", ".join(sets) or "none yet, `python -m harness representatives` makes them"
        raise mistake(path, f"{place}: degradations", f"name a set of representatives; there are: {known_sets}")
    check_known(path, f"{place}: degradations", (entry.degradations,), sets)
    chosen = sets[entry.degradations]
    if chosen.scale != file.scale:
        problem = f"{entry.degradations!r}: representatives for scale {chosen.scale}, not {file.scale}; choose others"
        raise mistake(path, f"{place}: degradations", problem)
    names = tuple(members(entry.degradations, chosen))
    if len(names) < 2:
        raise mistake(path, f"{place}: degradations", f"{entry.degradations!r}: of one degradation; choose more")
    if entry.dataset in file.evaluation.datasets and set(names) & set(file.evaluation.degradations):
        problem = f"{entry.degradations!r}: stands under evaluation.degradations too; leave it out there"
        raise mistake(path, f"{place}: degradations", problem)
    return names


def _check_metrics(path: Path, place: str, entry: SystematicEntry) -> None:
    names = [name for name in metric_registry.names(reference=True) if name.partition("_")[0] in _JUDGED]
    check_known(path, f"{place}: metrics", entry.metrics, names)
