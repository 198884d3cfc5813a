"""Seeds that are added until the primary comparisons are decided: a group-sequential design, one stage per command.

Every look at the results may claim something, so the looks share the 5%: look k has the share of
:meth:`SeedsEntry.share`, and by Bonferroni's inequality all looks together err as rarely as a single one would (alpha
spending, Lan & DeMets 1983, in the power family of Kim & DeMets 1987). What an experiment has come to is kept in
``results/<experiment>/seeds.json``. Imports no torch and no pandas: Snakemake asks while it parses.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.files import write_text
from harness.foundation.yamlfile import StrictModel

MOST = 100
"""Seeds that a sequence may have."""

_POWER = 3
"""Early looks spend little: at t of all seeds, t^3 of the level is spent."""


class SeedsEntry(StrictModel):
    """``seeds: {at_least: 3, at_most: 10, until: decided}``: seeds 0, 1, ..., of which each look sees some more.

    Without ``by``, the number that each look adds, there are three looks, one of them half way: each further look makes
    all of them less sharp.

    Attributes:
        at_least: seeds of the first look.
        at_most: seeds of the last look.
        by: seeds that each look adds.
        until: ``decided``: no more seeds are trained once every primary comparison is.
    """

    at_least: int = Field(ge=2, le=MOST)
    at_most: int = Field(ge=2, le=MOST)
    by: int | None = Field(default=None, ge=1)
    until: Literal["decided"]

    @model_validator(mode="after")
    def _ascending(self) -> SeedsEntry:
        if self.at_most <= self.at_least:
            raise ValueError(f"at_most {self.at_most} is not above at_least {self.at_least}; give more, or a list")
        return self

    @property
    def looks(self) -> tuple[int, ...]:
        """How many seeds there are at each look."""
        by = self.by or -(-(self.at_most - self.at_least) // 2)
        return (*range(self.at_least, self.at_most, by), self.at_most)

    def share(self, look: int) -> float:
        """Return which share of the level a look (counted from 0) may spend; those of all looks add up to 1."""
        spent = [(count / self.at_most) ** _POWER for count in (0, *self.looks)]
        return spent[look + 1] - spent[look]


class Look(StrictModel):
    """What a look at the results found: with how many seeds, and which primary comparisons were undecided."""

    seeds: int
    undecided: tuple[str, ...]


class _Record(StrictModel):
    """The content of ``seeds.json``."""

    planned: SeedsEntry
    stage: int
    looks: tuple[Look, ...]


@dataclass(frozen=True)
class Stage:
    """Where an experiment's sequence stands.

    Attributes:
        entry: as the experiment says.
        index: of the look that the present seeds are for, from 0.
        looks: what was found so far, in order.
    """

    entry: SeedsEntry
    index: int = 0
    looks: tuple[Look, ...] = field(default=())

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of this stage."""
        return tuple(range(self.entry.looks[self.index]))

    @property
    def share(self) -> float:
        """The share of the level that this look may spend."""
        return self.entry.share(self.index)

    @property
    def following(self) -> Stage:
        """The stage that the next command works on: the next one if this one was looked at and is undecided."""
        found = next((look for look in self.looks if look.seeds == len(self.seeds)), None)
        if found is None or not found.undecided or self.index + 1 == len(self.entry.looks):
            return self
        return Stage(self.entry, self.index + 1, self.looks)

    def looked(self, undecided: tuple[str, ...]) -> Stage:
        """Return this stage with what was found at it."""
        others = tuple(look for look in self.looks if look.seeds < len(self.seeds))
        return Stage(self.entry, self.index, (*others, Look(seeds=len(self.seeds), undecided=undecided)))

    def outlook(self) -> str:
        """Return in one sentence whether the sequence has stopped, and what adds seeds if not."""
        found = next((look for look in self.looks if look.seeds == len(self.seeds)), None)
        where = f"look {self.index + 1} of {len(self.entry.looks)}, {len(self.seeds)} seeds"
        if found is None:
            return f"{where}: not looked at yet"
        if not found.undecided:
            return f"{where}: decided, no more seeds are added"
        names = ", ".join(found.undecided)
        if self.following is self:
            return f"{where}: stopped undecided at the most seeds that the experiment allows: {names}"
        more = [str(seed) for seed in self.following.seeds if seed not in self.seeds]
        return f"{where}: undecided: {names}; run snakemake again to add seeds {', '.join(more)}"


def stage_file(experiment: str) -> Path:
    """Where an experiment's stage is kept."""
    return layout.experiment_metrics(experiment).with_name("seeds.json")


def read_stage(experiment: str, entry: SeedsEntry) -> Stage:
    """Return the stage that an experiment is at; without a record the first.

    Raises:
        HarnessError: the record cannot be read, or was begun with other numbers.
    """
    path = stage_file(experiment)
    if not path.is_file():
        return Stage(entry)
    try:
        record = _Record.model_validate_json(path.read_text(encoding="utf-8"))
        index = record.planned.looks.index(record.stage)
    except (OSError, UnicodeDecodeError, ValidationError, ValueError) as error:
        raise HarnessError(f"{path}: is no record of a sequence of seeds; delete it to begin at the first") from error
    if record.planned != entry:
        begun = ", ".join(f"{key}: {value}" for key, value in record.planned.model_dump(exclude_none=True).items())
        problem = f"the sequence was begun with {{{begun}}}, and looks that were taken count"
        raise HarnessError(f"{path}: {problem}; write that into the experiment again, or give it another name")
    return Stage(entry, index, record.looks)


def write_stage(experiment: str, stage: Stage) -> None:
    """Keep the stage of an experiment."""
    record = _Record(planned=stage.entry, stage=len(stage.seeds), looks=stage.looks)
    write_text(stage_file(experiment), json.dumps(record.model_dump(mode="json"), indent=1) + "\n")
