"""What to cite for an experiment: the harness, and the papers behind every name that it uses. Imports no torch.

``configs/citations.yaml`` says which keys of ``configs/references.bib`` stand behind a name, or why none does. Both can
be completed by a project's own files. Nothing here is part of a spec: a citation that is mended repeats no training.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.datasets.catalogue import CONFIGS
from harness.degradations.representatives import representative_sets
from harness.experiment.experiment import Experiment
from harness.experiment.runs import Run
from harness.foundation.bibtex import Entry, load_bibliography
from harness.foundation.errors import HarnessError
from harness.foundation.project import ROOT, with_own
from harness.foundation.provenance import git_commit
from harness.foundation.yamlfile import StrictModel, load_model, load_yaml

KEYS = "citations.yaml"
BIBLIOGRAPHY = "references.bib"
CFF = ROOT / "CITATION.cff"
OWN_KEY = "sr_regularizer_harness"

Cited = tuple[str, ...] | str
"""Keys of the bibliography, or the reason why there is nothing to cite."""

Use = tuple[str, str]
"""A section of the file, and a name that stands there or should."""

_SWEPT = re.compile(r"(\w+_sweep)_\w+")
_NUMBERED = re.compile(r"(\w+)_\d+")


class CitationFile(StrictModel):
    """The file ``configs/citations.yaml``: in each section names to keys, or to a reason.

    Attributes:
        software: of every experiment.
        networks: classes, ``module:Class``, or names of entries of the catalogue.
        regularizers: names, or ``module:Class``; every variant cites its regularizer.
        variants: what variants follow besides.
        training: ``adam``, ``adamw``, ``cosine``, ``swa``.
        training_degradations: kinds (``SecondOrder``), or names of entries of the catalogue.
        datasets, degradations, references, metrics, analyses: names.
        statistics: what the tables use.
        external: models from outside, by the name of their row.
    """

    software: dict[str, Cited] = {}
    networks: dict[str, Cited] = {}
    regularizers: dict[str, Cited] = {}
    variants: dict[str, Cited] = {}
    training: dict[str, Cited] = {}
    training_degradations: dict[str, Cited] = {}
    datasets: dict[str, Cited] = {}
    degradations: dict[str, Cited] = {}
    references: dict[str, Cited] = {}
    metrics: dict[str, Cited] = {}
    statistics: dict[str, Cited] = {}
    analyses: dict[str, Cited] = {}
    external: dict[str, Cited] = {}


KINDS = {
    "software": "software",
    "networks": "network",
    "regularizers": "regularizer",
    "variants": "variant",
    "training": "training",
    "training_degradations": "training degradation",
    "datasets": "data set",
    "degradations": "degradation",
    "references": "control row",
    "metrics": "metric",
    "statistics": "statistics",
    "analyses": "analysis",
    "external": "model from outside",
}
"""What a name in a section of the file is, in words."""


@dataclass(frozen=True)
class Library:
    """All that can be cited.

    Attributes:
        cited: (section, name) to keys or a reason.
        entries: key to entry.
    """

    cited: Mapping[tuple[str, str], Cited]
    entries: Mapping[str, Entry]

    @classmethod
    def load(cls) -> Library:
        """Read the harness's files and those that the project adds.

        Raises:
            HarnessError: one of them is wrong, names a key that no bibliography has, or gives a name of the harness
                another meaning.
        """
        entries = with_own(load_bibliography(CONFIGS / BIBLIOGRAPHY), BIBLIOGRAPHY, load_bibliography)

        def read(path: Path) -> dict[str, Cited]:
            file = load_model(path, CitationFile)
            found = {f"{section}.{name}": cited for section in KINDS for name, cited in getattr(file, section).items()}
            for field, cited in found.items():
                for key in () if isinstance(cited, str) else cited:
                    if key not in entries:
                        problem = f"no such entry in {path.with_name(BIBLIOGRAPHY)}; add it there, or correct the key"
                        raise HarnessError(f"{path}: {field}: {key!r}: {problem}")
                if not cited:
                    raise HarnessError(f"{path}: {field}: empty; name keys, or write why there is nothing to cite")
            return found

        cited = with_own(read(CONFIGS / KEYS), KEYS, read)
        split = {(field.partition(".")[0], field.partition(".")[2]): value for field, value in cited.items()}
        return cls(split, entries)

    def find(self, section: str, *names: str) -> Cited | None:
        """Return what the first known of some names of the same thing stands for; None if none is known."""
        return next((self.cited[section, name] for name in names if (section, name) in self.cited), None)


def own_entry() -> Entry:
    """Return the entry of the harness itself, made from ``CITATION.cff`` and the commit of the checkout.

    Raises:
        HarnessError: the file is missing or says no title.
    """
    told = load_yaml(CFF)
    if not isinstance(told, dict) or "title" not in told:
        raise HarnessError(f"{CFF}: title: required, but not given")
    people = [_person(author) for author in told.get("authors", [])]
    fields = {"title": f"{{{told['title']}}}", "author": " and ".join(people)}
    if "version" in told:
        fields["version"] = str(told["version"])
    if address := told.get("repository-code") or told.get("url"):
        fields["howpublished"] = f"\\url{{{address}}}"
    fields["note"] = f"Commit {git_commit()}"
    if released := told.get("date-released"):
        fields["year"] = str(released)[:4]
    return Entry("misc", OWN_KEY, {name: value for name, value in fields.items() if value})


def _person(author: Mapping[str, Any]) -> str:
    if "family-names" in author:
        return ", ".join(filter(None, [str(author["family-names"]), str(author.get("given-names", ""))]))
    return f"{{{author.get('name', '')}}}"


@dataclass(frozen=True)
class Citations:
    """What to cite for an experiment.

    Attributes:
        experiment: its name; "" for the harness alone.
        entries: in their order, the harness first.
        reasons: key to what it is cited for, such as ``regularizer dropout, degradation clean, blur``.
        nothing: what needs no citation, and why.
        unknown: what no file says anything of.
    """

    experiment: str
    entries: tuple[Entry, ...]
    reasons: Mapping[str, str]
    nothing: tuple[str, ...] = ()
    unknown: str = ""

    def bibtex(self) -> str:
        """Return a bibliography, each entry under a comment that says what it is cited for."""
        parts = [f"{_comment(self.reasons[entry.key])}{entry.bibtex()}" for entry in self.entries]
        return "\n".join([*parts, *map(_comment, self.notes)])

    def text(self) -> str:
        """Return a list in plain text."""
        parts = [f"- {entry.text()}\n  For: {self.reasons[entry.key]}.\n" for entry in self.entries]
        return "".join([*parts, *(f"\n{note}\n" for note in self.notes)])

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What is not cited: first what somebody should look after."""
        missing = f"No citation is recorded for {self.unknown}: add it to configs/{KEYS} of your project."
        reasons = f"Nothing to cite for {'; '.join(self.nothing)}."
        return (*([missing] if self.unknown else []), *([reasons] if self.nothing else []))


