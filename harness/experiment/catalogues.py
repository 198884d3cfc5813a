"""The catalogues in ``configs/``: named networks, variants, degradations and datasets that experiments refer to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from harness.datasets.catalogue import CONFIGS, DatasetEntry, load_catalogue
from harness.degradations.fixed import RECIPES, VERSION, recipes
from harness.degradations.spec import TrainingDegradation, training_degradation
from harness.foundation.errors import HarnessError
from harness.foundation.names import check_name
from harness.foundation.project import with_own
from harness.foundation.yamlfile import StrictModel, load_mapping, load_yaml, named_entries, validate
from harness.regularizers import available, offered
from harness.spec import Initialization, NetworkEntry

Entry = TypeVar("Entry")


class VariantEntry(StrictModel):
    """A regularizer with options under a short name; whatever else it changes is said here too.

    Attributes:
        regularizer: module name in ``harness.regularizers`` or ``package.module:Class``.
        options: its options; those not given keep their defaults.
        options_by_network: pattern of network names (``rrdb*``) to options that differ there.
        training: training settings that differ from the experiment's, for ablations.
        initialization: initialization of the network, if it differs.
        fixed: options that tuning leaves as they are, because they make the variant what it is.
        duration: length of the training as a multiple of the experiment's iterations, for comparisons at equal cost.
    """

    regularizer: str
    options: dict[str, Any] = {}
    options_by_network: dict[str, dict[str, Any]] = {}
    training: dict[str, Any] = {}
    initialization: Initialization | None = None
    fixed: tuple[str, ...] = ()
    duration: float = Field(default=1.0, gt=0)

    def options_for(self, network: str) -> dict[str, Any]:
        """Return the options on the network of that name."""
        options = dict(self.options)
        for pattern, special in self.options_by_network.items():
            if fnmatchcase(network, pattern):
                options.update(special)
        return options


def _load(path: Path, read: Callable[[Path], dict[str, Entry]]) -> dict[str, Entry]:
    """Read a catalogue; the harness's own together with what the project adds."""
    entries = read(path)
    return with_own(entries, path.name, read) if path.parent == CONFIGS else entries


def _training_degradations(path: Path) -> dict[str, TrainingDegradation]:
    sections = named_entries(load_yaml(path), "section", str(path))
    for name in sections:
        if name not in ("benchmark", "training"):
            raise HarnessError(f"{path}: {name!r}: unknown key; allowed: benchmark, training")
    entries = named_entries(sections.get("training"), "training degradation", f"{path}: training")
    return {
        name: validate(entry, training_degradation(entry), str(path), f"training.{name}")
        for name, entry in entries.items()
    }


def _named_regularizers() -> frozenset[str]:
    foreign = offered()
    for name, target in foreign.items():
        check_name(name, "regularizer", f"entry point {name} = {target}")
    return frozenset({*available(), *foreign})


@dataclass(frozen=True)
class Catalogues:
    """Everything that an experiment can name.

    Attributes:
        regularizers: those of the harness, and those that installed packages offer as entry points.
    """

    networks: dict[str, NetworkEntry]
    variants: dict[str, VariantEntry]
    datasets: dict[str, DatasetEntry]
    training_degradations: dict[str, TrainingDegradation]
    variants_file: Path
    degradations: tuple[str, ...] = tuple(RECIPES)
    benchmark_version: str = VERSION
    regularizers: frozenset[str] = field(default_factory=_named_regularizers)

    @classmethod
    def load(cls, folder: Path = CONFIGS) -> Catalogues:
        """Read ``networks.yaml``, ``regularizers.yaml``, ``datasets.yaml`` and ``degradations.yaml`` of a folder.

        Raises:
            HarnessError: a mistake in one of them, with file, field and value.
        """
        return cls(
            networks=_load(folder / "networks.yaml", lambda path: load_mapping(path, NetworkEntry, "network")),
            variants=_load(folder / "regularizers.yaml", lambda path: load_mapping(path, VariantEntry, "variant")),
            datasets=load_catalogue(None if folder == CONFIGS else folder / "datasets.yaml"),
            training_degradations=_load(folder / "degradations.yaml", _training_degradations),
            variants_file=folder / "regularizers.yaml",
            degradations=tuple(recipes()),
        )

    @property
    def variant_names(self) -> set[str]:
        """Catalogued variants, and every regularizer with a file or entry point: its name means its defaults."""
        return set(self.variants) | self.regularizers

    def variant(self, name: str) -> VariantEntry:
        """Return the variant called ``name``.

        Raises:
            HarnessError: there is none.
        """
        if name in self.variants:
            return self.variants[name]
        if name in self.regularizers:
            return VariantEntry(regularizer=name)
        raise HarnessError(
            f"{self.variants_file}: {name!r}: no such variant; allowed: {', '.join(sorted(self.variant_names))}"
        )

    def names_of_kind(self, *kinds: str) -> list[str]:
        """Return the names of the datasets of the given kinds, sorted."""
        return sorted(name for name, entry in self.datasets.items() if entry.kind in kinds)
