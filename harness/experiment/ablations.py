"""Ablation studies: one factor, its levels, and the control they are compared with, applied to any experiment.

A study is a file in ``configs/ablations/``. Networks, seeds, training and evaluation are the experiment's; a level is a
catalogued variant and what differs from it. Runs that several studies or the experiment span are the same runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from harness.datasets.catalogue import CONFIGS
from harness.experiment.catalogues import VariantEntry
from harness.experiment.experiment import Experiment
from harness.experiment.runs import Run
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.names import check_distinct, check_name
from harness.foundation.yamlfile import StrictModel, load_model
from harness.spec import Initialization

FOLDER = CONFIGS / "ablations"
"""The studies that come with the harness."""

_BLOCK = "{block}"
_LONGEST = 80  # characters of a level's name, which stands in legends; it is no part of any path
_FIXED = ("data", "heldout", "device", "threads", "processes")  # rules plan with the experiment's


class Level(StrictModel):
    """One level of the factor.

    Attributes:
        variant: a catalogued variant, or a regularizer with its default options.
        options: options of the regularizer that differ from the variant's, on every network.
        training: settings of the training that differ from the experiment's.
        initialization: of the network, if it differs.
        value: place on a numeric axis, if the level's name is no number.
        each_block: one level per block of the network; ``{block}`` in the name and in options is its number, from 1.
        needs_upconv: left out on networks whose entries name no ``upconv``, as those without enlargement.
    """

    variant: str
    options: dict[str, Any] = {}
    training: dict[str, Any] = {}
    initialization: Initialization | None = None
    value: float | None = None
    each_block: bool = False
    needs_upconv: bool = False


class AblationFile(StrictModel):
    """A study as written.

    Attributes:
        title: a few words.
        question: what it answers, in one or two sentences.
        factor: what the levels are levels of, for axes and headings.
        axis: ``levels`` puts the levels side by side, ``linear`` and ``log`` where their numbers are.
        control: the level that differences refer to.
        levels: by name, in the order to show them.
    """

    title: str = Field(min_length=1)
    question: str = Field(min_length=1)
    factor: str = Field(min_length=1)
    axis: Literal["levels", "linear", "log"] = "levels"
    control: str
    levels: dict[str, Level] = Field(min_length=2)

    @model_validator(mode="after")
    def _check(self) -> AblationFile:
        if self.control not in self.levels:
            raise ValueError(f"control {self.control!r}: must be one of the levels: {', '.join(self.levels)}")
        for name, level in self.levels.items():
            if not name.isprintable() or name != name.strip() or not 0 < len(name) <= _LONGEST:
                raise ValueError(f"level {name!r}: give one line of 1 to {_LONGEST} characters without blank ends")
            if level.each_block != (_BLOCK in name):
                raise ValueError(f"level {name!r}: each_block and {_BLOCK} in the name must come together")
            for key in _FIXED:
                if key in level.training:
                    raise ValueError(f"level {name!r}: training.{key}: is the experiment's; a study cannot change it")
            place = self.value(name)
            if self.axis != "levels" and name != self.control and place is None:
                raise ValueError(f"level {name!r}: a {self.axis} axis needs a number as its name or value")
            if self.axis == "log" and place is not None and place <= 0:
                raise ValueError(f"level {name!r}: {place:g} has no place on a log axis")
        if self.levels[self.control].each_block:
            raise ValueError(f"control {self.control!r}: must be one level, not one per block")
        if self.levels[self.control].needs_upconv:
            raise ValueError(f"control {self.control!r}: must be on every network, but needs_upconv")
        return self

    def value(self, name: str) -> float | None:
        """Return the number that a level stands at, None if it has none."""
        if name in self.levels and self.levels[name].value is not None:
            return self.levels[name].value
        try:
            return float(name)
        except ValueError:
            return None


class Ablation:
    """A study on an experiment. Build it with :func:`load_ablation`.

    Attributes:
        name: of the file.
        levels: names of all levels, in order; one per block where the file says so.
        runs: the trainings; their ``variant`` is the level.
    """

    def __init__(self, name: str, path: Path, file: AblationFile, experiment: Experiment) -> None:
        self.name = name
        self.path = path
        self.file = file
        self.experiment = experiment
        found = {network: dict(self._entries(network)) for network in experiment.file.networks}
        most = max(found.values(), key=len)
        self.levels = tuple(most)
        self.runs = tuple(
            run
            for network, entries in found.items()
            for label, entry in entries.items()
            for run in experiment.span(network, label, entry, f"{path}: levels.{label}")
        )

    @cached_property
    def labelled_metrics(self) -> list[tuple[Path, str]]:
        """The metrics file of every run, with the level that its rows count as."""
        spec = self.experiment.evaluation.hash
        return [(layout.metrics(run.name, spec), run.variant) for run in self.runs]

    def _entries(self, network: str) -> Iterator[tuple[str, VariantEntry]]:
        """Yield the levels on a network, by name."""
        for name, level in self.file.levels.items():
            if level.needs_upconv and self.experiment.catalogues.networks[network].upconv is None:
                continue
            if not level.each_block:
                yield name, self._entry(name, level, None)
                continue
            blocks = self.experiment.catalogues.networks[network].blocks
            if blocks is None:
                raise HarnessError(f"networks.yaml: {network}: blocks: required by {self.path}, but not given")
            for block in range(1, blocks + 1):
                yield name.replace(_BLOCK, str(block)), self._entry(name, level, block)

    def _entry(self, name: str, level: Level, block: int | None) -> VariantEntry:
        catalogues = self.experiment.catalogues
        if level.variant not in catalogues.variant_names:
            known = ", ".join(sorted(catalogues.variant_names))
            raise HarnessError(f"{self.path}: levels.{name}.variant: {level.variant!r}: unknown; allowed: {known}")
        base = catalogues.variant(level.variant)
        own = _filled(level.options, block)
        return VariantEntry(
            regularizer=base.regularizer,
            options=base.options | own,
            options_by_network={pattern: special | own for pattern, special in base.options_by_network.items()},
            training=base.training | level.training,
            initialization=level.initialization or base.initialization,
        )


def ablation_names(folder: Path = FOLDER) -> list[str]:
    """Return the names of all studies, sorted.

    Raises:
        HarnessError: a file's name is none that a study can have.
    """
    names = sorted(check_name(path.stem, "study", str(path)) for path in folder.glob("*.yaml"))
    check_distinct(names, "study", str(folder))
    return names


def load_ablation(experiment: Experiment, name: str, folder: Path = FOLDER) -> Ablation:
    """Read a study and apply it to an experiment.

    Raises:
        HarnessError: there is none, it has a mistake, or the experiment does not allow one of its levels.
    """
    if name not in ablation_names(folder):
        raise HarnessError(f"{folder}: {name!r}: no such study; there are: {', '.join(ablation_names(folder))}")
    path = folder / f"{name}.yaml"
    return Ablation(name, path, load_model(path, AblationFile), experiment)


def find_run(experiment: Experiment, name: str, folder: Path = FOLDER) -> Run:
    """Return the run called ``name`` of an experiment, of its tuning or of one of the studies on it.

    Raises:
        HarnessError: there is none.
    """
    try:
        return experiment.run(name)
    except HarnessError as error:
        reason = error
    if experiment.tuning and (tuned := experiment.tuning.find(name)):
        return tuned
    for study in ablation_names(folder):
        try:
            runs = load_ablation(experiment, study, folder).runs
        except HarnessError:  # of a study that may have nothing to do with this run
            continue
        for run in runs:
            if run.name == name:
                return run
    raise reason


def _filled(value: Any, block: int | None) -> Any:
    """Put a block's number into all texts of options."""
    if isinstance(value, str):
        return value.replace(_BLOCK, str(block)) if block is not None else value
    if isinstance(value, list):
        return [_filled(item, block) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, block) for key, item in value.items()}
    return value
