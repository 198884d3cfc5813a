"""What the folder of a run is called: a function of its spec, so that equal trainings share one, whatever their labels.

``results/runs/<network>.<stem>.s<seed>.<hash>``: the stem says the regularizer and its options, the hash everything.
It is the first name in ``configs/regularizers.yaml`` that means the same on this network, or else the regularizer with
the options that are not its defaults: ``adaptive_dropout--initial_weight_0p5``. Variants that change the training are
told apart by the hash alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from harness.experiment.catalogues import Catalogues
from harness.foundation.errors import HarnessError
from harness.foundation.files import content_hash
from harness.foundation.names import MARK
from harness.regularizers import resolve_options
from harness.spec import RegularizerSpec

NEVER = "(?!)"
"""A regular expression that matches nothing."""

_LONGEST = 100


class Stems:
    """Stems of run folders, and the regularizers that they belong to."""

    def __init__(self, catalogues: Catalogues) -> None:
        self._catalogues = catalogues
        self._known: dict[tuple[str, str], dict[str, str]] = {}
        self._check()

    def of(self, network: str, regularizer: RegularizerSpec, initialization: str) -> str:
        """Return the stem of a run's folder.

        Args:
            network: name in the catalogue.
            regularizer: with every option.
            initialization: of the run's network.
        """
        names = self._names(network, regularizer.regularizer)
        key = content_hash([regularizer.options, initialization])
        return names.get(key) or self._spelled(network, regularizer, initialization)

    def pattern(self, regularizer: str) -> str:
        """Return a regular expression of all stems of a regularizer's runs."""
        names = [name for name, entry in self._catalogues.variants.items() if entry.regularizer == regularizer]
        text = re.escape(_as_name(regularizer))
        return "|".join([*sorted({re.escape(name) for name in names} - {text}), rf"{text}(?:{MARK}[\w-]+)?"])

    def others(self, regularizers: Iterable[str]) -> str:
        """Return a regular expression of the stems of all catalogued regularizers but some.

        Args:
            regularizers: their names; of an import path, with ``_`` for all that is no letter or digit.
        """
        known = set(map(_as_name, regularizers))
        rest = {name for name in self._regularizers() if _as_name(name) not in known}
        return "|".join(self.pattern(name) for name in sorted(rest)) or NEVER

    def regularizer(self, stem: str) -> str:
        """Return the regularizer that a stem belongs to.

        Raises:
            HarnessError: to none.
        """
        if stem in self._catalogues.variants:
            return self._catalogues.variants[stem].regularizer
        for name in self._regularizers():
            if _as_name(name) == stem.partition(MARK)[0]:
                return name
        raise HarnessError(f"{self._catalogues.variants_file}: {stem!r}: no variant's folder is called so")

    def _check(self) -> None:
        """Refuse two regularizers whose folders are called the same, and a variant called like those of another one."""
        owners: dict[str, str] = {}
        for name in sorted(self._regularizers()):
            other, stem = owners.setdefault(_as_name(name), name), _as_name(name)
            variant = self._catalogues.variants.get(stem)
            if other != name or (variant is not None and variant.regularizer != name):
                second = other if other != name else f"the variant {stem!r}"
                problem = f"{name!r} and {second}: the folders of both would be called {stem}; rename one of them"
                raise HarnessError(f"{self._catalogues.variants_file.name}: regularizer: {problem}")

    def _regularizers(self) -> set[str]:
        return {entry.regularizer for entry in self._catalogues.variants.values()} | self._catalogues.regularizers

    def _names(self, network: str, regularizer: str) -> dict[str, str]:
        """Return the catalogued names of a regularizer by what they mean on a network, the first name of each."""
        if (network, regularizer) not in self._known:
            found: dict[str, str] = {}
            own = self._catalogues.networks[network].initialization
            for name, entry in self._catalogues.variants.items():
                if entry.regularizer != regularizer or entry.training or entry.duration != 1:
                    continue
                try:
                    options = resolve_options(regularizer, entry.options_for(network))
                except HarnessError:
                    continue  # told when a variant is used, not here
                found.setdefault(content_hash([options, entry.initialization or own]), name)
            self._known[network, regularizer] = found
        return self._known[network, regularizer]

    def _spelled(self, network: str, spec: RegularizerSpec, initialization: str) -> str:
        defaults = resolve_options(spec.regularizer, {})
        parts = [f"{k}_{_as_text(v)}" for k, v in spec.options.items() if v != defaults.get(k)]
        if initialization != self._catalogues.networks[network].initialization:
            parts.append(f"init_{initialization}")
        name = _as_name(spec.regularizer)
        return MARK.join([name, "-".join(parts)[:_LONGEST]]) if parts else name


def _as_name(regularizer: str) -> str:
    return re.sub(r"\W+", "_", regularizer)


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return "_".join(map(_as_text, value))
    if isinstance(value, dict):
        return content_hash(value)[:8]
    return re.sub(r"[^\w-]+", "_", str(value).replace(".", "p")).lower()
