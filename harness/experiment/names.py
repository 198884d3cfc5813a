"""Whether an experiment's names mean something, and one thing each: the first check of a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.degradations.representatives import contracted
from harness.evaluation import metrics as metric_registry
from harness.experiment.catalogues import Catalogues
from harness.experiment.file import AnalysisEntry, ExperimentFile, SelectionEntry
from harness.foundation.errors import HarnessError
from harness.foundation.names import check_name
from harness.spec import TRIAL_SEEDS, TrainingSpec


def check_names(path: Path, file: ExperimentFile, catalogues: Catalogues) -> None:
    """Compare the names of an experiment with the catalogues, and with each other.

    Args:
        path: the file; its stem is the experiment's name.
        file: what stands in it.
        catalogues: what its names refer to.

    Raises:
        HarnessError: a name is unknown, given twice or of a shape that a file cannot have, or a field does not go with
            another; the message names file, field and value.
    """
    _check_catalogued(path, file, catalogues)
    entry = file.evaluation
    if entry.real_unpaired and not entry.unpaired_metrics:
        problem = "an empty list, but real_unpaired names datasets; give at least one"
        raise mistake(path, "evaluation.unpaired_metrics", problem)
    if "input" in file.references and file.scale != 1:
        problem = f"'input': is the degraded image itself and needs scale 1, not {file.scale}"
        raise mistake(path, "references", problem)
    check_name(path.stem, "experiment", f"{path}: name")
    for name in file.external:
        check_name(name, "model", f"{path}: external")
    for seed in file.seeds:
        if seed < 0 or file.seeds.count(seed) > 1:
            problem = "must not be negative" if seed < 0 else "a duplicate run: given twice"
            raise mistake(path, "seeds", f"{seed}: {problem}")
        if seed >= TRIAL_SEEDS:
            problem = f"seeds from {TRIAL_SEEDS} on are those of tuning trials; use a smaller one"
            raise mistake(path, "seeds", f"{seed}: {problem}")
    methods = [*file.references, *file.external, *file.variants]
    for name in methods:
        if methods.count(name) > 1:
            problem = f"{name!r}: the name of two of references, external and variants; rename one"
            raise mistake(path, "methods", problem)
    if file.baseline not in file.variants:
        raise mistake(path, "baseline", f"{file.baseline!r}: must be one of the variants: {', '.join(file.variants)}")
    _check_claims(path, file)
    if file.analysis is not None:
        _check_analysis(path, file, file.analysis, catalogues)
    if file.selection is not None:
        _check_selection(path, file, file.selection, catalogues)
    if file.keep_raw and file.keep_every is None:
        raise mistake(path, "keep_raw", "says which weights to keep on the way, but not how often; add keep_every")


def check_kept(path: Path, file: ExperimentFile, trainings: Iterable[TrainingSpec]) -> None:
    """Check that runs keep weights for a choice among them, each with its loss on held-out images.

    Raises:
        HarnessError: ``selection`` asks for a choice among weights of which there are none, or lack a loss.
    """
    every = file.keep_every
    if file.selection is None or every is None:
        return
    for training in trainings:
        if every >= training.iterations:
            problem = f"{every}: keeps no weights on the way of {training.iterations} iterations, among which"
            raise mistake(path, "keep_every", f"{problem} 'selection' could choose; make it smaller")
        if every % training.heldout_every:
            problem = f"{every}: 'selection' compares with a choice by the loss on held-out images, measured every"
            remedy = "make keep_every a multiple of training.heldout_every"
            raise mistake(path, "keep_every", f"{problem} {training.heldout_every} iterations; {remedy}")


def check_known(path: Path, field: str, names: Sequence[str], allowed: Iterable[str]) -> None:
    """Compare the names of one field with those that it may hold.

    Raises:
        HarnessError: one is unknown or given twice.
    """
    choices = sorted(allowed)
    for name in names:
        if name not in choices:
            raise mistake(path, field, f"{name!r}: unknown; allowed: {', '.join(choices)}")
        if list(names).count(name) > 1:
            raise mistake(path, field, f"{name!r}: a duplicate run: given twice")


def mistake(path: Path, field: str, problem: str) -> HarnessError:
    """Return the error that tells of a mistake in a field of an experiment."""
    return HarnessError(f"{path}: {field}: {problem}")


def _check_catalogued(path: Path, file: ExperimentFile, known: Catalogues) -> None:
    entry = file.evaluation
    unknown = [name for name in entry.degradations if name not in known.degradations]
    check_known(path, "evaluation.degradations", unknown, contracted(known.degradations) if unknown else ())
    for field, names, allowed in (
        ("networks", file.networks, known.networks),
        ("variants", file.variants, known.variant_names),
        ("evaluation.datasets", entry.datasets, known.names_of_kind("embedded", "benchmark")),
        ("evaluation.degradations", entry.degradations, known.degradations),
        ("evaluation.metrics", entry.metrics, metric_registry.names(reference=True)),
        ("evaluation.real_paired", entry.real_paired, known.names_of_kind("real_paired")),
        ("evaluation.real_unpaired", entry.real_unpaired, known.names_of_kind("real_unpaired")),
        ("evaluation.unpaired_metrics", entry.unpaired_metrics, metric_registry.names(reference=False)),
    ):
        check_known(path, field, names, allowed)


def _check_claims(path: Path, file: ExperimentFile) -> None:
    """Check what is to be claimed: primary comparisons and the margins of equivalence."""
    entry = file.evaluation
    check_known(path, "primary.methods", file.primary.methods, [v for v in file.variants if v != file.baseline])
    check_known(path, "primary.column", (file.primary.column,), ("average", *entry.degradations))
    if file.primary.metric:
        check_known(path, "primary.metric", (file.primary.metric,), entry.metrics)
    check_known(path, "margin", tuple(file.margin), (*entry.metrics, *entry.unpaired_metrics))


def _check_analysis(path: Path, file: ExperimentFile, entry: AnalysisEntry, known: Catalogues) -> None:
    """Check that what is to be analysed is evaluated, too: the images are those of its benchmarks."""
    check_known(path, "analysis.analyses", entry.analyses, entry.analyses)
    if entry.dataset:
        check_known(path, "analysis.dataset", (entry.dataset,), file.evaluation.datasets)
    check_known(path, "analysis.degradations", entry.degradations, file.evaluation.degradations)
    chosen = entry.degradations or file.evaluation.degradations
    if len(chosen) < 2:
        raise mistake(path, "analysis.degradations", "analyses compare degradations; name two at least")
    if entry.reference:
        check_known(path, "analysis.reference", (entry.reference,), chosen)
    if entry.over_time and file.keep_every is None:
        raise mistake(path, "analysis.over_time", "looks at weights that are kept on the way; add keep_every")
    for name in file.networks:
        if known.networks[name].test_time:
            raise mistake(
                path, "analysis", f"{name} draws random numbers at test time, which no analysis can; leave it out"
            )


def _check_selection(path: Path, file: ExperimentFile, entry: SelectionEntry, known: Catalogues) -> None:
    """Check that there are weights to choose among, and that the choice looks at what is evaluated."""
    if file.keep_every is None:
        raise mistake(path, "selection", "chooses among weights that are kept on the way; add keep_every")
    if entry.on:
        check_known(path, "selection.on", (entry.on,), file.evaluation.datasets)
    check_known(path, "selection.column", (entry.column,), ("average", *file.evaluation.degradations))
    for name in file.networks:
        if known.networks[name].test_time:
            problem = f"{name} draws random numbers at test time, and has no one quality to choose by; leave it out"
            raise mistake(path, "selection", problem)