def _comment(text: str) -> str:
    """Return text as lines of comments; BibTeX would take an @ in them for an entry."""
    wrapper = textwrap.TextWrapper(
        110, initial_indent="% ", subsequent_indent="%   ", break_long_words=False, break_on_hyphens=False
    )
    return wrapper.fill(text.replace("@", "(at)")) + "\n"


def citations(experiment: Experiment | None = None) -> Citations:
    """Return what to cite for an experiment, or for the harness alone.

    Raises:
        HarnessError: the files of citations are wrong; see :meth:`Library.load`.
    """
    own = own_entry()
    if experiment is None:
        return Citations("", (own,), {own.key: "this harness"})
    library = Library.load()
    keys: dict[str, list[Use]] = {}
    nothing: dict[str, list[Use]] = {}
    unknown: list[Use] = []
    for section, *names in dict.fromkeys(_used(experiment, library)):
        cited = library.find(section, *names)
        use = (section, names[0])
        if cited is None:
            unknown.append(use)
        elif isinstance(cited, str):
            nothing.setdefault(cited, []).append(use)
        else:
            for key in cited:
                keys.setdefault(key, []).append(use)
    return Citations(
        experiment.name,
        (own, *(library.entries[key] for key in keys)),
        {own.key: "this harness"} | {key: _told(uses) for key, uses in keys.items()},
        tuple(f"{_told(uses)} ({reason})" for reason, uses in nothing.items()),
        _told(unknown),
    )


def _told(uses: Iterable[Use]) -> str:
    """Return uses in words, those of one kind together."""
    kinds: dict[str, dict[str, None]] = {}
    for section, name in uses:
        kinds.setdefault(KINDS[section], {})[name] = None
    return ", ".join(f"{kind} {', '.join(names)}" for kind, names in kinds.items())


def _used(experiment: Experiment, library: Library) -> Iterator[tuple[str, ...]]:
    """Yield what an experiment uses, as a section and names of the same thing, the most telling one first."""
    file = experiment.file
    yield from (("software", name) for section, name in library.cited if section == "software")
    networks = {name: experiment.catalogues.networks[name].path for name in file.networks}
    yield from (("networks", name, path) for name, path in networks.items())
    for run in experiment.runs:
        yield from _trained(run, experiment, library)
    for model in experiment.externals:
        yield "external", model.name
        if (name := model.entry.network) in experiment.catalogues.networks:
            yield "networks", name, experiment.catalogues.networks[name].path
    for part in experiment.all_sets:
        yield "datasets", part.dataset
        for degradation in part.degradations:
            yield from _degraded(degradation, experiment)
        yield from (("metrics", metric) for metric in part.metrics)
    yield from (("references", name) for name in file.references)
    yield from (("statistics", name) for name in ("intervals", "stars", "improvement"))
    if experiment.stage is not None:
        yield "statistics", "seeds"
    if experiment.tuning is not None:
        yield "statistics", "tuning"
    if file.analysis is not None:
        yield from (("analyses", name) for name in file.analysis.analyses)


def _trained(run: Run, experiment: Experiment, library: Library) -> Iterator[tuple[str, ...]]:
    training = run.spec.training
    yield "regularizers", run.spec.regularizer.regularizer
    if ("variants", run.variant) in library.cited:
        yield "variants", run.variant
    yield "training", training.optimizer
    yield "training", "cosine"
    if training.averaging == "swa":
        yield "training", "swa"
    yield from (("datasets", name) for name in (training.data, training.heldout))
    kind = type(training.degradation).__name__.removesuffix("Spec")
    known = experiment.catalogues.training_degradations
    yield from (("training_degradations", name, kind) for name, spec in known.items() if spec == training.degradation)


def _degraded(name: str, experiment: Experiment) -> Iterator[tuple[str, ...]]:
    """Yield a degradation of a test set; those of a sweep, of SEAL's set and of representatives go under one name."""
    numbered = _NUMBERED.fullmatch(name)
    sets = representative_sets() if numbered else {}
    if swept := _SWEPT.fullmatch(name):
        yield "degradations", swept[1]
    elif numbered and numbered[1] in sets:
        yield "degradations", "representatives"
        origin = sets[numbered[1]].degradation
        yield "training_degradations", origin, type(sets[numbered[1]].spec).__name__.removesuffix("Spec")
    elif numbered and numbered[1] == "deg":
        yield "degradations", "deg"
    else:
        yield "degradations", name
