"""Whether an experiment's names mean something, and one thing each: the first check of a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.evaluation import metrics as metric_registry
from harness.experiment.catalogues import Catalogues
from harness.experiment.file import ExperimentFile
from harness.foundation.errors import HarnessError
from harness.foundation.names import check_name
from harness.spec import TRIAL_SEEDS


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
